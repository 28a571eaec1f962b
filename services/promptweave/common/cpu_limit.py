"""A limit on the CPU time of a block of code."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class TimeIsUp(BaseException):
    """The CPU time is used up. Not an `Exception`, so that no handler in between catches it."""


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Raise TimeIsUp in the block once it has used `seconds` of CPU time, even inside a regular expression.

    Effective only in the main thread, and only if the platform has SIGVTALRM; otherwise the block is not limited.
    """
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
