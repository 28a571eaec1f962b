"""A schema as values: one node for each schema of a document, which know each other by number.

A positive number means the schema itself, a negative one its complement, so a set of numbers says everything that is asked
of a value: these schemas hold, those do not. 1 is the schema `true`.
"""

from dataclasses import dataclass
from fractions import Fraction

from promptweave.compiler.json_text import Json

TRUE, FALSE = 1, -1

Literal = int
"""A node's number, or its negative for the complement."""


@dataclass(frozen=True, slots=True)
class Members:
    """`enum` or `const`: any of these values."""

    values: tuple[Json, ...]
    pointer: str


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound of numbers; `sign` 1: from below, -1: from above."""

    value: Fraction
    sign: int
    exclusive: bool
    pointer: str


@dataclass(frozen=True, slots=True)
class Contains:
    """`contains` with its counts."""

    item: Literal
    min: int
    max: int | None


@dataclass(frozen=True, slots=True)
class ArrayPart:
    """What a schema says about arrays. `items` is for those behind `prefix`; None: nothing is said."""

    prefix: tuple[Literal, ...] = ()
    items: Literal | None = None
    min: int = 0
    max: int | None = None
    contains: Contains | None = None
    unique: bool = False
    unevaluated: Literal | None = None


@dataclass(frozen=True, slots=True)
class ObjectPart:
    """What a schema says about objects. `patterns`: pattern → schema; `additional` and others None: nothing is said."""

    properties: tuple[tuple[str, Literal], ...] = ()
    patterns: tuple[tuple[str, Literal], ...] = ()
    additional: Literal | None = None
    names: Literal | None = None
    required: tuple[str, ...] = ()
    min: int = 0
    max: int | None = None
    dependent_required: tuple[tuple[str, tuple[str, ...]], ...] = ()
    dependent_schemas: tuple[tuple[str, Literal], ...] = ()
    unevaluated: Literal | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One schema.

    types       those it names; None: none, so all
    every       what also holds in the same place: `$ref`, `$dynamicRef`, `allOf`
    condition   `if`, `then`, `else`
    relaxed     keywords that are not enforced here, because that is not possible and was allowed
    """

    number: int
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
    every: tuple[Literal, ...] = ()
    some: tuple[Literal, ...] = ()
    one: tuple[Literal, ...] = ()
    opposite: Literal | None = None
    condition: tuple[Literal, Literal, Literal] | None = None
    about_objects: bool = False
    relaxed: frozenset[str] = frozenset()

    @property
    def is_reference(self) -> bool:
        """Whether it says nothing but that another schema holds."""
        return len(self.every) == 1 and self == Node(self.number, self.pointer, every=self.every)
