"""What operators ask of a service over HTTP: `/metrics` in Prometheus form, and `/health` and `/ready` for probes.

The gRPC health service says the same; but Kubernetes' own gRPC probe speaks no TLS and brings no token.
"""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app

from promptweave.rpc.address import ListenError, refuse_taken

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_ANY_HOST = "0.0.0.0"  # noqa: S104 - what an address without a host says
_TEXT = ("Content-Type", "text/plain; charset=utf-8")


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Probes come every few seconds."""


@contextmanager
def listening(
    address: str | None, registry: CollectorRegistry, ready: Callable[[], bool] = lambda: True
) -> Iterator[str | None]:
    """Answers at `host:port` (port 0: any; no host: every one), from threads; gives the address.

    `ready`: whether calls have a chance now. None: nowhere. Raises ListenError.
    """
    if address is None:
        yield None
        return
    if address.startswith("unix:"):
        raise ListenError(f"{address!r}: metrics are shown at host:port only")
    host, _, port = address.rpartition(":")
    refuse_taken(address)
    ProcessCollector(registry=registry)
    try:
        kind = _Server6 if ":" in host else _Server
        server = kind((host.strip("[]") or _ANY_HOST, int(port)), _Quiet)
    except OSError as error:
        raise ListenError(f"cannot listen on {address}: {error.strerror or error}") from None
    server.set_app(_application(registry, ready))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _application(
    registry: CollectorRegistry, ready: Callable[[], bool]
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
        if path == "/ready" and not ready():
            start("503 Service Unavailable", [_TEXT])
            return [b"not ready\n"]
        start("200 OK", [_TEXT])
        return [b"ok\n"]

    return answer
