"""Request bodies of bounded size, and JSON in them."""

import json
import math
from typing import Any

from fastapi import Request

from promptweave.facade.errors import RequestError


class TooLargeError(Exception):
    """The body is larger than the facade accepts."""


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
    """Read the request's body as JSON, whatever its content type is. Raises RequestError and TooLargeError."""
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
