"""Schemas as values: one node per schema of a document; nodes refer to each other by number.

A positive number means the schema itself, a negative one its complement, so a set of numbers expresses all requirements of
a value: which schemas hold, and which do not. 1 is the schema `true`.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import NewType

from promptweave.compiler.json_text import Json

LiteralId = NewType("LiteralId", int)
"""A node's number, or its negative for the complement."""

LiteralSet = frozenset[LiteralId]
"""What a value must satisfy: all of these literals."""

TRUE, FALSE = LiteralId(1), LiteralId(-1)


def complement(literal: LiteralId) -> LiteralId:
    """Return the literal that holds for exactly the other values."""
    return LiteralId(-literal)


@dataclass(frozen=True, slots=True)
class Members:
    """`enum` or `const`: any of these values."""

    values: tuple[Json, ...]
    pointer: str


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound of numbers; `sign` 1: lower bound, -1: upper bound."""

    value: Fraction
    sign: int
    exclusive: bool
    pointer: str


@dataclass(frozen=True, slots=True)
class Contains:
    """`contains` with its counts."""

    item: LiteralId
    min: int
    max: int | None


@dataclass(frozen=True, slots=True)
class ArrayPart:
    """The array keywords of a schema. `items` applies to the items after `prefix`; None: unspecified."""

    prefix: tuple[LiteralId, ...] = ()
    items: LiteralId | None = None
    min: int = 0
    max: int | None = None
    contains: Contains | None = None
    unique: bool = False
    unevaluated: LiteralId | None = None


@dataclass(frozen=True, slots=True)
class ObjectPart:
    """The object keywords of a schema. `patterns`: pattern → schema. None, for `additional` and others: unspecified."""

    properties: tuple[tuple[str, LiteralId], ...] = ()
    patterns: tuple[tuple[str, LiteralId], ...] = ()
    additional: LiteralId | None = None
    names: LiteralId | None = None
    required: tuple[str, ...] = ()
    min: int = 0
    max: int | None = None
    dependent_required: tuple[tuple[str, tuple[str, ...]], ...] = ()
    dependent_schemas: tuple[tuple[str, LiteralId], ...] = ()
    unevaluated: LiteralId | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One schema.

    types       the types it lists; None: unspecified, so all
    every       schemas that also apply to the same value: `$ref`, `$dynamicRef`, `allOf`
    condition   `if`, `then`, `else`
    relaxed     keywords that are not enforced here, because that is impossible and leaving them out was allowed
    """

    number: LiteralId
    pointer: str
    types: frozenset[str] | None = None
    members: tuple[Members, ...] = ()
    bounds: tuple[Bound, ...] = ()
    multiple_of: Fraction | None = None
    length: tuple[int, int | None] = (0, None)
    pattern: str | None = None
    format: str | None = None
    array: ArrayPart = ArrayPart()
    object: ObjectPart = ObjectPart()
    every: tuple[LiteralId, ...] = ()
    some: tuple[LiteralId, ...] = ()
    one: tuple[LiteralId, ...] = ()
    opposite: LiteralId | None = None
    condition: tuple[LiteralId, LiteralId, LiteralId] | None = None
    about_objects: bool = False
    relaxed: frozenset[str] = frozenset()

    @property
    def is_reference(self) -> bool:
        """Return whether the schema only requires that another schema holds."""
        return len(self.every) == 1 and self == Node(self.number, self.pointer, every=self.every)
