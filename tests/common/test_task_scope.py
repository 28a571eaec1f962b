"""Tasks that end with the block that started them."""

import asyncio

import pytest

from promptweave.common.tasks import task_scope

pytestmark = pytest.mark.anyio


class Job:
    """Work that waits until it is cancelled."""

    def __init__(self) -> None:
        self.begun, self.cleaned_up = asyncio.Event(), False

    async def run(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.cleaned_up = True


async def fail() -> None:
    raise ValueError("this one fails")


async def test_what_still_runs_at_the_end_is_cancelled_and_awaited() -> None:
    job = Job()
    async with task_scope(job.run(), job.run()) as tasks:
        await job.begun.wait()
    assert [task.cancelled() for task in tasks] == [True, True]
    assert job.cleaned_up


async def test_an_error_of_the_block_is_raised_as_it_is_and_those_of_tasks_are_its_own_affair() -> None:
    tasks: list[asyncio.Task[None]] = []

    async def fail_with_tasks() -> None:
        async with task_scope(fail(), Job().run()) as started:
            tasks.extend(started)
            await asyncio.wait(started[:1])
            raise KeyError

    with pytest.raises(KeyError):
        await fail_with_tasks()
    failing, running = tasks
    assert isinstance(failing.exception(), ValueError)
    assert running.cancelled()


async def test_results() -> None:
    async with task_scope(asyncio.sleep(0, 1), asyncio.sleep(0, 2)) as tasks:
        assert await asyncio.gather(*tasks) == [1, 2]
