"""Reads every constrained answer along its grammar before it is passed on: neither a fault of the engine nor one of ours may
pass off what the grammar does not admit.

Costs about 0.2 µs a token where the answer's beginning was read before, and 2 to 40 where it was not
(`benchmarks/grammar_guard.py`).
"""

import logging
from typing import Protocol

from promptweave.inference.errors import GrammarViolationError
from promptweave.inference.generation.grammar_cache import derivative_of
from promptweave.output.grammar.derivative import AmbiguousGrammarError, Derivative

logger = logging.getLogger(__name__)

_NOT_TEXT = "\ufffd"


class GrammarGuard(Protocol):
    """Reads a message along its grammar."""

    def read(self, text: str) -> None:
        """Raises GrammarViolationError for what the grammar does not allow."""
        ...

    def end(self) -> None:
        """Raises GrammarViolationError where the message is not whole."""
        ...


class GbnfGuard:
    """The guard of a grammar in GBNF.

    Bytes that are not a character come as U+FFFD, and the engine counts them in its own way. Where the grammar can not be
    followed behind one, the guard ends; such values are validated when they are whole (`output/parse/parser.py`).
    """

    def __init__(self, start: Derivative, closing: str = "", after: Derivative | None = None) -> None:
        """`closing`: where it cuts the reasoning, `after` follows (None: any text)."""
        self._states = [start]
        self._closing, self._after = closing, after
        self._broken = False

    def read(self, text: str) -> None:
        """Raises GrammarViolationError for what the grammar does not allow."""
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
            logger.warning("a grammar has too many ways to read an answer: the rest of the answer is not checked")
            self._states = []
            return
        self._states = [state for state in following if state]
        if not self._states and not self._broken and not (cut and self._after is None):
            raise GrammarViolationError("the answer left its grammar")

    def end(self) -> None:
        """Raises GrammarViolationError where the message is not whole."""
        if self._states and not self._broken and not any(state.may_end for state in self._states):
            raise GrammarViolationError("the answer ended before its grammar did")


async def gbnf_guard(gbnf: str, closing: str = "", after: str | None = None) -> GbnfGuard | None:
    """The guard of a grammar. None: it is not one that promptweave prints, so only the engine holds it.

    `closing`, `after`: what cuts the reasoning, and the grammar of what follows then; None: any text.
    """
    start = await derivative_of(gbnf)
    following = await derivative_of(after) if after is not None else None
    if start is None or (after is not None and following is None):
        return None
    return GbnfGuard(start, closing, following)
