"""The facade's metrics in Prometheus form."""

import time

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_LABELS = ("method", "handler")


class HttpMetrics:
    """Around the complete application: counts requests by route. Plain ASGI, so streams pass unchanged."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter("http_requests", "Requests completed, by status.", (*_LABELS, "status"), registry=registry)
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "Duration of requests up to the end of the response, in seconds.",
            _LABELS,
            buckets=_SECONDS,
            registry=registry,
        )
        self._of_models = Counter(
            "promptweave_model_requests",
            "Requests by model and status; requests without a known model are not counted.",
            ("model", "status"),
            registry=registry,
        )
        self._in_flight = Gauge("http_requests_in_flight", "Requests in progress.", registry=registry)
        ProcessCollector(registry=registry)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = "none"

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        start = time.perf_counter()
        self._in_flight.inc()
        try:
            await self._app(scope, receive, send_and_see)
        finally:
            self._in_flight.dec()
            # The route as the application defines it: paths that clients make up do not become labels.
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if route != "none" else "none"
            self._requests.labels(method, route, status).inc()
            self._seconds.labels(method, route).observe(time.perf_counter() - start)
            # By the model's own name, not by the one that the client uses.
            if model := scope.get("state", {}).get("model"):
                self._of_models.labels(model, status).inc()


def metrics_response(registry: CollectorRegistry) -> Response:
    """Return the metrics as a response."""
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
