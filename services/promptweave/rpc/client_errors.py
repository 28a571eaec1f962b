"""Conversion of failed calls to errors."""

import logging

import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc import status_pb2
from grpc_status import rpc_status

from promptweave.errors import Code
from promptweave.rpc.status import RemoteError, from_status

logger = logging.getLogger(__name__)


def from_rpc_error(error: grpc.aio.AioRpcError) -> RemoteError:
    """Return the error of a failed call.

    gRPC codes that `Code` does not have (DATA_LOSS, UNAUTHENTICATED, ...) become INTERNAL.
    """
    details = _details(error)
    if details is None and error.code() in _WITHOUT_STATUS:
        # The library's own message is meant for developers.
        code, message = _WITHOUT_STATUS[error.code()]
        logger.log(_LEVELS.get(error.code(), logging.INFO), "%s: %s", error.code().name, error.details())
        return from_status(code, message, None)
    code = Code.__members__.get(error.code().name, Code.INTERNAL)
    return from_status(code, error.details() or error.code().name, _status(error, details or b""))


_CONNECTION_LOST = (Code.UNAVAILABLE, "the connection to a required service was lost")

_WITHOUT_STATUS = {
    grpc.StatusCode.UNAVAILABLE: (
        Code.UNAVAILABLE,
        "a required service is unreachable or stopping",
    ),
    grpc.StatusCode.DEADLINE_EXCEEDED: (Code.DEADLINE_EXCEEDED, "the request exceeded its time limit"),
    # promptweave's services send details with INTERNAL, and never send CANCELLED or UNKNOWN. Without details, these codes
    # come from the library, for a stream that was reset or ended without a status: closed by a proxy, or by a service
    # after its shutdown timeout.
    grpc.StatusCode.INTERNAL: _CONNECTION_LOST,
    grpc.StatusCode.UNKNOWN: _CONNECTION_LOST,
    grpc.StatusCode.CANCELLED: _CONNECTION_LOST,
}
"""Errors that gRPC's library reports by itself, without a promptweave status: code → what the caller sees."""

_LEVELS = {code: logging.WARNING for code, meaning in _WITHOUT_STATUS.items() if meaning is _CONNECTION_LOST}


def _details(error: grpc.aio.AioRpcError) -> bytes | None:
    """Return the details in the call's trailing metadata."""
    for key, value in error.trailing_metadata() or ():
        if key == rpc_status.GRPC_DETAILS_METADATA_KEY and isinstance(value, bytes):
            return value
    return None


def _status(error: grpc.aio.AioRpcError, details: bytes) -> status_pb2.Status | None:
    """Parse the details; None if they are not a status, or one that contradicts the call's code."""
    status = status_pb2.Status()
    try:
        status.ParseFromString(details)
    except DecodeError:
        return None
    return status if status.code == error.code().value[0] else None
