"""A bounded queue between the tasks that generate messages and their reader."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

from promptweave.inference.errors import OverloadedError

_ROOM = 20_000
_PATIENCE_S = 30.0
_MAX_BATCH = 64

Item = TypeVar("Item")


class EventQueue(Generic[Item]):
    """Buffers events until they are read.

    A slow reader does not delay the writers as long as there is room, which there is for messages of ordinary length: the
    engine's slot is freed as soon as the message is generated. A writer that finds no room for 30 s times out, which frees
    its slot as well.
    """

    def __init__(self, writers: int) -> None:
        """Create a queue. `writers`: how many `close` calls end it."""
        self._items: deque[tuple[int, Item]] = deque()
        self._size = 0
        self._open = writers
        self._error: BaseException | None = None
        self._changed = asyncio.Event()

    async def put(self, item: Item, size: int) -> None:
        """Add an item of this size, in single events or candidates. Raises OverloadedError."""
        while self._size >= _ROOM:
            self._changed.clear()
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await self._changed.wait()
            except TimeoutError:
                raise OverloadedError(
                    f"the client has not read the response for {_PATIENCE_S:g} s", retry_after_s=1.0
                ) from None
        self._items.append((size, item))
        self._size += size
        self._changed.set()

    def close(self, error: BaseException | None = None) -> None:
        """End one writer, which is done or failed. The reader gets the first error after everything that was added."""
        self._open -= 1
        self._error = self._error or error
        self._changed.set()

    async def read(self) -> AsyncGenerator[list[Item], None]:
        """Yield the available items in batches until all writers are done. Raises a writer's error."""
        while True:
            while self._items:
                items = [self._items.popleft() for _ in range(min(len(self._items), _MAX_BATCH))]
                self._size -= sum(size for size, _ in items)
                self._changed.set()
                yield [item for _, item in items]
            if self._error is not None:
                raise self._error
            if not self._open:
                return
            self._changed.clear()
            await self._changed.wait()
