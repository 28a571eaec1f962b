"""Work that ends when its client disconnects."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

from promptweave.common.tasks import task_scope

Result = TypeVar("Result")


class ClientGoneError(Exception):
    """The client has disconnected, so nothing reads the response."""


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Return the result of `work`, which is cancelled when the client disconnects; then raise ClientGoneError.

    The request's body must have been read: what still arrives from the client is discarded.
    """
    async with task_scope(work) as [task], task_scope(_gone(request)) as [watching]:
        await asyncio.wait({task, watching}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientGoneError


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
