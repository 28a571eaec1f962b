"""JSON text in and out, in the one spelling that grammars, prompts and histories share."""

import json
from typing import Any, NamedTuple

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


class Separators(NamedTuple):
    """What stands between items and properties, and between a property's name and its value."""

    item: str
    key: str


SPACED, COMPACT = Separators(", ", ": "), Separators(",", ":")


def dumps(value: Json, separators: Separators = SPACED) -> str:
    """The canonical spelling: no escapes but those that JSON needs, keys in the given order."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=separators)


MAX_DEPTH = 300
"""Lists and objects inside each other. What walks through a value may recurse then, all libraries included."""


class TooDeepError(ValueError):
    """A JSON value that is nested too deeply; `pointer`: in what."""

    def __init__(self, pointer: str) -> None:
        super().__init__(f"it is nested more than {MAX_DEPTH} deep")
        self.pointer = pointer


def loads(text: str) -> Json:
    """A JSON value. Raises ValueError for anything that is not JSON, NaN, infinities and numbers that overflow among it;
    TooDeepError for more than MAX_DEPTH levels."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        text.encode()  # a lone surrogate is no text
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value)
    return value


_SHOWN = 10
"""Of the keys that lead to what is nested too deeply."""


def _check_depth(value: Json) -> None:
    # The pointer is made of what leads to a level, and only where one is too deep.
    waiting: list[tuple[Json, int, Any]] = [(value, 1, None)]
    while waiting:
        found, depth, way = waiting.pop()
        if depth > MAX_DEPTH:
            tokens: list[str] = []
            while way:
                way, key = way
                tokens.append(pointer_token(key))
            raise TooDeepError("".join(tokens[: -_SHOWN - 1 : -1]))
        inner = found.items() if isinstance(found, dict) else enumerate(found)
        waiting.extend((each, depth + 1, (way, key)) for key, each in inner if isinstance(each, dict | list))


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
