"""`/v1/responses`: create (complete or as a stream), get, delete, list input items, cancel."""

from typing import Annotated

from fastapi import Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import WithJsonSchema

from promptweave.facade.errors import ErrorResponse, RequestError, UnsupportedError
from promptweave.facade.http.router import WARNED, ApiRouter, RawBody, streamed
from promptweave.facade.openai.responses.body import ResponsesBody
from promptweave.facade.openai.responses.create import CreateResponse
from promptweave.facade.openai.responses.event_objects import ResponseEvent
from promptweave.facade.openai.responses.objects import DeletedResponse, ItemList, ResponseObject
from promptweave.facade.openai.responses.pages import MAX_LISTED, page_of
from promptweave.facade.openai.responses.stored import not_found, owner_of, responses_of

router = ApiRouter()

ResponseId = Annotated[str, Path(description="The id of a response")]


@router.post(
    "/v1/responses",
    response_model=ResponseObject,
    responses={**streamed(ResponseEvent | ErrorResponse), **WARNED},
    summary="Create a response (OpenAI)",
)
async def create_response(request: Request, body: ResponsesBody, raw: RawBody) -> Response:
    """Create a response, complete or as a stream."""
    return await CreateResponse(request).create(raw, body)


@router.get("/v1/responses/{id}", response_model=ResponseObject, summary="Retrieve a stored response")
async def get_response(
    request: Request,
    id: ResponseId,
    stream: Annotated[
        str, WithJsonSchema({"type": "boolean"}), Query(description="Must be false: events are not stored")
    ] = "false",
) -> JSONResponse:
    """Return a response that is stored, or being streamed."""
    if stream != "false":
        raise UnsupportedError("events are not stored; retrieve the response without stream", path="/stream")
    return JSONResponse((await responses_of(request).find(owner_of(request), id)).response)


@router.delete("/v1/responses/{id}", response_model=DeletedResponse, summary="Delete a stored response")
async def delete_response(request: Request, id: ResponseId) -> JSONResponse:
    """Delete a response. Conversations that continued it are not affected."""
    if not await responses_of(request).store.delete(owner_of(request), id):
        raise not_found(id)
    deleted: DeletedResponse = {"id": id, "object": "response", "deleted": True}
    return JSONResponse(deleted)


@router.get("/v1/responses/{id}/input_items", response_model=ItemList, summary="List a response's input items")
async def list_input_items(
    request: Request,
    id: ResponseId,
    limit: Annotated[
        str,
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_LISTED}),
        Query(description="The number of items to list"),
    ] = "20",
    order: Annotated[
        str, WithJsonSchema({"enum": ["asc", "desc"]}), Query(description="`asc`: oldest first; `desc`: newest first")
    ] = "desc",
    after: Annotated[str | None, Query(description="The id of an item: list those that follow it")] = None,
) -> JSONResponse:
    """List the items that a response was generated from, including those of the responses before it."""
    found = await responses_of(request).find(owner_of(request), id)
    return JSONResponse(page_of(found.items, limit=limit, order=order, after=after))


@router.post("/v1/responses/{id}/cancel", summary="Always rejected: background responses are not supported")
async def cancel_response(request: Request, id: ResponseId) -> Response:
    """Refuse: only background responses could be cancelled this way."""
    await responses_of(request).find(owner_of(request), id)
    raise RequestError("this response does not run in the background; close the connection to cancel a response in progress")
