"""The routes."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from promptweave.errors import PromptweaveError
from promptweave.facade import sse
from promptweave.facade.chat_body import ChatBody, read_chat_body
from promptweave.facade.envelope import in_envelope
from promptweave.facade.http import handle_errors, http_error, owner, read_json, request_id, unless_gone
from promptweave.facade.metrics import HttpMetrics, shown
from promptweave.facade.models import check_model, model_list, model_object
from promptweave.facade.openai_request import body_path, to_compile_request, to_generate_request
from promptweave.facade.openai_response import Chunks, Completion, Head
from promptweave.facade.options import FacadeOptions
from promptweave.facade.services import Services
from promptweave.v1 import inference_pb2

Answers = AsyncGenerator[inference_pb2.GenerateResponse, None]


def create_app(options: FacadeOptions, stop: asyncio.Event) -> ASGIApp:
    """The facade as an ASGI application. `stop`: when answers that are still being written end with an error.

    Raises KeyFileError.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with Services(options.compiler, options.inference) as services:
            ending = asyncio.create_task(services.end_at(stop))
            app.state.services = services
            yield
            ending.cancel()

    registry = CollectorRegistry()
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
        missing = await _services(request).not_serving()
        return JSONResponse({"status": "waiting" if missing else "ok", "waiting_for": missing}, 503 if missing else 200)

    @app.get("/v1/models")
    async def models(request: Request) -> dict[str, Any]:
        """The loaded model."""
        return model_list(await _services(request).model(), options.aliases)

    @app.get("/v1/models/{name:path}")
    async def model(request: Request, name: str) -> dict[str, Any]:
        """The loaded model, by any of its names."""
        loaded = await _services(request).model()
        check_model(name, loaded, options.aliases)
        return model_object(name, loaded)

    @app.post("/v1/chat/completions")
    async def chat_completions(request: Request) -> Response:
        """A chat completion, whole or as a stream."""
        return await ChatCompletion(request, options).respond()

    @app.get("/metrics")
    async def metrics() -> Response:
        """The facade's metrics, for Prometheus."""
        return shown(registry)

    return HttpMetrics(in_envelope(app, options), registry)


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


class ChatCompletion:
    """One request for a chat completion."""

    def __init__(self, request: Request, options: FacadeOptions) -> None:
        self._request = request
        self._options = options
        self._services = _services(request)
        self._raw: dict[str, Any] = {}

    async def respond(self) -> Response:
        """The answer. Errors name their place in OpenAI's request."""
        self._raw = await read_json(self._request, self._options.max_body_bytes)
        body = read_chat_body(self._raw)
        try:
            return await unless_gone(self._request, self._respond(body))
        except PromptweaveError as error:
            raise self._placed(error) from None

    def _placed(self, error: PromptweaveError) -> PromptweaveError:
        if error.path is not None:
            error.path = body_path(error.path, self._raw)
        return error

    async def _respond(self, body: ChatBody) -> Response:
        compile_request, generate_request = to_compile_request(body), to_generate_request(body, owner(self._request))
        model = await self._services.model()
        check_model(body.model, model, self._options.aliases)
        compiled = await self._services.compile(compile_request, model)
        generate_request.prompt.CopyFrom(compiled.prompt)
        head = Head(model.id, int(time.time()), compiled.warnings, {"service_tier": "default"} if body.service_tier else {})
        headers = {"x-promptweave-warnings": str(len(compiled.warnings))} if compiled.warnings else {}
        answers = self._services.generate(generate_request, self._options.request_timeout_s)
        if not body.stream:
            async with aclosing(answers):
                completion = Completion(head, n=body.n, logprobs=body.logprobs)
                async for answer in answers:
                    completion.add(answer.events)
            return JSONResponse(completion.object(), headers=headers)
        # The first events come before the headers: what fails until then is a plain error.
        first = await anext(answers, inference_pb2.GenerateResponse())
        chunks = Chunks(head, include_usage=body.stream_options.include_usage, n=body.n)
        stream = self._stream(first, answers, chunks)
        headers["cache-control"] = "no-cache"
        return StreamingResponse(stream, media_type=sse.MEDIA_TYPE, headers=headers)

    async def _stream(self, first: inference_pb2.GenerateResponse, answers: Answers, chunks: Chunks) -> AsyncIterator[bytes]:
        """The events of a stream. When the client goes away this is closed, and with it the call that writes the answer."""
        async with aclosing(answers):
            try:
                yield b"".join(map(sse.event, (*chunks.first(), *chunks.of(first.events))))
                async for answer in answers:
                    if data := b"".join(map(sse.event, chunks.of(answer.events))):
                        yield data
                yield b"".join(map(sse.event, chunks.last())) + sse.DONE
            except PromptweaveError as error:
                yield sse.event(http_error(self._placed(error), request_id(self._request)).body())
