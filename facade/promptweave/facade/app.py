"""The application and its routes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.routing import Route
from starlette.types import ASGIApp, Lifespan

from promptweave.facade import probes
from promptweave.facade.anthropic import routes as anthropic
from promptweave.facade.backend.models import ModelRegistry
from promptweave.facade.backend.routes_file import watch_chat_template, watch_routes
from promptweave.facade.explorer.routes import EXPLORER_FILES, explorer_router
from promptweave.facade.http.error_responses import handle_errors
from promptweave.facade.http.middleware import in_envelope
from promptweave.facade.http.router import ApiRouter, error_format
from promptweave.facade.http.unprefixed import UnprefixedPaths
from promptweave.facade.native import routes as native
from promptweave.facade.openai.audio import routes as audio
from promptweave.facade.openai.chat import routes as chat
from promptweave.facade.openai.completions import routes as completions
from promptweave.facade.openai.embeddings import routes as embeddings
from promptweave.facade.openai.models import routes as models
from promptweave.facade.openai.responses import conversation_routes as conversations
from promptweave.facade.openai.responses import routes as responses
from promptweave.facade.openai.responses.background import BackgroundResponses
from promptweave.facade.openai.responses.storage.database import StoreLimits
from promptweave.facade.openai.responses.storage.store import ResponseStore
from promptweave.facade.openai.responses.storage.stored import Responses
from promptweave.facade.openapi import routes as openapi
from promptweave.facade.openapi.document import DESCRIPTION, DescribedApp
from promptweave.facade.options import FacadeOptions
from promptweave.facade.telemetry.http_spans import HttpTraces
from promptweave.facade.telemetry.metrics import HttpMetrics

ROUTERS: Sequence[ApiRouter] = (
    chat.router,
    responses.router,
    conversations.router,
    anthropic.router,
    completions.router,
    embeddings.router,
    audio.router,
    models.router,
    native.router,
    probes.router,
    openapi.router,
)
"""The routes of each API, in the order of the OpenAPI document."""


def create_app(options: FacadeOptions, stop: asyncio.Event) -> ASGIApp:
    """Create the facade as an ASGI application. When `stop` is set, responses still being generated end with an error.

    Raises KeyFileError, RoutesFileError, TemplateFileError and StoreError.
    """
    registry = CollectorRegistry()
    public_paths = EXPLORER_FILES.keys() if options.explorer else frozenset()
    app = in_envelope(create_routes(options, stop, registry), options, partial(error_format, ROUTERS), public_paths)
    paths = [route.path for router in ROUTERS for route in router.routes if isinstance(route, Route)]
    return UnprefixedPaths(HttpTraces(HttpMetrics(app, registry)), paths)


def create_routes(options: FacadeOptions, stop: asyncio.Event, registry: CollectorRegistry) -> FastAPI:
    """Create the routes, without keys, limits and logs around them.

    Raises RoutesFileError, TemplateFileError and StoreError.
    """
    model_routes = watch_routes(options.routes) if options.routes else None
    template = watch_chat_template(options)
    limits = StoreLimits(options.responses_most, options.responses_bytes, options.responses_age_s)
    store = ResponseStore(options.responses_store, limits)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with ModelRegistry(options, model_routes, template) as registered:
            ending = asyncio.create_task(registered.end_at(stop))
            app.state.models = registered
            with closing(store):
                yield
                await app.state.background.close()
            ending.cancel()

    app = _routed_app(lifespan)
    if options.explorer:
        app.include_router(explorer_router())
    app.state.options = options
    app.state.metrics = registry
    app.state.responses = Responses(store)
    app.state.background = BackgroundResponses(app.state.responses)
    return app


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document, without services or options."""
    return _routed_app().openapi()


def _routed_app(lifespan: Lifespan[FastAPI] | None = None) -> DescribedApp:
    app = DescribedApp(
        title="promptweave",
        version=version("promptweave"),
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_url=None,
        redirect_slashes=False,
    )
    handle_errors(app)
    for router in ROUTERS:
        app.include_router(router)
    return app
