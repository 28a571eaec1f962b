"""The loop: ask the model, run the tools that it calls, send it their results, until it answers."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from openai import AsyncOpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessage, ChatCompletionMessageParam


class AgentError(Exception):
    """The model ended without an answer; the text says how."""


class Tools(Protocol):
    """The tools that a model may call. A call never raises: an error is a result that the model reads."""

    @property
    def definitions(self) -> Sequence[ChatCompletionFunctionToolParam]: ...

    async def call(self, name: str, arguments: str) -> str: ...


class Watcher(Protocol):
    """Receives events as they happen."""

    def wrote(self, text: str) -> None:
        """Receive a piece of the model's text for the user."""

    def called(self, name: str, arguments: str) -> None: ...

    def got(self, name: str, result: str) -> None: ...

    def warned(self, text: str) -> None:
        """Receive a warning that the server does not guarantee something that was requested."""


async def run(
    client: AsyncOpenAI,
    messages: Sequence[ChatCompletionMessageParam],
    tools: Tools,
    watcher: Watcher,
    *,
    max_iterations: int = 10,
    **request: Any,
) -> str:
    """Return the answer to the messages: text, or JSON if `request` has a response format.

    After `max_iterations` rounds of calls no more are permitted, so that the model answers from what it knows by then.
    `request` holds the other fields of the requests: `model`, `temperature`, ... Raises AgentError, and openai's errors.
    """
    talk = list(messages)
    for left in range(max_iterations, -1, -1):
        offered: dict[str, Any] = {}
        if tools.definitions:
            offered = {"tools": tools.definitions, "tool_choice": "auto" if left else "none"}
        message = await _asked(client, watcher, {**request, **offered, "messages": talk})
        calls = [each for each in message.tool_calls or [] if each.type == "function"]
        if not calls or not left:
            if not message.content:
                raise AgentError("the model ended without an answer")
            return message.content
        # Results in the order of the calls, which may run concurrently.
        results = await asyncio.gather(
            *(_called(tools, watcher, each.function.name, each.function.arguments) for each in calls)
        )
        said: Any = {"role": "assistant", "content": message.content, "tool_calls": [each.model_dump() for each in calls]}
        talk.append(said)
        for call, result in zip(calls, results, strict=True):
            talk.append({"role": "tool", "tool_call_id": call.id, "content": result})
    raise AssertionError("the last round admits no calls")


async def _asked(client: AsyncOpenAI, watcher: Watcher, request: Mapping[str, Any]) -> ChatCompletionMessage:
    """Return the model's next message. Truncated and refused ones are errors: their content is not what was requested."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    warned: list[dict[str, Any]] = []
    async for chunk in await client.chat.completions.create(**request, stream=True):
        warned += (chunk.model_extra or {}).get("warnings") or []
        state.handle_chunk(chunk)
        for choice in chunk.choices:
            if choice.delta.content:
                watcher.wrote(choice.delta.content)
    for warning in warned:
        watcher.warned(f"{warning['path']}: {warning['message']}")
    choice = state.current_completion_snapshot.choices[0]
    if choice.finish_reason == "length":
        raise AgentError("the model was cut by max_tokens or the end of its context")
    if choice.message.refusal:
        raise AgentError(choice.message.refusal)
    return choice.message


async def _called(tools: Tools, watcher: Watcher, name: str, arguments: str) -> str:
    watcher.called(name, arguments)
    result = await tools.call(name, arguments)
    watcher.got(name, result)
    return result
