"""Interceptors that give every call of a server the error behavior that the protos promise."""

import logging
from abc import abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NoReturn, TypeAlias

import grpc
import grpc.aio
from google.rpc import status_pb2
from grpc_status import rpc_status

from promptweave.errors import Code, PromptweaveError
from promptweave.rpc.status import internal_status, to_status

logger = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
# Quoted: the class is generic only in the stubs.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
Implementation = Callable[..., Any]
"""The implementation of a method: takes a request, or several, and the context."""


class _UnservedError(PromptweaveError):
    """A method of the contract that this version does not implement."""

    code = Code.UNIMPLEMENTED
    reason = "ERROR_REASON_UNSUPPORTED"


class HandlerInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the calls of all registered methods. For others the library returns UNIMPLEMENTED."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        handler = await continuation(handler_call_details)
        return None if handler is None else self.around(handler, handler_call_details)

    @abstractmethod
    def around(self, handler: Handler, details: grpc.HandlerCallDetails) -> Handler:
        """Return the handler of a call with this interceptor's behavior around it; see `wrapped`."""


class ErrorInterceptor(HandlerInterceptor):
    """Maps domain errors to their status. Other exceptions become INTERNAL with a fixed text, and are logged."""

    def around(self, handler: Handler, details: grpc.HandlerCallDetails) -> Handler:
        return wrapped(handler, lambda implementation, kind: _WRAPPERS[kind](implementation, details.method))


def wrapped(handler: Any, wrap: Callable[[Implementation, str], Implementation]) -> Handler:
    """Return a handler that calls `wrap(implementation, kind)` instead of the implementation.

    `kind` is gRPC's name, such as `unary_unary`.
    """
    kind = f"{_CARDINALITY[handler.request_streaming]}_{_CARDINALITY[handler.response_streaming]}"
    made: Handler = getattr(grpc, f"{kind}_rpc_method_handler")(
        wrap(getattr(handler, kind), kind),
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )
    return made


def code_of(context: Context) -> str:
    """Return the code of a finished call, as the client sees it."""
    code: Any = context.code()  # Set by errors; None and 0 mean success.
    return code.name if isinstance(code, grpc.StatusCode) else "OK"


_CARDINALITY = {False: "unary", True: "stream"}


def _wrap_unary_response(implementation: Callable[..., Awaitable[Any]], method: str) -> Callable[..., Awaitable[Any]]:
    async def call(request: Any, context: Context) -> Any:
        try:
            return await implementation(request, context)
        except Exception as error:
            await _abort(context, error, method)

    return call


def _wrap_stream_response(implementation: Callable[..., Any], method: str) -> Callable[..., Awaitable[None]]:
    async def call(request: Any, context: Context) -> None:
        try:
            responses: Awaitable[None] | AsyncGenerator[Any, None] = implementation(request, context)
            if isinstance(responses, Awaitable):
                await responses
                return
            # Written from here instead of returned: if a call is cancelled while a response is being sent, the library drops
            # the generator, and whatever its `finally` frees stays taken until garbage collection.
            async with aclosing(responses):
                async for response in responses:
                    await context.write(response)
        except Exception as error:
            await _abort(context, error, method)

    return call


_WRAPPERS = {
    "unary_unary": _wrap_unary_response,
    "stream_unary": _wrap_unary_response,
    "unary_stream": _wrap_stream_response,
    "stream_stream": _wrap_stream_response,
}


async def _abort(context: Context, error: Exception, method: str) -> NoReturn:
    """End the call with an error. Cancellations do not get here: they are not an `Exception`."""
    if isinstance(error, grpc.aio.AbortError):
        raise error  # The handler has already ended the call.
    await context.abort_with_status(rpc_status.to_status(_status(error, method)))
    raise AssertionError("abort_with_status returned")


def _status(error: Exception, method: str) -> status_pb2.Status:
    if isinstance(error, PromptweaveError):
        if error.code is Code.INTERNAL:
            logger.error("%s: %s", method, error.message)
        return to_status(error)
    if isinstance(error, NotImplementedError):
        # The generated servicers raise it for methods that are not implemented.
        return to_status(_UnservedError(f"{method} is not supported by this version"))
    logger.error("%s failed", method, exc_info=error)
    return internal_status()
