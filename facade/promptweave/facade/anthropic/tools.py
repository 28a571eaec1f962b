"""Tools and the tool choice of Anthropic's API as those of a chat request."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.anthropic.body import ToolBody, ToolChoiceBody
from promptweave.facade.bodies.source_map import Origin
from promptweave.facade.errors import RequestError, UnsupportedError
from promptweave.facade.openai.chat.translated import ChatTools, Notes


def tools_to_chat(tools: Sequence[ToolBody], notes: Notes) -> list[JsonObject]:
    """Return the tools of the chat request. Raises UnsupportedError."""
    made = ChatTools(notes)
    for number, tool in enumerate(tools):
        path = f"/tools/{number}"
        add = _TOOLS.get(tool.type)
        if add is None:
            raise UnsupportedError(
                f"server tools of type {tool.type!r} are not supported; send a tool with an input_schema",
                path=f"{path}/type",
            )
        add(made, tool, path)
    return made.tools


def _add_client_tool(made: ChatTools, tool: ToolBody, path: str) -> None:
    function = {
        "name": tool.name,
        "description": tool.description,
        "strict": tool.strict,
        "parameters": tool.input_schema,
    }
    made.add("function", function, path, {"/parameters": "/input_schema"})


_TOOLS: Mapping[str, Callable[[ChatTools, ToolBody, str], None]] = {"custom": _add_client_tool}
"""Type of a tool → what adds it to the chat request."""

_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
"""The choices that name no tool → those of a chat request."""


def tool_choice_to_chat(choice: ToolChoiceBody, notes: Notes) -> Any:
    """Return the tool choice of the chat request. Raises RequestError."""
    if choice.type in _CHOICES:
        return _CHOICES[choice.type]
    if not choice.name:
        raise RequestError("tool_choice of type 'tool' requires a tool name", path="/tool_choice/name")
    notes.places.add("/tool_choice/function", Origin("/tool_choice"))
    return {"type": "function", "function": {"name": choice.name}}
