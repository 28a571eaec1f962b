"""Tools of the Responses API as those of a chat request. `tool_choice.py` selects among them."""

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.bodies.body import read_body
from promptweave.facade.bodies.source_map import Origin
from promptweave.facade.errors import RequestError
from promptweave.facade.openai.chat.request.body import GrammarDefinition
from promptweave.facade.openai.chat.request.translated import ChatTools, Notes
from promptweave.facade.openai.responses.request.tool_body import CustomTool, FunctionTool, NamespaceTool, ToolSearchTool
from promptweave.facade.policy.responses import NAME_TAKEN, OTHER_ENVIRONMENT, TOOLS
from promptweave.facade.policy.responses_client_tools import CLIENT_TOOLS, DefinedItem, DefinedTool
from promptweave.facade.policy.rules import TypeRule

TOOL_SEARCH = "tool_search"
"""The type of a tool search, and the function as which the model calls it."""

_SEARCH_DESCRIPTION = "Finds tools by what they are for. The tools that it finds can be called afterwards."
_SEARCH_PARAMETERS = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
_VERSION = re.compile(r"(_\d{4}_\d{2}_\d{2}|_\d{8})$")


def tools_to_chat(tools: Sequence[JsonObject], notes: Notes) -> list[JsonObject]:
    """Return the tools of the chat request. Raises RequestError and UnsupportedError."""
    made = _Tools(notes, ChatTools(notes), _names(tools))
    for number, tool in enumerate(tools):
        made.add(tool, Origin(f"/tools/{number}"))
    return made.chat.tools


def message_tools_to_chat(
    tools: Sequence[JsonObject], notes: Notes, message: str, origin: Origin, *, found: bool = False
) -> list[JsonObject]:
    """Return the tools of a chat message at `message`, from those of an item. Raises RequestError and UnsupportedError.

    `found`: a search has found them; they are deferred, so that references show them to the model.
    """
    made = _Tools(notes, ChatTools(notes, message, whole=origin.whole), _names(tools), found=found)
    for number, tool in enumerate(tools):
        made.add(tool, origin.below(f"/tools/{number}"))
    return made.chat.tools


def searches_for_tools(tools: Iterable[JsonObject]) -> bool:
    """Return whether the client searches for tools: then calls of the search are items of their own type."""
    return any(tool.get("type") == TOOL_SEARCH and tool.get("execution") == "client" for tool in tools)


def defined_calls(tools: Sequence[JsonObject]) -> dict[str, DefinedItem]:
    """Return the names of the tools that OpenAI defines and the client runs → the items of their calls."""
    names = _names(tools)
    found = [_defined(kind) for tool in tools if isinstance(kind := tool.get("type"), str) and not _why_not(tool, names)]
    return {one.tool.name: one.call for one in found if one is not None}


def _names(tools: Iterable[JsonObject]) -> set[str]:
    """Return the names of functions and custom tools."""
    return {str(tool.get("name")) for tool in tools if tool.get("type") in _MEMBERS}


def _why_not(tool: JsonObject, names: Container[str]) -> str | None:
    """Return why a tool that OpenAI defines is left out; None if it is served. `names`: those of other tools."""
    defined = _defined(tool["type"])
    environment = tool.get("environment")
    if defined is None:
        return why_left_out(tool["type"])
    if defined.environments and isinstance(environment, dict) and environment.get("type") not in defined.environments:
        return OTHER_ENVIRONMENT
    return NAME_TAKEN if defined.tool.name in names else None


class _Tools:
    """Adds tools to a chat request, or to a message of one."""

    def __init__(self, notes: Notes, chat: ChatTools, names: Iterable[str], *, found: bool = False) -> None:
        self.chat = chat
        self._notes = notes
        self._names = {*names}
        """Names that the tools that OpenAI defines cannot have."""
        self._found = found

    def add(self, tool: JsonObject, origin: Origin) -> None:
        """Add a tool of any type. Those that are not served are left out, with a warning."""
        kind = tool.get("type")
        if not isinstance(kind, str):
            raise RequestError("a tool requires a type, such as 'function'", path=origin.below("/type").path)
        if (add := _TOOLS.get(kind)) is not None:
            add(self, tool, origin)
        elif (why := _why_not(tool, self._names)) is not None:
            self._notes.warn("tool_left_out", origin.path, f"tools of type {kind!r} are left out: {why}")
        else:
            self._add_defined(tool, origin)

    def _function(self, tool: JsonObject, origin: Origin, **options: Any) -> None:
        function = read_body(FunctionTool, tool, origin.path)
        fields = function.model_dump(include=_FUNCTION_FIELDS, exclude_none=True)
        self.chat.add("function", fields, origin.path, **self._options(function, options))
        if tool.get("output_schema") is not None:
            why = "tool output is not validated against output_schema"
            self._notes.warn("not_applied", origin.below("/output_schema").path, why)

    def _custom(self, tool: JsonObject, origin: Origin, **options: Any) -> None:
        custom = read_body(CustomTool, tool, origin.path)
        fields: JsonObject = {"name": custom.name, "description": custom.description}
        if custom.format is not None and custom.format.type == "grammar":
            grammar = read_body(GrammarDefinition, tool["format"], origin.below("/format").path)
            fields["format"] = {"type": "grammar", "grammar": {"syntax": grammar.syntax, "definition": grammar.definition}}
        self.chat.add("custom", fields, origin.path, {"/format/grammar": "/format"}, **self._options(custom, options))

    def _namespace(self, tool: JsonObject, origin: Origin) -> None:
        namespace = read_body(NamespaceTool, tool, origin.path)
        first = len(self.chat.tools)
        for number, member in enumerate(namespace.tools):
            place = origin.below(f"/tools/{number}")
            add = _MEMBERS.get(str(member.get("type")))
            if add is None:
                why = "a namespace has functions and custom tools; others are left out"
                self._notes.warn("tool_left_out", place.path, why)
            else:
                add(self, member, place, namespace=namespace.name)
        # Tools that are found come one by one: there, the result of the search has the description.
        if namespace.description and not self._found and len(self.chat.tools) > first:
            made = self.chat.tools[first]
            fields = made[made["type"]]
            described = [f"{namespace.name}: {namespace.description}", fields.get("description")]
            fields["description"] = "\n\n".join(filter(None, described))

    def _tool_search(self, tool: JsonObject, origin: Origin) -> None:
        search = read_body(ToolSearchTool, tool, origin.path)
        if search.execution != "client":
            return  # Where tools are deferred, chat requests have a search of their own.
        fields = {
            "name": TOOL_SEARCH,
            "description": search.description or _SEARCH_DESCRIPTION,
            "parameters": _SEARCH_PARAMETERS if search.parameters is None else search.parameters,
        }
        self.chat.add("function", fields, origin.path)

    def _add_defined(self, tool: JsonObject, origin: Origin) -> None:
        defined = _defined(tool["type"])
        assert defined is not None
        function = defined.tool
        self._names.add(function.name)
        fields = {
            "name": function.name,
            "description": function.description_of(tool),
            "parameters": function.parameters(tool),
        }
        self.chat.add("function", fields, origin.path, defer_loading=self._found)

    def _options(self, tool: FunctionTool | CustomTool, options: JsonObject) -> JsonObject:
        deferred = {"defer_loading": True} if tool.defer_loading or self._found else {}
        return {**options, **deferred}


_FUNCTION_FIELDS = {"name", "description", "parameters", "strict"}

_TOOLS: Mapping[str, Callable[[_Tools, JsonObject, Origin], None]] = {
    "function": _Tools._function,
    "custom": _Tools._custom,
    "namespace": _Tools._namespace,
    TOOL_SEARCH: _Tools._tool_search,
}
"""Type of a tool → what adds it to the chat request, with the tool's position."""

_MEMBERS: Mapping[str, Callable[..., None]] = {"function": _Tools._function, "custom": _Tools._custom}
"""Type of a tool in a namespace → what adds it."""


def is_known_type(kind: object) -> bool:
    """Return whether OpenAI's API has tools of a type."""
    return isinstance(kind, str) and (kind in _TOOLS or _rule(kind) is not None or _defined(kind) is not None)


def defined_name(kind: str) -> str | None:
    """Return the name of a tool that OpenAI defines, by its type; None if it is not served."""
    defined = _defined(kind)
    return defined.tool.name if defined else None


def _defined(kind: str) -> DefinedTool | None:
    return CLIENT_TOOLS.get(kind) or CLIENT_TOOLS.get(_VERSION.sub("", kind))


def why_left_out(kind: str) -> str:
    """Return why tools of a type are left out."""
    rule = _rule(kind)
    return rule.why if rule else "the type is unknown; provide a function instead"


def _rule(kind: str) -> TypeRule | None:
    return TOOLS.get(kind) or TOOLS.get(_VERSION.sub("", kind))
