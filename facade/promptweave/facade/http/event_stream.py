"""Responses that are sent while they are generated: server-sent events, with pings that keep proxies from timing out."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress

from fastapi.responses import Response, StreamingResponse
from starlette.types import Message, Send

from promptweave.errors import PromptweaveError

MEDIA_TYPE = "text/event-stream"
PING = b": ping\n\n"
"""A comment, which clients ignore."""
PING_S = 15.0
"""Many proxies time out after 30 s or 60 s of silence."""

Pieces = AsyncGenerator[bytes, None]


async def event_stream(
    pieces: Pieces,
    failed: Callable[[PromptweaveError], Awaitable[bytes]],
    headers: Mapping[str, str] | None = None,
    ping_s: float = PING_S,
) -> Response:
    """Return the response that `pieces` makes, each of them one or several complete events.

    The first piece is awaited: an error before it is raised, and becomes an ordinary error response. If it takes longer than
    `ping_s`, the response begins with a ping; from then on `failed` formats an error, as in the middle of a response. When
    the client disconnects, `pieces` is closed, and with it the call that generates the answer.
    """
    first = asyncio.ensure_future(anext(pieces, b""))
    try:
        await asyncio.wait({first}, timeout=ping_s)
        if first.done():
            first.result()
    except BaseException:
        first.cancel()
        with suppress(asyncio.CancelledError, PromptweaveError):
            await first
        await pieces.aclose()
        raise
    late = not first.done()
    return _Pinging(_whole(first, late, pieces, failed), {**(headers or {}), "cache-control": "no-cache"}, ping_s)


async def _whole(
    first: asyncio.Future[bytes], late: bool, pieces: Pieces, failed: Callable[[PromptweaveError], Awaitable[bytes]]
) -> Pieces:
    async with aclosing(pieces):
        try:
            if late:
                yield PING
            yield await first
            async for piece in pieces:
                yield piece
        except PromptweaveError as error:
            yield await failed(error)
        finally:
            first.cancel()


class _Pinging(StreamingResponse):
    """Sends a comment after some seconds of silence. It costs one sleeping task per stream, and nothing per piece."""

    def __init__(self, pieces: Pieces, headers: Mapping[str, str], ping_s: float) -> None:
        super().__init__(pieces, media_type=MEDIA_TYPE, headers=headers)
        self._ping_s = ping_s

    async def stream_response(self, send: Send) -> None:
        """Send everything."""
        loop = asyncio.get_running_loop()
        quiet_since, sending = loop.time(), False

        async def timed(message: Message) -> None:
            nonlocal quiet_since, sending
            sending = True  # A slow reader needs no ping.
            await send(message)
            quiet_since, sending = loop.time(), False

        async def ping() -> None:
            while True:
                await asyncio.sleep(max(quiet_since + self._ping_s - loop.time(), 0) if not sending else self._ping_s)
                if not sending and loop.time() - quiet_since >= self._ping_s:
                    await timed({"type": "http.response.body", "body": PING, "more_body": True})

        pinging = asyncio.create_task(ping())
        try:
            await super().stream_response(timed)
        finally:
            pinging.cancel()
