"""The responses and conversations that a client can refer to."""

from fastapi import Request

from promptweave.facade.errors import NotFoundError
from promptweave.facade.http.request import owner
from promptweave.facade.openai.responses.storage.conversation_store import ConversationStore
from promptweave.facade.openai.responses.storage.store import ResponseStore, StoredResponse


class Responses:
    """The stores, and the responses that this process is generating."""

    def __init__(self, store: ResponseStore) -> None:
        self.store = store
        self.conversations = ConversationStore(store.database)
        self._streamed: dict[tuple[str, str], StoredResponse] = {}

    async def find(self, owner: str, id: str) -> StoredResponse:
        """Return a response. Raises NotFoundError."""
        found = self._streamed.get((owner, id)) or await self.store.get(owner, id)
        if found is None:
            raise not_found(id)
        return found

    def begin_stream(self, owner: str, response: StoredResponse) -> None:
        """Make a response that is being generated visible."""
        self._streamed[owner, response.response["id"]] = response

    def end_stream(self, owner: str, id: str) -> None:
        """Remove a response that is no longer being generated."""
        self._streamed.pop((owner, id), None)


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
