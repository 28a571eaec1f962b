"""Rules for fields of requests, and for the types of tools, items, blocks and parts in them."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from functools import cached_property
from typing import Any

from promptweave.facade.bodies.body import Body
from promptweave.facade.errors import UnsupportedError

Warn = Callable[[str, str, str], None]
"""Adds a warning: its code, the position in the request as a JSON pointer, and a sentence."""

_NUMBER = re.compile(r"/\d+(?=/|$)")

NOTHING: Sequence[Any] = (False, [], {}, "")
"""Values that request nothing."""


class Decision(Enum):
    """What becomes of a part of a request."""

    LEFT_OUT = "left out, with a warning"
    REFUSED = "refused"


@dataclass(frozen=True)
class FieldRule:
    """A field. `path` uses OpenAI's notation, with `[]` for each item of a list. Null and `allowed` values pass."""

    path: str
    decision: Decision
    why: str
    allowed: Sequence[Any] = NOTHING

    @cached_property
    def steps(self) -> Sequence[str]:
        """Return the path's steps."""
        return self.path.replace("[]", ".[]").split(".")

    def allows(self, value: Any) -> bool:
        """Return whether the value passes. `0` is not `False`, and `1` is not `True`."""
        return value is None or any(type(value) is type(one) and value == one for one in self.allowed)


@dataclass(frozen=True)
class TypeRule:
    """A type of tools, items, blocks or parts: what it is in plain words, and why it is not served."""

    decision: Decision
    why: str


def left_out(path: str, why: str, allowed: Sequence[Any] = NOTHING) -> FieldRule:
    """Return the rule of a field that is left out, with a warning that says why."""
    return FieldRule(path, Decision.LEFT_OUT, why, allowed)


def refused(path: str, why: str, allowed: Sequence[Any] = NOTHING) -> FieldRule:
    """Return the rule of a field that is refused, with an error that says why."""
    return FieldRule(path, Decision.REFUSED, why, allowed)


def apply_field_rules(body: Body | Mapping[str, Any], rules: Sequence[FieldRule], warn: Warn) -> None:
    """Warn of the fields that are left out. Raises UnsupportedError, with the position in the body, for a refused one."""
    given = body.model_fields_set | (body.model_extra or {}).keys() if isinstance(body, Body) else body.keys()
    for rule in rules:
        if rule.steps[0] not in given:
            continue
        for place, value in _found(body, rule.steps, ""):
            if rule.allows(value):
                continue
            name = rule.path.rpartition(".")[2]
            if rule.decision is Decision.REFUSED:
                raise UnsupportedError(f"{name!r} is not supported: {rule.why}", path=place)
            warn("not_applied", place, f"{name!r} is not applied: {rule.why}")


def warn_of_unknown_fields(body: Mapping[str, Any], known: Collection[str], warn: Warn, path: str = "") -> None:
    """Warn of fields that no API has, such as misspelled ones, with the most similar known one."""
    for name, value in body.items():
        if name in known or value is None:
            continue
        similar = get_close_matches(name, known, n=1)
        hint = f"; did you mean {similar[0]!r}?" if similar else ""
        pointer = name.replace("~", "~0").replace("/", "~1")
        warn("unknown_field", f"{path}/{pointer}", f"unknown field {name!r} has no effect{hint}")


def once(warn: Warn) -> Warn:
    """Return a function that adds one warning of several whose positions differ only in numbers: the first one."""
    places: set[tuple[str, str]] = set()

    def warn_once(code: str, path: str, message: str) -> None:
        place = code, _NUMBER.sub("/", path)
        if place not in places:
            places.add(place)
            warn(code, path, message)

    return warn_once


def known_fields(kind: type[Body]) -> frozenset[str]:
    """Return the names of the fields that a body has."""
    return frozenset(field.alias or name for name, field in kind.model_fields.items())


def first_steps(rules: Sequence[FieldRule]) -> frozenset[str]:
    """Return the names of the fields, at the top of a request, that rules are about."""
    return frozenset(rule.steps[0].removesuffix("[]") for rule in rules)


def _found(value: Any, steps: Sequence[str], place: str) -> Iterator[tuple[str, Any]]:
    """Yield the values that the steps lead to, with their positions as JSON pointers."""
    if not steps:
        yield place, value
        return
    step, *rest = steps
    if step == "[]":
        for number, item in enumerate(value if isinstance(value, list) else ()):
            yield from _found(item, rest, f"{place}/{number}")
    elif isinstance(value, Mapping):
        if step in value:
            yield from _found(value[step], rest, f"{place}/{step}")
    elif isinstance(value, Body):
        there = step in type(value).model_fields
        yield from _found(getattr(value, step) if there else (value.model_extra or {}).get(step), rest, f"{place}/{step}")
