"""`/v1/models`, as in OpenAI's API."""

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import JSONResponse

from promptweave.facade.backend.lookup import models_of
from promptweave.facade.http.router import ApiRouter
from promptweave.facade.openai.models.objects import ModelList, ModelObject, model_list, model_object

router = ApiRouter()


@router.get("/v1/models", response_model=ModelList, summary="List the loaded models (OpenAI)")
async def list_models(request: Request) -> JSONResponse:
    """List the loaded models, each under its id and its aliases."""
    return JSONResponse(model_list(await models_of(request).listed()))


@router.get(
    "/v1/models/{name:path}",
    response_model=ModelObject,
    summary="Retrieve a loaded model by any of its names (OpenAI)",
)
async def get_model(
    request: Request, name: Annotated[str, Path(description="The id of a model, or another name that selects it")]
) -> JSONResponse:
    """Return a loaded model, by any of its names."""
    return JSONResponse(model_object(name, await models_of(request).describe(name)))
