"""The tools that a request makes available, and where the prompt shows them.

A deferred tool is available once a message refers to it. A tool that becomes available after the conversation has begun
is shown as text in the message that brings it, so that the prompt before it stays in the engine's cache. If no tool is
available from the beginning, all are shown there, where the template can explain how to call them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from promptweave.compiler.errors import RequestError
from promptweave.compiler.identity_key import IdentityKey
from promptweave.compiler.messages.turns import SYSTEM_ROLES, paragraphs
from promptweave.compiler.request import (
    MAX_KNOWN_TOOLS,
    ChatRequest,
    Message,
    Role,
    SchemaStyle,
    Tool,
    ToolCall,
    ToolChoice,
    ToolReference,
)
from promptweave.compiler.styles.tool_text import tools_as_text
from promptweave.compiler.tools.aliases import ToolKey, aliases_of, find_tool, key_of, renamed
from promptweave.compiler.tools.null_keywords import without_null_keywords
from promptweave.compiler.warnings import CompileWarning
from promptweave.output.tree import ToolAlias

_HEADING = "More tools are available from here on:"

_BEGINNING = -1
"""The index of the message that makes a tool available, if it is available from the beginning."""


@dataclass(frozen=True, slots=True)
class LoadedTools:
    """A request whose tools are those that may be called, with the names that the model sees."""

    request: ChatRequest
    aliases: tuple[ToolAlias, ...]
    warnings: tuple[CompileWarning, ...]
    pointers: Mapping[str, Sequence[str]]
    """Where each of its messages and tools is in the original request."""
    names: Mapping[ToolKey, str]
    """The names by which the model knows the tools of the original request."""

    def name_of(self, call: ToolCall) -> str:
        """Return the name by which the model knows a call's tool, which may be gone."""
        return _name_of(call, self.names)


@dataclass(slots=True)
class _Offer:
    """A tool of the request."""

    tool: Tool
    pointer: str
    since: int | None
    """The index of the message that makes it available; None: it is deferred."""
    reference: ToolReference | None = None
    """What made it available, if it was deferred."""


def load_tools(request: ChatRequest) -> LoadedTools:
    """Return the request with the tools that are available in it. Raises RequestError."""
    offers = _Offers()
    for place, tool in enumerate(request.tools):
        offers.add(tool, f"/tools/{place}")
    begun = False
    for place, message in enumerate(request.messages):
        begun = begun or message.role not in SYSTEM_ROLES
        for number, tool in enumerate(message.tools):
            offers.add_later(tool, f"/messages/{place}/tools/{number}", place if begun else _BEGINNING)
        for reference in message.references:
            offers.load(reference, place)
    offers.load_chosen(request.tool_choice)
    return offers.loaded(request)


@dataclass(slots=True)
class _Offers:
    """The tools of a request, in the order in which they are offered."""

    _by_key: dict[ToolKey, _Offer] = field(default_factory=dict)
    _warnings: list[CompileWarning] = field(default_factory=list)

    def add(self, tool: Tool, pointer: str) -> None:
        """Add one of the request's tools. Raises RequestError if another tool has its name."""
        other = self._by_key.get(key_of(tool))
        if other is None:
            self.add_later(tool, pointer, _BEGINNING)
        elif other.tool == without_null_keywords(tool, pointer)[0]:
            self._warnings.append(CompileWarning("tool_duplicate", pointer, f"{tool.name!r} is listed twice, and used once"))
        else:
            message = f"duplicate tool name {tool.name!r}; tool names must be unique"
            raise RequestError(message, path=_name_pointer(tool, pointer))

    def add_later(self, tool: Tool, pointer: str, since: int) -> None:
        """Add a message's tool, which replaces another one of the same name. Raises RequestError if it has no name."""
        if not tool.name:
            raise RequestError("a tool name is required", path=_name_pointer(tool, pointer))
        tool, nulls = without_null_keywords(tool, pointer)
        other = self._by_key.get(key_of(tool))
        if other is not None and other.tool == tool:
            return
        self._warnings += nulls
        if other is not None:
            message = f"{tool.name!r} is replaced by a later tool of the same name"
            self._warnings.append(CompileWarning("tool_replaced", other.pointer, message))
        self._by_key[key_of(tool)] = _Offer(tool, pointer, None if tool.defer_loading else since)

    def load_chosen(self, choice: ToolChoice) -> None:
        """Make the tools available that the tool choice names, if no message does."""
        for name in choice.names or ():
            if (offer := self._find(name, choice.namespace)) and offer.since is None:
                offer.since = _BEGINNING

    def load(self, reference: ToolReference, since: int) -> None:
        """Make the tool available that a message refers to."""
        offer = self._find(reference.name, reference.namespace)
        if offer is None:
            message = f"no tool is named {reference.name!r}; the reference is omitted"
            self._warnings.append(CompileWarning("tool_unknown", reference.pointer, message))
        elif offer.since is None:
            offer.since, offer.reference = since, reference

    def loaded(self, request: ChatRequest) -> LoadedTools:
        """Return the request with the available tools. Raises RequestError if the tool choice names none of them."""
        available = [offer for offer in self._by_key.values() if offer.since is not None]
        if all(offer.since != _BEGINNING for offer in available):
            for offer in available:
                offer.since = _BEGINNING
        available.sort(key=lambda offer: offer.since != _BEGINNING)
        aliases = aliases_of(self._by_key)
        tools = tuple(_as_shown(offer, aliases) for offer in available)
        style = request.schema_style or SchemaStyle.JSON
        messages, places = [], []
        for place, given in enumerate(request.messages):
            if not (given.tools or given.tool_calls or given.references):
                messages.append(given)
                places.append(f"/messages/{place}")
                continue
            message = self._with_aliases(given, aliases)
            new = [offer for offer in available if offer.since == place]
            texts = {offer.pointer: tools_as_text([_as_shown(offer, aliases)], style) for offer in new}
            message = _with_references(
                message, {offer.reference: texts.pop(offer.pointer) for offer in new if offer.reference}
            )
            if texts:
                message = replace(message, content=paragraphs([message.content, "\n".join([_HEADING, *texts.values()])]))
            is_last_chance = place == len(request.messages) - 1 and not messages
            if not _only_brings_tools(given, message) or is_last_chance:
                messages.append(message)
                places.append(f"/messages/{place}")
        choice = self._choice(request.tool_choice, {tool.name for tool in tools}, aliases)
        return LoadedTools(
            replace(request, messages=tuple(messages), tools=tools, tool_choice=choice),
            renamed(aliases),
            tuple(self._warnings),
            {"messages": places, "tools": [offer.pointer for offer in available]},
            aliases,
        )

    def _find(self, name: str, namespace: str) -> _Offer | None:
        """Return the tool that a reference or the tool choice names: also by its name without the namespace."""
        found = find_tool(self._by_key, name, namespace)
        if found is None and not namespace:
            found = next((key for key in self._by_key if key[1] == name), None)
        return self._by_key[found] if found else None

    def _with_aliases(self, message: Message, aliases: Mapping[ToolKey, str]) -> Message:
        """Return the message with the names that the model sees. Calls of tools that are gone keep their form."""
        return replace(
            message,
            tools=(),
            tool_calls=tuple(replace(call, name=_name_of(call, aliases), namespace="") for call in message.tool_calls),
        )

    def _choice(self, choice: ToolChoice, available: set[str], aliases: Mapping[ToolKey, str]) -> ToolChoice:
        names = []
        for name in choice.names or ():
            offer = self._find(name, choice.namespace)
            names.append(aliases[key_of(offer.tool)] if offer else name)
            if names[-1] not in available:
                there = f"available: {', '.join(sorted(available))}" if available else "the request has no tools"
                raise RequestError(f"unknown tool {name!r}; {there}", path="/tool_choice")
        if choice.required and not available:
            raise RequestError("a tool call is required, but the request has no tools", path="/tool_choice")
        return choice if choice.names is None else replace(choice, names=tuple(names), namespace="")


def _name_of(call: ToolCall, aliases: Mapping[ToolKey, str]) -> str:
    key = find_tool(aliases, call.name, call.namespace) or (call.namespace, call.name)
    return aliases.get(key) or aliases_of([key])[key]


def _only_brings_tools(given: Message, message: Message) -> bool:
    """Return whether nothing of a message is left that the prompt could show, since its tools are shown elsewhere."""
    says = message.content or message.pictures or message.tool_calls or message.reasoning_content
    return bool(given.tools) and not says and message.role is not Role.TOOL


def _name_pointer(tool: Tool, pointer: str) -> str:
    return f"{pointer}/{'custom' if tool.custom else 'function'}/name"


def _as_shown(offer: _Offer, aliases: Mapping[ToolKey, str]) -> Tool:
    return _shown_tool(IdentityKey(offer.tool), aliases[key_of(offer.tool)], offer.since != _BEGINNING)


@lru_cache(maxsize=MAX_KNOWN_TOOLS)
def _shown_tool(tool: IdentityKey[Tool], name: str, in_message: bool) -> Tool:
    """Return the tool that the model sees: the same object for each request with the tool, since caches rely on that."""
    shown = replace(tool.value, name=name, namespace="", defer_loading=False, in_message=in_message)
    return tool.value if shown == tool.value else shown


def _with_references(message: Message, texts: dict[ToolReference, str]) -> Message:
    """Return the message with the definitions of tools in place of the references that make them available.

    A reference to a tool that is available already is replaced by its name.
    """
    content, pictures, shift = message.content or "", list(message.pictures), 0
    for reference in message.references:
        place = reference.place + shift
        text = texts.get(reference) or reference.name
        before, after = content[:place], content[place:]
        text = ("\n" if before and not before.endswith("\n") else "") + text + ("\n" if after else "")
        content = before + text + after
        pictures = [
            replace(picture, place=picture.place + len(text)) if picture.place >= place else picture for picture in pictures
        ]
        shift += len(text)
    if not message.references:
        return message
    return replace(message, content=content, pictures=tuple(pictures), references=())
