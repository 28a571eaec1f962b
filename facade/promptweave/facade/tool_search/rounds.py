"""Generates an answer in rounds: when the model searches for tools, it continues with those that were found."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

from promptweave.facade.tool_search.history import Search, SearchRound, query_of, reference_to, search_result
from promptweave.facade.tool_search.index import ToolIndex
from promptweave.facade.tool_search.offer import TOOL_NAME, all_tools, deferred_tools, plain_name
from promptweave.facade.tool_search.round_reader import RoundReader
from promptweave.facade.tool_search.usage import total_finish
from promptweave.v1 import chat_pb2, inference_pb2, output_pb2, prompt_compiler_pb2

MAX_SEARCHES = 4
"""Rounds that may end with a search; then the model has to go on with what it has."""

Answers = AsyncGenerator[inference_pb2.GenerateResponse | SearchRound, None]
"""The parts of an answer, and the searches between them."""

Compile = Callable[[prompt_compiler_pb2.CompileRequest], Awaitable[prompt_compiler_pb2.CompiledPrompt]]
Generate = Callable[[prompt_compiler_pb2.CompiledPrompt, int], AsyncGenerator[inference_pb2.GenerateResponse, None]]
"""Generates a message for a prompt; also receives the number of tokens that earlier rounds generated."""


async def answer_in_rounds(
    request: prompt_compiler_pb2.CompileRequest,
    prompt: prompt_compiler_pb2.CompiledPrompt,
    compile_again: Compile,
    generate: Generate,
    max_tokens: int | None,
) -> Answers:
    """Yield the answer to `prompt`, which was compiled from `request`. `max_tokens`: of all rounds together."""
    rounds: list[inference_pb2.Finish] = []
    next_call = 0
    while True:
        used = sum(finish.usage.completion_tokens for finish in rounds)
        reader = RoundReader(next_call)
        async with aclosing(generate(prompt, used)) as answers:
            async for answer in answers:
                if events := reader.forwarded(answer.events):
                    yield inference_pb2.GenerateResponse(events=events)
        next_call = reader.next_call
        if reader.finish is not None:
            rounds.append(reader.finish)
        searches = await asyncio.to_thread(run_searches, request, reader.searches) if reader.searches else []
        if searches:
            yield SearchRound(searches)
        if not rounds or not reader.goes_on:
            break
        if max_tokens is not None and used + rounds[-1].usage.completion_tokens >= max_tokens:
            rounds[-1].reason = output_pb2.FINISH_REASON_LENGTH
            break
        request = next_request(request, reader.message, searches, last=len(rounds) == MAX_SEARCHES)
        prompt = await compile_again(request)
    if rounds:
        event = inference_pb2.GenerateEvent(finish=total_finish(rounds))
        yield inference_pb2.GenerateResponse(events=[event])


def run_searches(request: prompt_compiler_pb2.CompileRequest, calls: Sequence[chat_pb2.ToolCall]) -> list[Search]:
    """Search the deferred tools of a request."""
    index = ToolIndex(deferred_tools(request))
    return [Search(call.id, query_of(call), index.find(query_of(call))) for call in calls]


def next_request(
    request: prompt_compiler_pb2.CompileRequest, message: chat_pb2.Message, searches: Sequence[Search], *, last: bool
) -> prompt_compiler_pb2.CompileRequest:
    """Return the request of the next round: with the message that searched and what it found. `last`: it cannot search."""
    made = prompt_compiler_pb2.CompileRequest()
    made.CopyFrom(request)
    if made.continue_final_message:
        # The message began in the request.
        made.continue_final_message = False
        made.messages[-1].content.extend(message.content)
        made.messages[-1].tool_calls.extend(message.tool_calls)
    else:
        made.messages.append(message)
    for search in searches:
        made.messages.append(search_result(search.id, [reference_to(tool) for tool in search.tools]))
    if made.tool_choice.named.name == TOOL_NAME:
        made.tool_choice.auto.SetInParent()
    if last:
        _forbid_search(made)
    return made


def _forbid_search(request: prompt_compiler_pb2.CompileRequest) -> None:
    """Allow only the other tools that are loaded; if a call is required and there are none, all deferred ones."""
    choice = request.tool_choice
    required = choice.HasField("required") or choice.allowed.required
    names = [name for name in choice.allowed.names or _loaded_names(request) if name != TOOL_NAME]
    if required and not names:
        names = [_joined(tool.namespace, plain_name(tool)) for tool in deferred_tools(request)]
    if names:
        choice.allowed.CopyFrom(chat_pb2.ToolChoice.Allowed(required=required, names=names))
    else:
        choice.none.SetInParent()


def _loaded_names(request: prompt_compiler_pb2.CompileRequest) -> list[str]:
    """Return the names of the tools that may be called, as the tool choice spells them."""
    names = [_joined(tool.namespace, plain_name(tool)) for tool in all_tools(request) if not tool.defer_loading]
    references = (part.tool_reference for message in request.messages for part in message.content)
    names += [_joined(reference.namespace, reference.name) for reference in references if reference.name]
    return list(dict.fromkeys(names))


def _joined(namespace: str, name: str) -> str:
    return f"{namespace.removesuffix('__')}__{name}" if namespace else name
