"""The routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.types import ASGIApp

from promptweave.facade.chat_route import ChatCompletion
from promptweave.facade.http import Envelope, handle_errors, services_of
from promptweave.facade.messages_route import add_messages
from promptweave.facade.models import check_model, model_list, model_object
from promptweave.facade.options import FacadeOptions
from promptweave.facade.responses_route import add_responses
from promptweave.facade.responses_store import ResponseStore, StoreLimits
from promptweave.facade.services import Services


def create_app(options: FacadeOptions) -> ASGIApp:
    """The facade as an ASGI application. Raises StoreError."""
    limits = StoreLimits(options.responses_most, options.responses_bytes, options.responses_age_s)
    store = ResponseStore(options.responses_store, limits)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with Services(options.compiler, options.inference) as services:
            app.state.services = services
            yield
        store.close()

    # Requests are read by `chat_body.py`: what FastAPI would describe of them is not what they are.
    app = FastAPI(title="promptweave", lifespan=lifespan, openapi_url=None)
    handle_errors(app)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @app.get("/ready")
    async def ready(request: Request) -> JSONResponse:
        """Both services are ready: the model is loaded."""
        missing = await services_of(request).not_serving()
        return JSONResponse({"status": "waiting" if missing else "ok", "waiting_for": missing}, 503 if missing else 200)

    @app.get("/v1/models")
    async def models(request: Request) -> dict[str, Any]:
        """The loaded model."""
        return model_list(await services_of(request).model(), options.aliases)

    @app.get("/v1/models/{name:path}")
    async def model(request: Request, name: str) -> dict[str, Any]:
        """The loaded model, by any of its names."""
        loaded = await services_of(request).model()
        check_model(name, loaded, options.aliases)
        return model_object(name, loaded)

    @app.post("/v1/chat/completions")
    async def chat_completions(request: Request) -> Response:
        """A chat completion, whole or as a stream."""
        return await ChatCompletion(request, options).respond()

    add_responses(app, options, store)
    add_messages(app, options)
    return Envelope(app, options.api_key)
