"""Middleware around the complete application. Plain ASGI, so streams pass unchanged."""

import logging
import secrets
import time
from collections.abc import Callable, Set

from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promptweave.facade.errors import UNAUTHENTICATED, WRONG_KEY, ErrorFormat, to_http
from promptweave.facade.http.api_keys import Keys, presented_key
from promptweave.facade.http.error_responses import error_response
from promptweave.facade.http.rate_limits import RateLimits, TooManyError
from promptweave.facade.http.web_pages import WebPageGuard
from promptweave.facade.options import FacadeOptions
from promptweave.rpc.logs import FIELDS, REQUEST_ID
from promptweave.rpc.request_context import REQUEST_ID_HEADER

logger = logging.getLogger(__name__)
access = logging.getLogger(f"{__name__}.access")

OPEN_PATHS = frozenset({"/health", "/ready"})
"""Health checks need no key, are not limited, and are not logged."""

_SECURITY = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    # Responses are data: nothing in them is a page, and no page may frame them.
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
EXPOSED = (REQUEST_ID_HEADER, "retry-after", "retry-after-ms", "x-promptweave-warnings", "x-ratelimit-limit-requests")
"""Headers that scripts of other origins may read, if they are permitted."""


ErrorFormatOf = Callable[[str], ErrorFormat]
"""Returns the form of errors at a path."""


def in_envelope(
    app: ASGIApp, options: FacadeOptions, error_format: ErrorFormatOf, public_paths: Set[str] = frozenset()
) -> ASGIApp:
    """Wrap the application in its middleware. `public_paths`: further paths that need no key. Raises KeyFileError."""
    keys = Keys(options.api_keys, options.api_keys_file) if options.asks_for_keys else None
    opened = OPEN_PATHS | public_paths
    app = AuthMiddleware(app, keys, RateLimits(options.requests_per_minute, options.concurrent_requests), opened)
    if keys is None:
        app = WebPageGuard(app, options.allowed_hosts, options.cors_origins, OPEN_PATHS)
    if options.cors_origins:
        # Outside of the key check: browsers send preflight requests without a key.
        app = CORSMiddleware(
            app, allow_origins=options.cors_origins, allow_methods=["*"], allow_headers=["*"], expose_headers=EXPOSED
        )
    return RequestContextMiddleware(app, error_format, access_log=options.access_log)


class RequestContextMiddleware:
    """The outermost layer: request ids, the form of errors, security headers, the access log, and the log of failures.

    A line of the access log has the request's id, method, path, status, duration and client; nothing of its contents.
    """

    def __init__(self, app: ASGIApp, error_format: ErrorFormatOf, *, access_log: bool) -> None:
        self._app = app
        self._error_format = error_format
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req_{secrets.token_hex(12)}"
        error_format = self._error_format(scope["path"])
        own = {"request_id": request_id, "owner": None, "error_format": error_format}
        scope["state"] = {**scope.get("state", {}), **own}
        before = REQUEST_ID.set(request_id)
        began, status = time.monotonic(), 499

        async def send_in_envelope(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID_HEADER] = request_id
                for name, value in _SECURITY.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_in_envelope)
        except Exception:
            # `handle_errors` has already sent the response, or its stream breaks off.
            logger.exception("request %s failed", request_id)
        if self._access_log and scope["path"] not in OPEN_PATHS:
            # The path is a client's text: escaped, so that it cannot forge a line.
            path = scope["path"].encode("unicode_escape").decode()
            client = scope["state"]["owner"] or _address(scope)
            seconds = time.monotonic() - began
            fields = {
                "method": scope["method"],
                "path": path,
                "status": status,
                "seconds": round(seconds, 3),
                "client": client,
            }
            access.info("%s %s %s %d %.3fs %s", request_id, *fields.values(), extra={FIELDS: fields})
        REQUEST_ID.reset(before)


class AuthMiddleware:
    """In front of the routes: checks the API key, and applies the client's limits.

    A client is a key or, if no keys are configured, an address. `opened`: paths without either check.
    """

    def __init__(self, app: ASGIApp, keys: Keys | None, limits: RateLimits, opened: Set[str] = OPEN_PATHS) -> None:
        self._app = app
        self._keys = keys
        self._limits = limits
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http" or scope["path"] in self._opened:
            await self._app(scope, receive, send)
            return
        if self._keys is None:
            client = _address(scope)
        else:
            key = presented_key(dict(scope["headers"]))
            owner = self._keys.owner(key)
            if owner is None:
                await error_response(UNAUTHENTICATED if key is None else WRONG_KEY, scope)(scope, receive, send)
                return
            scope["state"]["owner"] = client = owner
        try:
            told = await self._limits.count(client)
            with self._limits.running(client):
                await self._app(scope, receive, _with_headers(send, told))
        except TooManyError as error:
            await error_response(to_http(error, scope["state"]["request_id"]), scope)(scope, receive, send)


def _address(scope: Scope) -> str:
    return str((scope.get("client") or ("-",))[0])


def _with_headers(send: Send, more: dict[str, str]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(more)
        await send(message)

    return sending
