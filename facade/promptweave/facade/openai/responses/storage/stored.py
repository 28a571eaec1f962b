"""The responses and conversations that a client can refer to."""

from fastapi import Request

from promptweave.facade.errors import NotFoundError, UnsupportedError
from promptweave.facade.http.event_stream import Pieces
from promptweave.facade.http.request import owner
from promptweave.facade.openai.responses.storage.conversation_store import ConversationStore
from promptweave.facade.openai.responses.storage.event_log import EventLog, split
from promptweave.facade.openai.responses.storage.store import ResponseStore, StoredResponse


class Responses:
    """The stores, and the responses that this process is generating."""

    def __init__(self, store: ResponseStore) -> None:
        self.store = store
        self.conversations = ConversationStore(store.database)
        self._streamed: dict[tuple[str, str], tuple[StoredResponse, EventLog]] = {}

    async def find(self, owner: str, id: str) -> StoredResponse:
        """Return a response. Raises NotFoundError."""
        if (streamed := self._streamed.get((owner, id))) is not None:
            return streamed[0]
        found = await self.store.get(owner, id)
        if found is None:
            raise not_found(id)
        return found

    async def events(self, owner: str, id: str, first: int) -> Pieces:
        """Return the events of a response from this number on, as they were sent. Raises NotFoundError, and UnsupportedError
        if they are not stored."""
        if (streamed := self._streamed.get((owner, id))) is not None:
            return streamed[1].read(first)
        events = await self.store.events(owner, id)
        if events is None:
            await self.find(owner, id)
            raise UnsupportedError("stream: the events of this response are not stored; omit stream", path="/stream")
        return _at_once(b"".join(split(events)[first:]))

    def begin_stream(self, owner: str, response: StoredResponse, log: EventLog) -> None:
        """Make a response that is being generated visible."""
        self._streamed[owner, response.response["id"]] = response, log

    def end_stream(self, owner: str, id: str) -> None:
        """Remove a response that is no longer being generated; readers of its events reach the end."""
        if (streamed := self._streamed.pop((owner, id), None)) is not None:
            streamed[1].close()


async def _at_once(events: bytes) -> Pieces:
    yield events


def responses_of(request: Request) -> Responses:
    """Return the responses of the application."""
    responses: Responses = request.app.state.responses
    return responses


def owner_of(request: Request) -> str:
    """Return the owner of a request's responses: a key, or "" for everyone if no keys are configured."""
    return owner(request) or ""


def not_found(id: str) -> NotFoundError:
    """Return the error for an id that no response has."""
    return NotFoundError(f"Response with id {id!r} not found.")


def conversation_not_found(id: str, path: str | None = None) -> NotFoundError:
    """Return the error for an id that no conversation has."""
    return NotFoundError(f"Conversation with id {id!r} not found.", path=path)
