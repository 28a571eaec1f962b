"""Errors in the form of Anthropic's API."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from promptweave.facade.errors import UNAUTHENTICATED, WRONG_KEY, ErrorFormat, HttpError

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
"""HTTP status → Anthropic's type of the error."""

_WORDS = {
    UNAUTHENTICATED: "x-api-key header is required; send a valid API key in it, or in 'Authorization: Bearer KEY'",
    WRONG_KEY: "invalid x-api-key; send a valid API key in the header 'x-api-key' or 'Authorization: Bearer KEY'",
}
"""Errors whose text clients recognize by the words of Anthropic's API."""


class AnthropicErrorObject(TypedDict):
    """What is wrong with a request, in Anthropic's form."""

    type: Annotated[str, Field(description="The kind of error, such as `invalid_request_error` or `overloaded_error`")]
    message: Annotated[str, Field(description="The field that is wrong, what is wrong with it, and what to do about it")]


class AnthropicErrorResponse(TypedDict):
    """An error, in Anthropic's form."""

    type: Annotated[Literal["error"], Field(description="The kind of object")]
    error: Annotated[AnthropicErrorObject, Field(description="The error")]
    request_id: Annotated[str, Field(description="The id of the request, as in the header `x-request-id`")]


def anthropic_error(error: HttpError, request_id: str) -> AnthropicErrorResponse:
    """Return Anthropic's error object. It has no field for the position, so the text names it."""
    kind = _TYPES.get(error.status, "api_error" if error.status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": _message(error)}, "request_id": request_id}


def _message(error: HttpError) -> str:
    if error.overflow is not None:
        return f"prompt is too long: {error.overflow.prompt_tokens} tokens > {error.overflow.context_size} maximum"
    if error in _WORDS:
        return _WORDS[error]
    is_named = error.param is None or error.message.startswith(f"{error.param}: ")
    return error.message if is_named else f"{error.param}: {error.message}"


ANTHROPIC_ERRORS = ErrorFormat(AnthropicErrorResponse, anthropic_error)
