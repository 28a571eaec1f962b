"""Reads every constrained answer along its grammar before it is passed on: neither a fault of the engine nor one of ours may
pass off what the grammar does not admit.

Costs about 0.2 µs a token where the answer's beginning was read before, and 2 to 40 where it was not
(`benchmarks/grammar_guard.py`).
"""

import logging
from typing import Protocol

from promptweave.inference.errors import GrammarViolationError
from promptweave.inference.grammar_cache import derivative_of
from promptweave.output.derivative import AmbiguousGrammarError, Derivative

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
    followed behind one, the guard ends; such values are validated when they are whole (`output/parser.py`).
    """

    def __init__(self, start: Derivative) -> None:
        self._state: Derivative | None = start
        self._broken = False

    def read(self, text: str) -> None:
        """Raises GrammarViolationError for what the grammar does not allow."""
        if self._state is None:
            return
        self._broken = self._broken or _NOT_TEXT in text
        try:
            self._state = self._state.after(text)
        except AmbiguousGrammarError:
            logger.warning("a grammar has too many ways to read an answer: the rest of the answer is not checked")
            self._state = None
            return
        if self._state is None and not self._broken:
            raise GrammarViolationError("the answer left its grammar")

    def end(self) -> None:
        """Raises GrammarViolationError where the message is not whole."""
        if self._state is not None and not self._state.may_end and not self._broken:
            raise GrammarViolationError("the answer ended before its grammar did")


async def gbnf_guard(gbnf: str) -> GbnfGuard | None:
    """The guard of a grammar. None: it is not one that promptweave prints, so only the engine holds it."""
    start = await derivative_of(gbnf)
    return GbnfGuard(start) if start else None
