"""`/v1/chat/completions`."""

import time
from collections.abc import Iterable
from contextlib import aclosing
from itertools import chain
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from promptweave.errors import PromptweaveError
from promptweave.facade.http import sse
from promptweave.facade.http.event_stream import Pieces, event_stream
from promptweave.facade.http.request import http_error, read_json, request_id, unless_gone
from promptweave.facade.openai.chat.body import ChatBody, read_chat_body
from promptweave.facade.openai.chat.from_grpc import Chunks, Completion, Head, JsonObject
from promptweave.facade.openai.chat.legacy_functions import with_function_call
from promptweave.facade.openai.chat.pipeline import GenerateStream, placed_warnings, prepare_chat, warning_headers
from promptweave.facade.openai.chat.to_grpc import body_path
from promptweave.facade.options import FacadeOptions


class ChatCompletion:
    """One request for a chat completion."""

    def __init__(self, request: Request, options: FacadeOptions) -> None:
        self._request = request
        self._options = options
        self._raw: dict[str, Any] = {}
        self._legacy = False

    async def respond(self) -> Response:
        """Return the response. Errors carry their position in OpenAI's request."""
        self._raw = await read_json(self._request, self._options.max_body_bytes)
        body = read_chat_body(self._raw)
        self._legacy = bool(body.functions)
        try:
            return await unless_gone(self._request, self._respond(body))
        except PromptweaveError as error:
            raise self._placed(error) from None

    def _placed(self, error: PromptweaveError) -> PromptweaveError:
        if error.path is not None:
            error.path = body_path(error.path, self._raw)
        return error

    async def _respond(self, body: ChatBody) -> Response:
        turn = await prepare_chat(self._request, self._options, body)
        tier = {"service_tier": "default"} if body.service_tier else {}
        warnings = [*placed_warnings(turn.warnings, lambda path: body_path(path, self._raw))]
        head = Head(turn.model.id, int(time.time()), warnings, tier)
        headers, answers = warning_headers(warnings), turn.answers
        if not body.stream:
            async with aclosing(answers):
                completion = Completion(head, n=body.n, logprobs=body.logprobs, explain=body.explain)
                async for answer in answers:
                    completion.add(answer.events)
            whole = completion.object()
            return JSONResponse(with_function_call(whole) if self._legacy else whole, headers=headers)
        usage = body.stream_options.include_usage
        chunks = Chunks(head, include_usage=usage, n=body.n, logprobs=body.logprobs, explain=body.explain)
        return await event_stream(self._stream(answers, chunks), self._failed, headers)

    async def _stream(self, answers: GenerateStream, chunks: Chunks) -> Pieces:
        """Yield the events of a stream."""
        begun = False
        async with aclosing(answers):
            async for answer in answers:
                first = () if begun else chunks.first()
                begun = True
                if data := self._written(chain(first, chunks.of(answer.events))):
                    yield data
            yield self._written(chunks.last()) + sse.DONE

    def _written(self, chunks: Iterable[JsonObject]) -> bytes:
        return b"".join(map(sse.event, map(with_function_call, chunks) if self._legacy else chunks))

    async def _failed(self, error: PromptweaveError) -> bytes:
        return sse.event(http_error(self._placed(error), request_id(self._request)).body())
