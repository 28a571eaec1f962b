"""Streams that clients abandon at any moment leave nothing behind."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import psutil
import pytest

from promptweave.inference.engine.llama_server import Supervisor
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import eventually, options, served
from tests.support.inference.requests import TIMEOUT_S, answer, endless, program, request

pytestmark = pytest.mark.anyio

AT_ONCE = 20


@pytest.fixture
async def two_slots(demo_model: Path) -> AsyncIterator[tuple[InferenceServiceStub, Supervisor]]:
    async with served(options(demo_model, parallel=2, ctx_size=2048, max_waiting=8)) as (stub, engine):
        yield stub, engine


async def abandon(stub: InferenceServiceStub, chance: random.Random) -> None:
    """A call that is given up after a moment, or after some of its events; or that the queue has no room for."""
    call: Any = stub.Generate(endless(n=chance.choice([1, 1, 1, 2])), timeout=TIMEOUT_S)
    try:
        if chance.random() < 0.5:
            await asyncio.sleep(chance.random() * 0.02)
        else:
            for _ in range(chance.randrange(1, 4)):
                await call.read()
    except grpc.aio.AioRpcError:
        pass  # Too many at once.
    finally:
        call.cancel()


def held(engine: Supervisor) -> tuple[int, int, int]:
    """What there is of what might leak: our descriptors, the engine's, our tasks."""
    assert engine.pid
    return psutil.Process().num_fds(), psutil.Process(engine.pid).num_fds(), len(asyncio.all_tasks())


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
async def test_nothing_is_left(two_slots: tuple[InferenceServiceStub, Supervisor], count: int) -> None:
    stub, engine = two_slots
    chance = random.Random(count)
    await asyncio.gather(*(abandon(stub, chance) for _ in range(AT_ONCE)))
    queue = engine.ready().slot_queue
    await eventually(lambda: queue.running == 0 and not queue.waiting)
    before, memory = held(engine), psutil.Process().memory_info().rss
    for _ in range(count // AT_ONCE):
        await asyncio.gather(*(abandon(stub, chance) for _ in range(AT_ONCE)))
    await eventually(lambda: queue.running == 0 and not queue.waiting)
    await eventually(lambda: all(now <= then + 2 for now, then in zip(held(engine), before, strict=True)))
    grown = psutil.Process().memory_info().rss - memory
    # `-rP` shows it.
    print(f"{count} streams: {before} descriptors, the engine's, tasks → {held(engine)}; {grown / 2**20:+.1f} MiB")
    assert grown < 50 * 2**20
    assert (await answer(stub, request(program(gbnf='root ::= "x"')))).content == "x"
