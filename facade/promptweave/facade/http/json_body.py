"""Request bodies of bounded size, and JSON in them.

Agents cut texts between the halves of a surrogate pair, and send the half in all requests that follow. So do
bridges that cut the descriptions of tools. It becomes U+FFFD in messages and descriptions; anywhere else, such as in
the names of a schema, it is an error.
"""

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from fastapi import Request

from promptweave.common.json_pointer import pointer_token
from promptweave.facade.errors import RequestError

_CONVERSATION = ("messages", "input", "items", "system", "instructions")
"""Fields whose texts come from earlier requests."""

_TOOLS = ("tools", "functions")
"""Fields with tools, whose descriptions are texts, at any depth."""

_HALF = re.compile("[\ud800-\udfff]")


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
    """Read the request's body as JSON, whatever its content type is. Raises RequestError and TooLargeError.

    `repaired_texts` returns the positions of texts that were changed.
    """
    data = await read_bytes(request, max_bytes)
    try:
        # `loads` would read bytes that encode half of a surrogate pair, which are not UTF-8.
        text = data.decode(json.detect_encoding(data))
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
        if "\\u" in text and not _is_text(value):
            request.state.repaired_texts = _repair(value)
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise RequestError(
            "request body: contains an unpaired surrogate (\\ud800 to \\udfff), which is not valid text", path=""
        ) from None
    except (ValueError, RecursionError) as error:
        raise RequestError(f"request body: not valid JSON: {error or 'nested too deeply'}", path="") from None
    return value


def repaired_texts(request: Request) -> Sequence[str]:
    """Return the positions of texts in the body in which half of a surrogate pair was replaced, as JSON pointers."""
    found: Sequence[str] = getattr(request.state, "repaired_texts", ())
    return found


def _is_text(value: Any) -> bool:
    """Return whether a JSON value can be written as UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _repair(body: Any) -> Sequence[str]:
    """Replace halves of surrogate pairs in messages and descriptions. Returns the positions of the texts."""
    repaired: list[str] = []
    if isinstance(body, dict):
        for name in _CONVERSATION:
            if name in body:
                body[name] = _without_halves(body[name], f"/{name}", repaired)
        for name in _TOOLS:
            _repair_descriptions(body.get(name), f"/{name}", repaired)
    return repaired


def _repair_descriptions(value: Any, path: str, repaired: list[str]) -> None:
    """Replace halves of surrogate pairs in the descriptions of tools and of their parameters."""
    steps = enumerate(value) if isinstance(value, list) else [*value.items()] if isinstance(value, dict) else ()
    for step, item in steps:
        place = path + pointer_token(step)
        if step == "description" and isinstance(item, str):
            value[step] = _without_halves(item, place, repaired)
        else:
            _repair_descriptions(item, place, repaired)


def _without_halves(value: Any, path: str, repaired: list[str]) -> Any:
    if isinstance(value, str):
        if not _HALF.search(value):
            return value
        repaired.append(path)
        return _HALF.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_halves(item, f"{path}/{place}", repaired) for place, item in enumerate(value)]
    if isinstance(value, dict):
        whole: dict[str, Any] = {}
        for given, item in value.items():
            key = _HALF.sub("\ufffd", given)
            place = path + pointer_token(key)
            if key != given:
                repaired.append(place)
            whole[key] = _without_halves(item, place, repaired)
        return whole
    return value


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is out of range for a number")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not valid JSON")
