"""Concurrent work: results, exceptions as they are, and cancellation."""

import asyncio
from contextlib import suppress

import pytest

from promptweave.common.tasks import first_of, run_all

pytestmark = pytest.mark.anyio


class BrokenError(Exception):
    pass


class Endless:
    """Work that never ends by itself; records how it ended."""

    def __init__(self) -> None:
        self.started, self.cancelled = asyncio.Event(), False

    async def run(self) -> int:
        self.started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # Takes a moment, for which the caller has to wait.
            self.cancelled = True
            raise
        return 0


async def value(number: int, turns: int = 0) -> int:
    for _ in range(turns):
        await asyncio.sleep(0)
    return number


async def broken(turns: int = 0) -> int:
    await value(0, turns)
    raise BrokenError


async def test_all_results_are_in_order() -> None:
    assert await run_all(value(1, turns=3), value(2), value(3, turns=1)) == [1, 2, 3]
    assert await run_all() == []


async def test_the_first_exception_ends_the_others() -> None:
    endless = Endless()
    with pytest.raises(BrokenError):
        await run_all(endless.run(), broken(turns=2))
    assert endless.cancelled


async def test_the_first_result_ends_the_others() -> None:
    endless = Endless()
    assert await first_of(endless.run(), value(7, turns=2)) == 7
    assert endless.cancelled


async def test_of_two_that_end_together_the_first_one_counts() -> None:
    assert await first_of(value(1), value(2)) == 1


async def test_an_exception_of_the_first_is_raised() -> None:
    endless = Endless()
    with pytest.raises(BrokenError):
        await first_of(endless.run(), broken())
    assert endless.cancelled


async def test_several_exceptions_are_one() -> None:
    with pytest.raises(BrokenError):
        await run_all(broken(), broken())
    with pytest.raises(BrokenError):
        await first_of(broken(), broken())


@pytest.mark.parametrize("wait", [run_all, first_of])
async def test_cancelling_the_caller_ends_all(wait: object) -> None:
    endless = Endless(), Endless()
    assert callable(wait)
    task = asyncio.ensure_future(wait(*(each.run() for each in endless)))
    for each in endless:
        await each.started.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert all(each.cancelled for each in endless)
