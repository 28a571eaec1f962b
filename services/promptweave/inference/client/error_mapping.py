"""Maps the engine's HTTP responses to inference errors.

| the engine                                        | the caller                                                 |
|---------------------------------------------------|------------------------------------------------------------|
| no connection; closed before the end              | EngineUnavailableError                                     |
| 503 (loading)                                     | EngineUnavailableError                                     |
| 400 `exceed_context_size_error`                   | ContextOverflowError                                       |
| 400 that mentions a grammar                       | RequestError at /prompt/gbnf                               |
| 500 "Unexpected empty grammar stack"              | RequestError at /prompt/gbnf: no token matches any more    |
| 400 "Prompt contains invalid tokens"              | RequestError at /prompt/segments                           |
| 400 `Field 'x': ...`                              | RequestError at /sampling/x                                |
| other 400, 404, 422                               | RequestError                                               |
| 401, 403                                          | EngineFailedError: the service's own API key is wrong      |
| anything else                                     | EngineFailedError                                          |
"""

import json
import re
from typing import Any

from promptweave.inference.errors import (
    ContextOverflowError,
    EngineFailedError,
    EngineUnavailableError,
    InferenceError,
    RequestError,
)

_FIELD = re.compile(r"Field '(\w+)'")
_MAX_LENGTH = 500


def unreachable(error: Exception | None) -> EngineUnavailableError:
    """Return the error for an engine that is unreachable or exited (`error` None: its response ended too early)."""
    what = f" ({type(error).__name__})" if error else ""
    return EngineUnavailableError(f"the engine is unreachable, or exited during the request{what}")


def unexpected_response() -> EngineFailedError:
    """Return the error for a server that is not llama.cpp's, or of an unsupported build."""
    return EngineFailedError("unexpected response from the engine: not a supported llama.cpp server")


def from_response(status: int, body: bytes) -> InferenceError:
    """Return the error for a response with this HTTP status, or with this error in mid-stream."""
    details = _details(body)
    message = str(details.get("message") or "no reason given")[:_MAX_LENGTH]
    if details.get("type") == "exceed_context_size_error":
        return ContextOverflowError(int(details.get("n_prompt_tokens", 0)), int(details.get("n_ctx", 0)))
    if status == 503:
        return EngineUnavailableError(f"the engine is not ready: {message}")
    if status in (400, 404, 422):
        return RequestError(f"the engine rejected the request: {message}", path=_path(message))
    if "empty grammar stack" in message:
        return RequestError("the grammar has a dead end: no token can continue the output", path="/prompt/gbnf")
    if status in (401, 403):
        return EngineFailedError("the engine rejected the service's API key")
    return EngineFailedError(f"the engine failed: {message}")


def _path(message: str) -> str:
    if "grammar" in message:
        return "/prompt/gbnf"
    if "invalid tokens" in message:
        return "/prompt/segments"
    field = _FIELD.search(message)
    return f"/sampling/{field[1]}" if field else ""


def _details(body: bytes) -> dict[str, Any]:
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {"message": error}
