"""The application and its routes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from promptweave.facade.anthropic.routes import add_messages
from promptweave.facade.backend.lookup import models_of
from promptweave.facade.backend.models import ModelRegistry, model_list, model_object
from promptweave.facade.backend.routes_file import watch_routes
from promptweave.facade.endpoint import route
from promptweave.facade.explorer.routes import EXPLORER_FILES, add_explorer
from promptweave.facade.http.middleware import in_envelope
from promptweave.facade.http.request import handle_errors
from promptweave.facade.native.compiler import add_compiler_routes
from promptweave.facade.native.llama_cpp import add_llama_cpp_routes
from promptweave.facade.openai.audio.routes import add_audio_routes
from promptweave.facade.openai.chat.route import ChatCompletion
from promptweave.facade.openai.completions.body import CompletionBody
from promptweave.facade.openai.completions.route import complete, completion_place
from promptweave.facade.openai.embeddings.routes import add_vector_routes
from promptweave.facade.openai.responses.routes import add_responses
from promptweave.facade.openai.responses.store import ResponseStore, StoreLimits
from promptweave.facade.openapi.routes import add_docs
from promptweave.facade.options import FacadeOptions
from promptweave.facade.telemetry.http_spans import HttpTraces
from promptweave.facade.telemetry.metrics import HttpMetrics, shown


def create_app(options: FacadeOptions, stop: asyncio.Event) -> ASGIApp:
    """Create the facade as an ASGI application. When `stop` is set, responses still being generated end with an error.

    Raises KeyFileError, RoutesFileError and StoreError.
    """
    registry = CollectorRegistry()
    public_paths = EXPLORER_FILES.keys() if options.explorer else frozenset()
    app = in_envelope(create_routes(options, stop, registry), options, public_paths)
    return HttpTraces(HttpMetrics(app, registry))


def create_routes(options: FacadeOptions, stop: asyncio.Event, registry: CollectorRegistry) -> FastAPI:
    """Create the routes, without keys, limits and logs around them. Raises RoutesFileError and StoreError."""
    model_routes = watch_routes(options.routes) if options.routes else None
    limits = StoreLimits(options.responses_most, options.responses_bytes, options.responses_age_s)
    store = ResponseStore(options.responses_store, limits)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with ModelRegistry(options, model_routes) as models:
            ending = asyncio.create_task(models.end_at(stop))
            app.state.models = models
            with closing(store):
                yield
            ending.cancel()

    # Routes read their bodies themselves, so FastAPI cannot describe them; `openapi/document.py` does.
    app = FastAPI(title="promptweave", lifespan=lifespan, openapi_url=None, redirect_slashes=False)
    handle_errors(app)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Report that the process is alive."""
        return {"status": "ok"}

    @app.get("/ready")
    async def ready(request: Request) -> JSONResponse:
        """Report whether a model is loaded and its services are ready. Models for only some requests may be missing."""
        ready_for_some, missing = await models_of(request).readiness()
        status = 200 if ready_for_some else 503
        return JSONResponse({"status": "waiting" if missing else "ok", "waiting_for": missing}, status)

    @app.get("/v1/models")
    async def models(request: Request) -> dict[str, Any]:
        """List the loaded models."""
        return model_list(await models_of(request).listed())

    @app.get("/v1/models/{name:path}")
    async def model(request: Request, name: str) -> dict[str, Any]:
        """Return a loaded model, by any of its names."""
        return model_object(name, await models_of(request).describe(name))

    @app.post("/v1/chat/completions")
    async def chat_completions(request: Request) -> Response:
        """Create a chat completion, complete or as a stream."""
        return await ChatCompletion(request, options).respond()

    add_vector_routes(app, options)
    add_audio_routes(app, options)
    add_llama_cpp_routes(app, options)
    add_responses(app, options, store)
    add_messages(app, options)
    add_compiler_routes(app, options)
    add_docs(app)
    if options.explorer:
        add_explorer(app)
    app.add_api_route("/v1/completions", route(CompletionBody, complete, options, completion_place), methods=["POST"])

    @app.get("/metrics")
    async def metrics() -> Response:
        """Return the facade's metrics, for Prometheus."""
        return shown(registry)

    return app
