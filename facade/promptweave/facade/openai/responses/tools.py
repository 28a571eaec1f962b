"""Tools and the tool choice of the Responses API as those of a chat request."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.bodies.body import read_body
from promptweave.facade.bodies.source_map import Origin
from promptweave.facade.errors import RequestError, UnsupportedError
from promptweave.facade.openai.chat.body import GrammarDefinition
from promptweave.facade.openai.chat.translated import ChatTools, Notes
from promptweave.facade.openai.responses.body import CustomTool, FunctionTool, ToolChoice


def tools_to_chat(tools: Sequence[JsonObject], notes: Notes) -> list[JsonObject]:
    """Return the tools of the chat request. Raises RequestError and UnsupportedError."""
    made = ChatTools(notes)
    for number, tool in enumerate(tools):
        path = f"/tools/{number}"
        _TOOLS[_served(tool.get("type"), path)](made, tool, path)
    return made.tools


def _served(kind: object, path: str) -> str:
    """Return the type of a tool, if it is supported."""
    if isinstance(kind, str) and kind in _TOOLS:
        return kind
    what = f"tools of type {kind!r} are" if isinstance(kind, str) else "a tool without a type is"
    raise UnsupportedError(f"{what} not supported; supported types: {', '.join(_TOOLS)}", path=f"{path}/type")


def _add_function(made: ChatTools, tool: JsonObject, path: str) -> None:
    function = read_body(FunctionTool, tool, path)
    made.add("function", function.model_dump(include=set(FunctionTool.model_fields), exclude_none=True), path)


def _add_custom(made: ChatTools, tool: JsonObject, path: str) -> None:
    custom = read_body(CustomTool, tool, path)
    fields: JsonObject = {"name": custom.name, "description": custom.description}
    if custom.format is not None and custom.format.type == "grammar":
        grammar = read_body(GrammarDefinition, tool["format"], f"{path}/format")
        fields["format"] = {"type": "grammar", "grammar": {"syntax": grammar.syntax, "definition": grammar.definition}}
    made.add("custom", fields, path, {"/format/grammar": "/format"})


_TOOLS: Mapping[str, Callable[[ChatTools, JsonObject, str], None]] = {"function": _add_function, "custom": _add_custom}
"""Type of a tool → what adds it to the chat request, with the tool's position."""


# -- the choice --


def tool_choice_to_chat(choice: str | ToolChoice | None, notes: Notes) -> Any:
    """Return the tool choice of the chat request. Raises RequestError and UnsupportedError."""
    if not isinstance(choice, ToolChoice):
        return choice
    if choice.type == "allowed_tools":
        tools = [_named(tool.type, tool.name, f"/tool_choice/tools/{place}") for place, tool in enumerate(choice.tools)]
        notes.places.add("/tool_choice/allowed_tools", Origin("/tool_choice"))
        notes.places.add("/tool_choice/allowed_tools/names", Origin("/tool_choice/tools", whole=True))
        return {"type": choice.type, choice.type: {"mode": choice.mode, "tools": tools}}
    notes.places.add(f"/tool_choice/{choice.type}", Origin("/tool_choice"))
    return _named(choice.type, choice.name, "/tool_choice")


def _named(kind: str, name: str, path: str) -> JsonObject:
    _served(kind, path)
    if not name:
        raise RequestError("tool_choice requires a tool name", path=f"{path}/name")
    return {"type": kind, kind: {"name": name}}
