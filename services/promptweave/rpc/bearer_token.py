"""A token that services ask of each other."""

import secrets
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from promptweave.rpc.error_interceptor import Behaviour, Context, Handler, HandlerInterceptor, wrapped
from promptweave.rpc.reloading_file import ReloadingFile
from promptweave.rpc.security import Security, SecurityError

_OPEN = ("/grpc.health.v1.Health/",)
"""What may be asked without a token: probes have none. Who brings a wrong one, and could not be served, hears of it."""


def server_interceptors(security: Security) -> list[grpc.aio.ServerInterceptor]:
    """What lets only calls with the token through. Raises SecurityError."""
    return [TokenInterceptor(_watched(security.token_file))] if security.token_file else []


def client_interceptors(security: Security) -> list[grpc.aio.ClientInterceptor]:
    """What brings the token along with each call. Raises SecurityError."""
    if not security.token_file:
        return []
    own = _watched(security.token_file)
    return [TokenBringer(own), StreamTokenBringer(own)]


class TokenInterceptor(HandlerInterceptor):
    """Refuses calls that do not bring the token, as `authorization: Bearer`."""

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
    """Brings the token along with calls that are answered once."""

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._with_token(client_call_details), request)


class StreamTokenBringer(_Bringer, grpc.aio.UnaryStreamClientInterceptor):
    """Brings the token along with calls that are answered by a stream."""

    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._with_token(client_call_details), request)


def _refusing(behaviour: Behaviour, kind: str) -> Behaviour:
    async def call(request: object, context: Context) -> None:
        # The caller is a service of ours: what its own client gets is an internal error, and this is for its log.
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is missing or wrong: `authorization: Bearer ...`")

    return call


def _watched(file: Path) -> ReloadingFile[str]:
    return ReloadingFile([file], lambda: _token(file), SecurityError)


def _token(file: Path) -> str:
    try:
        lines = file.read_text("utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise SecurityError(f"cannot read the token in {file}: {getattr(error, 'strerror', None) or 'no UTF-8'}") from None
    if len(lines) != 1 or not lines[0].isascii() or not lines[0].isprintable():
        # What gRPC's metadata can carry.
        raise SecurityError(f"the token's file {file} should hold one word of ASCII")
    return lines[0]
