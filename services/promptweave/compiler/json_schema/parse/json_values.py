"""The types of the values in a schema, and checks for values that have no JSON text."""

from decimal import Decimal
from fractions import Fraction
from math import isfinite

from promptweave.compiler.json_text import Json

MAX_VALUE_DEPTH = 200
"""Maximum nesting depth of `enum` and `const` values. Deeper values are rejected."""

MAX_NUMBER_BITS = 14_000
"""About 4,200 digits; Python prints up to 4,300."""


def kind(value: Json) -> str:
    """Return the type of a JSON value with its article, or the number itself unless it is too long."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value) if isinstance(value, float) or abs(value) < 10**15 else "a number"
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), f"a {type(value).__name__}")


def is_number(value: Json) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and isfinite(value))


def is_whole(value: Json) -> bool:
    return is_number(value) and value == int(value)


def is_names(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def unspeakable(value: Json, depth: int = 0) -> str:
    """Return why a value has no JSON text; empty if it has one."""
    if depth > MAX_VALUE_DEPTH:
        return f"values nested more than {MAX_VALUE_DEPTH} levels deep are not supported"
    match value:
        case int() if value.bit_length() > MAX_NUMBER_BITS:
            return "number too long"
        case str() if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            return "lone surrogates are not valid text"
        case float() if not isfinite(value):
            return "numbers must be finite"
        case list():
            return next((why for item in value if (why := unspeakable(item, depth + 1))), "")
        case dict():
            pairs = (part for pair in value.items() for part in pair)
            return next((why for part in pairs if (why := unspeakable(part, depth + 1))), "")
    return ""


def exact(value: float | int | Decimal) -> Fraction:
    """Return a JSON number as the exact value of its shortest spelling (0.1 is a tenth).

    A float beyond 2^53 is converted to the integer that it represents: 1e23 equals that integer, and not 10^23.
    """
    if isinstance(value, float) and abs(value) >= _LARGE:
        return Fraction(int(value))
    return (
        Fraction(value) if isinstance(value, int) else Fraction(Decimal(repr(value) if isinstance(value, float) else value))
    )


_LARGE = 2.0**53
"""From here on every 64-bit float is an integer."""
