"""What the service is asked to write, as values."""

from dataclasses import dataclass, field

from promptweave.inference.sampling import Sampling
from promptweave.output.tree import Syntax


@dataclass(frozen=True, slots=True)
class Text:
    """Text of the template: special tokens spelled in it are special tokens."""

    text: str


@dataclass(frozen=True, slots=True)
class PlainText:
    """Text of others: what looks like a special token in it stays text."""

    text: str


Segment = Text | PlainText


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled prompt."""

    segments: tuple[Segment, ...]
    syntax: Syntax
    grammar: str | None = None
    """GBNF. None: any text."""
    stop: tuple[str, ...] = ()
    preserved_tokens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What to write: one message, or several for the same prompt."""

    program: Program
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None
    """None: up to the context's end."""
    stop: tuple[str, ...] = ()
    """The caller's own stop strings."""
    priority: int = 0
    n: int = 1
    """How many messages."""
    top_logprobs: int | None = None
    """How many of the likeliest tokens to tell at each place. None: no log-probabilities."""
    return_tokens: bool = False
