"""CPU time limit for compiling one schema, so that no schema can hang the service."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from promptweave.compiler.errors import SchemaError

MAX_SECONDS = 10.0
"""CPU seconds for compiling one schema: CPU time, so that the result does not depend on the load of the machine."""


_FIRST_LOOK = 0.05
"""Seconds before CPU time is checked. Most schemas are done by then, and on a busy machine reading it takes milliseconds."""


@dataclass(slots=True)
class _End:
    """A time limit. CPU time is read only when the clock shows that the limit may be reached (`look`)."""

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
    """Limit the CPU time of the block; inside another deadline, the earlier one applies."""
    end = _ends.get()
    if end is None or end.seconds > seconds:
        end = _End(seconds, time.monotonic() + min(_FIRST_LOOK, seconds), end)
    token = _ends.set(end)
    try:
        yield
    finally:
        _ends.reset(token)


class DeadlineError(SchemaError):
    """The time limit was exceeded. No single keyword is at fault, so leaving one out does not help."""


def check_deadline() -> None:
    """Raise DeadlineError if the time limit is exceeded."""
    end = _ends.get()
    while end is not None:
        if end.is_reached():
            raise DeadlineError(
                "unsupported",
                "",
                f"compiling the grammar takes more than {MAX_SECONDS:.0f} seconds of CPU time; simplify it",
            )
        end = end.outer
