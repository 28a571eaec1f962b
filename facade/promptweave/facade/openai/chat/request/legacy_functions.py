"""`functions` and `function_call`, OpenAI's older form of tools.

A request in that form becomes one with tools, with at most one call; the choices of its response are converted back.
"""

from collections.abc import Sequence
from typing import Any, TypeVar, cast

from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.errors import RequestError
from promptweave.facade.openai.chat.request.body import ChatBody, Message, Named, Tool, ToolCall, ToolChoiceObject
from promptweave.facade.openai.chat.response.objects import ChatCompletion, ChatCompletionChunk

Part = TypeVar("Part", ChatCompletion, ChatCompletionChunk)


def functions_as_tools(body: ChatBody, places: SourceMap) -> dict[str, Any]:
    """Return the fields of the request that `functions` change. Raises RequestError."""
    if not body.functions:
        if body.function_call not in (None, "none", "auto"):
            raise RequestError("function_call requires functions; use tool_choice with tools", path="/function_call")
        return {}
    for name in ("tools", "tool_choice"):
        if getattr(body, name):
            raise RequestError(f"{name} cannot be combined with functions (deprecated); send tools only", path=f"/{name}")
    for place in range(len(body.functions)):
        places.add(f"/tools/{place}/function", Origin(f"/functions/{place}"))
    places.add("/tools", Origin("/functions"))
    places.add("/tool_choice", Origin("/function_call", whole=True))
    choice = body.function_call
    return {
        "tools": [Tool(type="function", function=function) for function in body.functions],
        "tool_choice": ToolChoiceObject(type="function", function=choice) if isinstance(choice, Named) else choice,
        "parallel_tool_calls": False,
    }


def calls_of_functions(messages: Sequence[Message], places: SourceMap) -> list[Message]:
    """Return the messages, with `function_call` among the calls, and the ids that results need.

    A result belongs to the last call of its function. One without a call has no id: the compiler adds one.
    """
    made, ids = [], dict[str | None, str]()
    for place, message in enumerate(messages):
        if message.function_call:
            number = len(message.tool_calls)
            call = ToolCall(id=f"call_{place}", function=message.function_call)
            ids[message.function_call.name] = call.id
            message = message.model_copy(update={"tool_calls": [*message.tool_calls, call]})
            origin = f"/messages/{place}/function_call"
            places.add(f"/messages/{place}/tool_calls/{number}/function", Origin(origin))
            places.add(f"/messages/{place}/tool_calls/{number}", Origin(origin, whole=True))
        elif message.role == "function":
            message = message.model_copy(update={"role": "tool", "tool_call_id": ids.get(message.name)})
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
