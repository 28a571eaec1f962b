"""Checks every constrained answer against its grammar before it is passed on: no bug in the engine or in promptweave may
return what the grammar does not allow.

Costs about 0.2 µs per token if the beginning of the answer was checked before, and 2 to 31 µs if not
(`benchmarks/grammar_guard.py`).
"""

import logging
from typing import Protocol

from promptweave.inference.errors import GrammarViolationError
from promptweave.inference.grammar.grammar_cache import derivative_of
from promptweave.output.grammar.derivative import AmbiguousGrammarError, Derivative

logger = logging.getLogger(__name__)

_NOT_TEXT = "\ufffd"


class GrammarGuard(Protocol):
    """Checks a message against its grammar."""

    def read(self, text: str) -> None:
        """Raise GrammarViolationError if the grammar does not allow the text."""
        ...

    def end(self) -> None:
        """Raise GrammarViolationError if the message is incomplete."""
        ...


class GbnfGuard:
    """The guard of a GBNF grammar.

    Invalid UTF-8 arrives as U+FFFD, and the engine counts it in its own way. If the grammar cannot be followed after that,
    the guard stops checking; such values are validated when they are complete (`output/parse/parser.py`).
    """

    def __init__(self, start: Derivative, closing: str = "", after: Derivative | None = None) -> None:
        """Start at `start`. `closing`: if it cuts the reasoning, `after` follows (None: any text)."""
        self._states = [start]
        self._closing, self._after = closing, after
        self._broken = False

    def read(self, text: str) -> None:
        """Raise GrammarViolationError if the grammar does not allow the text."""
        if not self._states or not text:
            return
        self._broken = self._broken or _NOT_TEXT in text
        try:
            before, closing, behind = text.partition(self._closing) if self._closing else (text, "", "")
            cut = bool(closing) and any(state.after(before) for state in self._states)
            following = [state.after(text) for state in self._states]
            if cut and self._after:
                following.append(self._after.after(behind))
        except AmbiguousGrammarError:
            logger.warning("a grammar is too ambiguous to follow; the rest of the output is not checked")
            self._states = []
            return
        self._states = [state for state in following if state]
        if not self._states and not self._broken and not (cut and self._after is None):
            raise GrammarViolationError("the output violates its grammar")

    def end(self) -> None:
        """Raise GrammarViolationError if the message is incomplete."""
        if self._states and not self._broken and not any(state.may_end for state in self._states):
            raise GrammarViolationError("the output ended before its grammar was complete")


async def gbnf_guard(gbnf: str, closing: str = "", after: str | None = None) -> GbnfGuard | None:
    """Return the guard of a grammar. None: promptweave did not print it, so only the engine enforces it.

    `closing`, `after`: what cuts the reasoning, and the grammar of what follows it; None: any text.
    """
    start = await derivative_of(gbnf)
    following = await derivative_of(after) if after is not None else None
    if start is None or (after is not None and following is None):
        return None
    return GbnfGuard(start, closing, following)
