"""What every server counts, and where it shows it."""

import asyncio
import socket
import urllib.request
from typing import Any

import grpc.aio
import httpx
import pytest
from prometheus_client import CollectorRegistry

from promptweave.errors import Code, PromptweaveError
from promptweave.rpc.address import ListenError
from promptweave.rpc.admin_http import serve_admin
from promptweave.rpc.channel import channel
from promptweave.rpc.server import RpcServer
from tests.support.rpc.echo_server import SERVICE, TIMEOUT_S, call, serving


class _RefusedError(PromptweaveError):
    code = Code.NOT_FOUND
    reason = "ERROR_REASON_MODEL_NOT_FOUND"


async def behaviour(request: bytes, context: Any) -> bytes:
    if request == b"refuse":
        raise _RefusedError("no")
    if request == b"fail":
        raise KeyError("oh")
    if request == b"wait":
        await asyncio.sleep(1000)
    return request


LABELS = {"grpc_type": "unary", "grpc_service": SERVICE, "grpc_method": "Do"}


async def in_flight(registry: CollectorRegistry, number: int) -> None:
    """Waits until so many calls run."""
    async with asyncio.timeout(TIMEOUT_S):
        while registry.get_sample_value("grpc_server_in_flight", LABELS) != number:  # noqa: ASYNC110 - told nowhere
            await asyncio.sleep(0.01)


def ended(registry: CollectorRegistry, code: str) -> float | None:
    return registry.get_sample_value("grpc_server_handled_total", {**LABELS, "grpc_code": code})


@pytest.mark.anyio
async def test_calls_are_counted_by_how_they_end() -> None:
    registry = CollectorRegistry()
    server = RpcServer(registry)
    services = serving(behaviour)(server.grpc)
    address = server.listen("127.0.0.1:0")
    await server.start(services)
    async with channel(address) as connection:
        do = connection.unary_unary(f"/{SERVICE}/Do")
        await call(do, "unary_unary")
        for request in (b"refuse", b"fail"):
            with pytest.raises(grpc.aio.AioRpcError):
                await do(request, timeout=TIMEOUT_S)
        with pytest.raises(grpc.aio.AioRpcError):
            await do(b"wait", timeout=0.1)
        await in_flight(registry, 0)
        calling = do(b"wait", timeout=TIMEOUT_S)
        await in_flight(registry, 1)
        calling.cancel()
        await in_flight(registry, 0)
        with pytest.raises(grpc.aio.AioRpcError):
            await connection.unary_unary(f"/{SERVICE}/Unknown")(b"", timeout=TIMEOUT_S)
    await server.stop(0)
    codes = {code.name: count for code in grpc.StatusCode if (count := ended(registry, code.name))}
    assert codes == {"OK": 1, "NOT_FOUND": 1, "INTERNAL": 1, "DEADLINE_EXCEEDED": 1, "CANCELLED": 1}
    assert registry.get_sample_value("grpc_server_started_total", LABELS) == 5
    assert registry.get_sample_value("grpc_server_handling_seconds_count", LABELS) == 5


def test_they_are_shown() -> None:
    registry = CollectorRegistry()
    with serve_admin("127.0.0.1:0", registry) as address:
        url = f"http://{address}/metrics"
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as shown:
            assert b"process_open_fds" in shown.read()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=TIMEOUT_S)


def test_an_address_without_a_host_is_every_one() -> None:
    with serve_admin(":0", CollectorRegistry()) as address:
        assert address
        assert httpx.get(f"http://127.0.0.1{address}/metrics", trust_env=False).is_success


def test_they_need_not_be_shown() -> None:
    with serve_admin(None, CollectorRegistry()) as address:
        assert address is None


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:99999", "unix:/tmp/a.sock"])
def test_addresses_that_cannot_be(address: str) -> None:
    with pytest.raises(ListenError, match=r"address|metrics"), serve_admin(address, CollectorRegistry()):
        pass


def test_a_port_that_is_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(ListenError, match="Address already in use"), serve_admin(address, CollectorRegistry()):
            pass
