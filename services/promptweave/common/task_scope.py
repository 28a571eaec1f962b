"""Tasks that end with the block that started them."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

Result = TypeVar("Result")


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
