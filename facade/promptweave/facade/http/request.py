"""Helpers for all routes: bodies of bounded size, clients that disconnect, errors in OpenAI's format."""

import asyncio
import json
import logging
import math
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from promptweave.errors import PromptweaveError
from promptweave.facade.errors import INVALID, TOO_LARGE, HttpError, RequestError, internal, to_http

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class TooLargeError(Exception):
    """The body is larger than the facade accepts."""


class ClientGoneError(Exception):
    """The client has disconnected, so nothing reads the response."""


def request_id(request: Request) -> str:
    """Return the id of a request, as in the headers of its response."""
    return str(request.state.request_id)


def owner(request: Request) -> str | None:
    """Return the owner of a request: the name of its key; None if no keys are configured."""
    found: str | None = request.state.owner
    return found


def answer(error: HttpError, path: str, request_id: str, **headers: str) -> JSONResponse:
    """Return an error response in the format of the API at `path`."""
    body = error.anthropic_body(request_id) if path.startswith("/v1/messages") else error.body()
    return JSONResponse(body, status_code=error.status, headers={**error.headers(), **headers})


def _answer(error: HttpError, request: Request, **headers: str) -> JSONResponse:
    return answer(error, request.url.path, request_id(request), **headers)


async def read_bytes(request: Request, max_bytes: int) -> bytes:
    """Read the request's body. Raises TooLargeError."""
    data = bytearray()
    if int(request.headers.get("content-length") or 0) > max_bytes:
        raise TooLargeError
    async for piece in request.stream():
        data += piece
        if len(data) > max_bytes:
            raise TooLargeError
    return bytes(data)


async def read_json(request: Request, max_bytes: int) -> Any:
    """Read the request's body as JSON. Raises RequestError and TooLargeError."""
    data = await read_bytes(request, max_bytes)
    try:
        value = json.loads(data, parse_constant=_no_constant, parse_float=_finite)
        if b"\\u" in data:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise RequestError(
            "request body: contains an unpaired surrogate (\\ud800 to \\udfff), which is not valid text", path=""
        ) from None
    except (ValueError, RecursionError) as error:
        raise RequestError(f"request body: not valid JSON: {error or 'nested too deeply'}", path="") from None
    return value


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is out of range for a number")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not valid JSON")


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Return the result of `work`, which is cancelled when the client disconnects; then raise ClientGoneError."""
    task = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, watching}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientGoneError
    finally:
        for one in (task, watching):
            one.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await one


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def handle_errors(app: FastAPI) -> None:
    """Make all errors return the error body of the API."""

    @app.exception_handler(PromptweaveError)
    async def told(request: Request, error: PromptweaveError) -> JSONResponse:
        return _answer(http_error(error, request_id(request)), request)

    @app.exception_handler(TooLargeError)
    async def too_large(request: Request, error: TooLargeError) -> JSONResponse:
        # The rest of the body, which is not read, would be taken for the next request.
        return _answer(TOO_LARGE, request, connection="close")

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
        return _answer(refusal, request, **(error.headers or {}))

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> JSONResponse:
        return _answer(internal(request_id(request)), request)


def http_error(error: PromptweaveError, request_id: str) -> HttpError:
    """Convert an error to a response; what the client must not see is logged."""
    told = to_http(error, request_id)
    if told.status == 500:
        logger.error("request %s failed: %s", request_id, error.message)
    return told
