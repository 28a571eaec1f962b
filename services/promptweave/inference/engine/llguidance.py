"""Checks that an engine keeps to an llguidance grammar.

llama.cpp (b11549) drops such a grammar silently: if it cannot parse it, or if llguidance fails in the middle, it continues
without any grammar (tried). So the grammar is parsed here first, and all text is checked against it before it is passed on.
"""

from typing import Any

from promptweave.inference.errors import GrammarViolationError, RequestError

HEADER = "%llguidance {}\n"
"""Marks what follows as Lark for the engine."""


def available() -> bool:
    """Return whether the llguidance package is installed, without which nothing can be checked."""
    try:
        import llguidance  # noqa: F401
    except ImportError:
        return False
    return True


class LlguidanceGuard:
    """Checks a message against its grammar."""

    def __init__(self, lark: str, path: str = "/prompt/llguidance") -> None:
        """Raise RequestError, at `path`, for a grammar that llguidance rejects."""
        from llguidance import LLMatcher, LLTokenizer

        # One token per byte: any text is a sequence of them.
        self._matcher: Any = LLMatcher(LLTokenizer("byte"), lark)
        if self._matcher.is_error():
            why = " ".join(str(self._matcher.get_error()).split())[:500]
            raise RequestError(f"llguidance rejected the grammar: {why}", path=path)

    def read(self, text: str) -> None:
        """Raise GrammarViolationError if the grammar does not allow the text."""
        data = list(text.encode())
        if self._matcher.try_consume_tokens(data) < len(data):
            raise GrammarViolationError("the output violates its grammar")

    def end(self) -> None:
        """Raise GrammarViolationError if the message is incomplete."""
        if not self._matcher.is_accepting():
            raise GrammarViolationError("the output ended before its grammar was complete")
