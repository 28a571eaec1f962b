"""How long one schema may take: no schema hangs the service, whatever nobody thought of."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from promptweave.compiler.errors import SchemaError

MAX_SECONDS = 10.0
"""CPU time of one schema's compilation: what becomes of a schema does not hang on what else the machine does."""

_ends: ContextVar[float | None] = ContextVar("ends", default=None)


@contextmanager
def deadline(seconds: float = MAX_SECONDS) -> Iterator[None]:
    """What is done inside may take so long; inside another deadline, the earlier one counts."""
    outer, ends = _ends.get(), time.thread_time() + seconds
    token = _ends.set(ends if outer is None else min(outer, ends))
    try:
        yield
    finally:
        _ends.reset(token)


class DeadlineError(SchemaError):
    """The time is over. No keyword is at fault alone, so leaving one out does not help."""


def check_deadline() -> None:
    """Raises DeadlineError when the time is over."""
    ends = _ends.get()
    if ends is not None and time.thread_time() > ends:
        raise DeadlineError(
            "unsupported", "", f"its grammar takes more than {MAX_SECONDS:.0f} seconds of CPU time to make; simplify it"
        )
