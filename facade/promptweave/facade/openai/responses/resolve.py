"""What a request refers to: a previous response, a conversation, stored items."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.errors import NotFoundError, PreviousResponseError, RequestError
from promptweave.facade.openai.chat.request.translated import Translation
from promptweave.facade.openai.responses.request.body import ResponsesBody
from promptweave.facade.openai.responses.request.items import kept_item, reference
from promptweave.facade.openai.responses.request.to_chat import to_chat
from promptweave.facade.openai.responses.storage.store import StoredResponse
from promptweave.facade.openai.responses.storage.stored import Responses, conversation_not_found


@dataclass(frozen=True)
class ResolvedRequest:
    """A request whose input has no references."""

    body: ResponsesBody
    history: list[JsonObject]
    """The items before the input."""

    @property
    def given(self) -> list[JsonObject]:
        """Return the items of the input, as they are stored."""
        given = self.body.input
        return [kept_item(item) for item in ([{"role": "user", "content": given}] if isinstance(given, str) else given)]

    def translation(self, raw: Mapping[str, Any]) -> Translation:
        """Return the chat request. Raises RequestError and UnsupportedError."""
        return to_chat(raw, self.body, self.history)


async def resolve(responses: Responses, owner: str, body: ResponsesBody) -> ResolvedRequest:
    """Return the request with what it refers to. Raises RequestError and NotFoundError."""
    if body.previous_response_id is not None and body.conversation_id is not None:
        message = "conversation cannot be combined with previous_response_id; send one of them"
        raise RequestError(message, path="/conversation")
    previous = await _previous(responses, owner, body.previous_response_id)
    history = previous.conversation if previous else await _conversation(responses, owner, body.conversation_id)
    # A conversation continues with its model, unless another one is named.
    model = body.model or (previous.response["model"] if previous else None)
    given = await _input(responses, owner, body.input, history)
    return ResolvedRequest(body.model_copy(update={"input": given, "model": model}), history)


async def _previous(responses: Responses, owner: str, id: str | None) -> StoredResponse | None:
    if id is None:
        return None
    found = await responses.store.get(owner, id)
    if found is None:
        raise PreviousResponseError(f"Previous response with id {id!r} not found.", path="/previous_response_id")
    return found


async def _conversation(responses: Responses, owner: str, id: str | None) -> list[JsonObject]:
    if id is None:
        return []
    found = await responses.conversations.get(owner, id)
    if found is None:
        raise conversation_not_found(id, "/conversation")
    return found.items


async def _input(
    responses: Responses, owner: str, given: str | list[JsonObject], history: list[JsonObject]
) -> str | list[JsonObject]:
    """Return the input, with references replaced by the stored items."""
    if isinstance(given, str):
        return given
    known = {item["id"]: item for item in history}
    items = []
    for place, item in enumerate(given):
        if (id := reference(item, f"/input/{place}")) is not None:
            found = known.get(id) or await responses.store.item(owner, id)
            if found is None:
                raise NotFoundError(f"Item with id {id!r} not found.", path=f"/input/{place}/id")
            item = found
        items.append(item)
    return items
