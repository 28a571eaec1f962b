"""A call that nobody wants any more frees its slot: in the queue, and in the engine."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from promptweave.errors import Code
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.rpc import server
from promptweave.rpc.client_errors import from_rpc_error
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import LONG_S, eventually, listening, options, served
from tests.support.inference.requests import TIMEOUT_S, endless, program, request

pytestmark = pytest.mark.anyio

CLIENT = """
import asyncio, sys
from promptweave.rpc.channel import channel
from promptweave.v1.inference_pb2 import GenerateRequest
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub

async def main():
    async with channel(sys.argv[1]) as connection:
        asked = GenerateRequest.FromString(sys.stdin.buffer.read())
        async for _ in InferenceServiceStub(connection).Generate(asked):
            print("writing", flush=True)
            await asyncio.sleep(1000)

asyncio.run(main())
"""


@pytest.fixture
async def one_slot(demo_model: Path) -> AsyncIterator[tuple[InferenceServiceStub, Supervisor]]:
    """An engine that writes one message at a time, and goes on writing one for very long."""
    async with served(options(demo_model, parallel=1, ctx_size=32_768, max_waiting=2)) as (stub, engine):
        yield stub, engine


async def busy(engine: Supervisor) -> int:
    """How many slots the engine itself works on."""
    return sum(slot.processing for slot in await engine.ready().client.slots())


async def idle(engine: Supervisor) -> bool:
    """Waits until nothing is being written, by the queue's count and by the engine's."""
    queue = engine.ready().slot_queue
    await eventually(lambda: queue.running == 0 and not queue.waiting)
    async with asyncio.timeout(LONG_S):
        while await busy(engine):  # noqa: ASYNC110 - it is told nowhere
            await asyncio.sleep(0.01)
    return True


async def begun(stub: InferenceServiceStub, **fields: Any) -> Any:
    """A call that writes without an end."""
    call = stub.Generate(endless(**fields), timeout=TIMEOUT_S)
    await call.read()
    return call


async def test_cancelling_frees_the_slot(one_slot: tuple[InferenceServiceStub, Supervisor]) -> None:
    stub, engine = one_slot
    for _ in range(3):
        call = await begun(stub)
        assert await busy(engine) == 1
        call.cancel()
        assert await idle(engine)


async def test_cancelling_before_the_first_token_frees_the_slot(
    one_slot: tuple[InferenceServiceStub, Supervisor],
) -> None:
    """At any moment: while the request is read, checked, tokenised, sent, or written on."""
    stub, engine = one_slot
    for delay_ms in range(0, 30, 2):
        call = stub.Generate(endless(), timeout=TIMEOUT_S)
        await asyncio.sleep(delay_ms / 1000)
        call.cancel()
    assert await idle(engine)


async def test_cancelling_a_call_that_waits(one_slot: tuple[InferenceServiceStub, Supervisor]) -> None:
    stub, engine = one_slot
    writing = await begun(stub)
    waiting = stub.Generate(endless(), timeout=TIMEOUT_S)
    await eventually(lambda: engine.ready().slot_queue.waiting == 1)
    waiting.cancel()
    await eventually(lambda: not engine.ready().slot_queue.waiting)
    assert await busy(engine) == 1
    writing.cancel()
    assert await idle(engine)


async def test_too_many_calls(one_slot: tuple[InferenceServiceStub, Supervisor]) -> None:
    stub, engine = one_slot
    calls = [await begun(stub), stub.Generate(endless(), timeout=TIMEOUT_S), stub.Generate(endless(), timeout=TIMEOUT_S)]
    await eventually(lambda: engine.ready().slot_queue.waiting == 2)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.Generate(endless(), timeout=TIMEOUT_S).read()
    error = from_rpc_error(raised.value)
    assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "ERROR_REASON_OVERLOADED")
    assert error.retry_after_s
    for call in calls:
        call.cancel()
    assert await idle(engine)


async def test_priority_decides_who_is_next(one_slot: tuple[InferenceServiceStub, Supervisor]) -> None:
    stub, engine = one_slot
    writing = await begun(stub)
    ended: list[int] = []

    async def ask(priority: int) -> None:
        async for _ in stub.Generate(request(program(gbnf='root ::= "x"'), priority=priority), timeout=TIMEOUT_S):
            pass
        ended.append(priority)

    low = asyncio.create_task(ask(-1))
    await eventually(lambda: engine.ready().slot_queue.waiting == 1)
    high = asyncio.create_task(ask(5))
    await eventually(lambda: engine.ready().slot_queue.waiting == 2)
    writing.cancel()
    await asyncio.gather(low, high)
    assert ended == [5, -1]


@pytest.mark.parametrize("waiting", [False, True], ids=["writing", "waiting"])
async def test_a_deadline_frees_the_slot(one_slot: tuple[InferenceServiceStub, Supervisor], waiting: bool) -> None:
    stub, engine = one_slot
    other = await begun(stub) if waiting else None
    call = stub.Generate(endless(), timeout=0.3)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        async for _ in call:
            pass
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert from_rpc_error(raised.value).code is Code.DEADLINE_EXCEEDED
    if other:
        await eventually(lambda: not engine.ready().slot_queue.waiting)
        other.cancel()
    assert await idle(engine)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "silent"])
async def test_a_client_that_goes_without_a_word_frees_the_slot(
    one_slot: tuple[InferenceServiceStub, Supervisor], number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has read only the first piece: the others pile up until the connection takes no more.

    A stopped process is as silent as a machine that is gone: its kernel takes what comes, and nobody answers.
    """
    quick = {"grpc.keepalive_time_ms": 300, "grpc.http2.ping_timeout_ms": 300}
    monkeypatch.setattr(server, "KEEPALIVE", [*{**dict(server.KEEPALIVE), **quick}.items()])
    _, engine = one_slot
    async with listening(engine) as address:
        client = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CLIENT, address), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert client.stdin
            assert client.stdout
            client.stdin.write(endless().SerializeToString())
            client.stdin.close()
            assert await client.stdout.readline() == b"writing\n"
            assert await busy(engine) == 1
            client.send_signal(number)
            assert await idle(engine)
        finally:
            if client.returncode is None:
                client.kill()
            await client.wait()
