"""The conditions that a schema may place on an object, property by property.

Declared names (those that a schema mentions) come in a known order. All others are free names: they are described by
languages, and a grammar cannot prevent them from occurring twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from promptweave.compiler.json_schema.logic.formula import FormulaId, Formulas, Inexpressible
from promptweave.compiler.json_schema.parse.node import FALSE, TRUE, LiteralId, complement
from promptweave.compiler.regex.dfa import Dfa


@dataclass(frozen=True, slots=True)
class Has:
    """A declared property is present, or absent. `exact`: validators agree about it, so its negation can be expressed."""

    name: str
    wanted: bool = True
    pointer: str = field(default="", compare=False)
    exact: bool = True

    def negate(self, formulas: Formulas) -> FormulaId:
        if not self.exact:
            why = "validators do not agree on whether the name is allowed, so the negation cannot be enforced"
            return formulas.atom(Inexpressible(self.pointer, why, formulas.atom(self)))
        return formulas.atom(Has(self.name, not self.wanted, self.pointer))


@dataclass(frozen=True, slots=True)
class PropertyValue:
    """The value of a declared property, if it is present, satisfies `value`."""

    name: str
    value: LiteralId
    pointer: str = field(default="", compare=False)

    def negate(self, formulas: Formulas) -> FormulaId:
        there = formulas.atom(Has(self.name, True, self.pointer))
        return formulas.every([there, value(formulas, self.name, complement(self.value), self.pointer)])


@dataclass(frozen=True, eq=False, slots=True)
class Declared:
    """The declared names of an object, in order, with their positions. A set of names is an integer with a bit for each."""

    names: tuple[str, ...]
    places: Mapping[str, int]

    @classmethod
    def of(cls, names: tuple[str, ...]) -> Self:
        return cls(names, {name: place for place, name in enumerate(names)})

    def bit(self, name: str) -> int:
        """Return the set of one name; the empty set if it is not declared."""
        return 1 << self.places[name] if name in self.places else 0


@dataclass(frozen=True, slots=True)
class Others:
    """Every declared property except the `allowed` ones has such a value; if `value` is FALSE, there are none.

    One atom instead of one per name: of 200 closed objects, each forbids the properties that the 199 others declare. `some`:
    the negation: at least one does not have such a value.
    """

    declared: Declared
    allowed: int
    value: LiteralId
    some: bool = False
    pointer: str = field(default="", compare=False)

    def negate(self, formulas: Formulas) -> FormulaId:
        return formulas.atom(replace(self, some=not self.some))

    @property
    def mentioned(self) -> int:
        """Return the names that change it once passed: the allowed ones, and the last of all others."""
        return self.allowed | self._last

    @property
    def _last(self) -> int:
        others = ((1 << len(self.declared.names)) - 1) & ~self.allowed
        return 1 << (others.bit_length() - 1)

    def allows(self, name: str) -> bool:
        """Return whether the atom allows any value for a name."""
        return bool(self.allowed & self.declared.bit(name))

    def after(self, passed: int, formulas: Formulas) -> FormulaId:
        """Return what the atom requires after `passed`, and all the names before these, are done."""
        if passed & self._last:
            return Formulas.FALSE if self.some else Formulas.TRUE
        return formulas.atom(replace(self, allowed=self.allowed & ~passed))


@dataclass(frozen=True, slots=True)
class Free:
    """All free properties whose names are in a language have such a value; if `value` is FALSE, there are none.

    `exact`: validators agree which names are in the language, so its negation can be expressed.
    """

    names: Dfa
    value: LiteralId
    pointer: str = field(default="", compare=False)
    exact: bool = True

    def negate(self, formulas: Formulas) -> FormulaId:
        if self.value == FALSE and self.exact:
            return formulas.atom(SomeFree(self.names, self.pointer))
        why = "the negation for undeclared properties cannot be enforced: the same name could appear a second time"
        return formulas.atom(Inexpressible(self.pointer, why, formulas.atom(self)))


@dataclass(frozen=True, slots=True)
class SomeFree:
    """At least one free property has a name in the language."""

    names: Dfa
    pointer: str = field(default="", compare=False)

    def negate(self, formulas: Formulas) -> FormulaId:
        return formulas.atom(Free(self.names, FALSE, self.pointer))


@dataclass(frozen=True, slots=True)
class Count:
    """From here on there are at least `low` and at most `high` (None: unbounded) properties."""

    low: int
    high: int | None
    pointer: str = field(default="", compare=False)

    def negate(self, formulas: Formulas) -> FormulaId:
        options = []
        if self.low > 0:
            options.append(formulas.atom(Count(0, self.low - 1, self.pointer)))
        if self.high is not None:
            options.append(formulas.atom(Count(self.high + 1, None, self.pointer)))
        return formulas.some(options)


def value(formulas: Formulas, name: str, literal: LiteralId, pointer: str) -> FormulaId:
    """Return the condition on the value of a declared property, if it is present."""
    if literal == TRUE:
        return Formulas.TRUE
    if literal == FALSE:
        return formulas.atom(Has(name, False, pointer))
    return formulas.atom(PropertyValue(name, literal, pointer))
