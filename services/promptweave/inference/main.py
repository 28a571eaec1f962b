"""Runs the inference service as a process."""

import asyncio
from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry

from promptweave.common.tasks import run_all
from promptweave.common.tracing import tracing
from promptweave.inference.auxiliary_engines import AuxiliaryEngines, EngineRole
from promptweave.inference.engine.engine import Engine
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.engine.remote import endpoints
from promptweave.inference.errors import StartError
from promptweave.inference.options import InferenceOptions
from promptweave.inference.service.servicer import register
from promptweave.rpc.address import ListenError
from promptweave.rpc.logs import complain, set_up_logs
from promptweave.rpc.security import SecurityError
from promptweave.rpc.server import RpcServer
from promptweave.rpc.server import serve as serve_rpc

ROLE = "inference"
CALLS = {
    EngineRole.EMBEDDING: "promptweave.v1.InferenceService.Embed",
    EngineRole.RERANK: "promptweave.v1.InferenceService.Rerank",
    EngineRole.WHISPER: "promptweave.v1.InferenceService.Transcribe",
}
"""The names under which the health service reports the auxiliary engines."""


def run(options: InferenceOptions, *, on_listening: Callable[[str], None] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status. A failure to start is one line on stderr, and status 1.

    To be called in the main thread: on Linux the engine dies with the thread that started it.
    """
    set_up_logs(ROLE)
    try:
        with tracing(ROLE):
            asyncio.run(serve(options, on_listening=on_listening))
    except ListenError as error:
        complain(
            ROLE, f"{error}; set another address with --listen or --metrics (serve: --inference-listen, --inference-metrics)"
        )
        return 1
    except (StartError, SecurityError) as error:
        complain(ROLE, str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


async def serve(options: InferenceOptions, *, on_listening: Callable[[str], None] | None = None) -> None:
    """Serve until stopped. The port is open before the model is loaded; the health service reports when it is loaded.

    Raises StartError, ListenError and SecurityError.
    """
    registry = CollectorRegistry()
    engine: Engine = Supervisor(options) if options.model else endpoints(options)
    auxiliary = AuxiliaryEngines.supervised(options)

    async def watch(server: RpcServer) -> None:
        calls = {role: call for role, call in CALLS.items() if role in auxiliary.engines}
        for call in calls.values():
            await server.set_part(call, False)
        runs = (auxiliary.run(role, partial(server.set_part, call)) for role, call in calls.items())
        await run_all(engine.run(server.set_serving), *runs)

    await serve_rpc(
        options.listen,
        lambda server: register(server, engine, registry, auxiliary),
        serving=False,
        grace_s=options.grace_s,
        security=options.security,
        metrics=options.metrics,
        registry=registry,
        on_listening=on_listening,
        background=watch,
    )
