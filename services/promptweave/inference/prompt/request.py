"""A generation request, as values."""

from dataclasses import dataclass, field

from promptweave.inference.engine.llguidance import HEADER
from promptweave.inference.prompt.grammar_limits import GBNF, LARK, check_grammar
from promptweave.inference.prompt.sampling import Sampling
from promptweave.inference.sessions.sessions import SessionRef
from promptweave.output.tree import Syntax


@dataclass(frozen=True, slots=True)
class TemplateText:
    """Template text: special tokens spelled in it are special tokens."""

    text: str


@dataclass(frozen=True, slots=True)
class PlainText:
    """Untrusted text: what looks like a special token in it stays text."""

    text: str


@dataclass(frozen=True, slots=True)
class Ids:
    """Token ids, passed on unchanged."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image, as an encoded file."""

    data: bytes = field(repr=False)


PromptSegment = TemplateText | PlainText | Ids | Picture


@dataclass(frozen=True, slots=True)
class ReasoningBudget:
    """Reasoning is cut after `tokens` tokens; `closing` is inserted there, and `grammar` (None: any text) follows."""

    tokens: int
    closing: str
    grammar: str | None


@dataclass(frozen=True, slots=True)
class CompiledPrompt:
    """A compiled prompt."""

    segments: tuple[PromptSegment, ...]
    syntax: Syntax
    grammar: str | None = None
    """GBNF. None: any text, unless `lark` is given."""
    lark: str | None = None
    """The grammar in llguidance's notation, instead of GBNF. The budget's grammar is in the same notation."""
    stop: tuple[str, ...] = ()
    preserved_tokens: tuple[str, ...] = ()
    budget: ReasoningBudget | None = None

    @property
    def engine_grammar(self) -> str | None:
        """Return the grammar in the engine's form."""
        return self.grammar if self.lark is None else HEADER + self.lark

    @property
    def engine_grammar_after_reasoning(self) -> str | None:
        """Return the grammar of what follows when the budget cuts the reasoning, in the engine's form."""
        after = self.budget.grammar if self.budget else None
        return after if self.lark is None or after is None else HEADER + after

    @property
    def grammars(self) -> str | None:
        """Return all grammars that the engine is given as one text, which identifies them."""
        both = (self.engine_grammar, self.engine_grammar_after_reasoning)
        return "\n\n".join(grammar for grammar in both if grammar is not None) or None

    def check(self) -> None:
        """Raise RequestError for a grammar that the engine would misinterpret or crash on."""
        if self.grammar is not None:
            check_grammar(self.grammar, GBNF, "/prompt/gbnf")
        if self.lark is not None:
            check_grammar(self.lark, LARK, "/prompt/llguidance")
        if self.budget and self.budget.grammar is not None:
            name, notation = ("gbnf", GBNF) if self.lark is None else ("llguidance", LARK)
            check_grammar(self.budget.grammar, notation, f"/prompt/{name}_after_reasoning")


@dataclass(frozen=True, slots=True)
class Request:
    """What to generate: one message, or several for the same prompt."""

    program: CompiledPrompt
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None
    """None: up to the end of the context."""
    stop: tuple[str, ...] = ()
    """The caller's own stop strings."""
    priority: int = 0
    session: SessionRef | None = None
    n: int = 1
    """Number of messages."""
    top_logprobs: int | None = None
    """How many of the likeliest tokens to return at each position. None: no log-probabilities."""
    return_tokens: bool = False
    fast_forward: bool = True
    """Whether forced text may be appended instead of being sampled, if the service does that."""
