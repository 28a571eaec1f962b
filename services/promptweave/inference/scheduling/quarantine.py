"""Refuses grammars that crash the engine: a caller that retries must not crash it again."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256

from promptweave.inference.errors import EngineAwayError, EngineUnavailableError, GrammarQuarantinedError

_ENOUGH = 2


class Quarantine:
    """Counts for each grammar how many consecutive runs of the engine crashed or hung while it was in use.

    The first time may be the fault of another request, or of none: the second time decides, and a message that completes
    clears its grammar.

    A crash counts against the grammars that are in use at that moment. A hang counts only if the engine responds but makes
    no progress, and then against those that were in use when it last made progress: by the time a hang is detected, their
    callers may be gone and others may be waiting instead. An engine that is killed from outside counts against none. An
    engine that does not even respond is stopped as a whole, or its machine is, which no grammar causes.
    """

    def __init__(self) -> None:
        self._downs: dict[str, set[float]] = {}
        self._trial = asyncio.Lock()
        self._in_use: Counter[str] = Counter()
        self._given_up: set[str] = set()
        """Cancelled or failed since the engine last made progress."""
        self._at_work: set[str] = set()
        """In use when the engine last made progress, or cancelled just before: one of these causes a hang since then."""
        self._judged: float | None = None
        """The run whose end has a known cause: errors of its calls are not crashes."""

    @asynccontextmanager
    async def serialize_suspect(self, grammar: str | None) -> AsyncIterator[None]:
        """Serialize messages whose grammars were in use at a crash, until they are cleared.

        Requests that lost the engine are retried together. The faulty one would crash it for the others again, and they
        would be refused with it.
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
        """Return the number of refused grammars."""
        return sum(len(runs) >= _ENOUGH for runs in list(self._downs.values()))

    @contextmanager
    def track(self, grammar: str | None, since: float) -> Iterator[None]:
        """Track the use of a grammar in the engine run that began at `since`. Raises GrammarQuarantinedError."""
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
            if not isinstance(error, EngineAwayError) and since != self._judged:
                self._downs.setdefault(key, set()).add(since)
            raise
        except BaseException:
            self._given_up.add(key)
            raise
        else:
            self._downs.pop(key, None)
        finally:
            self._in_use[key] -= 1
            self._in_use += Counter()  # Drops those that are not in use.

    def on_progress(self) -> None:
        """Record that the engine makes progress or has no work; to be called whenever this is observed."""
        self._at_work = {*self._in_use, *self._given_up}
        self._given_up = set()

    def on_hang(self, since: float, *, at_work: bool) -> None:
        """Record that the engine is about to be killed because it hangs. `at_work`: it responds, but makes no progress."""
        self._judged = since
        for key in self._at_work if at_work else ():
            self._downs.setdefault(key, set()).add(since)

    def clear(self, since: float) -> None:
        """Record that the engine was killed from outside, not crashed by a grammar."""
        self._judged = since
        for runs in self._downs.values():
            runs.discard(since)
        self._downs = {key: runs for key, runs in self._downs.items() if runs}


def _key(grammar: str) -> str:
    return sha256(grammar.encode()).hexdigest()
