"""The only mapping between domain errors and gRPC: `PromptweaveError` ↔ `google.rpc.Status` with its details.

reason, metadata   google.rpc.ErrorInfo, domain "promptweave"
path               google.rpc.BadRequest, one field violation whose `field` is the JSON pointer
retry_after_s      google.rpc.RetryInfo

It needs only the messages, so that processes without gRPC can exchange errors in this form, too.
"""

from contextlib import suppress

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2

from promptweave.errors import Code, PromptweaveError

DOMAIN = "promptweave"
UNKNOWN_REASON = "ERROR_REASON_UNSPECIFIED"
"""The reason of an error that no promptweave service sent: no connection, an exceeded deadline, ..."""

_MAX_BYTES = 800
"""For a message or a path. A status is sent in headers, which contain the message three times, once percent-encoded; for
more than 8 KiB of headers a client reports RESOURCE_EXHAUSTED instead."""

INTERNAL_MESSAGE = "an internal error; the service's log has the details"


class RemoteError(PromptweaveError):
    """An error that another process returned, or that kept its response from arriving."""

    def __init__(
        self,
        code: Code,
        reason: str,
        message: str,
        *,
        path: str | None = None,
        metadata: dict[str, str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, path=path, metadata=metadata, retry_after_s=retry_after_s)
        self.code = code
        self.reason = reason


def to_status(error: PromptweaveError) -> status_pb2.Status:
    """Return the error as a status with details."""
    message = _cut(error.message, _MAX_BYTES)
    status = status_pb2.Status(code=code_pb2.Code.Value(error.code.value), message=message)
    metadata = {key: _cut(value, _MAX_BYTES // 4) for key, value in error.metadata.items()}
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata))
    if error.path is not None:
        field = _cut(error.path, _MAX_BYTES)
        violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    if error.retry_after_s is not None:
        delay = Duration()
        delay.FromNanoseconds(round(error.retry_after_s * 1e9))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return status


def _cut(text: str, longest: int) -> str:
    """Cut the text to at most `longest` bytes of UTF-8. A lone surrogate, which JSON can contain, becomes a "?"."""
    data = text.encode(errors="replace")
    if len(data) > longest:
        return data[: longest - 3].decode(errors="ignore") + "…"
    return data.decode()


def internal_status() -> status_pb2.Status:
    """Return the status that callers see for an internal fault."""
    return to_status(PromptweaveError(INTERNAL_MESSAGE))


def from_status(code: Code, message: str, status: status_pb2.Status | None) -> RemoteError:
    """Return the error of a code and a message, with the details of the status if there is one."""
    reason, metadata, path, retry_after_s = UNKNOWN_REASON, {}, None, None
    for detail in status.details if status else ():
        info, bad_request, retry = (
            error_details_pb2.ErrorInfo(),
            error_details_pb2.BadRequest(),
            error_details_pb2.RetryInfo(),
        )
        with suppress(DecodeError):
            if detail.Unpack(info):
                reason, metadata = info.reason, dict(info.metadata)
            elif detail.Unpack(bad_request) and bad_request.field_violations:
                path = bad_request.field_violations[0].field
            elif detail.Unpack(retry):
                retry_after_s = retry.retry_delay.ToNanoseconds() / 1e9
    return RemoteError(code, reason, message, path=path, metadata=metadata, retry_after_s=retry_after_s)
