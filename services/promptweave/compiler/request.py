"""A chat request as the compiler sees it: plain values, independent of the wire format."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import cached_property
from typing import Any

from promptweave.output.grammar.dialects import Dialect


class Role(Enum):
    """The author of a message, by the names that templates use."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call of the history. `arguments` is JSON text; for a custom tool it is `{"input": ...}`."""

    id: str
    name: str
    arguments: str
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class ToolReference:
    """A reference to a deferred tool, before the character at `place` of a content. `pointer` is its path in the request."""

    place: int
    name: str
    namespace: str
    pointer: str


@dataclass(frozen=True, slots=True)
class Picture:
    """An image, before the character at `place` of a content. `data` is its file, `pointer` its path in the request."""

    place: int
    data: bytes = field(repr=False)
    mime_type: str
    pointer: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `content` is None for OpenAI's null."""

    role: Role
    content: str | None = None
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    pictures: tuple[Picture, ...] = ()
    references: tuple[ToolReference, ...] = ()
    """Deferred tools that are available from here on."""
    tools: "tuple[Tool, ...]" = ()
    """Tools that become available with this message."""


class GrammarSyntax(Enum):
    """The notations of grammars that callers may use."""

    GBNF = "GBNF"
    LARK = "Lark"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class TextGrammar:
    """A language of texts in some notation. A regular expression must match the complete text."""

    syntax: GrammarSyntax
    definition: str
    pointer: str = "/response_format/grammar/definition"
    """JSON pointer of the definition in the request, for errors."""


MAX_KNOWN_TOOLS = 1024
"""Number of cached tools: agents send the same ones with each request."""

_PRIVATE_ESCAPE = re.compile(r"\\u(e[0-9a-f]{3}|f[0-8][0-9a-f]{2})", re.IGNORECASE)


def private_characters(written: str) -> frozenset[int]:
    """Return the private-use characters U+E000 to U+F8FF in the output of `repr`, which writes them as escapes."""
    return frozenset(int(found, 16) for found in _PRIVATE_ESCAPE.findall(written))


@dataclass(frozen=True)
class Tool:
    """A function that the model may call. `parameters` is a JSON Schema."""

    name: str
    description: str = ""
    parameters: dict[str, Any] | bool = field(default_factory=lambda: {"type": "object", "properties": {}})
    strict: bool = False
    """Every keyword of `parameters` is enforced by the grammar, or the request is rejected."""
    custom: bool = False
    """Its input is text. The model sees a function whose one argument is the string `input`."""
    grammar: TextGrammar | None = None
    """The grammar of a custom tool's input; None: any text."""
    namespace: str = ""
    defer_loading: bool = False
    """Not available before a message refers to it."""
    in_message: bool = False
    """It became available later than the first turn: a message shows it, not the list of tools."""

    @cached_property
    def key(self) -> str:
        """Return a key that identifies the tool in caches: its schema is not hashable."""
        return repr(self)

    @cached_property
    def is_small(self) -> bool:
        """Return whether the tool is small enough to be cached across requests."""
        return len(self.key) <= 16_384

    @cached_property
    def private(self) -> frozenset[int]:
        """Return the private-use characters in the tool."""
        return private_characters(self.key)

    def pointer(self, place: int) -> str:
        """Return the JSON pointer of the tool at index `place` of the request."""
        return f"/tools/{place}/{'custom' if self.custom else 'function'}"

    def as_openai(self) -> dict[str, Any]:
        """Return the tool in OpenAI's format, which chat templates expect; without a description if it has none."""
        described = {"description": self.description} if self.description else {}
        return {"type": "function", "function": {"name": self.name, **described, "parameters": self.parameters}}


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Which tools may be called. `required`: at least one call and no text; `names`: only these (None: all).

    `once`: a single call regardless of `parallel_tool_calls`, for example when a tool is named. `namespace`: that of a
    named tool. `excluded`: tools that the prompt shows but that may not be called in this answer.
    """

    required: bool = False
    names: tuple[str, ...] | None = None
    once: bool = False
    namespace: str = ""
    excluded: tuple[str, ...] = ()

    @property
    def none(self) -> bool:
        """Return whether no tool may be called."""
        return self.names == ()


@dataclass(frozen=True)
class JsonFormat:
    """The content is a JSON value of this schema.

    `strict` works as for tools; it also closes objects that do not specify otherwise.
    """

    schema: dict[str, Any] | bool
    strict: bool = False
    pointer: str = "/response_format/json_schema/schema"
    """JSON pointer of the schema in the request, for errors."""


class SchemaStyle(Enum):
    """How schemas are printed in the prompt if the template does not print them."""

    JSON = "json"
    TYPESCRIPT = "typescript"


@dataclass(frozen=True)
class ChatRequest:
    """The request to compile, without the template."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    parallel_tool_calls: bool = True
    response_format: JsonFormat | TextGrammar | None = None
    style: str = ""
    schema_style: SchemaStyle | None = None
    template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    thinking: bool | None = None
    """Whether to reason; None: as the template does by default."""
    effort: str | None = None
    """The effort of reasoning, for templates that take one."""
    system_switch: str = ""
    """A text at the end of the system message that turns reasoning on or off."""
    think_first: bool = False
    """The model reasons before a constrained answer, also if the template has no reasoning."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    reasoning_budget: int | None = None
    """Maximum number of reasoning tokens."""
    prompt_cache_key: str = ""
    parse_special_in_content: bool = False
    """Special tokens spelled in untrusted text are parsed as special tokens."""
    continue_final_message: bool = False
    """The answer continues the last message, which must be the assistant's."""
    dialect: Dialect = "gbnf"
    """The notation of the grammar."""
    prevent_repeated_calls: bool = False
    """The tools of a loop that the conversation ends with cannot be called in this answer."""
    removed_tools: tuple[str, ...] = ()
    """Names of tools that the prompt shows, but that cannot be called."""
    replace_unusable_images: bool = False
    """Images that cannot be used become a text, with a warning; else the request is rejected."""

    @property
    def tool_notation(self) -> SchemaStyle:
        """Return how the tools are printed if the template does not print them."""
        return self.schema_style or SchemaStyle.JSON

    @property
    def answer_schema(self) -> dict[str, Any] | bool | None:
        """Return the JSON Schema of the answer, if it has one."""
        return self.response_format.schema if isinstance(self.response_format, JsonFormat) else None
