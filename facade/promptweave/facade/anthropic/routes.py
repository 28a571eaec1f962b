"""`/v1/messages`, for clients of Anthropic's API: create (complete or as a stream) and count_tokens."""

from collections.abc import Iterable
from contextlib import aclosing
from itertools import chain

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from promptweave.errors import PromptweaveError
from promptweave.facade.anthropic.body import CountBody, MessagesBody
from promptweave.facade.anthropic.context_management import manage_context
from promptweave.facade.anthropic.errors import ANTHROPIC_ERRORS, AnthropicErrorResponse, anthropic_error
from promptweave.facade.anthropic.events import AnswerOptions, MessageEvents
from promptweave.facade.anthropic.objects import MessageEvent, MessageObject, TokenCount
from promptweave.facade.bodies.error_paths import error_paths
from promptweave.facade.http import sse
from promptweave.facade.http.error_responses import http_error
from promptweave.facade.http.event_stream import Pieces, event_stream
from promptweave.facade.http.request import options_of, request_id
from promptweave.facade.http.router import WARNED, ApiRouter, RawBody, streamed
from promptweave.facade.openai.chat.pipeline import PreparedChat, compile_chat, prepare_chat, warning_headers
from promptweave.facade.openai.chat.response.from_grpc import warning_objects

router = ApiRouter("/v1/messages", ANTHROPIC_ERRORS)


@router.post(
    "",
    response_model=MessageObject,
    responses={**streamed(MessageEvent | AnthropicErrorResponse), **WARNED},
    summary="Create a message (Anthropic)",
)
async def create_message(request: Request, body: MessagesBody, raw: RawBody) -> Response:
    """Create a message, complete or as a stream."""
    context = await manage_context(request, raw, body)
    turn = await prepare_chat(request, context.translation)
    options = AnswerOptions(
        thinking_omitted=body.thinking is not None and body.thinking.display == "omitted",
        content_omitted=body.max_tokens == 0,
        edits=context.edits,
    )
    events = MessageEvents(turn.model.id, turn.warnings, options)
    headers = warning_headers(turn.warnings)
    if not body.stream:
        message = await _complete(turn, events)
        return JSONResponse(message, headers=warning_headers(message.get("warnings", ())))

    async def failed(error: PromptweaveError) -> bytes:
        id = request_id(request)
        return _written([anthropic_error(http_error(error, id), id)])

    return await event_stream(_stream(turn, events), failed, headers)


@router.post(
    "/count_tokens",
    response_model=TokenCount,
    responses=WARNED,
    summary="Count the tokens of a message's prompt (Anthropic)",
)
async def count_tokens(request: Request, body: CountBody, raw: RawBody) -> JSONResponse:
    """Count the tokens of a message's prompt."""
    context = await manage_context(request, raw, body)
    compiled = await compile_chat(request, context.translation)
    with error_paths(context.translation.places.original):
        timeout_s = options_of(request).request_timeout_s
        count: TokenCount = {"input_tokens": await compiled.model.services.count_tokens(compiled.prompt, timeout_s)}
    if context.edits is not None:
        removed = sum(edit["cleared_input_tokens"] for edit in context.edits)
        count["context_management"] = {"original_input_tokens": count["input_tokens"] + removed}
    if compiled.warnings:
        count["warnings"] = warning_objects(compiled.warnings)
    return JSONResponse(count, headers=warning_headers(compiled.warnings))


async def _complete(turn: PreparedChat, events: MessageEvents) -> MessageObject:
    async with aclosing(turn.answers):
        async for answer in turn.answers:
            for _ in events.of_answer(answer):
                pass
    return events.message


async def _stream(turn: PreparedChat, events: MessageEvents) -> Pieces:
    """Yield the events of a stream."""
    begun = False
    async with aclosing(turn.answers):
        async for answer in turn.answers:
            first = () if begun else events.first()
            begun = True
            if data := _written(chain(first, events.of_answer(answer))):
                yield data


def _written(events: Iterable[MessageEvent | AnthropicErrorResponse]) -> bytes:
    return b"".join(sse.event(event, event["type"]) for event in events)
