"""Runs supervised engines and the inference service in this process."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from prometheus_client import CollectorRegistry

from promptweave.inference.auxiliary_engines import NO_AUXILIARY_ENGINES, AuxiliaryEngines
from promptweave.inference.engine.engine import Engine
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.options import InferenceOptions
from promptweave.inference.service.servicer import register
from promptweave.rpc.channel import channel
from promptweave.rpc.server import RpcServer
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub

LONG_S = 30.0
"""An upper bound for what takes a moment, on the slowest machine."""


async def eventually(condition: Callable[[], Any]) -> None:
    """Waits until it holds."""
    async with asyncio.timeout(LONG_S):
        while not condition():  # noqa: ASYNC110 - what is waited for is told nowhere
            await asyncio.sleep(0.01)


class Watch:
    """`run` of an engine in a task, and what its `on_ready` heard."""

    def __init__(self, engine: Engine) -> None:
        self.heard: list[bool] = []
        self.task = asyncio.create_task(engine.run(self._hear))

    async def _hear(self, ready: bool) -> None:
        self.heard.append(ready)

    async def until_heard(self, *heard: bool) -> None:
        """Waits until it heard just this, from the start; raises what `run` raises."""
        await eventually(lambda: self.task.done() or self.heard == [*heard])
        if self.task.done():
            self.task.result()

    async def stop(self) -> None:
        """Cancels `run` and waits for it."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


@asynccontextmanager
async def watched(engine: Engine, *, ready: bool = True) -> AsyncIterator[Watch]:
    """Watches over the engine for as long as the block; `ready`: waits for it first."""
    watch = Watch(engine)
    try:
        if ready:
            await watch.until_heard(True)
        yield watch
    finally:
        if not watch.task.done():
            await watch.stop()


@asynccontextmanager
async def listening(
    engine: Engine, registry: CollectorRegistry | None = None, side: AuxiliaryEngines = NO_AUXILIARY_ENGINES
) -> AsyncIterator[str]:
    """The service over real gRPC, for an engine that somebody watches: its address. `registry`: where it counts."""
    server = RpcServer()
    services = register(server.grpc, engine, registry, side)
    address = server.listen("127.0.0.1:0")
    await server.start(services)
    try:
        yield address
    finally:
        await server.stop(0)


@asynccontextmanager
async def calling(
    engine: Engine, registry: CollectorRegistry | None = None, side: AuxiliaryEngines = NO_AUXILIARY_ENGINES
) -> AsyncIterator[InferenceServiceStub]:
    """As `listening`, and a client."""
    async with listening(engine, registry, side) as address, channel(address) as connection:
        yield InferenceServiceStub(connection)


def options(model: Path, **given: Any) -> InferenceOptions:
    """For a small engine of our own."""
    return InferenceOptions(**{"model": model, "parallel": 2, "ctx_size": 512, "start_timeout_s": LONG_S, **given})


@asynccontextmanager
async def served(given: InferenceOptions) -> AsyncIterator[tuple[InferenceServiceStub, Supervisor]]:
    """An engine of our own that is ready, and its service."""
    engine = Supervisor(given)
    async with watched(engine), calling(engine) as stub:
        yield stub, engine


def socket_folders(pid: int) -> set[Path]:
    """The folders that the UNIX sockets of a process are in."""
    return {Path(link.laddr).parent for link in psutil.Process(pid).net_connections("unix") if link.laddr}


def left(folders: Iterable[Path]) -> list[Path]:
    """Those that are still there."""
    return [folder for folder in folders if folder.exists()]


def alive(pid: int) -> bool:
    """Whether there is such a process, and not only its corpse."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
