"""Refuses grammars that take the engine down: a caller who tries again must not take it down again."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256

from promptweave.inference.errors import EngineAwayError, EngineUnavailableError, GrammarQuarantinedError

_ENOUGH = 2


class Quarantine:
    """Knows for each grammar in how many lives of the engine, one after the other, a crash came while it was in use.

    One crash may be the fault of another call, or nobody's: the second one decides, and a message that ends acquits.
    """

    def __init__(self) -> None:
        self._crashes: dict[str, set[float]] = {}
        self._trial = asyncio.Lock()

    @asynccontextmanager
    async def alone(self, grammar: str | None) -> AsyncIterator[None]:
        """Around a message: of the grammars that were in use at a crash only one is in use at a time, until acquitted.

        Calls that lost the engine are repeated together. The guilty one would take the others down again, and with it they
        would be refused.
        """
        if self._suspects(grammar):
            async with self._trial:
                if self._suspects(grammar):
                    yield
                    return
        yield

    def _suspects(self, grammar: str | None) -> bool:
        return grammar is not None and _key(grammar) in self._crashes

    @contextmanager
    def watch(self, grammar: str | None, life: float) -> Iterator[None]:
        """Around the use of a grammar, in the life of the engine that began at `life`. Raises GrammarQuarantinedError."""
        if grammar is None:
            yield
            return
        key = _key(grammar)
        if len(self._crashes.get(key, ())) >= _ENOUGH:
            raise GrammarQuarantinedError(key)
        try:
            yield
        except EngineAwayError:
            raise
        except EngineUnavailableError:
            self._crashes.setdefault(key, set()).add(life)
            raise
        self._crashes.pop(key, None)


def _key(grammar: str) -> str:
    return sha256(grammar.encode()).hexdigest()
