"""Servers: where they listen, what they take, how they stop."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from promptweave.rpc import server as server_module
from promptweave.rpc.address import ListenError, can_be_called
from promptweave.rpc.admin_http import Readiness
from promptweave.rpc.channel import MAX_MESSAGE_BYTES, Connection, channel
from promptweave.rpc.server import LIVENESS, RpcServer, serve
from tests.support.rpc.echo_server import SERVICE, TIMEOUT_S, call, connected, echo, serving

pytestmark = pytest.mark.anyio


@contextmanager
def taken(family: socket.AddressFamily, address: Any) -> Iterator[socket.socket]:
    """Somebody else's server."""
    with closing(socket.socket(family)) as other:
        other.bind(address)
        other.listen()
        yield other


@pytest.mark.parametrize(
    ("address", "message"),
    [
        pytest.param("", "is not an address; use host:port or unix:/path", id="empty"),
        pytest.param("nonsense", "is not an address", id="word"),
        pytest.param("127.0.0.1", "is not an address", id="no-port"),
        pytest.param("127.0.0.1:", "is not an address", id="empty-port"),
        pytest.param("127.0.0.1:http", "is not an address", id="named-port"),
        pytest.param("127.0.0.1:-1", "is not an address", id="negative-port"),
        pytest.param("127.0.0.1:65536", "is not an address", id="high-port"),
        pytest.param("no.such.host.invalid:0", "cannot listen on no.such.host.invalid:0: ", id="unknown-host"),
        pytest.param("192.0.2.1:0", "cannot listen on 192.0.2.1:0: ", id="somebody-else's-host"),
        pytest.param("unix:", "is not an address", id="no-path"),
        pytest.param("unix:/no/such/folder/a.sock", "cannot listen on unix:/no/such/folder/a.sock", id="no-folder"),
        pytest.param(f"unix:/tmp/{'x' * 200}", "cannot listen on unix:/tmp/xxx", id="long-path"),
    ],
)
async def test_addresses_that_cannot_be_listened_on(address: str, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    server = RpcServer()
    with pytest.raises(ListenError, match=message) as raised:
        server.listen(address)
    await server.stop(0)
    assert "\n" not in str(raised.value)


async def test_a_port_that_is_taken(capfd: pytest.CaptureFixture[str]) -> None:
    with taken(socket.AF_INET, ("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        server = RpcServer()
        with pytest.raises(ListenError, match=f"^cannot listen on {address}: Address already in use$"):
            server.listen(address)
        await server.stop(0)
    assert not capfd.readouterr().err


async def test_two_servers_of_ours_do_not_share_a_port() -> None:
    first, second = RpcServer(), RpcServer()
    address = first.listen("127.0.0.1:0")
    await first.start(())
    with pytest.raises(ListenError):
        second.listen(address)
    await first.stop(0)
    await second.stop(0)


async def test_a_unix_socket_that_is_taken_stays_with_its_owner(tmp_path: Path) -> None:
    path = str(tmp_path / "a.sock")
    with taken(socket.AF_UNIX, path):
        server = RpcServer()
        with pytest.raises(ListenError, match="is in use by another process"):
            server.listen(f"unix:{path}")
        await server.stop(0)
        with closing(socket.socket(socket.AF_UNIX)) as probe:
            probe.connect(path)


async def test_a_file_is_not_overwritten_by_a_socket(tmp_path: Path) -> None:
    path = tmp_path / "letters.txt"
    path.write_text("dear")
    server = RpcServer()
    with pytest.raises(ListenError, match="cannot listen on"):
        server.listen(f"unix:{path}")
    await server.stop(0)
    assert path.read_text() == "dear"


@pytest.mark.parametrize("left_over", [False, True], ids=["new", "left-over"])
@pytest.mark.parametrize("form", ["unix:{}", "unix://{}"])
async def test_unix_sockets(tmp_path: Path, form: str, left_over: bool) -> None:
    """One that a killed server left behind is taken over."""
    path = str(tmp_path / "a.sock")
    if left_over:
        with taken(socket.AF_UNIX, path):
            pass
    server = RpcServer()
    services = serving(echo)(server.grpc)
    address = server.listen(form.format(path))
    await server.start(services)
    async with channel(address) as connection:
        assert await connection.unary_unary(f"/{SERVICE}/Do")(b"x", timeout=TIMEOUT_S) == b"x"
    await server.stop(0)


@pytest.mark.parametrize("size", [5 * 1024 * 1024, MAX_MESSAGE_BYTES], ids=["above-the-library's-limit", "the-largest"])
async def test_large_messages(size: int) -> None:
    async with connected(echo) as do:
        assert len((await call(do, "unary_unary", bytes(size)))[0]) == size


async def test_messages_that_are_too_large() -> None:
    async with connected(echo) as do:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(do, "unary_unary", bytes(MAX_MESSAGE_BYTES + 1))
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_health() -> None:
    server = RpcServer()
    services = serving(echo)(server.grpc)
    address = server.listen("127.0.0.1:0")
    await server.start(services, serving=False)
    status = health_pb2.HealthCheckResponse
    async with channel(address) as connection:
        stub = health_pb2_grpc.HealthStub(connection)

        async def ask(service: str) -> int:
            return (await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT_S)).status

        for serving_now in (False, True, False):
            await server.set_serving(serving_now)
            expected = status.SERVING if serving_now else status.NOT_SERVING
            assert [await ask(SERVICE), await ask(""), await ask(LIVENESS)] == [expected, expected, status.SERVING]
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await ask("no.such.Service")
        assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    await server.stop(0)


class Serving:
    """`serve` in a task, with a method that takes its time."""

    def __init__(self, **given: Any) -> None:
        self.log: list[str] = []
        self.entered, self.release = asyncio.Event(), asyncio.Event()
        self.address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        register = serving(self._slow)
        self.task = asyncio.create_task(
            serve("127.0.0.1:0", register, on_listening=self.address.set_result, cleanup=self._cleanup, **given)
        )

    async def _slow(self, request: bytes, context: object) -> bytes:
        self.entered.set()
        await self.release.wait()
        self.log.append("answered")
        return request

    async def _cleanup(self) -> None:
        self.log.append("cleanup")

    async def background(self, server: RpcServer) -> None:
        """What a running call needs."""
        try:
            await asyncio.sleep(1000)
        finally:
            self.log.append("background")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_a_signal_lets_running_calls_end(number: signal.Signals) -> None:
    async def background(server: RpcServer) -> None:
        await running.background(server)

    running = Serving(background=background, grace_s=30)
    async with channel(await running.address) as connection:
        calling = connection.unary_unary(f"/{SERVICE}/Do")(b"x", timeout=TIMEOUT_S)
        await running.entered.wait()
        os.kill(os.getpid(), number)
        await asyncio.sleep(0.05)
        assert not running.log
        running.release.set()
        assert await calling == b"x"
        await running.task
    assert running.log == ["answered", "background", "cleanup"]


async def test_health_says_first_that_it_stops_and_new_calls_are_refused() -> None:
    """And who watches it does not hold the stop up."""
    running = Serving(grace_s=10_000)
    status = health_pb2.HealthCheckResponse
    async with channel(await running.address) as connection, channel(running.address.result()) as another:
        do = connection.unary_unary(f"/{SERVICE}/Do")
        calling = do(b"x", timeout=TIMEOUT_S)
        stub = health_pb2_grpc.HealthStub(connection)
        watching = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=TIMEOUT_S)
        assert (await watching.read()).status == status.SERVING
        await running.entered.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        assert (await watching.read()).status == status.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await another.unary_unary(f"/{SERVICE}/Do")(b"x", timeout=TIMEOUT_S)
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
        running.release.set()
        assert await calling == b"x"
        assert await watching.read() is grpc.aio.EOF
        await running.task


async def test_a_call_that_does_not_end_is_cancelled_after_the_grace() -> None:
    running = Serving(grace_s=0.1)
    async with channel(await running.address) as connection:
        calling = connection.unary_unary(f"/{SERVICE}/Do")(b"x", timeout=TIMEOUT_S)
        await running.entered.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await calling
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
        await running.task
    assert running.log == ["cleanup"]


async def test_what_the_background_raises_ends_the_server() -> None:
    async def background(server: RpcServer) -> None:
        raise KeyError("hopeless")

    running = Serving(background=background)
    with pytest.raises(KeyError, match="hopeless"):
        await running.task
    assert running.log == ["cleanup"]


async def test_an_address_that_is_taken_cleans_up_all_the_same() -> None:
    cleaned = asyncio.Event()

    async def cleanup() -> None:
        cleaned.set()

    with pytest.raises(ListenError):
        await serve("nonsense", serving(echo), cleanup=cleanup)
    assert cleaned.is_set()


async def test_calls_that_come_as_a_replica_stops_go_to_the_next_one() -> None:
    """The library drops those that nobody has taken yet, as CANCELLED."""

    async def ask(connection: Connection, over: asyncio.Event) -> None:
        while not over.is_set():
            assert await connection.channel.unary_unary(f"/{SERVICE}/Do")(b"x", timeout=TIMEOUT_S) == b"x"

    for _ in range(3):
        servers, addresses, over = [RpcServer(), RpcServer()], [], asyncio.Event()
        for server in servers:
            services = serving(echo)(server.grpc)
            addresses.append(server.listen("127.0.0.1:0"))
            await server.start(services)
        connection = Connection(f"ipv4:{','.join(addresses)}")
        callers = [asyncio.ensure_future(ask(connection, over)) for _ in range(24)]
        await asyncio.sleep(0.2)
        await servers[0].stop(TIMEOUT_S)
        await asyncio.sleep(0.2)
        over.set()
        await asyncio.gather(*callers)
        await connection.close()
        await servers[1].stop(0)


async def test_an_event_loop_that_stands_still_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_TURN_S", 0.01)
    server = RpcServer()
    server.listen("127.0.0.1:0")
    await server.start([])
    assert server.readiness() is Readiness.READY
    with monkeypatch.context() as impatient:
        impatient.setattr(server_module, "_STUCK_S", 0.2)
        time.sleep(0.5)  # noqa: ASYNC251 - it should not turn
        assert server.readiness() is Readiness.STUCK
    await asyncio.sleep(0.1)
    assert server.readiness() is Readiness.READY
    await server.stop(0)
    assert server.readiness() is Readiness.STOPPING


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        ("localhost:50051", True),
        ("[::1]:1", True),
        ("dns:///services.test:65535", True),
        ("unix:/run/compiler.sock", True),
        ("unix:", False),
        ("localhost", False),
        (":50051", False),
        ("localhost:0", False),
        ("localhost:65536", False),
        ("localhost:http", False),
        ("localhost:²", False),
    ],
)
def test_what_can_be_called(address: str, is_one: bool) -> None:
    assert can_be_called(address) is is_one


@pytest.mark.parametrize("algorithm", [grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_compressed_messages_are_refused_unread(algorithm: grpc.Compression) -> None:
    """Sixty KB may unpack to sixty MB."""
    read = list[int]()

    async def count(request: bytes, context: object) -> bytes:
        read.append(len(request))
        return b""

    async with connected(count, "unary_unary") as do:
        for size in (1_000, MAX_MESSAGE_BYTES - 1_000):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await do(bytes(size), timeout=TIMEOUT_S, compression=algorithm)
            assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
            assert "disabled" in str(raised.value.details())
        assert await do(bytes(1_000), timeout=TIMEOUT_S) == b""
    assert read == [1_000]
