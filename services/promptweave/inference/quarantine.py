"""Refuses grammars that take the engine down: a caller who tries again must not take it down again."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from promptweave.inference.errors import EngineUnavailableError, GrammarQuarantinedError

_ENOUGH = 2


class Quarantine:
    """Knows for each grammar in how many lives of the engine, one after the other, a crash came while it was in use.

    One crash may be the fault of another call, or nobody's: the second one decides, and a message that ends acquits.
    """

    def __init__(self) -> None:
        self._crashes: dict[str, set[float]] = {}

    @property
    def size(self) -> int:
        """How many grammars are refused."""
        return sum(len(lives) >= _ENOUGH for lives in list(self._crashes.values()))

    @contextmanager
    def watch(self, grammar: str | None, life: float) -> Iterator[None]:
        """Around the use of a grammar, in the life of the engine that began at `life`. Raises GrammarQuarantinedError."""
        if grammar is None:
            yield
            return
        key = sha256(grammar.encode()).hexdigest()
        if len(self._crashes.get(key, ())) >= _ENOUGH:
            raise GrammarQuarantinedError(key)
        try:
            yield
        except EngineUnavailableError:
            self._crashes.setdefault(key, set()).add(life)
            raise
        self._crashes.pop(key, None)
