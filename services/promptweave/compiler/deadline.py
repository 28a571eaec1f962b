"""How long one schema may take: no schema hangs the service, whatever nobody thought of."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from promptweave.compiler.errors import SchemaError

MAX_SECONDS = 10.0
"""CPU time of one schema's compilation: what becomes of a schema does not hang on what else the machine does."""


_FIRST_LOOK = 0.05
"""Seconds after which CPU time counts. Most schemas are done by then: on a busy machine asking for it takes milliseconds."""


@dataclass(slots=True)
class _End:
    """When the time is over. CPU time is asked for only when the clock says that it may be (`look`)."""

    seconds: float
    look: float
    outer: "_End | None"
    cpu: float | None = None

    def is_reached(self) -> bool:
        now = time.monotonic()
        if now < self.look:
            return False
        used = time.thread_time()
        if self.cpu is None:
            self.cpu = used + self.seconds
        self.look = now + self.cpu - used
        return used >= self.cpu


_ends: ContextVar[_End | None] = ContextVar("ends", default=None)


@contextmanager
def deadline(seconds: float = MAX_SECONDS) -> Iterator[None]:
    """What is done inside may take so long; inside another deadline, the earlier one counts."""
    end = _ends.get()
    if end is None or end.seconds > seconds:
        end = _End(seconds, time.monotonic() + min(_FIRST_LOOK, seconds), end)
    token = _ends.set(end)
    try:
        yield
    finally:
        _ends.reset(token)


class DeadlineError(SchemaError):
    """The time is over. No keyword is at fault alone, so leaving one out does not help."""


def check_deadline() -> None:
    """Raises DeadlineError when the time is over."""
    end = _ends.get()
    while end is not None:
        if end.is_reached():
            raise DeadlineError(
                "unsupported", "", f"its grammar takes more than {MAX_SECONDS:.0f} seconds of CPU time to make; simplify it"
            )
        end = end.outer
