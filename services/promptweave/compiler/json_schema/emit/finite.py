"""Enumerates the texts of an expression if there are only a few."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from promptweave.output.grammar.expr import Alt, Chars, Expr, Lit, Ref, Rep, Seq


class _TooManyError(Exception):
    pass


def finite_texts(
    expr: Expr, bodies: Mapping[str, Expr], limit: int, unfinished: Collection[str] = frozenset()
) -> list[str] | None:
    """Return all texts of `expr`, or None if there are more than `limit`. Rules in `unfinished` are not known yet."""
    try:
        return list(dict.fromkeys(_texts(expr, bodies, limit, set(unfinished))))
    except _TooManyError:
        return None


def _texts(expr: Expr, bodies: Mapping[str, Expr], limit: int, inside: set[str]) -> list[str]:
    match expr:
        case Lit(text):
            found = [text]
        case Chars(ranges):
            if sum(high - low + 1 for low, high in ranges) > limit:
                raise _TooManyError
            found = [chr(code) for low, high in ranges for code in range(low, high + 1)]
        case Ref(name):
            if name in inside:
                raise _TooManyError
            found = _texts(bodies[name], bodies, limit, inside | {name})
        case Alt(items):
            found = [text for item in items for text in _texts(item, bodies, limit, inside)]
        case Seq(items):
            found = [""]
            for item in items:
                after = _texts(item, bodies, limit, inside)
                if len(found) * len(after) > limit:
                    raise _TooManyError
                found = [text + more for text in found for more in after]
        case Rep(item, low, high):
            once = _texts(item, bodies, limit, inside)
            if not once:
                return [] if low else [""]
            if high is None or high > limit:
                raise _TooManyError
            found, layer = [], [""]
            for count in range(high + 1):
                found += layer if count >= low else []
                layer = [text + more for text in layer for more in once]
                if len(found) + len(layer) > 4 * limit:
                    raise _TooManyError
    if len(set(found)) > limit:
        raise _TooManyError
    return found


def are_distinct(texts: Collection[str]) -> bool:
    """Return whether all of the JSON texts have different values (1 and 1.0 are equal)."""
    values = {json.dumps(_comparable(json.loads(text)), sort_keys=True) for text in texts}
    return len(values) == len(texts)


def _comparable(value: Any) -> Any:
    match value:
        case float() if value == int(value):
            return int(value)
        case list():
            return [_comparable(item) for item in value]
        case dict():
            return {key: _comparable(inner) for key, inner in value.items()}
    return value
