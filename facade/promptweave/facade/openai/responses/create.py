"""The creation of a response: its input from what is stored, its output complete or as a stream, and its storage."""

from collections.abc import Iterable
from contextlib import aclosing
from itertools import chain

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from promptweave.common.json_object import JsonObject
from promptweave.errors import PromptweaveError
from promptweave.facade.errors import NotFoundError, PreviousResponseError
from promptweave.facade.http import sse
from promptweave.facade.http.error_responses import http_error
from promptweave.facade.http.event_stream import Pieces, event_stream
from promptweave.facade.http.request import request_id
from promptweave.facade.openai.chat.pipeline import PreparedChat, prepare_chat, warning_headers
from promptweave.facade.openai.responses.body import ResponsesBody
from promptweave.facade.openai.responses.event_objects import ResponseEvent
from promptweave.facade.openai.responses.events import ResponseEvents
from promptweave.facade.openai.responses.items import kept_item, reference
from promptweave.facade.openai.responses.objects import ResponseObject
from promptweave.facade.openai.responses.response import new_response
from promptweave.facade.openai.responses.store import StoredResponse
from promptweave.facade.openai.responses.stored import owner_of, responses_of
from promptweave.facade.openai.responses.to_chat import to_chat

_FAILURES = {400: "invalid_prompt", 429: "rate_limit_exceeded"}
"""HTTP status → the code of a failed response; for others it is `server_error`."""


class CreateResponse:
    """One request for a response."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._responses = responses_of(request)
        self._owner = owner_of(request)
        self._begun = False

    async def create(self, raw: JsonObject, body: ResponsesBody) -> Response:
        """Return the response, complete or as a stream. Errors carry their position in the request."""
        previous = await self._previous(body.previous_response_id)
        history = previous.conversation if previous else []
        # A conversation continues with its model, unless another one is named.
        model = body.model or (previous.response["model"] if previous else None)
        body = body.model_copy(update={"input": await self._input(body.input), "model": model})
        asked = to_chat(raw, body, history)
        given = [{"role": "user", "content": body.input}] if isinstance(body.input, str) else body.input
        turn = await prepare_chat(self._request, asked)
        response = new_response(raw, body, turn.model.id, turn.warnings)
        events = ResponseEvents(response, encrypt_reasoning="reasoning.encrypted_content" in body.include)
        items = [*history, *map(kept_item, given)]
        headers = warning_headers(turn.warnings)
        if not body.stream:
            return JSONResponse(await self._whole(turn, events, items), headers=headers)
        stream = self._stream(turn, events, items)
        return await event_stream(stream, lambda error: self._failed(error, events, items), headers)

    async def _previous(self, id: str | None) -> StoredResponse | None:
        if id is None:
            return None
        found = await self._responses.store.get(self._owner, id)
        if found is None:
            raise PreviousResponseError(f"Previous response with id {id!r} not found.", path="/previous_response_id")
        return found

    async def _input(self, given: str | list[JsonObject]) -> str | list[JsonObject]:
        """Return the input, with references replaced by the stored items."""
        if isinstance(given, str):
            return given
        items = []
        for place, item in enumerate(given):
            if (id := reference(item, f"/input/{place}")) is not None:
                found = await self._responses.store.item(self._owner, id)
                if found is None:
                    raise NotFoundError(f"Item with id {id!r} not found.", path=f"/input/{place}/id")
                item = found
            items.append(item)
        return items

    async def _whole(self, turn: PreparedChat, events: ResponseEvents, items: list[JsonObject]) -> ResponseObject:
        async with aclosing(turn.answers):
            async for answer in turn.answers:
                for _ in events.of(answer.events):
                    pass
        return await self._stored(events, items)

    async def _stream(self, turn: PreparedChat, events: ResponseEvents, items: list[JsonObject]) -> Pieces:
        """Yield the events of a stream."""
        try:
            async with aclosing(turn.answers):
                async for answer in turn.answers:
                    first = () if self._begun else events.first()
                    self._begun = True
                    if events.response["store"]:
                        self._responses.begin_stream(self._owner, StoredResponse(events.response, items))
                    if data := _written(chain(first, events.of(answer.events))):
                        yield data
            yield await self._last(events, items)
        finally:
            self._responses.end_stream(self._owner, events.response["id"])

    async def _failed(self, error: PromptweaveError, events: ResponseEvents, items: list[JsonObject]) -> bytes:
        failure = http_error(error, request_id(self._request))
        first = b"" if self._begun else _written(events.first())
        failed = _written(events.fail(_FAILURES.get(failure.status, "server_error"), failure.message))
        return first + failed + await self._last(events, items)

    async def _last(self, events: ResponseEvents, items: list[JsonObject]) -> bytes:
        await self._stored(events, items)
        return _written([events.last()])

    async def _stored(self, events: ResponseEvents, items: list[JsonObject]) -> ResponseObject:
        """Return the response, after storing it if requested; its field `store` says whether that was done."""
        response = events.response
        if response["store"]:
            response["store"] = await self._responses.store.keep(self._owner, StoredResponse(response, items))
        return response


def _written(events: Iterable[ResponseEvent]) -> bytes:
    return b"".join(sse.event(event, event["type"]) for event in events)
