"""A gRPC server: start, run until stopped, stop. With the standard health service and reflection."""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from promptweave.common.tasks import first_of
from promptweave.rpc.address import ListenError, refuse_taken
from promptweave.rpc.admin_http import Readiness, serve_admin
from promptweave.rpc.bearer_token import server_interceptors
from promptweave.rpc.channel import KEEPALIVE, LIMITS, PERMITTED
from promptweave.rpc.credentials import server_credentials
from promptweave.rpc.error_interceptor import ErrorInterceptor
from promptweave.rpc.metrics import CallMetrics
from promptweave.rpc.request_context import ContextInterceptor
from promptweave.rpc.security import NO_SECURITY, Security

logger = logging.getLogger(__name__)

_CONNECTIONS = (
    # A bit mask: no compression (0) alone. A compressed message of 64 KB may unpack to 64 MB, so such messages are refused
    # unread, with UNIMPLEMENTED.
    ("grpc.compression_enabled_algorithms_bitset", 1),
    # Reconnecting is how clients find replicas that were added; calls on the old connection continue.
    ("grpc.max_connection_age_ms", 300_000),
    # Otherwise a second server would silently share the port.
    ("grpc.so_reuseport", 0),
)

LIVENESS = "liveness"
"""The health service's name for the process itself: SERVING as long as it responds at all, also while the model loads and
during a stop. The services' own names, and "", report readiness."""

Register = Callable[[grpc.aio.Server], Sequence[str]]
"""Adds servicers to a server and returns the full names of their services."""


_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


_TURN_S, _STUCK_S = 1.0, 30.0
"""How often the event loop records that it runs, and how long it may fail to: the thread that answers probes checks it."""

_HEAR_S = 1.0
"""How long clients that watch the health service have to receive the stop."""


class _Health(HealthServicer):  # type: ignore[misc]  # it has no types
    """The standard servicer, except that clients that watch do not delay a stop for the complete grace period."""

    def __init__(self) -> None:
        super().__init__()
        self.stopping = asyncio.Event()

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802 - the contract's name
        watching = asyncio.ensure_future(super().Watch(request, context))
        try:
            await _ended_or_stopped(watching, self.stopping)
            await asyncio.wait([watching], timeout=_HEAR_S)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


class RpcServer:
    """One server. Register servicers with `grpc`; then call `listen`, `start`, and at the end `stop`."""

    def __init__(self, registry: CollectorRegistry | None = None, security: Security = NO_SECURITY) -> None:
        """Create the server. `registry`: where its calls are counted. Raises SecurityError."""
        counting = CallMetrics(registry or CollectorRegistry())
        interceptors = [counting, ContextInterceptor(), ErrorInterceptor(), *server_interceptors(security)]
        self._credentials = server_credentials(security)
        self.grpc = grpc.aio.server(interceptors=interceptors, options=[*LIMITS, *KEEPALIVE, *PERMITTED, *_CONNECTIONS])
        self._health = _Health()
        self._services: tuple[str, ...] = ()
        self._parts: set[str] = set()
        self.serving = False
        """The overall state that the health service reports."""
        self._turned = time.monotonic()

    def listen(self, address: str) -> str:
        """Listen on `host:port` (port 0: any) or `unix:/path`; returns the address with its real port. Raises
        ListenError."""
        refuse_taken(address)
        try:
            if self._credentials is None:
                port = self.grpc.add_insecure_port(address)
            else:
                port = self.grpc.add_secure_port(address, self._credentials)
        except RuntimeError as error:
            raise ListenError(f"cannot listen on {address}: {error}") from None
        return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"

    async def start(self, services: Sequence[str], *, serving: bool = True) -> None:
        """Start answering calls. `serving` is the health service's initial state of `services` and of the server overall."""
        self._services = (*services, "")
        self._turn()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self.grpc)
        health = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        reflection.enable_server_reflection((*services, health, reflection.SERVICE_NAME), self.grpc)
        await self._health.set(LIVENESS, _SERVING)
        await self.set_serving(serving)
        await self.grpc.start()

    def _turn(self) -> None:
        self._turned = time.monotonic()
        asyncio.get_running_loop().call_later(_TURN_S, self._turn)

    async def set_serving(self, serving: bool) -> None:
        """Set the readiness that the health service reports."""
        await self._tell(self._services, serving)
        self.serving = serving and not self._health.stopping.is_set()

    def readiness(self) -> Readiness:
        """Return the overall state of the health service, and whether it is final. Can be called from any thread."""
        if time.monotonic() - self._turned > _STUCK_S:
            return Readiness.STUCK
        if self._health.stopping.is_set():
            return Readiness.STOPPING
        return Readiness.READY if self.serving else Readiness.NOT_READY

    async def set_part(self, name: str, serving: bool) -> None:
        """Set the state of a part with its own name, independent of the overall state."""
        self._parts.add(name)
        await self._tell([name], serving)

    async def _tell(self, names: Iterable[str], serving: bool) -> None:
        if serving and self._health.stopping.is_set():
            return
        for name in names:
            await self._health.set(name, _SERVING if serving else _NOT_SERVING)

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls, give running ones `grace_s` seconds, cancel the rest. The health service reports the stop
        first."""
        self._health.stopping.set()
        self.serving = False
        await self._tell([*self._services, *self._parts], False)
        await self.grpc.stop(grace_s)


async def serve(
    listen: str,
    register: Register,
    *,
    serving: bool = True,
    grace_s: float = 10.0,
    security: Security = NO_SECURITY,
    metrics: str | None = None,
    registry: CollectorRegistry | None = None,
    on_listening: Callable[[str], None] | None = None,
    background: Callable[[RpcServer], Awaitable[None]] | None = None,
    cleanup: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, or until `background` ends; its exceptions are raised.

    `on_listening` receives the address with its real port. `metrics`: the `host:port` where Prometheus can read what
    `registry` and the server count. `cleanup` runs last, in any case. Raises ListenError and SecurityError.
    """
    registry = registry or CollectorRegistry()
    server, watching = RpcServer(registry, security), None
    with ExitStack() as stack:
        try:
            services = register(server.grpc)
            address = server.listen(listen)
            if shown := stack.enter_context(serve_admin(metrics, registry, server.readiness)):
                logger.info("metrics are at http://%s/metrics", shown)
            await server.start(services, serving=serving)
            if on_listening:
                on_listening(address)
            watching = asyncio.ensure_future(background(server)) if background else None
            with _stop_signals() as stopped:
                await _ended_or_stopped(watching, stopped)
            logger.info("stopping")
        finally:
            # In this order: running calls need what `background` keeps running.
            await server.stop(grace_s)
            if watching:
                watching.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await watching
            if cleanup:
                await cleanup()


async def _ended_or_stopped(background: "asyncio.Future[None] | None", stopped: asyncio.Event) -> None:
    """Wait for the first of the two; `background` continues after a stop. Raises what it raised."""

    async def ended(task: "asyncio.Future[None]") -> bool:
        await asyncio.shield(task)
        return True

    await first_of(stopped.wait(), *([ended(background)] if background else []))


@contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    """Yield an event that SIGTERM and SIGINT set. Outside of the main thread no signals can be handled."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    heard = []
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(ValueError, NotImplementedError, RuntimeError):
            loop.add_signal_handler(number, stopped.set)
            heard.append(number)
    try:
        yield stopped
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
