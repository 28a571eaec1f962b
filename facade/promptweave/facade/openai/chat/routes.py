"""`/v1/chat/completions`, as in OpenAI's API."""

import time
from collections.abc import Iterable
from contextlib import aclosing
from itertools import chain

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from promptweave.errors import PromptweaveError
from promptweave.facade.errors import ErrorResponse
from promptweave.facade.http import sse
from promptweave.facade.http.error_responses import http_error
from promptweave.facade.http.event_stream import Pieces, event_stream
from promptweave.facade.http.request import request_id
from promptweave.facade.http.router import WARNED, ApiRouter, streamed
from promptweave.facade.openai.chat.pipeline import GenerateStream, prepare_chat, warning_headers
from promptweave.facade.openai.chat.request.body import ChatBody
from promptweave.facade.openai.chat.request.legacy_functions import with_function_call
from promptweave.facade.openai.chat.request.translate import translate_chat
from promptweave.facade.openai.chat.response.chunks import Chunks
from promptweave.facade.openai.chat.response.from_grpc import Completion, Head
from promptweave.facade.openai.chat.response.objects import ChatCompletion, ChatCompletionChunk
from promptweave.facade.openai.fingerprint import system_fingerprint
from promptweave.facade.tool_search.plain import without_searches

router = ApiRouter()


@router.post(
    "/v1/chat/completions",
    response_model=ChatCompletion,
    responses={**streamed(ChatCompletionChunk | ErrorResponse, sse.END), **WARNED},
    summary="Create a chat completion (OpenAI)",
)
async def create_chat_completion(request: Request, body: ChatBody) -> Response:
    """Create a chat completion, complete or as a stream."""
    is_legacy = bool(body.functions)
    asked = translate_chat(body)
    turn, body = await prepare_chat(request, asked), asked.body
    warnings = turn.warnings
    tier = "default" if body.service_tier else None
    head = Head(turn.model.id, int(time.time()), system_fingerprint(turn.model), warnings, tier)
    headers = warning_headers(warnings)
    if not body.stream:
        completion = await _complete(without_searches(turn.answers), head, body)
        headers = warning_headers(completion.get("warnings", ()))
        return JSONResponse(with_function_call(completion) if is_legacy else completion, headers=headers)

    async def failed(error: PromptweaveError) -> bytes:
        return sse.event(http_error(error, request_id(request)).body())

    usage = body.stream_options.include_usage
    chunks = Chunks(head, include_usage=usage, n=body.n, logprobs=body.logprobs, explain=body.explain)
    return await event_stream(_stream(without_searches(turn.answers), chunks, is_legacy=is_legacy), failed, headers)


async def _complete(answers: GenerateStream, head: Head, body: ChatBody) -> ChatCompletion:
    async with aclosing(answers):
        completion = Completion(head, n=body.n, logprobs=body.logprobs, explain=body.explain)
        async for answer in answers:
            completion.add(answer.events)
    return completion.object()


async def _stream(answers: GenerateStream, chunks: Chunks, *, is_legacy: bool) -> Pieces:
    """Yield the events of a stream."""
    begun = False
    async with aclosing(answers):
        async for answer in answers:
            first = () if begun else chunks.first()
            begun = True
            if data := _written(chain(first, chunks.of(answer.events)), is_legacy=is_legacy):
                yield data
        yield _written(chunks.last(), is_legacy=is_legacy) + sse.DONE


def _written(chunks: Iterable[ChatCompletionChunk], *, is_legacy: bool) -> bytes:
    return b"".join(map(sse.event, map(with_function_call, chunks) if is_legacy else chunks))
