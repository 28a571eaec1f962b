"""Calls in the history that are not in the form of chat completions: flat ones, those of hosted tools, and empty ones."""

import json
from collections.abc import Sequence

from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.openai.chat.request.body import ContentPart, CustomCall, FunctionCall, Message, ToolCall
from promptweave.facade.policy.rules import Warn, warn_of_unknown_fields

_FLAT_FIELDS = ("name", "arguments", "input", "call_id", "index", "status")
"""Fields of a flat call that are read, or need not be. Others, such as an output, are a warning."""


def with_own_calls(messages: Sequence[Message], places: SourceMap, warn: Warn) -> list[Message]:
    """Return the messages with calls of functions and custom tools only; other calls become text of their message.

    `places`: records the origins of the calls; those of the messages are not mapped.
    """
    return [
        message if all(map(_is_own, message.tool_calls)) else _message(message, f"/messages/{place}", places, warn)
        for place, message in enumerate(messages)
    ]


def _is_own(call: ToolCall) -> bool:
    if call.custom is not None:
        return bool(call.custom.name)
    return call.type == "function" and call.function is not None and bool(call.function.name)


def _message(message: Message, path: str, places: SourceMap, warn: Warn) -> Message:
    content = [ContentPart(text=message.content)] if isinstance(message.content, str) else [*(message.content or ())]
    calls: list[ToolCall] = []
    for number, call in enumerate(message.tool_calls):
        origin, place = f"{path}/tool_calls/{number}", f"{path}/tool_calls/{len(calls)}"
        own = call if _is_own(call) else _unflattened(call)
        if own is not None:
            if own is not call:
                warn_of_unknown_fields(call.model_extra or {}, _FLAT_FIELDS, warn, origin)
            places.add(place, Origin(origin, whole=own is not call))
            calls.append(own)
            continue
        fields = call.model_dump(exclude_unset=True)
        if fields:
            places.add(f"{path}/content/{len(content)}", Origin(origin, whole=True))
            text = f"[called {call.type} with {json.dumps(fields, ensure_ascii=False)}]"
            content.append(ContentPart(text=f"\n{text}" if content else text))
            warn("call_as_text", origin, f"a call of type {call.type!r} without a function is rendered as text")
        else:
            warn("call_left_out", origin, "an empty call is left out")
    return message.model_copy(update={"tool_calls": calls, "content": content or None})


def _unflattened(call: ToolCall) -> ToolCall | None:
    """Return a call whose fields are flat, as in the Responses API, in the form of chat completions; None for others."""
    fields = call.model_extra or {}
    name = call.function.name if call.function else fields.get("name")
    if not isinstance(name, str) or not name:
        return None
    if call.function is None and isinstance(fields.get("input"), str):
        return ToolCall(id=call.id, type="custom", custom=CustomCall(name=name, input=fields["input"]))
    arguments = call.function.arguments if call.function else fields.get("arguments", fields.get("input", ""))
    return ToolCall(id=call.id, namespace=call.namespace, function=FunctionCall(name=name, arguments=arguments))
