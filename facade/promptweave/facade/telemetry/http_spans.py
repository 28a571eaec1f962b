"""A span for each request, by OpenTelemetry's conventions for HTTP servers. Plain ASGI, so streams pass unchanged."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promptweave.common.tracing import span, tracing_on
from promptweave.facade.http.middleware import OPEN_PATHS

_UNTRACED = OPEN_PATHS | {"/metrics"}
_METHODS = {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}


class HttpTraces:
    """Around the complete application: its calls and log records become part of the request's span."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if not tracing_on() or scope["type"] != "http" or scope["path"] in _UNTRACED:
            await self._app(scope, receive, send)
            return
        status = 0

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        attributes = {
            "http.request.method": method,
            "url.path": scope["path"],
            "url.scheme": scope.get("scheme", "http"),
            "network.protocol.version": scope.get("http_version", ""),
        }
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        name = "HTTP" if method == "_OTHER" else method
        with span(name, "server", attributes, carrier=carrier) as traced:
            try:
                await self._app(scope, receive, send_and_see)
            finally:
                # The route as the application defines it: paths that clients make up do not become names.
                if route := getattr(scope.get("route"), "path", None):
                    traced.rename(f"{name} {route}")
                    traced.set({"http.route": route})
                traced.set({"promptweave.request_id": scope["state"]["request_id"]})
                if status:
                    traced.set({"http.response.status_code": status})
                if status >= 500:
                    traced.fail(str(status))
