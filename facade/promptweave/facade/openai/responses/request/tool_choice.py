"""The tool choice of the Responses API as that of a chat request."""

from collections.abc import Iterator, Sequence
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.bodies.source_map import Origin
from promptweave.facade.errors import RequestError, UnsupportedError
from promptweave.facade.openai.chat.request.translated import Notes
from promptweave.facade.openai.responses.request.body import ChosenTool, ToolChoice
from promptweave.facade.openai.responses.request.tools import TOOL_SEARCH, defined_name, why_left_out

_KINDS = ("function", "custom")


def tool_choice_to_chat(choice: str | ToolChoice | None, tools: Sequence[JsonObject], notes: Notes) -> Any:
    """Return the tool choice of the chat request, whose tools are `tools`. Raises RequestError and UnsupportedError."""
    if not isinstance(choice, ToolChoice):
        return choice
    if choice.type == "allowed_tools":
        notes.places.add("/tool_choice/allowed_tools", Origin("/tool_choice"))
        notes.places.add("/tool_choice/allowed_tools/tools", Origin("/tool_choice/tools", whole=True))
        return {"type": choice.type, choice.type: {"mode": choice.mode, "tools": _allowed(choice, tools, notes)}}
    named = _named(choice, "/tool_choice")
    if named is None:
        raise _unsupported_error(choice, "/tool_choice")
    notes.places.add(f"/tool_choice/{named['type']}", Origin("/tool_choice"))
    return named


def _allowed(choice: ToolChoice, tools: Sequence[JsonObject], notes: Notes) -> list[JsonObject]:
    """Return the tools that may be called. Those that are not served are left out, unless no others are named."""
    allowed: list[JsonObject] = []
    unserved: list[tuple[ChosenTool, str]] = []
    for place, tool in enumerate(choice.tools):
        path = f"/tool_choice/tools/{place}"
        if tool.type == "namespace":
            allowed += _of_namespace(tool.name, tools)
        elif (named := _named(tool, path)) is not None:
            allowed.append(named)
        else:
            unserved.append((tool, path))
    if unserved and not allowed:
        raise _unsupported_error(*unserved[0])
    for tool, path in unserved:
        notes.warn("tool_left_out", path, f"tools of type {tool.type!r} are left out: {why_left_out(tool.type)}")
    return allowed


def _of_namespace(name: str, tools: Sequence[JsonObject]) -> Iterator[JsonObject]:
    for tool in tools:
        if tool.get("namespace") == name:
            kind = tool["type"]
            yield {"type": kind, kind: {"name": tool[kind]["name"]}, "namespace": name}


def _named(tool: ChosenTool, path: str) -> JsonObject | None:
    """Return the choice of a tool; None if tools of its type are not served. Raises RequestError if it has no name."""
    if tool.type == TOOL_SEARCH:
        return {"type": "function", "function": {"name": TOOL_SEARCH}}
    if tool.type not in _KINDS:
        name = defined_name(tool.type)
        return {"type": "function", "function": {"name": name}} if name else None
    if not tool.name:
        raise RequestError("tool_choice requires a tool name", path=f"{path}/name")
    return {"type": tool.type, tool.type: {"name": tool.name}, "namespace": tool.namespace}


def _unsupported_error(tool: ChosenTool, path: str) -> UnsupportedError:
    message = f"tool_choice names a tool of type {tool.type!r}, which is not supported: {why_left_out(tool.type)}"
    return UnsupportedError(message, path=f"{path}/type")
