"""What travels with a call beside its messages: the id of the request that it is made for."""

import re
from collections.abc import Awaitable, Callable

import grpc
import grpc.aio

from promptweave.rpc.interceptor import Behaviour, Context, Handler, wrapped
from promptweave.rpc.logs import REQUEST_ID

REQUEST_ID_HEADER = "x-request-id"
_FORM = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)
"""Callers may be anybody: what they call a request is text in our logs."""


def outgoing() -> tuple[tuple[str, str], ...]:
    """What to send along, as metadata of a call."""
    request_id = REQUEST_ID.get()
    return ((REQUEST_ID_HEADER, request_id),) if request_id else ()


class ContextInterceptor(grpc.aio.ServerInterceptor):
    """Takes over what came with a call."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        given = dict(handler_call_details.invocation_metadata or ()).get(REQUEST_ID_HEADER)
        request_id = given if isinstance(given, str) and _FORM.fullmatch(given) else None
        return wrapped(handler, lambda behaviour, kind: _within(behaviour, request_id))


def _within(behaviour: Behaviour, request_id: str | None) -> Behaviour:
    async def call(request: object, context: Context) -> object:
        REQUEST_ID.set(request_id)  # A call is a task of its own.
        return await behaviour(request, context)

    return call
