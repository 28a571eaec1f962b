"""`/v1/conversations`: create, get, update, delete; and their items: add, list, get, delete."""

import time
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Path, Request
from fastapi.responses import JSONResponse

from promptweave.common.json_object import JsonObject
from promptweave.facade.bodies.body import Body
from promptweave.facade.bodies.source_map import Origin
from promptweave.facade.errors import NotFoundError, RequestError
from promptweave.facade.http.router import WARNED, ApiRouter
from promptweave.facade.openai.chat.pipeline import repair_warnings, warning_headers
from promptweave.facade.openai.chat.request.translated import Notes
from promptweave.facade.openai.chat.response.from_grpc import warning_objects
from promptweave.facade.openai.responses.conversation_body import ConversationBody, ConversationUpdate, ItemsBody
from promptweave.facade.openai.responses.request.conversation import ItemConversation
from promptweave.facade.openai.responses.request.items import kept_item, new_id, reference
from promptweave.facade.openai.responses.response.objects import ConversationObject, DeletedConversation, ItemList
from promptweave.facade.openai.responses.storage.conversation_store import StoredConversation
from promptweave.facade.openai.responses.storage.pages import MAX_LISTED, After, Limit, Order, page_of
from promptweave.facade.openai.responses.storage.stored import conversation_not_found, owner_of, responses_of
from promptweave.facade.policy.rules import known_fields, warn_of_unknown_fields

router = ApiRouter()

ConversationPath = Annotated[str, Path(description="The id of a conversation")]
ItemPath = Annotated[str, Path(description="The id of an item")]


@router.post(
    "/v1/conversations", response_model=ConversationObject, responses=WARNED, summary="Create a conversation (OpenAI)"
)
async def create_conversation(request: Request, body: ConversationBody) -> JSONResponse:
    """Create a conversation, which responses continue with `conversation`."""
    notes = _notes(body)
    items = await _stored_items(request, body.items, notes)
    conversation: ConversationObject = {
        "id": new_id("conversation"),
        "object": "conversation",
        "created_at": int(time.time()),
        "metadata": body.metadata,
    }
    store = responses_of(request).conversations
    if not await store.create(owner_of(request), StoredConversation(conversation, items)):
        raise _too_large()
    return _warned(request, conversation, notes)


@router.get("/v1/conversations/{id}", response_model=ConversationObject, summary="Retrieve a conversation")
async def get_conversation(request: Request, id: ConversationPath) -> JSONResponse:
    """Return a conversation, without its items."""
    return JSONResponse((await _find(request, id)).conversation)


@router.post(
    "/v1/conversations/{id}", response_model=ConversationObject, responses=WARNED, summary="Change a conversation's metadata"
)
async def update_conversation(request: Request, id: ConversationPath, body: ConversationUpdate) -> JSONResponse:
    """Replace the metadata of a conversation."""
    found = await _find(request, id)
    changed: ConversationObject = {**found.conversation, "metadata": body.metadata}
    if not await responses_of(request).conversations.update(owner_of(request), changed):
        raise _too_large("metadata")
    return _warned(request, changed, _notes(body))


@router.delete("/v1/conversations/{id}", response_model=DeletedConversation, summary="Delete a conversation")
async def delete_conversation(request: Request, id: ConversationPath) -> JSONResponse:
    """Delete a conversation and its items. Responses that were added to it are not affected."""
    if not await responses_of(request).conversations.delete(owner_of(request), id):
        raise conversation_not_found(id)
    deleted: DeletedConversation = {"id": id, "object": "conversation.deleted", "deleted": True}
    return JSONResponse(deleted)


@router.post(
    "/v1/conversations/{id}/items", response_model=ItemList, responses=WARNED, summary="Add items to a conversation"
)
async def create_items(request: Request, id: ConversationPath, body: ItemsBody) -> JSONResponse:
    """Add items at the end of a conversation."""
    await _find(request, id)
    notes = _notes(body)
    items = await _stored_items(request, body.items, notes)
    if not await responses_of(request).conversations.append(owner_of(request), id, items):
        raise _too_large()
    return _warned(request, page_of(items, limit=str(MAX_LISTED), order="asc", after=None), notes)


@router.get("/v1/conversations/{id}/items", response_model=ItemList, summary="List a conversation's items")
async def list_items(
    request: Request, id: ConversationPath, limit: Limit = "20", order: Order = "desc", after: After = None
) -> JSONResponse:
    """List the items of a conversation."""
    found = await _find(request, id)
    return JSONResponse(page_of(found.items, limit=limit, order=order, after=after))


@router.get("/v1/conversations/{id}/items/{item}", response_model=dict[str, Any], summary="Retrieve an item")
async def get_item(request: Request, id: ConversationPath, item: ItemPath) -> JSONResponse:
    """Return an item of a conversation."""
    found = await _find(request, id)
    one = next((kept for kept in reversed(found.items) if kept["id"] == item), None)
    if one is None:
        raise _item_not_found(item)
    return JSONResponse(one)


@router.delete("/v1/conversations/{id}/items/{item}", response_model=ConversationObject, summary="Delete an item")
async def delete_item(request: Request, id: ConversationPath, item: ItemPath) -> JSONResponse:
    """Delete an item of a conversation; returns the conversation."""
    found = await _find(request, id)
    if not await responses_of(request).conversations.delete_item(owner_of(request), id, item):
        raise _item_not_found(item)
    return JSONResponse(found.conversation)


async def _find(request: Request, id: str) -> StoredConversation:
    found = await responses_of(request).conversations.get(owner_of(request), id)
    if found is None:
        raise conversation_not_found(id)
    return found


def _notes(body: Body) -> Notes:
    """Return notes with warnings about unknown fields of a body."""
    notes = Notes()
    warn_of_unknown_fields(body.model_extra or {}, known_fields(type(body)), notes.warn)
    return notes


def _warned(request: Request, value: ConversationObject | ItemList, notes: Notes) -> JSONResponse:
    """Return a response with warnings, if there are any."""
    warnings = [*repair_warnings(request), *notes.warnings]
    more = {"warnings": warning_objects(warnings)} if warnings else {}
    return JSONResponse({**value, **more}, headers=warning_headers(warnings))


async def _stored_items(request: Request, given: Sequence[JsonObject], notes: Notes) -> list[JsonObject]:
    """Return items as they are stored, with references replaced; warnings go to `notes`. Raises RequestError and
    NotFoundError."""
    items = []
    checked = ItemConversation(notes)
    for place, item in enumerate(given):
        path = f"/items/{place}"
        if (id := reference(item, path)) is not None:
            found = await responses_of(request).store.item(owner_of(request), id)
            if found is None:
                raise NotFoundError(f"Item with id {id!r} not found.", path=f"{path}/id")
            item = found
        checked.add(item, Origin(path))
        items.append(kept_item(item))
    return items


def _item_not_found(id: str) -> NotFoundError:
    return NotFoundError(f"Item with id {id!r} not found.")


def _too_large(field: str = "items") -> RequestError:
    return RequestError(f"{field}: the conversation is larger than what the server stores; send less", path=f"/{field}")
