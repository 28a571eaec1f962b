"""The events of a response, as they were sent: for clients that read them again, or later than others."""

import asyncio
from collections.abc import AsyncGenerator

_END = b"\n\n"


class EventLog:
    """The events of a response that is being generated. Any number of readers follow it."""

    def __init__(self) -> None:
        self._events: list[bytes] = []
        self._closed = False
        self._changed = asyncio.Event()

    def add(self, events: bytes) -> bytes:
        """Add events; return them."""
        self._events += split(events)
        self._notify()
        return events

    def close(self) -> None:
        """Let readers end after the last event."""
        self._closed = True
        self._notify()

    def written(self) -> bytes:
        """Return all events so far."""
        return b"".join(self._events)

    async def read(self, first: int = 0) -> AsyncGenerator[bytes, None]:
        """Yield the events with this number and later ones, several at once, until the log is closed."""
        while True:
            changed = self._changed
            if len(self._events) > first:
                events = b"".join(self._events[first:])
                first = len(self._events)
                yield events
            elif self._closed:
                return
            else:
                await changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def split(events: bytes) -> list[bytes]:
    """Return the single events. Their `sequence_number` is their index, and JSON has no line breaks."""
    return [event + _END for event in events.split(_END)[:-1]]
