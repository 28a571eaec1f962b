"""Gives every call of a server the error behaviour that the protos promise."""

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
# Quoted: only the stubs know it as generic.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
Behaviour = Callable[..., Any]
"""What a method does: takes a request, or several, and the context."""


class _UnservedError(PromptweaveError):
    """A method that the contract has and this version has not."""

    code = Code.UNIMPLEMENTED
    reason = "ERROR_REASON_UNSUPPORTED"


class HandlerInterceptor(grpc.aio.ServerInterceptor):
    """Does something around the calls of all methods that there are. Of others the library says UNIMPLEMENTED."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        handler = await continuation(handler_call_details)
        return None if handler is None else self.around(handler, handler_call_details)

    @abstractmethod
    def around(self, handler: Handler, details: grpc.HandlerCallDetails) -> Handler:
        """The handler of a call, with what is done around it; see `wrapped`."""


class ErrorInterceptor(HandlerInterceptor):
    """Domain errors become their status; anything else INTERNAL with a fixed text, and its own text goes to the log."""

    def around(self, handler: Handler, details: grpc.HandlerCallDetails) -> Handler:
        return wrapped(handler, lambda behaviour, kind: _WRAPPERS[kind](behaviour, details.method))


def wrapped(handler: Any, wrap: Callable[[Behaviour, str], Behaviour]) -> Handler:
    """The handler with another behaviour: what `wrap` makes of its own one and of its kind, `unary_unary` for instance."""
    kind = f"{_SIDE[handler.request_streaming]}_{_SIDE[handler.response_streaming]}"
    made: Handler = getattr(grpc, f"{kind}_rpc_method_handler")(
        wrap(getattr(handler, kind), kind),
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )
    return made


def code_of(context: Context) -> str:
    """The code with which a call that has run has ended, as the client sees it."""
    code: Any = context.code()  # One that an error sets; None and 0 are a success.
    return code.name if isinstance(code, grpc.StatusCode) else "OK"


_SIDE = {False: "unary", True: "stream"}


def _answering(behaviour: Callable[..., Awaitable[Any]], method: str) -> Callable[..., Awaitable[Any]]:
    async def call(request: Any, context: Context) -> Any:
        try:
            return await behaviour(request, context)
        except Exception as error:
            await _abort(context, error, method)

    return call


def _streaming(behaviour: Callable[..., Any], method: str) -> Callable[..., Awaitable[None]]:
    async def call(request: Any, context: Context) -> None:
        try:
            responses: Awaitable[None] | AsyncGenerator[Any, None] = behaviour(request, context)
            if isinstance(responses, Awaitable):
                await responses
                return
            # Written from here, not handed on: where a call is cancelled while a response is being sent, the
            # library forgets the generator, and what its `finally` would free stays taken until the collector comes.
            async with aclosing(responses):
                async for response in responses:
                    await context.write(response)
        except Exception as error:
            await _abort(context, error, method)

    return call


_WRAPPERS = {
    "unary_unary": _answering,
    "stream_unary": _answering,
    "unary_stream": _streaming,
    "stream_stream": _streaming,
}


async def _abort(context: Context, error: Exception, method: str) -> NoReturn:
    """Ends the call. Cancellations do not come here: they are no `Exception`."""
    if isinstance(error, grpc.aio.AbortError):
        raise error  # The handler has ended the call itself.
    await context.abort_with_status(rpc_status.to_status(_status(error, method)))
    raise AssertionError("abort_with_status returned")


def _status(error: Exception, method: str) -> status_pb2.Status:
    if isinstance(error, PromptweaveError):
        if error.code is Code.INTERNAL:
            logger.error("%s: %s", method, error.message)
        return to_status(error)
    if isinstance(error, NotImplementedError):
        # What the generated servicers raise for the methods that nobody wrote.
        return to_status(_UnservedError(f"{method} is not served by this version"))
    logger.error("%s failed", method, exc_info=error)
    return internal_status()
