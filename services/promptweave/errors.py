"""Base class of all errors that promptweave reports to its callers.

    PromptweaveError                    code, reason, message, path, metadata, retry_after_s
    ├── compiler/errors.py: CompilerError   RequestError, UnsupportedError, TemplateError, SchemaError, ...
    └── inference/errors.py: InferenceError EngineUnavailableError, ContextOverflowError, OverloadedError, ...

These classes are independent of gRPC and HTTP: `rpc/status.py` holds the only mapping to gRPC status, `facade/errors.py` the
only one to HTTP. Any other exception is an internal fault; callers see a fixed text instead of it.
"""

from collections.abc import Mapping
from enum import Enum


class Code(Enum):
    """Error codes with gRPC's names (https://grpc.io/docs/guides/status-codes/)."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    UNIMPLEMENTED = "UNIMPLEMENTED"
    NOT_FOUND = "NOT_FOUND"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    UNAVAILABLE = "UNAVAILABLE"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    INTERNAL = "INTERNAL"


class PromptweaveError(Exception):
    """An error that its receiver can act on.

    `reason` is a full name of `promptweave.v1.ErrorReason`; `path` is a JSON pointer into the request ("" is the complete
    request, None means no position); `message` says what is wrong and what to do, and contains no internals.
    """

    code: Code = Code.INTERNAL
    reason: str = "ERROR_REASON_INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        metadata: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.metadata = dict(metadata or {})
        self.retry_after_s = retry_after_s
