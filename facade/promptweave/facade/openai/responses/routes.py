"""`/v1/responses`: create, count the tokens of the input, compact, get, delete, list input items, cancel."""

from typing import Annotated

from fastapi import Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import WithJsonSchema

from promptweave.errors import PromptweaveError
from promptweave.facade.bodies.error_paths import error_paths
from promptweave.facade.errors import ErrorResponse, RequestError
from promptweave.facade.http.event_stream import event_stream
from promptweave.facade.http.request import options_of
from promptweave.facade.http.router import WARNED, ApiRouter, RawBody, streamed
from promptweave.facade.openai.chat.pipeline import compile_chat, warning_headers
from promptweave.facade.openai.chat.response.from_grpc import warning_objects
from promptweave.facade.openai.responses.background import background_of
from promptweave.facade.openai.responses.compact import compact
from promptweave.facade.openai.responses.create import create
from promptweave.facade.openai.responses.request.body import ResponsesBody
from promptweave.facade.openai.responses.resolve import resolve
from promptweave.facade.openai.responses.response.event_objects import ResponseEvent
from promptweave.facade.openai.responses.response.objects import (
    CompactedConversation,
    DeletedResponse,
    InputTokenCount,
    ItemList,
    ResponseObject,
)
from promptweave.facade.openai.responses.storage.pages import After, Limit, Order, page_of
from promptweave.facade.openai.responses.storage.stored import not_found, owner_of, responses_of

router = ApiRouter()

ResponseId = Annotated[str, Path(description="The id of a response")]


@router.post(
    "/v1/responses",
    response_model=ResponseObject,
    responses={**streamed(ResponseEvent | ErrorResponse), **WARNED},
    summary="Create a response (OpenAI)",
)
async def create_response(request: Request, body: ResponsesBody, raw: RawBody) -> Response:
    """Create a response: complete, as a stream, or in the background."""
    return await create(request, raw, body)


@router.post(
    "/v1/responses/input_tokens", response_model=InputTokenCount, responses=WARNED, summary="Count the tokens of the input"
)
async def count_input_tokens(request: Request, body: ResponsesBody, raw: RawBody) -> JSONResponse:
    """Count the tokens of the prompt that a request would have."""
    resolved = await resolve(responses_of(request), owner_of(request), body)
    asked = resolved.translation(raw)
    compiled = await compile_chat(request, asked)
    with error_paths(asked.places.original):
        timeout_s = options_of(request).request_timeout_s
        tokens = await compiled.model.services.count_tokens(compiled.prompt, timeout_s)
    count: InputTokenCount = {"object": "response.input_tokens", "input_tokens": tokens}
    if compiled.warnings:
        count["warnings"] = warning_objects(compiled.warnings)
    return JSONResponse(count, headers=warning_headers(compiled.warnings))


@router.post(
    "/v1/responses/compact", response_model=CompactedConversation, responses=WARNED, summary="Summarize a conversation"
)
async def compact_conversation(request: Request, body: ResponsesBody, raw: RawBody) -> JSONResponse:
    """Return a shorter form of a conversation, with which a later request can continue it."""
    return await compact(request, raw, body)


@router.get(
    "/v1/responses/{id}",
    response_model=ResponseObject,
    responses=streamed(ResponseEvent | ErrorResponse),
    summary="Retrieve a stored response",
)
async def get_response(
    request: Request,
    id: ResponseId,
    stream: Annotated[
        str, WithJsonSchema({"type": "boolean"}), Query(description="Whether to send its events, as they were sent first")
    ] = "false",
    starting_after: Annotated[
        str | None,
        WithJsonSchema({"type": "integer", "minimum": 0}),
        Query(description="The `sequence_number` of the event before those to send, with `stream`"),
    ] = None,
) -> Response:
    """Return a response that is stored, or being generated as a stream or in the background; or its events."""
    responses, owner = responses_of(request), owner_of(request)
    if stream not in ("true", "false"):
        raise RequestError("stream: must be true or false", path="/stream")
    if starting_after is not None and not (starting_after.isascii() and starting_after.isdecimal()):
        raise RequestError("starting_after: must be a non-negative integer", path="/starting_after")
    if stream == "false":
        return JSONResponse((await responses.find(owner, id)).response)
    first = 0 if starting_after is None else int(starting_after) + 1
    return await event_stream(await responses.events(owner, id, first), _no_failure)


async def _no_failure(error: PromptweaveError) -> bytes:
    raise AssertionError from error  # What was sent once is only read.


@router.delete("/v1/responses/{id}", response_model=DeletedResponse, summary="Delete a stored response")
async def delete_response(request: Request, id: ResponseId) -> JSONResponse:
    """Delete a response, after cancelling it if it is generated in the background. Conversations that continued it are
    not affected."""
    await background_of(request).cancel(owner_of(request), id)
    if not await responses_of(request).store.delete(owner_of(request), id):
        raise not_found(id)
    deleted: DeletedResponse = {"id": id, "object": "response", "deleted": True}
    return JSONResponse(deleted)


@router.get("/v1/responses/{id}/input_items", response_model=ItemList, summary="List a response's input items")
async def list_input_items(
    request: Request,
    id: ResponseId,
    limit: Limit = "20",
    order: Order = "desc",
    after: After = None,
) -> JSONResponse:
    """List the items that a response was generated from, including those of the responses before it."""
    found = await responses_of(request).find(owner_of(request), id)
    return JSONResponse(page_of(found.items, limit=limit, order=order, after=after))


@router.post("/v1/responses/{id}/cancel", response_model=ResponseObject, summary="Cancel a response in the background")
async def cancel_response(request: Request, id: ResponseId) -> JSONResponse:
    """Cancel a response that is generated in the background. One that has ended is returned as it is."""
    responses, owner = responses_of(request), owner_of(request)
    if not (await responses.find(owner, id)).response["background"]:
        message = "this response does not run in the background; close the connection to cancel a response in progress"
        raise RequestError(message)
    await background_of(request).cancel(owner, id)
    return JSONResponse((await responses.find(owner, id)).response)
