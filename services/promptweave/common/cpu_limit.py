"""A limit on the CPU time of a block of code."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class TimeIsUp(BaseException):
    """The CPU time is used up. Not an `Exception`, so that no handler in between catches it."""


_AGAIN_S = 0.02
"""CPU seconds after which TimeIsUp is raised again. Python swallows an exception that is raised in a weak reference's
callback, in `__del__`, or while a generator is closed."""


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Raise TimeIsUp in the block once it has used `seconds` of CPU time, even inside a regular expression.

    It is raised again until the block ends. Effective only in the main thread, and only if the platform has SIGVTALRM;
    otherwise the block is not limited.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGVTALRM"):
        yield
        return

    is_inside = True

    def stop(number: int, frame: object) -> None:
        if is_inside:
            raise TimeIsUp

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, _AGAIN_S)
    try:
        yield
    finally:
        # The signal may still come before this assignment, as after a block that ended just in time.
        while is_inside:
            with suppress(TimeIsUp):
                is_inside = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
