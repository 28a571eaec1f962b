"""Prometheus metrics of every gRPC server. At level debug, each call is logged, too.

The names are those of go-grpc-middleware, which dashboards know; `grpc_server_in_flight` is promptweave's own.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import grpc.aio
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from promptweave.rpc.error_interceptor import Context, Handler, HandlerInterceptor, Implementation, code_of, wrapped
from promptweave.rpc.logs import FIELDS

logger = logging.getLogger(__name__)

SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Buckets for durations: from a small unary call to a long message."""

_ABOUT_NOW_S = 0.05
"""A client that cancels a call at its deadline may be slightly ahead of the server."""

_TYPES = {
    "unary_unary": "unary",
    "stream_unary": "client_stream",
    "unary_stream": "server_stream",
    "stream_stream": "bidi_stream",
}
_LABELS = ("grpc_type", "grpc_service", "grpc_method")


class CallMetrics(HandlerInterceptor):
    """Counts the calls of a server; method names that clients make up do not become labels.

    It is the outermost interceptor, so it sees the code that the client sees.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._started = Counter("grpc_server_started", "RPCs started.", _LABELS, registry=registry)
        self._handled = Counter(
            "grpc_server_handled", "RPCs completed, by status code.", (*_LABELS, "grpc_code"), registry=registry
        )
        self._seconds = Histogram(
            "grpc_server_handling_seconds", "Duration of RPCs, in seconds.", _LABELS, buckets=SECONDS, registry=registry
        )
        self._in_flight = Gauge("grpc_server_in_flight", "RPCs in progress.", _LABELS, registry=registry)

    def around(self, handler: Handler, details: grpc.HandlerCallDetails) -> Handler:
        return wrapped(handler, lambda implementation, kind: self._counting(implementation, kind, details.method))

    def _counting(self, implementation: Implementation, kind: str, path: str) -> Implementation:
        service, _, method = path.removeprefix("/").partition("/")
        labels = (_TYPES[kind], service, method)

        async def call(request: object, context: Context) -> object:
            with self._counted(labels, context):
                return await implementation(request, context)

        return call

    @contextmanager
    def _counted(self, labels: tuple[str, str, str], context: Context) -> Iterator[None]:
        in_flight, start, code = self._in_flight.labels(*labels), time.perf_counter(), "CANCELLED"
        self._started.labels(*labels).inc()
        in_flight.inc()
        try:
            yield
            code = code_of(context)
        except Exception:
            code = code_of(context)
            raise
        finally:
            left_s = context.time_remaining()
            if code == "CANCELLED" and left_s is not None and left_s < _ABOUT_NOW_S:
                code = "DEADLINE_EXCEEDED"
            in_flight.dec()
            seconds = time.perf_counter() - start
            self._seconds.labels(*labels).observe(seconds)
            self._handled.labels(*labels, code).inc()
            _, service, method = labels
            fields = {"grpc_service": service, "grpc_method": method, "grpc_code": code, "seconds": round(seconds, 3)}
            logger.debug("%s/%s %s %.3fs", *fields.values(), extra={FIELDS: fields})
