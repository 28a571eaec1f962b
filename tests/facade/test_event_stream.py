"""Streams: what becomes of errors before and after the beginning, pings while nothing comes, clients that go away."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Message

from promptweave.errors import PromptweaveError
from promptweave.facade.http.event_stream import PING, event_stream

pytestmark = pytest.mark.anyio

SOON_S = 0.01
SCOPE = {"type": "http", "asgi": {"spec_version": "2.3"}}


class Client:
    """Reads an answer. `pinged` is set by the second ping; `leave` makes it hang up."""

    def __init__(self) -> None:
        self.read: list[bytes] = []
        self.pinged = asyncio.Event()
        self.leave = asyncio.Event()

    async def send(self, message: Message) -> None:
        self.read.append(message.get("body", b""))
        if self.read.count(PING) >= 2:
            self.pinged.set()

    async def receive(self) -> Message:
        await self.leave.wait()
        return {"type": "http.disconnect"}

    def events(self) -> bytes:
        return b"".join(self.read).replace(PING, b"")


async def failed(error: PromptweaveError) -> bytes:
    return f"failed: {error.message}".encode()


async def test_pings_before_the_first_piece_and_between_pieces() -> None:
    client = Client()

    async def pieces() -> AsyncGenerator[bytes, None]:
        await client.pinged.wait()
        yield b"one"
        client.read, before = [], client.read
        client.pinged.clear()
        await client.pinged.wait()
        client.read = before + client.read
        yield b"two"

    response = await event_stream(pieces(), failed, ping_s=SOON_S)
    await response(SCOPE, client.receive, client.send)
    assert client.read.count(PING) >= 4
    assert client.events() == b"onetwo"


async def test_what_fails_before_the_first_piece_is_raised() -> None:
    closed = asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            raise PromptweaveError("no")
            yield b""
        finally:
            closed.set()

    with pytest.raises(PromptweaveError, match="no"):
        await event_stream(pieces(), failed)
    assert closed.is_set()


@pytest.mark.parametrize("begun", [True, False], ids=["after a piece", "after a ping"])
async def test_what_fails_later_is_the_last_event(begun: bool) -> None:
    client = Client()

    async def pieces() -> AsyncGenerator[bytes, None]:
        if begun:
            yield b"one "
        await client.pinged.wait()
        raise PromptweaveError("no")

    response = await event_stream(pieces(), failed, ping_s=SOON_S)
    await response(SCOPE, client.receive, client.send)
    assert client.events() == (b"one " if begun else b"") + b"failed: no"


@pytest.mark.parametrize("begun", [True, False], ids=["after a piece", "after a ping"])
async def test_a_client_that_goes_away_closes_the_pieces(begun: bool) -> None:
    client, closed = Client(), asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            if begun:
                yield b"one"
            await client.pinged.wait()
            client.leave.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    response = await event_stream(pieces(), failed, ping_s=SOON_S)
    await response(SCOPE, client.receive, client.send)
    await asyncio.wait_for(closed.wait(), 10)


async def test_who_stops_waiting_closes_the_pieces() -> None:
    began, closed = asyncio.Event(), asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            began.set()
            await asyncio.Event().wait()
            yield b""
        finally:
            closed.set()

    waiting = asyncio.create_task(event_stream(pieces(), failed))
    await began.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert closed.is_set()
