"""The compiler's service, for the tests of several modules."""

from collections.abc import AsyncIterator

import pytest

from promptweave.compiler.service.servicer import register
from promptweave.compiler.service.worker_pool import WorkerPool
from promptweave.rpc.channel import channel
from promptweave.rpc.server import RpcServer
from promptweave.v1.prompt_compiler_pb2_grpc import PromptCompilerServiceStub


@pytest.fixture
async def compiler() -> AsyncIterator[PromptCompilerServiceStub]:
    server, pool = RpcServer(), WorkerPool()
    services = register(server.grpc, pool)
    address = server.listen("127.0.0.1:0")
    await server.start(services)
    async with channel(address) as connection:
        yield PromptCompilerServiceStub(connection)
    await server.stop(0)
    await pool.close()
