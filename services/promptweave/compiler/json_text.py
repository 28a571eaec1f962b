"""JSON text in and out, in the one spelling that grammars, prompts and histories share."""

import json
from typing import Any

Json = Any
"""A JSON value as Python's json module gives it: dict, list, str, int, float, bool, None."""

TYPES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}
"""JSON Schema's names for the types of such values."""


def dumps(value: Json) -> str:
    """The canonical spelling: `", "` and `": "`, no escapes but those that JSON needs, keys in the given order."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def loads(text: str) -> Json:
    """A JSON value. Raises ValueError for anything that is not JSON, NaN, infinities and numbers that overflow among it."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        text.encode()  # a lone surrogate is no text
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text} is too large")
    return number


def pointer_token(key: str | int) -> str:
    """A key as a step of a JSON pointer (RFC 6901), with its slash."""
    return "/" + str(key).replace("~", "~0").replace("/", "~1")
