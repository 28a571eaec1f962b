"""gRPC servers with one method, to test what all servers have in common."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

from promptweave.rpc.channel import channel
from promptweave.rpc.server import RpcServer

SERVICE = "test.Test"
TIMEOUT_S = 30

Behaviour = Callable[[Any, Any], Any]


def serving(behaviour: Behaviour, kind: str = "unary_unary") -> Callable[[grpc.aio.Server], Sequence[str]]:
    """Adds the method `Do`, whose messages are bytes, of this kind."""

    def register(server: grpc.aio.Server) -> Sequence[str]:
        handler = getattr(grpc, f"{kind}_rpc_method_handler")(behaviour)
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {"Do": handler})])
        return (SERVICE,)

    return register


@asynccontextmanager
async def connected(behaviour: Behaviour, kind: str = "unary_unary", *, method: str = "Do") -> AsyncIterator[Any]:
    """A client's `Do`, or another method, of a server that has only that."""
    server = RpcServer()
    services = serving(behaviour, kind)(server.grpc)
    address = server.listen("127.0.0.1:0")
    await server.start(services)
    try:
        async with channel(address) as connection:
            yield getattr(connection, kind)(f"/{SERVICE}/{method}")
    finally:
        await server.stop(0)


async def echo(request: bytes, context: object) -> bytes:
    return request


async def call(do: Any, kind: str, request: bytes = b"x") -> list[bytes]:
    """All responses to one request, whatever the kind."""
    given = iter([request]) if kind.startswith("stream") else request
    calling = do(given, timeout=TIMEOUT_S)
    if kind.endswith("unary"):
        answered: Awaitable[bytes] = calling
        return [await answered]
    return [response async for response in calling]
