"""Errors as HTTP responses, in the form of the API that the client uses."""

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import Scope

from promptweave.errors import PromptweaveError
from promptweave.facade.errors import INVALID, TOO_LARGE, ErrorFormat, HttpError, internal, to_http
from promptweave.facade.http.disconnect import ClientGoneError
from promptweave.facade.http.json_body import TooLargeError
from promptweave.facade.http.request import request_id

logger = logging.getLogger(__name__)


def error_response(error: HttpError, scope: Scope, **headers: str) -> JSONResponse:
    """Return an error as a response to the request with this ASGI scope. Its state holds the format of the errors."""
    state = scope["state"]
    error_format: ErrorFormat = state["error_format"]
    body = error_format.body(error, state["request_id"])
    return JSONResponse(body, status_code=error.status, headers={**error.headers(), **headers})


def http_error(error: PromptweaveError, request_id: str) -> HttpError:
    """Convert an error to a response; what the client must not see is logged."""
    converted = to_http(error, request_id)
    if converted.status == 500:
        logger.error("request %s failed: %s", request_id, error.message)
    return converted


def handle_errors(app: FastAPI) -> None:
    """Make all errors of the routes return the error body of their API."""

    @app.exception_handler(PromptweaveError)
    async def known_error(request: Request, error: PromptweaveError) -> JSONResponse:
        return error_response(http_error(error, request_id(request)), request.scope)

    @app.exception_handler(TooLargeError)
    async def too_large(request: Request, error: TooLargeError) -> JSONResponse:
        # The rest of the body, which is not read, would be taken for the next request.
        return error_response(TOO_LARGE, request.scope, connection="close")

    @app.exception_handler(ClientGoneError)
    async def gone(request: Request, error: ClientGoneError) -> JSONResponse:
        return JSONResponse({}, status_code=499)  # The client no longer reads it.

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> JSONResponse:
        known: Mapping[int, str] = {
            404: f"unknown path {request.url.path}",
            405: f"method {request.method} is not allowed for {request.url.path}",
        }
        message = known.get(error.status_code, str(error.detail))
        refusal = HttpError(error.status_code, INVALID, "unknown_url" if error.status_code == 404 else None, message)
        return error_response(refusal, request.scope, **(error.headers or {}))

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> JSONResponse:
        return error_response(internal(request_id(request)), request.scope)
