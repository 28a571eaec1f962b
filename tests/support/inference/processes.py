"""Runs the inference service, and an external llama.cpp server, in child processes."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
import psutil

from promptweave.v1.inference_pb2 import GetModelRequest
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import LONG_S

SERVICE = """
import json, sys
from pathlib import Path
from promptweave.inference.main import run
from promptweave.inference.options import InferenceOptions

given = json.loads(sys.argv[1])
for name in ("model", "session_dir"):
    given[name] = given[name] and Path(given[name])
given["engine_args"] = tuple(given["engine_args"])
sys.exit(run(InferenceOptions(**given), on_listening=lambda address: print(address, flush=True)))
"""


@asynccontextmanager
async def service(
    model: Path,
    *args: str,
    listen: str = "127.0.0.1:0",
    engine: str = "",
    grace_s: float = 5.0,
    folder: str | None = None,
    sessions: Path | None = None,
    metrics: str | None = None,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process; killed at the end if it still runs. `folder`: where it puts temporary files; `sessions`: and sessions."""
    given = {
        "listen": listen,
        "model": str(model),
        "engine": engine or None,
        "engine_args": args,
        "ctx_size": 32_768,
        "grace_s": grace_s,
        "session_dir": sessions and str(sessions),
        "metrics": metrics,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVICE, json.dumps(given)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **({"TMPDIR": folder} if folder else {})},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def address_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout
    return (await process.stdout.readline()).decode().strip()


async def ready(stub: InferenceServiceStub) -> None:
    """Waits until the model is loaded."""
    async with asyncio.timeout(LONG_S):
        while True:
            try:
                await stub.GetModel(GetModelRequest(), timeout=LONG_S)
                return
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
            await asyncio.sleep(0.02)


def engine_of(process: asyncio.subprocess.Process) -> int:
    (child,) = psutil.Process(process.pid).children()
    return child.pid


SERVER = """
import json, sys, threading
from xllamacpp import CommonParams, Server
given = json.loads(sys.argv[1])
params = CommonParams()
params.model.path, params.hostnames, params.port = given["model"], ["127.0.0.1"], given["port"]
params.mmproj.path = given["mmproj"]
params.api_keys = given["keys"]
params.n_ctx, params.n_parallel, params.ui = 512, 1, False
server = Server(params)
threading.Event().wait()
"""


@asynccontextmanager
async def external_server(
    model: Path, port: int, keys: list[str] | None = None, mmproj: Path | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """llama.cpp's server as others start it: on a port, without `--special`."""
    order = json.dumps({"model": str(model), "port": port, "keys": keys or [], "mmproj": str(mmproj or "")})
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVER, order),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        # Threads that wait for each other spinning keep a busy machine's cores from those that they wait for.
        env={"OMP_WAIT_POLICY": "passive", **os.environ},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number
