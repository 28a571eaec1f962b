"""The only mapping: a promptweave error → HTTP status and OpenAI's error body.

Other APIs have bodies of their own: see `ErrorFormat`.

| error                | HTTP | type                  | code                                                         |
|----------------------|------|-----------------------|--------------------------------------------------------------|
| INVALID_ARGUMENT     | 400  | invalid_request_error | the reason's own, such as `schema_unsupported`               |
| FAILED_PRECONDITION  | 400  | invalid_request_error | the reason's own                                             |
| OUT_OF_RANGE         | 400  | invalid_request_error | `context_length_exceeded`, param `messages`                  |
| UNIMPLEMENTED, path  | 400  | invalid_request_error | `unsupported_parameter`                                      |
| UNIMPLEMENTED        | 501  | invalid_request_error | `unsupported`                                                |
| UNAUTHENTICATED      | 401  | invalid_request_error | `invalid_api_key`                                            |
| NOT_FOUND            | 404  | invalid_request_error | `model_not_found`; none for responses                        |
| too large            | 413  | invalid_request_error | `request_too_large`                                          |
| RESOURCE_EXHAUSTED   | 429  | rate_limit_error      | `rate_limit_exceeded`, with Retry-After                      |
| UNAVAILABLE          | 503  | server_error          | `engine_unavailable`, with Retry-After                       |
| ... from no service  | 503  | server_error          | `service_unavailable`, with Retry-After: no service answered |
| DEADLINE_EXCEEDED    | 504  | server_error          | `timeout`                                                    |
| INTERNAL, and others | 500  | server_error          | a fixed text, no internals                                   |

UNAUTHENTICATED is about a client's key. If the services refuse the facade, that is the operator's fault, and a 500. Clients
retry after 408, 409, 429 and 500 or more, so no error that the user can fix has one of these statuses.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from promptweave.common.json_pointer import pointer_keys
from promptweave.errors import Code, PromptweaveError


class RequestError(PromptweaveError):
    """The request is invalid; `path` is a JSON pointer into its body."""

    code = Code.INVALID_ARGUMENT
    reason = "ERROR_REASON_REQUEST_INVALID"


class UnsupportedError(PromptweaveError):
    """A field that this version does not support."""

    code = Code.UNIMPLEMENTED
    reason = "ERROR_REASON_UNSUPPORTED"


class KeyFileError(PromptweaveError):
    """A file of API keys that contains none."""


class RoutesFileError(PromptweaveError):
    """An unusable routes file; the text names the line or the key."""


class TemplateFileError(PromptweaveError):
    """A chat template that cannot be read."""


class ModelNotFoundError(PromptweaveError):
    """A name that no model has."""

    code = Code.NOT_FOUND
    reason = "ERROR_REASON_MODEL_NOT_FOUND"


class NotFoundError(PromptweaveError):
    """An id of something that is not stored here, or not for this client."""

    code = Code.NOT_FOUND
    reason = "ERROR_REASON_REQUEST_INVALID"


class PreviousResponseError(RequestError):
    """A previous response that is not stored here. The code is OpenAI's: the services do not know responses."""

    reason = "ERROR_REASON_PREVIOUS_RESPONSE_NOT_FOUND"


class ErrorObject(TypedDict):
    """What is wrong with a request, in OpenAI's form."""

    message: Annotated[str, Field(description="What is wrong, and what to do about it")]
    type: Annotated[str, Field(description="`invalid_request_error`, `rate_limit_error` or `server_error`")]
    param: Annotated[str | None, Field(description="The field that is wrong, such as `tools[3].function.name`")]
    code: Annotated[str | None, Field(description="A code for programs, such as `model_not_found`")]


class ErrorResponse(TypedDict):
    """An error, in OpenAI's form."""

    error: Annotated[ErrorObject, Field(description="The error")]


@dataclass(frozen=True, slots=True)
class ContextOverflow:
    """A prompt that exceeds the context, in tokens. Clients recognize each API's words and shorten the conversation."""

    prompt_tokens: int
    context_size: int

    def __str__(self) -> str:
        """Return the words of OpenAI's API, with those of Anthropic's, which some clients look for on every API."""
        return (
            f"This model's maximum context length is {self.context_size} tokens. However, your messages resulted in"
            f" {self.prompt_tokens} tokens. Please reduce the length of the messages."
            f" (prompt is too long: {self.prompt_tokens} tokens > {self.context_size} maximum)"
        )


@dataclass(frozen=True, slots=True)
class HttpError:
    """An error response. `param` uses OpenAI's notation: `tools[3].function.name`."""

    status: int
    type: str
    code: str | None
    message: str
    param: str | None = None
    retry_after_s: float | None = None
    overflow: ContextOverflow | None = None
    """The sizes, if the prompt exceeds the context; other APIs have other words for it than `message`."""

    def body(self) -> ErrorResponse:
        """Return OpenAI's error object."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}

    def headers(self) -> dict[str, str]:
        """Return the headers that say when to retry."""
        if self.retry_after_s is None:
            return {}
        return {
            "retry-after": str(max(1, round(self.retry_after_s))),
            "retry-after-ms": str(round(self.retry_after_s * 1000)),
        }


@dataclass(frozen=True)
class ErrorFormat:
    """The form of an API's errors."""

    schema: type[Any]
    """The TypedDict that `body` returns."""
    body: Callable[[HttpError, str], Mapping[str, Any]]
    """Converts an error, and the id of the request that it answers, to JSON."""


OPENAI_ERRORS = ErrorFormat(ErrorResponse, lambda error, request_id: error.body())

INVALID, SERVER = "invalid_request_error", "server_error"

_TABLE: Mapping[Code, tuple[int, str, str | None]] = {
    Code.INVALID_ARGUMENT: (400, INVALID, None),
    Code.FAILED_PRECONDITION: (400, INVALID, None),
    Code.OUT_OF_RANGE: (400, INVALID, "context_length_exceeded"),
    Code.UNIMPLEMENTED: (400, INVALID, "unsupported_parameter"),
    Code.NOT_FOUND: (404, INVALID, None),
    Code.RESOURCE_EXHAUSTED: (429, "rate_limit_error", "rate_limit_exceeded"),
    Code.UNAVAILABLE: (503, SERVER, None),
    Code.DEADLINE_EXCEEDED: (504, SERVER, "timeout"),
    Code.INTERNAL: (500, SERVER, None),
}

_UNANSWERED = "service_unavailable"
"""The code of an UNAVAILABLE without a reason: no promptweave service sent it."""

_GENERAL = {"ERROR_REASON_REQUEST_INVALID", "ERROR_REASON_UNSPECIFIED", "ERROR_REASON_INTERNAL"}

UNAUTHENTICATED = HttpError(
    401, INVALID, "invalid_api_key", "a valid API key is required; send it in the header 'Authorization: Bearer KEY'"
)
WRONG_KEY = HttpError(
    401, INVALID, "invalid_api_key", "Incorrect API key provided; send a valid key in the header 'Authorization: Bearer KEY'"
)
TOO_LARGE = HttpError(413, INVALID, "request_too_large", "request body: too large; --max-body-mib sets the limit")


def internal(request_id: str) -> HttpError:
    """Return the response for an internal fault: the log has the details, under the same id."""
    return HttpError(500, SERVER, None, f"internal error; see the server log for request id {request_id}")


def to_http(error: PromptweaveError, request_id: str) -> HttpError:
    """Convert an error to what the client gets. Its position must be one in the client's request: see `SourceMap`."""
    if error.code is Code.INTERNAL:
        return internal(request_id)
    status, kind, code = _TABLE[error.code]
    if code is None and error.reason not in _GENERAL:
        code = error.reason.removeprefix("ERROR_REASON_").lower()
    elif code is None and error.code is Code.UNAVAILABLE:
        code = _UNANSWERED
    if error.code is Code.UNIMPLEMENTED and not error.path:
        status, code = 501, "unsupported"
    retry = error.retry_after_s
    if status in (429, 503) and retry is None:
        retry = 1.0
    overflow = _overflow(error)
    return HttpError(status, kind, code, str(overflow or error.message), to_param(error.path), retry, overflow)


def _overflow(error: PromptweaveError) -> ContextOverflow | None:
    """Return the sizes that the inference service attached to its error; None for other errors."""
    sizes = [error.metadata.get(name, "") for name in ("prompt_tokens", "context_size")]
    if error.code is not Code.OUT_OF_RANGE or not all(size.isdecimal() for size in sizes):
        return None
    return ContextOverflow(*map(int, sizes))


def to_param(path: str | None) -> str | None:
    """Convert a JSON pointer to OpenAI's notation. A key that is not a plain name is quoted."""
    if not path:
        return None
    written = ""
    for step in pointer_keys(path):
        if step.isdecimal() and written:
            written += f"[{step}]"
        elif re.fullmatch(r"[^.\[\]'\s]+", step):
            written += f".{step}"
        else:
            written += f"[{step!r}]"
    return written.removeprefix(".")
