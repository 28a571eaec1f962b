"""The models that a request may ask for, and the one that it means."""

from fastapi import Request

from promptweave.facade.backend.models import CHAT, Models, Role, Served


def models_of(request: Request) -> Models:
    """The models that the application serves."""
    models: Models = request.app.state.models
    return models


async def model_of(request: Request, asked: str | None, role: Role = CHAT) -> Served:
    """The model that a request means; see `Models.find`."""
    served = await models_of(request).find(asked, role)
    request.state.model = served.info.id  # For the metrics.
    return served
