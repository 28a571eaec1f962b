"""Concurrent work, whose exceptions are raised as they are: `asyncio.TaskGroup` raises them in groups."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

Result = TypeVar("Result")


async def run_all(*work: Coroutine[Any, Any, Result]) -> list[Result]:
    """Run coroutines concurrently and return their results in order.

    The first exception cancels the others, and is raised when all have ended.
    """
    async with _Group() as group:
        tasks = [group.create_task(each) for each in work]
    return [task.result() for task in tasks]


async def first_of(*work: Coroutine[Any, Any, Result]) -> Result:
    """Run coroutines concurrently until one has ended; cancel the others, and return its result.

    An exception of any of them is raised when all have ended.
    """
    async with _Group() as group:
        tasks = [group.create_task(each) for each in work]
        ended, running = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            task.cancel()
    return next(task for task in tasks if task in ended).result()


@asynccontextmanager
async def task_scope(*work: Coroutine[Any, Any, Result]) -> AsyncIterator[list["asyncio.Task[Result]"]]:
    """Run the coroutines as tasks during the block. At its end those that still run are cancelled, and all are awaited.

    Unlike `asyncio.TaskGroup`, the block decides which tasks it waits for, and raises what it wants of their exceptions.
    """
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Group(asyncio.TaskGroup):
    async def __aexit__(self, *raised: Any) -> None:
        try:
            await super().__aexit__(*raised)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
