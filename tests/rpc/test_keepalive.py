"""A peer that is gone and says nothing, as when a machine or a link is down: somebody has to ask."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import pytest

from promptweave.rpc.channel import channel
from promptweave.rpc.server import RpcServer
from tests.support.rpc.echo_server import SERVICE, TIMEOUT_S, serving

pytestmark = pytest.mark.anyio

SOON = (("grpc.keepalive_time_ms", 1_000), ("grpc.http2.ping_timeout_ms", 1_000))


class Link:
    """Carries bytes both ways, until it is down. Connections stay: nobody is told."""

    def __init__(self, address: str) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._up = asyncio.Event()
        self._up.set()
        self._carrying: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        try:
            yield f"{host}:{port}"
        finally:
            server.close()
            for task in self._carrying:
                task.cancel()
            await asyncio.gather(*self._carrying, return_exceptions=True)

    def down(self) -> None:
        self._up.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            self._carrying.add(asyncio.create_task(self._carry(source, sink)))

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while piece := await source.read(1 << 16):
                await self._up.wait()
                sink.write(piece)
        finally:
            sink.close()


async def test_a_service_that_is_gone_is_noticed() -> None:
    arrived = asyncio.Event()

    async def never(request: bytes, context: Any) -> bytes:
        arrived.set()
        await asyncio.Event().wait()
        return b""

    server = RpcServer()
    services = serving(never)(server.grpc)
    link = Link(server.listen("127.0.0.1:0"))
    await server.start(services)
    try:
        async with link.open() as address, channel(address, options=SOON) as connection:
            call = connection.unary_unary(f"/{SERVICE}/Do")(b"", timeout=300)
            await asyncio.wait_for(arrived.wait(), TIMEOUT_S)
            link.down()
            began = time.monotonic()
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call
            assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
            assert time.monotonic() - began < TIMEOUT_S
    finally:
        await server.stop(0)


@pytest.mark.slow
async def test_a_service_bears_being_asked() -> None:
    """Five times the interval, with a call and without."""

    async def wait(request: bytes, context: Any) -> bytes:
        await asyncio.sleep(100)
        return b"done"

    server = RpcServer()
    services = serving(wait)(server.grpc)
    address = server.listen("127.0.0.1:0")
    await server.start(services)
    try:
        async with channel(address) as idle, channel(address) as busy:
            await idle.channel_ready()
            assert await busy.unary_unary(f"/{SERVICE}/Do")(b"", timeout=200) == b"done"
            assert idle.get_state() is grpc.ChannelConnectivity.READY
    finally:
        await server.stop(0)
