"""Queues requests until a slot of the engine is free, and refuses them when too many are queued."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from promptweave.common.tracing import span
from promptweave.inference.errors import OverloadedError


@dataclass(eq=False)
class Caller:
    """A request with its messages, which take their slots one after the other: at most one of them is queued."""

    priority: int = 0
    held: int = 0
    """The number of slots that its messages hold."""
    admitted: bool = False
    """One of its messages had a slot before, so the others are not refused."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(eq=False, slots=True)
class _Waiting:
    caller: Caller
    turn: asyncio.Future[None]


class SlotQueue:
    """Admits `slots` messages at a time. The engine has its own queue, but without a bound and without priorities.

    Order: higher priorities first; of these, requests that hold fewer slots; of these, earlier arrivals. So a request with
    many messages cannot block the others, and there is no starvation within a priority: a request that holds no slot is
    only overtaken by earlier arrivals. Lower priorities wait as long as higher ones keep arriving.
    """

    def __init__(self, slots: int, max_waiting: int) -> None:
        self.slots = self._free = slots
        self._max_waiting = max_waiting
        self._waiting: list[_Waiting] = []

    @property
    def running(self) -> int:
        """Return the number of messages that hold a slot."""
        return self.slots - self._free

    @property
    def waiting(self) -> int:
        """Return the number of queued messages."""
        return len(self._waiting)

    @asynccontextmanager
    async def slot(self, caller: Caller) -> AsyncIterator[None]:
        """Hold a slot for a message of `caller`. Raises OverloadedError."""
        with span("queue"):
            async with caller.turn:
                await self._enter(caller)
        try:
            yield
        finally:
            self._leave(caller)

    async def _enter(self, caller: Caller) -> None:
        if not self._free or self._waiting:
            if not caller.admitted and len(self._waiting) >= self._max_waiting:
                raise OverloadedError(
                    f"{self._max_waiting} requests are already queued for the engine; retry later", retry_after_s=1.0
                )
            await self._wait(caller)
        else:
            self._free -= 1
            caller.held += 1
        caller.admitted = True

    async def _wait(self, caller: Caller) -> None:
        waiting = _Waiting(caller, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if not waiting.turn.cancelled():
                self._leave(caller)  # The slot was assigned together with the cancellation.
            elif waiting in self._waiting:
                self._waiting.remove(waiting)
            raise

    def _leave(self, caller: Caller) -> None:
        caller.held -= 1
        self._waiting = [waiting for waiting in self._waiting if not waiting.turn.cancelled()]
        if not self._waiting:
            self._free += 1
            return
        # `min` returns the first of equals, which keeps the order of arrival.
        chosen = min(self._waiting, key=lambda waiting: (-waiting.caller.priority, waiting.caller.held))
        self._waiting.remove(chosen)
        chosen.caller.held += 1
        chosen.turn.set_result(None)
