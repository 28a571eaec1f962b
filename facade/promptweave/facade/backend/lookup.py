"""The models that a request may ask for, and the one that it means."""

from fastapi import Request

from promptweave.facade.backend.models import CHAT, ModelRegistry, ModelRole, ResolvedModel


def models_of(request: Request) -> ModelRegistry:
    """The models that the application serves."""
    models: ModelRegistry = request.app.state.models
    return models


async def model_of(request: Request, asked: str | None, role: ModelRole = CHAT) -> ResolvedModel:
    """The model that a request means; see `ModelRegistry.find`."""
    served = await models_of(request).find(asked, role)
    request.state.model = served.info.id  # For the metrics.
    return served
