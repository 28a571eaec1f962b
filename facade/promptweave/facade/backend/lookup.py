"""The models that a request can select, and the one that it does."""

from fastapi import Request

from promptweave.facade.backend.models import CHAT, ModelRegistry, ModelRole, ResolvedModel


def models_of(request: Request) -> ModelRegistry:
    """Return the models that the application serves."""
    models: ModelRegistry = request.app.state.models
    return models


async def model_of(request: Request, asked: str | None, role: ModelRole = CHAT) -> ResolvedModel:
    """Return the model that a request selects; see `ModelRegistry.find`."""
    served = await models_of(request).find(asked, role)
    request.state.model = served.info.id  # For the metrics.
    return served
