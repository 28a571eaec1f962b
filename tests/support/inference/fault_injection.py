"""Types and helpers for injected faults: the environment of a fault, and its expected and observed effects."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.errors import StartError
from promptweave.rpc.client_errors import from_rpc_error
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import LONG_S, options, watched
from tests.support.inference.requests import Answer, answer, program, read_on, request


@dataclass(frozen=True)
class Place:
    """What a fault is made of: a model, a program that misbehaves, an empty folder."""

    model: Path
    fake: str
    folder: Path


@dataclass(frozen=True)
class Observed:
    """What came of it. `back_s`: seconds from the fault to the first answer; None: there is nothing to come back."""

    what: str
    back_s: float | None = None


@dataclass(frozen=True)
class Fault:
    """`seen`: what the client, or for a start the person at the terminal, is told; "…" stands for any words."""

    name: str
    injected: str
    seen: str
    lost: str
    run: Callable[[Place], Awaitable[Observed]]

    def check(self, seen: Observed) -> None:
        """Raises AssertionError for something else."""
        pattern = ".*".join(map(re.escape, self.seen.split("…")))
        assert re.fullmatch(pattern, seen.what), f"{seen.what!r} instead of {self.seen!r}"


CONTEXT = 32_768
"""Large enough for a message that is still being written when the fault comes."""


async def failed_start(place: Place, **given: Any) -> Observed:
    """A start that fails."""
    try:
        engine = Supervisor(options(**{"model": place.model, **given}))
    except StartError as error:
        return Observed(_told(error))
    async with watched(engine, ready=False) as watch:
        return await end_of_start(watch.task)


async def end_of_start(task: "asyncio.Task[None]") -> Observed:
    await asyncio.wait([task], timeout=LONG_S)
    with pytest.raises(StartError) as raised:
        task.result()
    return Observed(_told(raised.value))


def _told(error: StartError) -> str:
    words = [Path(word).name if word.startswith("/") else word for word in str(error).split()]
    return f"exit status 1: {' '.join(words)}"


def cut(model: Path, to: Path) -> None:
    whole = model.read_bytes()
    to.write_bytes(whole[: len(whole) // 2])


async def end_of(call: Any, got: Answer) -> str:
    """Reads on to the error that ends a call."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await read_on(call, got)
    return named(raised.value)


def named(raised: grpc.aio.AioRpcError) -> str:
    error = from_rpc_error(raised)
    return f"{error.code.value} ({error.reason.removeprefix('ERROR_REASON_')})"


async def answers_again(stub: InferenceServiceStub) -> None:
    """Asks until there is an answer."""
    async with asyncio.timeout(LONG_S):
        while True:
            try:
                assert (await answer(stub, request(program(gbnf='root ::= "x"')))).content == "x"
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                await asyncio.sleep(0.02)
            else:
                return
