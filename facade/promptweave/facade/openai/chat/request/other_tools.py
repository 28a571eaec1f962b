"""Tools and tool choices in the forms of other APIs, which clients send to chat completions, too; and hosted tools.

A tool whose fields are flat, as in the Responses API, becomes one of chat completions. Tools of other types are left out.
Both are warnings. A tool choice that names a tool that is left out is an error.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.bodies.body import read_body
from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.errors import RequestError
from promptweave.facade.openai.chat.request.body import (
    AllowedTools,
    ChatBody,
    Custom,
    Function,
    Named,
    Tool,
    ToolChoiceObject,
    ToolName,
)
from promptweave.facade.policy.chat import HOSTED_TOOL
from promptweave.facade.policy.rules import Warn

_MODES: Mapping[str, str] = {"auto": "auto", "none": "none", "any": "required", "required": "required"}
"""Tool choices of Anthropic's and Mistral's APIs that name no tool, and what they are called here."""

_SERVED = ("function", "custom")


def with_own_tools(body: ChatBody, places: SourceMap, warn: Warn) -> ChatBody:
    """Return the request with tools and a tool choice in the form of chat completions. Raises RequestError.

    `places`: records the origins of the tools; those of the body are not mapped.
    """
    update: dict[str, Any] = {"tool_choice": _choice(body.tool_choice, places, warn)}
    if not all(map(_is_own, body.tools)):
        update["tools"] = _tools(body.tools, "", places, warn)
    if not all(_is_own(tool) for message in body.messages for tool in message.tools):
        update["messages"] = [
            message.model_copy(update={"tools": _tools(message.tools, f"/messages/{place}", places, warn)})
            for place, message in enumerate(body.messages)
        ]
    return body.model_copy(update=update)


def _is_own(tool: Tool) -> bool:
    return tool.type in _SERVED and (tool.function is not None or tool.custom is not None)


def _tools(tools: Sequence[Tool], path: str, places: SourceMap, warn: Warn) -> list[Tool]:
    made: list[Tool] = []
    for number, tool in enumerate(tools):
        origin, place = f"{path}/tools/{number}", f"{path}/tools/{len(made)}"
        if tool.type not in _SERVED:
            warn("tool_left_out", origin, f"tools of type {tool.type!r} are left out: {HOSTED_TOOL}")
            continue
        places.add(place, Origin(origin))
        if not _is_own(tool):
            tool = _FLAT[tool.type](tool, origin, place, places, warn)
        made.append(tool)
    return made


def _flat_function(tool: Tool, origin: str, place: str, places: SourceMap, warn: Warn) -> Tool:
    fields = _flat_fields(tool, f"{origin}/function", warn, origin)
    schema = "parameters"
    if "input_schema" in fields:  # Anthropic's name.
        schema = "input_schema"
        fields.setdefault("parameters", fields.pop(schema))
    places.add(f"{place}/function", Origin(origin))
    places.add(f"{place}/function/parameters", Origin(f"{origin}/{schema}"))
    return tool.model_copy(update={"function": read_body(Function, fields, origin)})


def _flat_custom(tool: Tool, origin: str, place: str, places: SourceMap, warn: Warn) -> Tool:
    fields = _flat_fields(tool, f"{origin}/custom", warn, origin)
    form = fields.get("format")
    if isinstance(form, dict) and "definition" in form:
        fields["format"] = {"type": "grammar", "grammar": form}
    places.add(f"{place}/custom", Origin(origin))
    places.add(f"{place}/custom/format/grammar", Origin(f"{origin}/format"))
    return tool.model_copy(update={"custom": read_body(Custom, fields, origin)})


_FLAT = {"function": _flat_function, "custom": _flat_custom}


def _flat_fields(tool: Tool, path: str, warn: Warn, origin: str) -> JsonObject:
    fields = dict(tool.model_extra or {})
    if "name" not in fields:
        raise RequestError(f"a tool of type {tool.type!r} requires a {tool.type!r} object", path=path)
    why = f"fields of a tool belong under {tool.type!r}; they are accepted without it, as in the Responses API"
    warn("tool_converted", origin, why)
    return fields


# -- the choice --


def _choice(choice: str | ToolChoiceObject | None, places: SourceMap, warn: Warn) -> str | ToolChoiceObject | None:
    """Return the choice in the form of chat completions. Raises RequestError if it names a tool that is left out."""
    if not isinstance(choice, ToolChoiceObject):
        return _MODES.get(choice or "", choice)
    if choice.type in _MODES:
        return _MODES[choice.type]
    flat = choice.model_extra or {}
    if choice.type == "allowed_tools":
        fields = {"mode": flat.get("mode"), "tools": flat.get("tools")}
        allowed = choice.allowed_tools or read_body(AllowedTools, fields, "/tool_choice")
        origin = "/tool_choice" if choice.allowed_tools is None else "/tool_choice/allowed_tools"
        places.add("/tool_choice/allowed_tools", Origin(origin))
        return choice.model_copy(update={"allowed_tools": _allowed(allowed, f"{origin}/tools", places, warn)})
    if choice.type in (*_SERVED, "tool"):
        named = choice.function or choice.custom
        if named is None and isinstance(flat.get("name"), str):
            named = Named(name=flat["name"])
        kind = "custom" if choice.custom or choice.type == "custom" else "function"
        return choice.model_copy(update={"type": kind, kind: named})
    raise RequestError(f"tool_choice: tools of type {choice.type!r} are not served: {HOSTED_TOOL}", path="/tool_choice")


def _allowed(allowed: AllowedTools, path: str, places: SourceMap, warn: Warn) -> AllowedTools:
    """Return the allowed tools that are served. `path`: the position of the list in the request."""
    served: list[ToolName] = []
    for number, tool in enumerate(allowed.tools):
        if tool.type not in _SERVED:
            warn("tool_left_out", f"{path}/{number}", f"tools of type {tool.type!r} are left out: {HOSTED_TOOL}")
            continue
        flat = tool.model_extra or {}
        if tool.function is None and tool.custom is None and isinstance(flat.get("name"), str):
            tool = tool.model_copy(update={tool.type: Named(name=flat["name"])})
        places.add(f"/tool_choice/allowed_tools/tools/{len(served)}", Origin(f"{path}/{number}"))
        served.append(tool)
    if allowed.tools and not served:
        raise RequestError(f"tool_choice: allows only tools that are not served: {HOSTED_TOOL}", path=path)
    return allowed.model_copy(update={"tools": served})
