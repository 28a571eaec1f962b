"""`/v1/chat/completions`."""

import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from promptweave.errors import PromptweaveError
from promptweave.facade import sse
from promptweave.facade.chat_body import ChatBody, read_chat_body
from promptweave.facade.http import http_error, read_json, request_id, services_of, unless_gone
from promptweave.facade.openai_request import body_path
from promptweave.facade.openai_response import Chunks, Completion, Head
from promptweave.facade.options import FacadeOptions
from promptweave.facade.turn import Answers, begin_turn, warning_headers
from promptweave.v1 import inference_pb2


class ChatCompletion:
    """One request for a chat completion."""

    def __init__(self, request: Request, options: FacadeOptions) -> None:
        self._request = request
        self._options = options
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
        turn = await begin_turn(services_of(self._request), self._options, body)
        head = Head(turn.model.id, int(time.time()), turn.warnings, {"service_tier": "default"} if body.service_tier else {})
        headers, answers = warning_headers(turn.warnings), turn.answers
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
