"""What the service is asked to write, as values."""

from dataclasses import dataclass, field

from promptweave.inference.engine.llguidance import HEADER
from promptweave.inference.generation.grammar_limits import GBNF, LARK, check_grammar
from promptweave.inference.generation.sampling import Sampling
from promptweave.inference.sessions.sessions import SessionRef
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


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, as its encoded file."""

    data: bytes = field(repr=False)


Segment = Text | PlainText | Ids | Picture


@dataclass(frozen=True, slots=True)
class ReasoningBudget:
    """Reasoning is cut after so many tokens; `closing` is written then, and `grammar` (None: any text) follows."""

    tokens: int
    closing: str
    grammar: str | None


@dataclass(frozen=True, slots=True)
class CompiledPrompt:
    """A compiled prompt."""

    segments: tuple[Segment, ...]
    syntax: Syntax
    grammar: str | None = None
    """GBNF. None: any text, but for `lark`."""
    lark: str | None = None
    """The same in llguidance's notation, instead of GBNF. What follows a budget is in the same one."""
    stop: tuple[str, ...] = ()
    preserved_tokens: tuple[str, ...] = ()
    budget: ReasoningBudget | None = None

    @property
    def engine_grammar(self) -> str | None:
        """The grammar, as the engine takes it."""
        return self.grammar if self.lark is None else HEADER + self.lark

    @property
    def engine_grammar_after_reasoning(self) -> str | None:
        """The grammar of what follows where the budget cut the reasoning, as the engine takes it."""
        after = self.budget.grammar if self.budget else None
        return after if self.lark is None or after is None else HEADER + after

    @property
    def grammars(self) -> str | None:
        """All that the engine is given of grammars, as one text, by which they are told from others."""
        both = (self.engine_grammar, self.engine_grammar_after_reasoning)
        return "\n\n".join(grammar for grammar in both if grammar is not None) or None

    def check(self) -> None:
        """Raises RequestError for a grammar that the engine would take in another sense than it is meant, or not survive."""
        if self.grammar is not None:
            check_grammar(self.grammar, GBNF, "/prompt/gbnf")
        if self.lark is not None:
            check_grammar(self.lark, LARK, "/prompt/llguidance")
        if self.budget and self.budget.grammar is not None:
            name, notation = ("gbnf", GBNF) if self.lark is None else ("llguidance", LARK)
            check_grammar(self.budget.grammar, notation, f"/prompt/{name}_after_reasoning")


@dataclass(frozen=True, slots=True)
class Request:
    """What to write: one message, or several for the same prompt."""

    program: CompiledPrompt
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
    fast_forward: bool = True
    """Whether forced text may be appended instead of being sampled, where the service does that."""
