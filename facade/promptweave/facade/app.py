"""The routes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from promptweave.facade.audio_routes import add_audio_routes
from promptweave.facade.chat_route import ChatCompletion
from promptweave.facade.compiler_routes import add_compiler_routes
from promptweave.facade.completion_body import CompletionBody
from promptweave.facade.completion_route import complete, completion_place
from promptweave.facade.docs_routes import add_docs
from promptweave.facade.envelope import in_envelope
from promptweave.facade.explorer_routes import add_explorer
from promptweave.facade.http import handle_errors, models_of
from promptweave.facade.llama_cpp_routes import add_llama_cpp_routes
from promptweave.facade.messages_route import add_messages
from promptweave.facade.metrics import HttpMetrics, shown
from promptweave.facade.models import Models, model_list, model_object
from promptweave.facade.options import FacadeOptions
from promptweave.facade.responses_route import add_responses
from promptweave.facade.responses_store import ResponseStore, StoreLimits
from promptweave.facade.route import route
from promptweave.facade.routes_file import watch_routes
from promptweave.facade.traces import HttpTraces
from promptweave.facade.vector_routes import add_vector_routes


def create_app(options: FacadeOptions, stop: asyncio.Event) -> ASGIApp:
    """The facade as an ASGI application. `stop`: when answers that are still being written end with an error.

    Raises KeyFileError, RoutesFileError and StoreError.
    """
    registry = CollectorRegistry()
    return HttpTraces(HttpMetrics(in_envelope(create_routes(options, stop, registry), options), registry))


def create_routes(options: FacadeOptions, stop: asyncio.Event, registry: CollectorRegistry) -> FastAPI:
    """The routes, without keys, limits and logs around them. Raises RoutesFileError and StoreError."""
    model_routes = watch_routes(options.routes) if options.routes else None
    limits = StoreLimits(options.responses_most, options.responses_bytes, options.responses_age_s)
    store = ResponseStore(options.responses_store, limits)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with Models(options, model_routes) as models:
            ending = asyncio.create_task(models.end_at(stop))
            app.state.models = models
            with closing(store):
                yield
            ending.cancel()

    # Routes read their bodies themselves, so they are described by `openapi.py`: FastAPI sees none of it.
    app = FastAPI(title="promptweave", lifespan=lifespan, openapi_url=None, redirect_slashes=False)
    handle_errors(app)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @app.get("/ready")
    async def ready(request: Request) -> JSONResponse:
        """Both services of a model are ready: it is loaded. What only some requests need may be missing."""
        ready_for_some, missing = await models_of(request).readiness()
        status = 200 if ready_for_some else 503
        return JSONResponse({"status": "waiting" if missing else "ok", "waiting_for": missing}, status)

    @app.get("/v1/models")
    async def models(request: Request) -> dict[str, Any]:
        """The loaded models."""
        return model_list(await models_of(request).listed())

    @app.get("/v1/models/{name:path}")
    async def model(request: Request, name: str) -> dict[str, Any]:
        """A loaded model, by any of its names."""
        return model_object(name, await models_of(request).describe(name))

    @app.post("/v1/chat/completions")
    async def chat_completions(request: Request) -> Response:
        """A chat completion, whole or as a stream."""
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
        """The facade's metrics, for Prometheus."""
        return shown(registry)

    return app
