"""One response: its generation, complete or as a stream, and its storage."""

from collections.abc import Iterable
from contextlib import aclosing
from itertools import chain

from promptweave.common.json_object import JsonObject
from promptweave.errors import PromptweaveError
from promptweave.facade.http import sse
from promptweave.facade.http.error_responses import http_error
from promptweave.facade.http.event_stream import Pieces
from promptweave.facade.openai.chat.pipeline import PreparedChat
from promptweave.facade.openai.responses.resolve import ResolvedRequest
from promptweave.facade.openai.responses.response.event_objects import ResponseEvent
from promptweave.facade.openai.responses.response.events import ResponseEvents
from promptweave.facade.openai.responses.response.objects import ResponseObject
from promptweave.facade.openai.responses.storage.event_log import EventLog
from promptweave.facade.openai.responses.storage.store import StoredResponse
from promptweave.facade.openai.responses.storage.stored import Responses

_FAILURES = {400: "invalid_prompt", 429: "rate_limit_exceeded"}
"""HTTP status → the code of a failed response; for others it is `server_error`."""


class ResponseRun:
    """The generation of a response, which begins when it is iterated."""

    def __init__(
        self,
        responses: Responses,
        owner: str,
        request_id: str,
        resolved: ResolvedRequest,
        turn: PreparedChat,
        events: ResponseEvents,
    ) -> None:
        self._responses, self.owner, self._request_id = responses, owner, request_id
        self._turn, self._events = turn, events
        self._given = resolved.given
        self._conversation = resolved.body.conversation_id
        self.stored = StoredResponse(events.response, [*resolved.history, *self._given])
        """The response so far, and the items before it."""
        self.log = EventLog()
        """The events so far."""
        self._begun = False

    @property
    def id(self) -> str:
        """Return the id of the response."""
        return self._events.response["id"]

    async def complete(self) -> ResponseObject:
        """Return the response when it is complete. Raises PromptweaveError."""
        async with aclosing(self.pieces()) as pieces:
            async for _ in pieces:
                pass
        return self.stored.response

    async def stream(self) -> Pieces:
        """Yield the events of a stream whose client reads it. Raises PromptweaveError, before the first event only."""
        try:
            async with aclosing(self.pieces()) as pieces:
                async for piece in pieces:
                    if self.stored.response["store"]:
                        self._responses.begin_stream(self.owner, self.stored, self.log)
                    yield piece
        except PromptweaveError as error:
            if not self._begun:
                raise
            yield await self.failed(error)
        finally:
            self._responses.end_stream(self.owner, self.id)

    async def pieces(self) -> Pieces:
        """Yield the events, several at once. Raises PromptweaveError."""
        async with aclosing(self._turn.answers):
            async for answer in self._turn.answers:
                first = () if self._begun else self._events.first()
                self._begun = True
                if data := _written(chain(first, self._events.of_answer(answer))):
                    yield self.log.add(data)
        yield await self._last()

    async def failed(self, error: PromptweaveError) -> bytes:
        """Return the events that end a response that failed."""
        failure = http_error(error, self._request_id)
        return await self.end(_FAILURES.get(failure.status, "server_error"), failure.message)

    async def end(self, code: str, message: str) -> bytes:
        """Return the events that end a response that failed, with the code and the text of its error."""
        failed = self._begin() + self.log.add(_written(self._events.fail(code, message)))
        return failed + await self._last()

    def _begin(self) -> bytes:
        """Return the events that begin the response, unless they were sent before."""
        first = b"" if self._begun else _written(self._events.first())
        self._begun = True
        return self.log.add(first)

    async def cancel(self) -> None:
        """End a response whose generation was cancelled."""
        self._begin()
        self.log.add(_written(self._events.cancel()))
        await self._keep(b"")

    async def _last(self) -> bytes:
        response = self.stored.response
        if self._conversation is not None and response["status"] in ("completed", "incomplete"):
            await self._add_to(self._conversation, response)
        last = self._events.last()
        await self._keep(_written([last]))
        return self.log.add(_written([last]))  # It contains the response, whose `store` may have changed.

    async def _keep(self, last: bytes) -> None:
        """Store the response, if requested; its field `store` says whether that was done. `last`: events to add."""
        response = self.stored.response
        if response["store"]:
            events = self.log.written() + last
            response["store"] = await self._responses.store.keep(self.owner, self.stored, events)

    async def _add_to(self, conversation: str, response: ResponseObject) -> None:
        output: list[JsonObject] = [{**item} for item in response["output"]]
        if not await self._responses.conversations.append(self.owner, conversation, [*self._given, *output]):
            response["conversation"] = None


def _written(events: Iterable[ResponseEvent]) -> bytes:
    return b"".join(sse.event(event, event["type"]) for event in events)
