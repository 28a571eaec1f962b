"""Keeps web pages away from a server that requires no API key.

A browser on the same machine or network can send requests to it for any page: "simple" ones (CSRF) without permission, and,
by DNS rebinding, ones whose responses the page may read. So without keys, `Host` must be a name that no page can have,
`Origin` must be absent, the server's own or one of `--cors-origin`, and `Content-Type` must not be one that pages can send
without permission. Ollama and Jupyter check the same.
"""

import socket
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from promptweave.facade.errors import INVALID, HttpError
from promptweave.facade.http.error_responses import error_response

LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa", ".svc")
"""Ends of names that are never registered on the internet (RFC 6761, 6762, 8375; ICANN's `.internal`; Kubernetes)."""

_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
_BODY_TYPES = ("application/json", "multipart/form-data")
"""Forms are for audio files. Pages can send them, and bodies without a type, but never without `Origin`."""


class WebPageGuard:
    """Refuses requests that a web page may have made. `hosts`: further names for `Host`; `*` accepts all.

    `origins`: origins of pages that are permitted. `opened`: paths without these checks.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], origins: Collection[str], opened: Collection[str]) -> None:
        self._app = app
        self._hosts = {host.lower() for host in (*hosts, socket.gethostname())}
        self._origins = {origin.lower() for origin in origins}
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "http" and scope["path"] not in self._opened and (refusal := self._refusal(scope)):
            await error_response(refusal, scope)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> HttpError | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._may_be_host(host):
            why = f"Host: {host!r} is not a local name; use a local name or an address, or allow it with --allowed-host"
            return HttpError(403, INVALID, "host_not_allowed", f"{why}, or require keys with --api-key")
        origin = headers.get("origin")
        if origin is not None and not self._may_be_origin(origin, host):
            why = f"Origin: web pages of {origin!r} may not use this server; allow them with --cors-origin"
            return HttpError(403, INVALID, "origin_not_allowed", why)
        if scope["method"] in _BODY_METHODS and not _is_accepted_type(headers):
            why = f"Content-Type: {headers['content-type']!r} is not supported; send 'Content-Type: application/json'"
            return HttpError(415, INVALID, "unsupported_media_type", why)
        return None

    def _may_be_host(self, header: str) -> bool:
        """Return whether a page cannot have this host: an address, a name without a dot, a local name, or an allowed one."""
        try:
            name = (urlsplit(f"//{header}").hostname or "").removesuffix(".")
        except ValueError:
            return False
        if "*" in self._hosts or name in self._hosts or _is_address(name):
            return True
        return "." not in name or name.endswith(LOCAL_SUFFIXES)

    def _may_be_origin(self, origin: str, host: str) -> bool:
        origin = origin.lower()
        return "*" in self._origins or origin in self._origins or (host != "" and urlsplit(origin).netloc == host.lower())


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_accepted_type(headers: Headers) -> bool:
    """Return whether the body is JSON or a form, its type is not given, or there is no body."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return not kind or kind in _BODY_TYPES or kind.endswith("+json") or not has_body
