"""A chat request as the compiler sees it: plain values, free of any wire form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import cached_property
from typing import Any

from promptweave.output.grammar.dialects import Dialect


class Role(Enum):
    """Who speaks, by the names that templates use."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call of the history. `arguments` is JSON text; a custom tool's are `{"input": ...}`."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in a content, before the character at `place`. `data` is its file, `pointer` its place in the request."""

    place: int
    data: bytes = field(repr=False)
    mime_type: str
    pointer: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `content` None is OpenAI's null."""

    role: Role
    content: str | None = None
    name: str | None = None
    tool_calls: tuple[Call, ...] = ()
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    pictures: tuple[Picture, ...] = ()


class GrammarSyntax(Enum):
    """The notations of grammars that callers write."""

    GBNF = "GBNF"
    LARK = "Lark"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class TextGrammar:
    """A language of texts in some notation. A regular expression matches whole texts."""

    syntax: GrammarSyntax
    definition: str
    pointer: str = "/response_format/grammar/definition"
    """Where the definition stands in the request, for errors."""


MAX_KNOWN_TOOLS = 1024
"""Tools that are remembered: agents send the same ones with each request."""

_PRIVATE_ESCAPE = re.compile(r"\\u(e[0-9a-f]{3}|f[0-8][0-9a-f]{2})", re.IGNORECASE)


def private_characters(written: str) -> frozenset[int]:
    """The characters of the private use area U+E000 to U+F8FF in what `repr` wrote, which are escapes there."""
    return frozenset(int(found, 16) for found in _PRIVATE_ESCAPE.findall(written))


@dataclass(frozen=True)
class Tool:
    """A function that the model may call. `parameters` is a JSON Schema."""

    name: str
    description: str = ""
    parameters: dict[str, Any] | bool = field(default_factory=lambda: {"type": "object", "properties": {}})
    strict: bool = False
    """Every keyword of `parameters` is enforced by the grammar, or the request is refused."""
    custom: bool = False
    """Its input is text. To the model it is a function whose one argument is the string `input`."""
    grammar: TextGrammar | None = None
    """What a custom tool's input keeps to; None: any text."""

    @cached_property
    def key(self) -> str:
        """Tells it from other tools, for caches: its schema cannot be hashed."""
        return repr(self)

    @cached_property
    def is_small(self) -> bool:
        """Whether it may be remembered from request to request."""
        return len(self.key) <= 16_384

    @cached_property
    def private(self) -> frozenset[int]:
        """The private characters in it."""
        return private_characters(self.key)

    def pointer(self, place: int) -> str:
        """The tool, as one of the request's."""
        return f"/tools/{place}/{'custom' if self.custom else 'function'}"

    def as_openai(self) -> dict[str, Any]:
        """The tool as OpenAI writes it, which is what chat templates are given."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Which tools may be called. `required`: at least one call and no prose; `names`: only these (None: all).

    `once`: one call, whatever `parallel_tool_calls` says, as when a tool is named.
    """

    required: bool = False
    names: tuple[str, ...] | None = None
    once: bool = False

    @property
    def none(self) -> bool:
        """No tool is to be called."""
        return self.names == ()


@dataclass(frozen=True)
class JsonFormat:
    """The content is a JSON value of this schema.

    `strict` as for tools; it also closes objects that do not say otherwise.
    """

    schema: dict[str, Any] | bool
    strict: bool = False
    pointer: str = "/response_format/json_schema/schema"
    """Where the schema stands in the request, for errors."""


class SchemaStyle(Enum):
    """How schemas are written in the prompt, where the template does not do it."""

    JSON = "json"
    TYPESCRIPT = "typescript"


@dataclass(frozen=True)
class ChatRequest:
    """What to compile, apart from the template."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    parallel_tool_calls: bool = True
    response_format: JsonFormat | TextGrammar | None = None
    style: str = ""
    schema_style: SchemaStyle | None = None
    template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    reasoning_budget: int | None = None
    """At most so many tokens of reasoning."""
    prompt_cache_key: str = ""
    parse_special_in_content: bool = False
    """Special tokens spelled in what others wrote are special tokens."""
    continue_final_message: bool = False
    """The answer goes on from the last message, which is the assistant's."""
    dialect: Dialect = "gbnf"
    """The notation of the grammar."""

    @property
    def answer_schema(self) -> dict[str, Any] | bool | None:
        """The JSON Schema of the answer, if it has one."""
        return self.response_format.schema if isinstance(self.response_format, JsonFormat) else None
