"""A limit on the CPU time of a block cannot be lost."""

import signal
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from promptweave.common.cpu_limit import TimeIsUp, bounded

MOST_S = 20.0
"""CPU seconds after which a block is taken to be unlimited."""


class Item:
    def __del__(self) -> None:
        sum(range(200))


def in_callbacks() -> None:
    """Spends nearly all time in weak references' callbacks, where Python swallows exceptions."""
    item = Item()
    watch = weakref.ref(item, lambda _: sum(range(2000)))
    del item
    watch()


def in_destructors() -> None:
    Item()


def in_closing_generators() -> None:
    def lazy() -> Iterator[int]:
        try:
            yield 1
        finally:
            sum(range(2000))

    next(lazy())


def in_handlers() -> None:
    with suppress(Exception):
        sum(range(2000))


def run_bounded(step: Callable[[], None], seconds: float) -> None:
    """Repeats a step under a bound, until `MOST_S` at most."""
    with bounded(seconds):
        began = time.process_time()
        while time.process_time() - began < MOST_S:
            step()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("step", [in_callbacks, in_destructors, in_closing_generators, in_handlers])
def test_a_swallowed_exception_comes_again(step: Callable[[], None]) -> None:
    for _ in range(3):
        with pytest.raises(TimeIsUp):
            run_bounded(step, 0.02)


def test_nothing_is_raised_after_the_block() -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    for _ in range(20):
        with pytest.raises(TimeIsUp):
            run_bounded(lambda: None, 0.002)
        assert sum(range(200_000)) > 0
    with bounded(30):
        assert sum(range(200_000)) > 0
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
    assert signal.getsignal(signal.SIGVTALRM) is before
