"""Watches that an engine keeps to a grammar of llguidance.

llama.cpp (b11549) gives up such a grammar in silence: where it cannot read it, and where llguidance fails in the middle, it
writes on without any (tried). So the grammar is read here first, and every text is read along it before it is passed on.
"""

from typing import Any

from promptweave.inference.errors import GrammarViolationError, RequestError

HEADER = "%llguidance {}\n"
"""Tells the engine that what follows is Lark."""


def available() -> bool:
    """Whether llguidance's own package is here, without which nothing can be watched."""
    try:
        import llguidance  # noqa: F401
    except ImportError:
        return False
    return True


class LlguidanceGuard:
    """Reads a message along its grammar."""

    def __init__(self, lark: str, path: str = "/prompt/llguidance") -> None:
        """Raises RequestError, at `path`, for a grammar that llguidance does not take."""
        from llguidance import LLMatcher, LLTokenizer

        # A token for each byte: any text is a row of them.
        self._matcher: Any = LLMatcher(LLTokenizer("byte"), lark)
        if self._matcher.is_error():
            why = " ".join(str(self._matcher.get_error()).split())[:500]
            raise RequestError(f"llguidance refuses the grammar: {why}", path=path)

    def read(self, text: str) -> None:
        """Raises GrammarViolationError for what the grammar does not allow."""
        data = list(text.encode())
        if self._matcher.try_consume_tokens(data) < len(data):
            raise GrammarViolationError("the answer left its grammar")

    def end(self) -> None:
        """Raises GrammarViolationError where the message is not whole."""
        if not self._matcher.is_accepting():
            raise GrammarViolationError("the answer ended before its grammar did")
