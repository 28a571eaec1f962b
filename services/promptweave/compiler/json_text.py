"""Parsing and printing of JSON text, in the one spelling that grammars, prompts and histories share."""

import json
from typing import Any, NamedTuple

from promptweave.common.json_pointer import pointer_token

Json = Any
"""A JSON value as returned by Python's json module: dict, list, str, int, float, bool, None."""

TYPES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}
"""JSON Schema's names for the types of these values."""


class Separators(NamedTuple):
    """The separator of items and properties, that of a property's name and its value, and the text inside brackets."""

    item: str
    key: str
    inside: str = ""


WHITE_MARK = "\ud800"
"""Stands for any white space in the texts of a grammar. No JSON text in UTF-8 has it: it is half a surrogate pair."""

SPACED, COMPACT = Separators(", ", ": "), Separators(",", ":")
LOOSE = Separators(f",{WHITE_MARK}", f":{WHITE_MARK}", WHITE_MARK)
"""For grammars only: any white space where JSON is usually indented."""


def dumps(value: Json, separators: Separators = SPACED) -> str:
    """Return the canonical spelling: only the escapes that JSON requires, keys in the given order."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(separators.item, separators.key))


MAX_JSON_DEPTH = 300
"""Maximum nesting of lists and objects, low enough for recursive code, including all libraries."""


class TooDeepError(ValueError):
    """A JSON value is nested too deeply; `pointer` is the path to it."""

    def __init__(self, pointer: str) -> None:
        super().__init__(f"nested more than {MAX_JSON_DEPTH} levels deep")
        self.pointer = pointer


def loads(text: str) -> Json:
    """Parse a JSON value.

    Raises ValueError for anything that is not JSON, including NaN, infinities and numbers that overflow; TooDeepError for
    more than MAX_JSON_DEPTH levels.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        text.encode()  # a lone surrogate is not valid text
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if text.count("[") + text.count("{") > MAX_JSON_DEPTH:
        _check_depth(value)
    return value


_SHOWN = 10
"""Maximum number of keys reported from the path to a value that is nested too deeply."""


def _check_depth(value: Json) -> None:
    # The pointer is built from the keys that lead to a level, and only if that level is too deep.
    waiting: list[tuple[Json, int, Any]] = [(value, 1, None)]
    while waiting:
        found, depth, way = waiting.pop()
        if depth > MAX_JSON_DEPTH:
            tokens: list[str] = []
            while way:
                way, key = way
                tokens.append(pointer_token(key))
            raise TooDeepError("".join(tokens[: -_SHOWN - 1 : -1]))
        inner = found.items() if isinstance(found, dict) else enumerate(found)
        waiting.extend((each, depth + 1, (way, key)) for key, each in inner if isinstance(each, dict | list))


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not a JSON value")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"number {text} is too large")
    return number
