"""The typed pieces of a message, in the order in which they become certain. No delta is ever retracted."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContentDelta:
    """More content. `stoppable`: it is free text, so stop strings apply to it."""

    text: str
    stoppable: bool = True


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class CallHeader:
    """The start of tool call `index` (from 0). `custom`: its fragments are input text, not JSON arguments."""

    index: int
    id: str
    name: str
    custom: bool = False
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class CallFragment:
    """More of the arguments (or input) of tool call `index`."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class CallEnd:
    """Tool call `index` is complete. A call without this was cut off."""

    index: int


@dataclass(frozen=True, slots=True)
class SchemaViolation:
    """A value that its grammar accepts and its schema does not: it is emitted as this, not as content or as a call.

    `name`: the tool that would have been called; "" for content. `text`: the value. `path`: a JSON pointer into it.
    """

    name: str
    text: str
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class SyntaxMismatch:
    """The output deviated from its syntax, `offset` characters into the generated text; the rest is content."""

    offset: int
    message: str


Delta = ContentDelta | ReasoningDelta | CallHeader | CallFragment | CallEnd | SchemaViolation | SyntaxMismatch
