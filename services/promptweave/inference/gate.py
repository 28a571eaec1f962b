"""Keeps calls waiting until a slot of the engine is free, and refuses them when too many wait."""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from promptweave.inference.errors import OverloadedError


class Gate:
    """`slots` calls are inside at the same time. The engine has a queue of its own, but it knows no end and no order."""

    def __init__(self, slots: int, max_waiting: int) -> None:
        self._slots = self._free = slots
        self._max_waiting = max_waiting
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._arrivals = count()

    @property
    def running(self) -> int:
        """How many calls are inside."""
        return self._slots - self._free

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._waiting)

    @asynccontextmanager
    async def slot(self, priority: int = 0) -> AsyncIterator[None]:
        """Holds a slot. Higher priorities go first, equal ones in order of arrival. Raises OverloadedError."""
        await self._enter(priority)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, priority: int) -> None:
        if self._free and not self._waiting:
            self._free -= 1
            return
        if len(self._waiting) >= self._max_waiting:
            raise OverloadedError(f"{self._max_waiting} calls wait for the engine already", retry_after_s=1.0)
        turn = asyncio.get_running_loop().create_future()
        entry = (-priority, next(self._arrivals), turn)
        heapq.heappush(self._waiting, entry)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                # `_leave` may have passed over it by now.
                self._waiting = [other for other in self._waiting if other is not entry]
                heapq.heapify(self._waiting)
            else:
                self._leave()  # The slot came together with the cancellation.
            raise

    def _leave(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
