"""How long one schema may take: no schema hangs the service, whatever nobody thought of."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from promptweave.compiler.errors import SchemaError

MAX_SECONDS = 10.0
"""CPU time of one schema's compilation: what becomes of a schema does not hang on what else the machine does."""


@dataclass(slots=True)
class _End:
    """When the time is over. CPU time needs a system call, so it is asked for when the clock says that it may be."""

    cpu: float
    earliest: float
    seconds: float


_ends: ContextVar[_End | None] = ContextVar("ends", default=None)


@contextmanager
def deadline(seconds: float = MAX_SECONDS) -> Iterator[None]:
    """What is done inside may take so long; inside another deadline, the earlier one counts."""
    end = _ends.get()
    if end is None or end.seconds > seconds:
        cpu = time.thread_time() + seconds
        end = _End(cpu if end is None else min(cpu, end.cpu), time.monotonic() + seconds, seconds)
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
    if end is None or time.monotonic() < end.earliest:
        return
    left = end.cpu - time.thread_time()
    if left <= 0:
        raise DeadlineError(
            "unsupported", "", f"its grammar takes more than {MAX_SECONDS:.0f} seconds of CPU time to make; simplify it"
        )
    end.earliest = time.monotonic() + left
