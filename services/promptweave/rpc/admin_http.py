"""HTTP endpoints for operators: `/metrics` in Prometheus format, and `/health` and `/ready` for probes.

The gRPC health service reports the same, but Kubernetes' own gRPC probe supports neither TLS nor tokens.
"""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app

from promptweave.rpc.address import ListenError, refuse_taken

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_TEXT = ("Content-Type", "text/plain; charset=utf-8")


class Readiness(Enum):
    """States of a service, with the HTTP status that reports each."""

    READY = "200 OK"
    NOT_READY = "503 Service Unavailable"
    STOPPING = "404 Not Found"
    """New calls are refused, and running ones end normally. Proxies can distinguish this status from a failure (HAProxy's
    `http-check disable-on-404`), and keep existing connections."""
    STUCK = "500 Internal Server Error"
    """The process no longer makes progress and has to be restarted."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, listening: socket.socket) -> None:
        super().__init__(listening.getsockname()[:2], _Quiet, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.server_name, self.server_port = listening.getsockname()[:2]
        self.setup_environ()


def _listening_socket(host: str, port: int) -> socket.socket:
    """Listen on a host, or without one on all addresses (IPv4 and IPv6 if the kernel has both). Raises OSError."""
    if not host and socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: probes arrive every few seconds."""


@contextmanager
def serve_admin(
    address: str | None, registry: CollectorRegistry, readiness: Callable[[], Readiness] = lambda: Readiness.READY
) -> Iterator[str | None]:
    """Serve at `host:port` (port 0: any free one; no host: all addresses) from threads; yields the address.

    With None nothing is served. Raises ListenError.
    """
    if address is None:
        yield None
        return
    if address.startswith("unix:"):
        raise ListenError(f"{address!r}: metrics can only be served at host:port")
    host, _, port = address.rpartition(":")
    refuse_taken(address)
    ProcessCollector(registry=registry)
    try:
        server = _Server(_listening_socket(host.strip("[]"), int(port)))
    except OSError as error:
        raise ListenError(f"cannot listen on {address}: {error.strerror or error}") from None
    server.set_app(_application(registry, readiness))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _application(
    registry: CollectorRegistry, readiness: Callable[[], Readiness]
) -> "Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]":
    metrics = make_wsgi_app(registry)

    def answer(environment: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        path = environment["PATH_INFO"]
        if path == "/metrics":
            shown: Iterable[bytes] = metrics(environment, start)
            return shown
        if path not in ("/health", "/ready"):
            start("404 Not Found", [_TEXT])
            return [b"there are /metrics, /health and /ready\n"]
        state = readiness()
        if path == "/health" and state is not Readiness.STUCK:
            state = Readiness.READY
        start(state.value, [_TEXT])
        return [b"ok\n" if state is Readiness.READY else f"{state.name.lower().replace('_', ' ')}\n".encode()]

    return answer
