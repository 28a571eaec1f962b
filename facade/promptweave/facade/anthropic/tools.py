"""Tools and the tool choice of Anthropic's API as those of a chat request."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.anthropic.block_parts import warn_of_unknown_part_fields
from promptweave.facade.anthropic.body import ToolBody, ToolChoiceBody
from promptweave.facade.bodies.source_map import Origin
from promptweave.facade.errors import RequestError, UnsupportedError
from promptweave.facade.openai.chat.request.translated import Notes
from promptweave.facade.policy import messages
from promptweave.facade.policy.client_tools import ClientTool
from promptweave.facade.policy.messages_client_tools import CLIENT_TOOLS

_UNKNOWN = "this type is unknown; provide a tool with an input_schema instead"


def tools_to_chat(tools: Sequence[ToolBody], notes: Notes) -> list[JsonObject]:
    """Return the tools of the chat request. Tools that cannot be served are left out, with a warning."""
    made: list[JsonObject] = []
    is_searchable = any(tool.defer_loading for tool in tools if not _is_search(tool))
    for number, tool in enumerate(tools):
        # The model is offered a search by `tool_search/`, whether the client lists one or not.
        if not (is_searchable and _is_search(tool)):
            add_tool(made, "", tool, f"/tools/{number}", notes)
    return made


def add_tool(made: list[JsonObject], owner: str, tool: ToolBody, path: str, notes: Notes) -> None:
    """Add the tool at `path` to those of the chat request, or of its message at `owner`."""
    if not _is_served(tool):
        kind = messages.without_version(tool.type)
        rule = messages.TOOLS.get(kind) or messages.SEARCH_TOOLS.get(kind)
        notes.warn("tool_left_out", path, f"tool {tool.type!r} is left out: {rule.why if rule else _UNKNOWN}")
        return
    defined = _defined(tool)
    warn_of_unknown_part_fields(tool, notes.warn, path, more=defined.options if defined else ())
    given = tool.model_extra or {}
    function = {
        "name": tool.name or (defined.name if defined else ""),
        "description": _description(tool, defined.description_of(given) if defined else ""),
        "strict": tool.strict,
        "parameters": defined.parameters(given) if defined else tool.input_schema,
    }
    place = f"{owner}/tools/{len(made)}"
    made.append({"type": "function", "function": function, "defer_loading": tool.defer_loading})
    notes.places.add(place, Origin(path))
    notes.places.add(f"{place}/function", Origin(path))
    notes.places.add(f"{place}/function/parameters", Origin(f"{path}/input_schema"))


def _defined(tool: ToolBody) -> ClientTool | None:
    """Return the tool as Anthropic defines it; None if the request defines it, or if it is not served."""
    if tool.type == "custom" or tool.input_schema is not None:
        return None
    return CLIENT_TOOLS.get(tool.type) or CLIENT_TOOLS.get(messages.without_version(tool.type))


def _is_served(tool: ToolBody) -> bool:
    return tool.type == "custom" or tool.input_schema is not None or _defined(tool) is not None


def _is_search(tool: ToolBody) -> bool:
    return messages.without_version(tool.type) in messages.SEARCH_TOOLS


def _description(tool: ToolBody, defined: str) -> str:
    """Return the description, with the examples of arguments. `defined`: the tool's own, if the request has none."""
    description = tool.description or defined
    if not tool.input_examples:
        return description
    examples = (json.dumps(each, ensure_ascii=False) for each in tool.input_examples)
    return "\n".join([*filter(None, [description]), "Examples of arguments:", *examples])


_CHOICES = {"auto": "auto", "any": "required", "required": "required", "none": "none"}
"""The choices that name no tool, `required` as in OpenAI's API → those of a chat request."""


def tool_choice_to_chat(choice: ToolChoiceBody, tools: Collection[ToolBody], notes: Notes) -> Any:
    """Return the tool choice of the chat request. Raises RequestError, and UnsupportedError for a tool that is left out."""
    warn_of_unknown_part_fields(choice, notes.warn, "/tool_choice")
    if choice.type in _CHOICES:
        return _CHOICES[choice.type]
    if choice.type != "tool":
        notes.warn("not_applied", "/tool_choice/type", f"tool_choice of type {choice.type!r} is unknown; 'auto' is used")
        return "auto"
    if not choice.name:
        raise RequestError("tool_choice of type 'tool' requires a tool name", path="/tool_choice/name")
    for tool in tools:
        if not (_is_served(tool) or _is_search(tool)) and choice.name in (tool.name, tool.type):
            why = f"the tool {choice.name!r} is not available here; provide a tool with an input_schema instead"
            raise UnsupportedError(why, path="/tool_choice/name")
    notes.places.add("/tool_choice/function", Origin("/tool_choice"))
    return {"type": "function", "function": {"name": choice.name}}
