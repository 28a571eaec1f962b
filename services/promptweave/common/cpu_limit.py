"""A bound on the CPU time of a block of code."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class TimeIsUp(BaseException):
    """The CPU time is used up. No `Exception`: nothing on the way may catch it."""


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Raises TimeIsUp where the block uses more CPU time, inside of regular expressions, too.

    Only in the main thread, and where there is such a timer.
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
