"""`/v1/responses`: create (complete or as a stream), get, delete, list input items, cancel."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from itertools import chain
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from promptweave.errors import PromptweaveError
from promptweave.facade.bodies.body import read_body
from promptweave.facade.errors import NotFoundError, PreviousResponseError, RequestError, UnsupportedError
from promptweave.facade.http import sse
from promptweave.facade.http.event_stream import Pieces, event_stream
from promptweave.facade.http.request import http_error, owner, read_json, request_id, unless_gone
from promptweave.facade.openai.chat.pipeline import PreparedChat, prepare_chat, warning_headers
from promptweave.facade.openai.chat.translated import Translation
from promptweave.facade.openai.responses.body import ResponsesBody
from promptweave.facade.openai.responses.events import ResponseEvents
from promptweave.facade.openai.responses.items import kept_item, reference
from promptweave.facade.openai.responses.response import new_response
from promptweave.facade.openai.responses.store import ResponseStore, StoredResponse
from promptweave.facade.openai.responses.to_chat import check_served, to_chat
from promptweave.facade.options import FacadeOptions

JsonObject = dict[str, Any]
Writing = dict[tuple[str, str], StoredResponse]
"""Responses that are being streamed, by owner and id: only this process knows them."""

_MAX_LISTED = 100

_FAILURES = {400: "invalid_prompt", 429: "rate_limit_exceeded"}
"""HTTP status → the code of a failed response; for others it is `server_error`."""


def add_responses(app: FastAPI, options: FacadeOptions, store: ResponseStore) -> None:
    """Add the routes."""

    writing: Writing = {}

    async def kept(request: Request, id: str) -> StoredResponse:
        found = writing.get((_owner(request), id)) or await store.get(_owner(request), id)
        if found is None:
            raise _not_found(id)
        return found

    @app.post("/v1/responses")
    async def create(request: Request) -> Response:
        """Create a response, complete or as a stream."""
        return await CreateResponse(request, options, store, writing).respond()

    @app.get("/v1/responses/{id}")
    async def get(request: Request, id: str) -> JSONResponse:
        """Return a response that is stored, or being streamed."""
        if request.query_params.get("stream", "false") != "false":
            raise UnsupportedError("events are not stored; retrieve the response without stream", path="/stream")
        return JSONResponse((await kept(request, id)).response)

    @app.delete("/v1/responses/{id}")
    async def delete(request: Request, id: str) -> JSONResponse:
        """Delete a response. Conversations that continued it are not affected."""
        if not await store.delete(_owner(request), id):
            raise _not_found(id)
        return JSONResponse({"id": id, "object": "response", "deleted": True})

    @app.get("/v1/responses/{id}/input_items")
    async def input_items(request: Request, id: str) -> JSONResponse:
        """List the items that a response was generated from, including those of the responses before it."""
        return JSONResponse(_page((await kept(request, id)).items, request.query_params))

    @app.post("/v1/responses/{id}/cancel")
    async def cancel(request: Request, id: str) -> JSONResponse:
        """Refuse: only background responses could be cancelled this way."""
        await kept(request, id)
        raise RequestError(
            "this response does not run in the background; close the connection to cancel a response in progress"
        )


class CreateResponse:
    """One request for a response."""

    def __init__(self, request: Request, options: FacadeOptions, store: ResponseStore, writing: Writing) -> None:
        self._request = request
        self._options = options
        self._store = store
        self._writing = writing
        self._owner = _owner(request)
        self._begun = False

    async def respond(self) -> Response:
        """Return the response. Errors carry their position in the request."""
        raw = await read_json(self._request, self._options.max_body_bytes)
        body = read_body(ResponsesBody, raw)
        check_served(body)
        return await unless_gone(self._request, self._respond(raw, body))

    async def _respond(self, raw: JsonObject, body: ResponsesBody) -> Response:
        previous = await self._previous(body.previous_response_id)
        history = previous.conversation if previous else []
        # A conversation continues with its model, unless another one is named.
        model = body.model or (previous.response["model"] if previous else None)
        body = body.model_copy(update={"input": await self._input(body.input), "model": model})
        asked = to_chat(raw, body, history)
        given = [{"role": "user", "content": body.input}] if isinstance(body.input, str) else body.input
        try:
            turn = await prepare_chat(self._request, self._options, asked.body)
            warnings = [*asked.warnings, *asked.placed_warnings(turn.warnings)]
            response = new_response(raw, body, turn.model.id, warnings)
            events = ResponseEvents(response, encrypt_reasoning="reasoning.encrypted_content" in body.include)
            items = [*history, *map(kept_item, given)]
            headers = warning_headers(warnings)
            if not body.stream:
                return JSONResponse(await self._whole(turn, events, items), headers=headers)
            stream = self._stream(turn, events, items)
            return await event_stream(stream, lambda error: self._failed(error, events, items, asked), headers)
        except PromptweaveError as error:
            raise asked.placed(error) from None

    async def _previous(self, id: str | None) -> StoredResponse | None:
        if id is None:
            return None
        found = await self._store.get(self._owner, id)
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
                found = await self._store.item(self._owner, id)
                if found is None:
                    raise NotFoundError(f"Item with id {id!r} not found.", path=f"/input/{place}/id")
                item = found
            items.append(item)
        return items

    async def _whole(self, turn: PreparedChat, events: ResponseEvents, items: list[JsonObject]) -> JsonObject:
        async with aclosing(turn.answers):
            async for answer in turn.answers:
                for _ in events.of(answer.events):
                    pass
        return await self._kept(events, items)

    async def _stream(self, turn: PreparedChat, events: ResponseEvents, items: list[JsonObject]) -> Pieces:
        """Yield the events of a stream."""
        key = (self._owner, events.response["id"])
        try:
            async with aclosing(turn.answers):
                async for answer in turn.answers:
                    first = () if self._begun else events.first()
                    self._begun = True
                    if events.response["store"]:
                        self._writing[key] = StoredResponse(events.response, items)
                    if data := _written(chain(first, events.of(answer.events))):
                        yield data
            yield await self._last(events, items)
        finally:
            self._writing.pop(key, None)

    async def _failed(
        self, error: PromptweaveError, events: ResponseEvents, items: list[JsonObject], asked: Translation
    ) -> bytes:
        told = http_error(asked.placed(error), request_id(self._request))
        first = b"" if self._begun else _written(events.first())
        failure = _written(events.fail(_FAILURES.get(told.status, "server_error"), told.message))
        return first + failure + await self._last(events, items)

    async def _last(self, events: ResponseEvents, items: list[JsonObject]) -> bytes:
        await self._kept(events, items)
        return _written([events.last()])

    async def _kept(self, events: ResponseEvents, items: list[JsonObject]) -> JsonObject:
        """Return the response, after storing it if requested; its field `store` says whether that was done."""
        response = events.response
        if response["store"]:
            response["store"] = await self._store.keep(self._owner, StoredResponse(response, items))
        return response


def _owner(request: Request) -> str:
    """Return the owner of the responses: a key, or "" for everyone if no keys are configured."""
    return owner(request) or ""


def _not_found(id: str) -> NotFoundError:
    return NotFoundError(f"Response with id {id!r} not found.")


def _written(events: Iterable[JsonObject]) -> bytes:
    return b"".join(sse.event(event, event["type"]) for event in events)


def _page(items: Sequence[JsonObject], query: Mapping[str, str]) -> JsonObject:
    """Return a page of a list, newest first unless `order` says otherwise."""
    limit, order, after = query.get("limit", "20"), query.get("order", "desc"), query.get("after")
    if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit) <= _MAX_LISTED):
        raise RequestError(f"limit: must be an integer from 1 to {_MAX_LISTED}", path="/limit")
    if order not in ("asc", "desc"):
        raise RequestError("order: must be asc or desc", path="/order")
    listed = list(items) if order == "asc" else list(reversed(items))
    if after is not None:
        ids = [item["id"] for item in listed]
        if after not in ids:
            raise RequestError(f"after: item {after!r} is not in this list", path="/after")
        listed = listed[ids.index(after) + 1 :]
    page = listed[: int(limit)]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(page) < len(listed),
    }
