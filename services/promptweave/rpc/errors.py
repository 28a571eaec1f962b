"""What a failed call means to its caller."""

import logging

import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc import status_pb2
from grpc_status import rpc_status

from promptweave.errors import Code
from promptweave.rpc.status import RemoteError, from_status

logger = logging.getLogger(__name__)


def from_rpc_error(error: grpc.aio.AioRpcError) -> RemoteError:
    """The error of a failed call. Codes outside of `Code` (CANCELLED, UNKNOWN, ...) are INTERNAL."""
    code = Code.__members__.get(error.code().name, Code.INTERNAL)
    status = _status(error)
    if status is None and code in _WITHOUT_STATUS:
        # What the library says of it is for its own developers.
        logger.info("%s: %s", error.code().name, error.details())
        return from_status(code, _WITHOUT_STATUS[code], None)
    return from_status(code, error.details() or error.code().name, status)


_WITHOUT_STATUS = {
    Code.UNAVAILABLE: "a service that this request needs cannot be reached, or is stopping",
    Code.DEADLINE_EXCEEDED: "the request took longer than it may",
}
"""What a call means that no service answered."""


def _status(error: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    """The status in the call's trailing metadata; None where there is none, or one that contradicts the call."""
    for key, value in error.trailing_metadata() or ():
        if key == rpc_status.GRPC_DETAILS_METADATA_KEY and isinstance(value, bytes):
            status = status_pb2.Status()
            try:
                status.ParseFromString(value)
            except DecodeError:
                return None
            return status if status.code == error.code().value[0] else None
    return None
