"""The compiler process."""

import asyncio
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from promptweave.common.tracing import tracing
from promptweave.compiler.options import CompilerOptions
from promptweave.compiler.service.response_cache import ResponseCache
from promptweave.compiler.service.servicer import register
from promptweave.compiler.service.worker_pool import WorkerPool
from promptweave.rpc.address import ListenError
from promptweave.rpc.logs import complain, set_up_logs
from promptweave.rpc.security import SecurityError
from promptweave.rpc.server import RpcServer, serve

ROLE = "compiler"


def run(options: CompilerOptions, *, on_listening: Callable[[str], None] | None = None) -> int:
    """Serve until SIGTERM or SIGINT and return the exit status. A startup failure is one line on stderr, with status 1."""
    set_up_logs(ROLE)
    try:
        with tracing(ROLE):
            asyncio.run(_serve(options, on_listening))
    except ListenError as error:
        complain(
            ROLE, f"{error}; use another address for --listen or --metrics (serve: --compiler-listen, --compiler-metrics)"
        )
        return 1
    except SecurityError as error:
        complain(ROLE, str(error))
        return 1
    return 0


async def _serve(options: CompilerOptions, on_listening: Callable[[str], None] | None) -> None:
    pool, registry = WorkerPool(), CollectorRegistry()
    _count(pool, registry)
    answers = ResponseCache(on_lookup=count_lookups(registry))

    async def start(server: RpcServer) -> None:
        # Ready only when the first worker is, so that the first call does not wait for it.
        await pool.warm_up()
        await server.set_serving(True)
        await asyncio.Event().wait()

    await serve(
        options.listen,
        lambda server: register(server, pool, answers),
        serving=False,
        grace_s=options.grace_s,
        security=options.security,
        metrics=options.metrics,
        registry=registry,
        on_listening=on_listening,
        background=start,
        cleanup=pool.close,
    )


def _count(pool: WorkerPool, registry: CollectorRegistry) -> None:
    """Export the use of the pool: `busy / size` is its saturation, and waiting calls come on top."""
    for name, what, value in (
        ("workers", "Maximum number of worker processes.", lambda: pool.size),
        ("workers_busy", "Requests assigned to a worker.", lambda: pool.busy),
        ("calls_waiting", "Requests queued for a worker.", lambda: pool.waiting),
    ):
        Gauge(f"promptweave_compiler_{name}", what, registry=registry).set_function(value)


def count_lookups(registry: CollectorRegistry) -> Callable[[bool], None]:
    """Return a function that counts a lookup in the response cache as a hit or a miss."""

    def counter(name: str, what: str) -> Counter:
        return Counter(f"promptweave_compiler_{name}", what, registry=registry)

    hits = counter("cache_hits", "Requests answered from the response cache.")
    misses = counter("cache_misses", "Requests that were not in the response cache.")
    deprecated = counter("answers_from_memory", "Deprecated: use promptweave_compiler_cache_hits_total.")

    def count(is_hit: bool) -> None:
        for each in (hits, deprecated) if is_hit else (misses,):
            each.inc()

    return count
