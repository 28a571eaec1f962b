"""The bearer token that services require of each other."""

import secrets
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from promptweave.rpc.error_interceptor import Context, Handler, HandlerInterceptor, Implementation, wrapped
from promptweave.rpc.reloading_file import ReloadingFile
from promptweave.rpc.security import Security, SecurityError

_OPEN = ("/grpc.health.v1.Health/",)
"""Methods that need no token: probes have none. A wrong token is still rejected."""


def server_interceptors(security: Security) -> list[grpc.aio.ServerInterceptor]:
    """Return the interceptors that refuse calls without the token. Raises SecurityError."""
    return [TokenInterceptor(_reloading_token(security.token_file))] if security.token_file else []


def client_interceptors(security: Security) -> list[grpc.aio.ClientInterceptor]:
    """Return the interceptors that add the token to each call. Raises SecurityError."""
    if not security.token_file:
        return []
    own = _reloading_token(security.token_file)
    return [TokenBringer(own), StreamTokenBringer(own)]


class TokenInterceptor(HandlerInterceptor):
    """Refuses calls without the token in `authorization: Bearer`."""

    def __init__(self, expected: ReloadingFile[str]) -> None:
        self._expected = expected

    def around(self, handler: Handler, details: grpc.HandlerCallDetails) -> Handler:
        given = dict(details.invocation_metadata or ()).get("authorization", "")
        if not given and details.method.startswith(_OPEN):
            return handler
        if secrets.compare_digest(str(given).encode(), f"Bearer {self._expected.value()}".encode()):
            return handler
        return wrapped(handler, _refusing)


class _Bringer:
    def __init__(self, own: ReloadingFile[str]) -> None:
        self._own = own

    def _with_token(self, details: Any) -> Any:
        return details._replace(metadata=[*(details.metadata or ()), ("authorization", f"Bearer {self._own.value()}")])


class TokenBringer(_Bringer, grpc.aio.UnaryUnaryClientInterceptor):
    """Adds the token to calls with a single response."""

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._with_token(client_call_details), request)


class StreamTokenBringer(_Bringer, grpc.aio.UnaryStreamClientInterceptor):
    """Adds the token to calls with a stream of responses."""

    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._with_token(client_call_details), request)


def _refusing(implementation: Implementation, kind: str) -> Implementation:
    async def call(request: object, context: Context) -> None:
        # The caller is a promptweave service: its own client gets an internal error, and this text is for its log.
        await context.abort(
            grpc.StatusCode.UNAUTHENTICATED, "the token is missing or wrong; send `authorization: Bearer ...`"
        )

    return call


def _reloading_token(file: Path) -> ReloadingFile[str]:
    return ReloadingFile([file], lambda: _token(file), SecurityError)


def _token(file: Path) -> str:
    try:
        lines = file.read_text("utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise SecurityError(f"cannot read the token in {file}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    if len(lines) != 1 or not lines[0].isascii() or not lines[0].isprintable():
        # gRPC metadata can only carry printable ASCII.
        raise SecurityError(f"the token file {file} must contain exactly one word of printable ASCII")
    return lines[0]
