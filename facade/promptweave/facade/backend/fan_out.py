"""Concurrent queries, without waiting long for those that do not respond."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from promptweave.common.tasks import task_scope

Answer = TypeVar("Answer")

_OTHERS_S = 3.0
"""How long the others have, once there is a result to return."""


async def fan_out(
    work: Sequence[Coroutine[Any, Any, Answer]], counts: Callable[[int], bool]
) -> list[Answer | BaseException | None]:
    """Return each result, or the exception that was raised; None if it came too late.

    `counts`: whether a successful result at this index is enough to return. If there is none, all are awaited.
    """
    async with task_scope(*work) as tasks:
        pending = set(tasks)
        while pending and not any(counts(place) and _well(task) for place, task in enumerate(tasks)):
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        if pending:
            await asyncio.wait(pending, timeout=_OTHERS_S)
        return [_outcome(task) if task.done() else None for task in tasks]


def _well(task: "asyncio.Task[Any]") -> bool:
    return task.done() and task.exception() is None


def _outcome(task: "asyncio.Task[Answer]") -> Answer | BaseException:
    return task.exception() or task.result()
