"""What the service is asked to write, as values."""

from dataclasses import dataclass, field

from promptweave.inference.grammar_limits import GBNF, LARK, check_grammar
from promptweave.inference.llguidance_guard import HEADER
from promptweave.inference.sampling import Sampling
from promptweave.inference.sessions import SessionRef
from promptweave.output.tree import Syntax


@dataclass(frozen=True, slots=True)
class Text:
    """Text of the template: special tokens spelled in it are special tokens."""

    text: str


@dataclass(frozen=True, slots=True)
class PlainText:
    """Text of others: what looks like a special token in it stays text."""

    text: str


@dataclass(frozen=True, slots=True)
class Ids:
    """Token ids, taken as they are."""

    ids: tuple[int, ...]


Segment = Text | PlainText | Ids


@dataclass(frozen=True, slots=True)
class ReasoningBudget:
    """Reasoning is cut after so many tokens; `closing` is written then, and `grammar` (GBNF; None: any text) follows."""

    tokens: int
    closing: str
    grammar: str | None


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled prompt."""

    segments: tuple[Segment, ...]
    syntax: Syntax
    grammar: str | None = None
    """GBNF. None: any text, but for `lark`."""
    lark: str | None = None
    """llguidance's dialect of it, instead of GBNF."""
    stop: tuple[str, ...] = ()
    preserved_tokens: tuple[str, ...] = ()
    budget: ReasoningBudget | None = None

    @property
    def engine_grammar(self) -> str | None:
        """The grammar, as the engine takes it."""
        return self.grammar if self.lark is None else HEADER + self.lark

    def check(self) -> None:
        """Raises RequestError for a grammar that the engine would take in another sense than it is meant, or not survive."""
        if self.grammar is not None:
            check_grammar(self.grammar, GBNF, "/prompt/gbnf")
        if self.lark is not None:
            check_grammar(self.lark, LARK, "/prompt/llguidance")
        if self.budget and self.budget.grammar is not None:
            check_grammar(self.budget.grammar, GBNF, "/prompt/gbnf_after_reasoning")


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
    session: SessionRef | None = None
    n: int = 1
    """How many messages."""
    top_logprobs: int | None = None
    """How many of the likeliest tokens to tell at each place. None: no log-probabilities."""
    return_tokens: bool = False
