"""`functions` and `function_call`, OpenAI's older form of tools.

A request in that form becomes one with tools, with at most one call; the choices of its response are converted back.
"""

from collections.abc import Sequence
from typing import Any, TypeVar, cast

from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.errors import RequestError
from promptweave.facade.openai.chat.body import ChatBody, Message, Named, Tool, ToolCall, ToolChoiceObject
from promptweave.facade.openai.chat.objects import ChatCompletion, ChatCompletionChunk
from promptweave.facade.openai.chat.translated import Notes, Translation

Part = TypeVar("Part", ChatCompletion, ChatCompletionChunk)


def with_tools(body: ChatBody) -> Translation:
    """Return the request with tools alone. Raises RequestError."""
    notes = Notes()
    places = notes.places
    messages = _messages(body.messages, places)
    if not body.functions:
        if body.function_call not in (None, "none", "auto"):
            raise RequestError("function_call requires functions; use tool_choice with tools", path="/function_call")
        return notes.translation(body.model_copy(update={"messages": messages}))
    for name in ("tools", "tool_choice"):
        if getattr(body, name):
            raise RequestError(f"{name} cannot be combined with functions (deprecated); send tools only", path=f"/{name}")
    for place in range(len(body.functions)):
        places.add(f"/tools/{place}/function", Origin(f"/functions/{place}"))
    places.add("/tools", Origin("/functions"))
    places.add("/tool_choice", Origin("/function_call", whole=True))
    choice = body.function_call
    tools = {
        "tools": [Tool(type="function", function=function) for function in body.functions],
        "tool_choice": ToolChoiceObject(type="function", function=choice) if isinstance(choice, Named) else choice,
        "parallel_tool_calls": False,
    }
    return notes.translation(body.model_copy(update={"messages": messages, **tools}))


def _messages(messages: Sequence[Message], places: SourceMap) -> list[Message]:
    """Return the messages, adding the ids to calls that results need."""
    made, ids = [], dict[str | None, str]()
    for place, message in enumerate(messages):
        if call := message.function_call:
            if message.tool_calls:
                raise RequestError(
                    "tool_calls and function_call are mutually exclusive; send one of them",
                    path=f"/messages/{place}/function_call",
                )
            ids[call.name] = f"call_{place}"
            message = message.model_copy(update={"tool_calls": [ToolCall(id=ids[call.name], function=call)]})
            places.add(f"/messages/{place}/tool_calls/0/function", Origin(f"/messages/{place}/function_call"))
            places.add(f"/messages/{place}/tool_calls", Origin(f"/messages/{place}/function_call", whole=True))
        elif message.role == "function":
            if message.name not in ids:
                said = f"this result has no preceding function_call of {message.name!r}"
                raise RequestError(said, path=f"/messages/{place}/name")
            message = message.model_copy(update={"role": "tool", "tool_call_id": ids[message.name]})
        made.append(message)
    return made


def with_function_call(part: Part) -> Part:
    """Convert a chat completion, or a chunk of one, to the older form: `function_call` in each choice that calls."""
    return cast("Part", {**part, "choices": [_choice({**choice}) for choice in part["choices"]]})


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    key = "message" if "message" in choice else "delta"
    message = dict(choice[key])
    for call in message.pop("tool_calls", ()):
        message["function_call"] = call["function"]
    reason = choice["finish_reason"]
    return {**choice, key: message, "finish_reason": "function_call" if reason == "tool_calls" else reason}
