"""The metadata sent with a call: the id of the request that it belongs to, and its trace."""

import re
from collections.abc import Mapping
from functools import cache

import grpc
import grpc.aio
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from promptweave.common.tracing import Span, span, trace_headers, tracing_on
from promptweave.rpc.error_interceptor import Context, Handler, HandlerInterceptor, Implementation, code_of, wrapped
from promptweave.rpc.logs import REQUEST_ID

REQUEST_ID_HEADER = "x-request-id"
_FORM = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)
"""Callers are not trusted: the request id that they send appears in the logs."""

_PROBES = "/grpc."
"""Health and reflection: frequent calls that belong to no request."""

_FAULTS = {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
"""Codes that count as server errors by the conventions; the others are the caller's."""


def outgoing_metadata(within: Span | None = None) -> tuple[tuple[str, str], ...]:
    """Return the metadata of a call that is part of the span `within`, or of the current one."""
    request_id = REQUEST_ID.get()
    named = ((REQUEST_ID_HEADER, request_id),) if request_id else ()
    return (*named, *(within.headers() if within else trace_headers()).items())


def rpc_attributes(method: str) -> dict[str, str]:
    """Return a span's attributes for a call of `package.Service/Method`."""
    return {"rpc.system.name": "grpc", "rpc.method": method}


def method_of(request: Message) -> str:
    """Return `package.Service/Method` of the only method that takes this kind of request."""
    return _method_of(request.DESCRIPTOR)


@cache
def _method_of(request: Descriptor) -> str:
    services = request.file.services_by_name.values()
    method = next(method for service in services for method in service.methods if method.input_type is request)
    return f"{method.containing_service.full_name}/{method.name}"


class ContextInterceptor(HandlerInterceptor):
    """Adopts the request id and the trace that came with a call."""

    def around(self, handler: Handler, details: grpc.HandlerCallDetails) -> Handler:
        # Keys are lower case. The values of those that end in -bin are bytes.
        metadata = {key: value for key, value in details.invocation_metadata or () if isinstance(value, str)}
        given = metadata.get(REQUEST_ID_HEADER, "")
        request_id = given if _FORM.fullmatch(given) else None
        handler = wrapped(handler, lambda implementation, kind: _within(implementation, request_id))
        method = details.method
        if tracing_on() and not method.startswith(_PROBES):
            handler = wrapped(
                handler, lambda implementation, kind: _traced(implementation, method.removeprefix("/"), metadata)
            )
        return handler


def _within(implementation: Implementation, request_id: str | None) -> Implementation:
    async def call(request: object, context: Context) -> object:
        REQUEST_ID.set(request_id)  # Each call runs in its own task.
        return await implementation(request, context)

    return call


def _traced(implementation: Implementation, method: str, metadata: Mapping[str, str]) -> Implementation:
    async def call(request: object, context: Context) -> object:
        with span(method, "server", rpc_attributes(method), carrier=metadata, fails=False) as traced:
            code = "CANCELLED"
            try:
                answer = await implementation(request, context)
                code = code_of(context)
            except Exception:
                code = code_of(context)
                raise
            finally:
                traced.set({"rpc.response.status_code": code})
                if code in _FAULTS:
                    traced.fail(code)
            return answer

    return call
