"""Faults that keep the engine, or the service, from starting."""

import asyncio
import os
import resource
import shutil
import signal
import socket

import pytest

from promptweave.inference.engine.llama_server import Supervisor
from promptweave.rpc.address import ListenError
from promptweave.rpc.server import RpcServer
from tests.support.inference.fault_injection import Observed, Place, cut, end_of_start, failed_start
from tests.support.inference.in_process import eventually, options, watched


async def killed_while_it_loads(place: Place) -> Observed:
    """kill -9 before it was ever ready."""
    engine = Supervisor(options(place.model, engine=place.fake, engine_args=("--fake", "never")))
    async with watched(engine, ready=False) as watch:
        await eventually(lambda: engine.pid)
        os.kill(engine.pid or 0, signal.SIGKILL)
        return await end_of_start(watch.task)


async def memory_runs_out(place: Place) -> Observed:
    """It gets less than its context takes."""
    if not hasattr(resource, "prlimit"):
        pytest.skip("a process cannot be limited from outside here")
    engine = Supervisor(options(place.model, parallel=4, ctx_size=200_000))
    async with watched(engine, ready=False) as watch:
        await eventually(lambda: engine.pid)
        resource.prlimit(engine.pid or 0, resource.RLIMIT_AS, (600 << 20, 600 << 20))
        return await end_of_start(watch.task)


async def never_loads(place: Place) -> Observed:
    """It loads, and loads."""
    return await failed_start(place, engine=place.fake, engine_args=("--fake", "never"), start_timeout_s=1.0)


async def cut_model(place: Place) -> Observed:
    """The second half of the model's file is missing."""
    model = place.folder / "model.gguf"
    await asyncio.to_thread(cut, place.model, model)
    return await failed_start(place, model=model)


async def no_model(place: Place) -> Observed:
    """Another kind of file."""
    model = place.folder / "model.gguf"
    await asyncio.to_thread(model.write_bytes, b"PK\3\4")
    return await failed_start(place, model=model)


async def model_breaks_later(place: Place) -> Observed:
    """The model file is truncated while the engine runs; then the engine dies."""
    model = place.folder / "model.gguf"
    shutil.copy(place.model, model)
    engine = Supervisor(options(model))
    async with watched(engine) as watch:
        model.unlink()
        await asyncio.to_thread(cut, place.model, model)
        os.kill(engine.pid or 0, signal.SIGKILL)
        return await end_of_start(watch.task)


async def taken_port(place: Place) -> Observed:
    """Somebody listens there."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        server = RpcServer()
        with pytest.raises(ListenError) as raised:
            server.listen(address)
        await server.stop(0)
        return Observed(f"exit status 1: {raised.value}".replace(address, "ADDRESS"))
