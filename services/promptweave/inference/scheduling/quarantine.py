"""Refuses grammars that take the engine down: a caller who tries again must not take it down again."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256

from promptweave.inference.errors import EngineAwayError, EngineUnavailableError, GrammarQuarantinedError

_ENOUGH = 2


class Quarantine:
    """Knows for each grammar in how many lives of the engine, one after the other, it was in use when the engine went down.

    Once may be the fault of another call, or nobody's: the second time decides, and a message that ends acquits.

    A crash counts against the grammars that are in use at that moment. A hang does so only where the engine works and
    does not get on, and then against those that were in use when it last got on: until that is noticed, their callers
    may be gone, and others wait in their place. That somebody kills the engine counts against none. An engine that does
    not even answer stands still as a whole, or its machine does, and no grammar does that.
    """

    def __init__(self) -> None:
        self._downs: dict[str, set[float]] = {}
        self._trial = asyncio.Lock()
        self._in_use: Counter[str] = Counter()
        self._given_up: set[str] = set()
        """Since the engine last got on."""
        self._at_work: set[str] = set()
        """In use when the engine last got on, or given up just before: what holds it up since then is one of these."""
        self._judged: float | None = None
        """The life of whose end the cause is known: what its calls raise is no crash."""

    @asynccontextmanager
    async def serialize_suspect(self, grammar: str | None) -> AsyncIterator[None]:
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
        return grammar is not None and _key(grammar) in self._downs

    @property
    def size(self) -> int:
        """How many grammars are refused."""
        return sum(len(lives) >= _ENOUGH for lives in list(self._downs.values()))

    @contextmanager
    def track(self, grammar: str | None, life: float) -> Iterator[None]:
        """Around the use of a grammar, in the life of the engine that began at `life`. Raises GrammarQuarantinedError."""
        if grammar is None:
            yield
            return
        key = _key(grammar)
        if len(self._downs.get(key, ())) >= _ENOUGH:
            raise GrammarQuarantinedError(key)
        self._in_use[key] += 1
        try:
            yield
        except EngineUnavailableError as error:
            if not isinstance(error, EngineAwayError) and life != self._judged:
                self._downs.setdefault(key, set()).add(life)
            raise
        except BaseException:
            self._given_up.add(key)
            raise
        else:
            self._downs.pop(key, None)
        finally:
            self._in_use[key] -= 1
            self._in_use += Counter()  # Forgets those that are not in use.

    def on_progress(self) -> None:
        """To be called whenever the engine is seen to get on with its work, or to have none."""
        self._at_work = {*self._in_use, *self._given_up}
        self._given_up = set()

    def on_hang(self, life: float, *, at_work: bool) -> None:
        """The engine is about to be killed, since it hangs. `at_work`: it answers, and does not get on."""
        self._judged = life
        for key in self._at_work if at_work else ():
            self._downs.setdefault(key, set()).add(life)

    def clear(self, life: float) -> None:
        """Somebody has killed the engine: no grammar did."""
        self._judged = life
        for lives in self._downs.values():
            lives.discard(life)
        self._downs = {key: lives for key, lives in self._downs.items() if lives}


def _key(grammar: str) -> str:
    return sha256(grammar.encode()).hexdigest()
