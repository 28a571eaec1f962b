"""`/v1/messages`, for clients of Anthropic's API: create (complete or as a stream) and count_tokens."""

from collections.abc import Iterable
from contextlib import aclosing
from itertools import chain
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from promptweave.errors import PromptweaveError
from promptweave.facade.anthropic.body import CountBody, MessagesBody
from promptweave.facade.anthropic.events import MessageEvents
from promptweave.facade.anthropic.to_chat import to_chat
from promptweave.facade.backend.lookup import model_of
from promptweave.facade.bodies.body import read_body
from promptweave.facade.http import sse
from promptweave.facade.http.event_stream import Pieces, event_stream
from promptweave.facade.http.request import http_error, read_json, request_id, unless_gone
from promptweave.facade.openai.chat.from_grpc import warning_object
from promptweave.facade.openai.chat.pipeline import PreparedChat, prepare_chat, warning_headers
from promptweave.facade.openai.chat.to_grpc import check_pictures, to_compile_request
from promptweave.facade.openai.chat.translated import Translation
from promptweave.facade.options import FacadeOptions

JsonObject = dict[str, Any]


def add_messages(app: FastAPI, options: FacadeOptions) -> None:
    """Add the routes."""

    @app.post("/v1/messages")
    async def create(request: Request) -> Response:
        """Create a message, complete or as a stream."""
        return await CreateMessage(request, options).respond()

    @app.post("/v1/messages/count_tokens")
    async def count_tokens(request: Request) -> JSONResponse:
        """Count the tokens of a message's prompt."""
        raw = await read_json(request, options.max_body_bytes)
        asked = to_chat(raw, read_body(CountBody, raw))
        try:
            model = await model_of(request, asked.body.model)
            compile_request = to_compile_request(asked.body)
            check_pictures(compile_request, model.info)
            compiled = await model.services.compile(compile_request, model.info)
            count = await model.services.count_tokens(compiled.prompt)
        except PromptweaveError as error:
            raise asked.placed(error) from None
        warnings = [*asked.warnings, *asked.placed_warnings(compiled.warnings)]
        told = {"warnings": [warning_object(warning) for warning in warnings]} if warnings else {}
        return JSONResponse({"input_tokens": count, **told}, headers=warning_headers(warnings))


class CreateMessage:
    """One request for a message."""

    def __init__(self, request: Request, options: FacadeOptions) -> None:
        self._request = request
        self._options = options

    async def respond(self) -> Response:
        """Return the response. Errors carry their position in the request."""
        raw = await read_json(self._request, self._options.max_body_bytes)
        body = read_body(MessagesBody, raw)
        return await unless_gone(self._request, self._respond(body, to_chat(raw, body)))

    async def _respond(self, body: MessagesBody, asked: Translation) -> Response:
        try:
            turn = await prepare_chat(self._request, self._options, asked.body)
            warnings = [*asked.warnings, *asked.placed_warnings(turn.warnings)]
            events = MessageEvents(turn.model.id, warnings)
            headers = warning_headers(warnings)
            if not body.stream:
                async with aclosing(turn.answers):
                    async for answer in turn.answers:
                        for _ in events.of(answer.events):
                            pass
                return JSONResponse(events.message, headers=headers)
            return await event_stream(self._stream(turn, events), lambda error: self._failed(error, asked), headers)
        except PromptweaveError as error:
            raise asked.placed(error) from None

    async def _stream(self, turn: PreparedChat, events: MessageEvents) -> Pieces:
        """Yield the events of a stream."""
        begun = False
        async with aclosing(turn.answers):
            async for answer in turn.answers:
                first = () if begun else events.first()
                begun = True
                if data := _written(chain(first, events.of(answer.events))):
                    yield data

    async def _failed(self, error: PromptweaveError, asked: Translation) -> bytes:
        told = http_error(asked.placed(error), request_id(self._request))
        return _written([told.anthropic_body(request_id(self._request))])


def _written(events: Iterable[JsonObject]) -> bytes:
    return b"".join(sse.event(event, event["type"]) for event in events)
