"""Bounds on what a template may cost: time, memory, output. A template is part of a file that people download.

Two fences. Inside the process: a timer of CPU time interrupts Python code wherever it is (`bounded`), so an error can name
the template's line; `bound_memory` makes allocations fail. Outside: whoever runs the process kills it when even that does
not help, as inside one long operation of C code (`pool.py`).
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

RENDER_S = 2.0
"""CPU seconds of one render."""

MEMORY_BYTES = 1 << 30
"""Address space of a process that renders."""

MAX_PROMPT_CHARS = 16 * 1024 * 1024
"""The longest prompt that a template may write."""


class TimeIsUp(BaseException):
    """The CPU time is used up. No `Exception`: nothing on the way may catch it."""


@contextmanager
def bounded(seconds: float = RENDER_S) -> Iterator[None]:
    """Raises TimeIsUp where the block uses more CPU time. Only in the main thread, and where there is such a timer."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGVTALRM"):
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise TimeIsUp

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def bound_memory(limit: int = MEMORY_BYTES) -> None:
    """Lets allocations of this process fail beyond the limit, where the system can do that."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
