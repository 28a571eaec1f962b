"""Closes the connection that httpcore forgets.

A call that is cancelled after it has connected and before it writes (at the connection's lock, httpcore 1.0.9) leaves the
connection in the pool, open and never to be used: 4,000 streams that were abandoned at any moment left nine.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx


@asynccontextmanager
async def closing_what_is_lost(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> AsyncIterator[None]:
    """Around the sending of a request: where that fails, or is cancelled, its connection is closed."""
    opened: list[Any] = []

    async def note(event: str, info: Mapping[str, Any]) -> None:
        if event.startswith("connection.connect_") and event.endswith(".complete"):
            opened.append(info["return_value"])

    request.extensions = {**request.extensions, "trace": note}
    try:
        yield
    except BaseException:
        # No public way leads from a stream to its connection.
        pool: Any = transport._pool
        for connection in pool.connections:
            if getattr(connection._connection, "_network_stream", None) in opened:
                await connection.aclose()
        raise
