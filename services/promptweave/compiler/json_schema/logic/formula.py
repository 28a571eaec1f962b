"""Boolean formulas over conditions of schemas, each stored once and identified by a number.

Formulas are in negation normal form: an atom provides its own negation. An atom and its negation may each accept slightly
*less* than the keyword (an integer is never spelled `1.0`), so that no formula ever accepts too much.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NewType, Protocol

from promptweave.compiler.deadline import check_deadline
from promptweave.compiler.errors import SchemaError

MAX_FORMULAS = 60_000
"""Maximum number of formulas of one schema. Conditions that multiply create more."""


FormulaId = NewType("FormulaId", int)
"""A formula's number among the `Formulas` that contain it."""


class Atom(Protocol):
    """One condition of a schema. `pointer`: its location."""

    @property
    def pointer(self) -> str: ...
    def __hash__(self) -> int: ...
    def negate(self, formulas: "Formulas") -> FormulaId: ...


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple[FormulaId, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: tuple[FormulaId, ...]


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A condition that the grammar does not enforce; neither does it enforce its negation."""

    pointer: str

    def negate(self, formulas: "Formulas") -> FormulaId:
        return formulas.atom(self)


@dataclass(frozen=True, slots=True)
class Inexpressible:
    """A condition that a grammar cannot express; an error if it matters. `instead` is its negation."""

    pointer: str = field(compare=False)
    why: str = field(compare=False)
    instead: FormulaId

    def negate(self, formulas: "Formulas") -> FormulaId:
        return self.instead


class Formulas:
    """The formulas of one schema."""

    FALSE, TRUE = FormulaId(0), FormulaId(1)

    def __init__(self) -> None:
        self.values: list[And | Or | Atom] = [Or(()), And(())]
        self._numbers: dict[object, FormulaId] = {self.values[0]: self.FALSE, self.values[1]: self.TRUE}
        self._opposites: dict[FormulaId, FormulaId] = {self.FALSE: self.TRUE, self.TRUE: self.FALSE}

    def atom(self, atom: And | Or | Atom) -> FormulaId:
        """Return the formula that consists of this atom, `And` or `Or`."""
        found = self._numbers.get(atom)
        if found is None:
            if len(self.values) >= MAX_FORMULAS:
                parts = atom.parts if isinstance(atom, And | Or) else ()
                where = self.pointer(parts[0]) if parts else getattr(atom, "pointer", "")
                raise SchemaError("unsupported", where, "its conditions multiply to too many cases; simplify them")
            if len(self.values) % 256 == 0:
                check_deadline()
            found = self._numbers[atom] = FormulaId(len(self.values))
            self.values.append(atom)
        return found

    def parts(self, formula: FormulaId) -> tuple[FormulaId, ...]:
        """Return the formulas whose conjunction is `formula`: itself, unless it is an `And`."""
        value = self.values[formula]
        return value.parts if isinstance(value, And) else (formula,)

    def pointer(self, formula: FormulaId) -> str:
        """Return the location of the first condition of a formula."""
        value = self.values[formula]
        while isinstance(value, And | Or) and value.parts:
            value = self.values[value.parts[0]]
        return getattr(value, "pointer", "")

    def every(self, formulas: Iterable[FormulaId]) -> FormulaId:
        """Return the conjunction."""
        return self._joined(formulas, And, Or, self.TRUE, self.FALSE)

    def some(self, formulas: Iterable[FormulaId]) -> FormulaId:
        """Return the disjunction."""
        return self._joined(formulas, Or, And, self.FALSE, self.TRUE)

    def _joined(
        self,
        formulas: Iterable[FormulaId],
        kind: type[And] | type[Or],
        other: type[And] | type[Or],
        neutral: FormulaId,
        final: FormulaId,
    ) -> FormulaId:
        found: set[FormulaId] = set()
        for formula in formulas:
            value = self.values[formula]
            if formula == final:
                return final
            if isinstance(value, kind):
                found.update(value.parts)
            elif formula != neutral:
                found.add(formula)
        if len(found) == 1:
            return found.pop()
        if any((other_side := self._opposites.get(formula)) in found and other_side != formula for formula in found):
            # Only opposites that are already known are found: this must be correct, but need not be complete.
            return final
        # Absorption: a and (a or b) is a.
        left = [
            formula
            for formula in found
            if not (isinstance(value := self.values[formula], other) and not found.isdisjoint(value.parts))
        ]
        return left[0] if len(left) == 1 else self.atom(kind(tuple(sorted(left))))

    def negate(self, formula: FormulaId) -> FormulaId:
        """Return the negation of `formula`."""
        found = self._opposites.get(formula)
        if found is None:
            value = self.values[formula]
            match value:
                case And(parts):
                    found = self.some(map(self.negate, parts))
                case Or(parts):
                    found = self.every(map(self.negate, parts))
                case _:
                    found = value.negate(self)
            self._opposites[formula] = found
            if not isinstance(value, And | Or | Unchecked) and not isinstance(self.values[found], And | Or):
                self._opposites.setdefault(found, formula)
        return found

    def map(self, formula: FormulaId, change: Callable[[Atom], FormulaId | None]) -> FormulaId:
        """Return the formula with every atom changed; None keeps an atom unchanged."""
        known: dict[FormulaId, FormulaId] = {}

        def changed(inner: FormulaId) -> FormulaId:
            if inner not in known:
                value = self.values[inner]
                match value:
                    case And(parts):
                        known[inner] = self.every(map(changed, parts))
                    case Or(parts):
                        known[inner] = self.some(map(changed, parts))
                    case _:
                        new = change(value)
                        known[inner] = inner if new is None else new
            return known[inner]

        return changed(formula)

    def resolve(self, formula: FormulaId) -> FormulaId:
        """Return the formula with unchecked conditions taken as true. Raises SchemaError if one is inexpressible."""

        def change(atom: Atom) -> FormulaId | None:
            if isinstance(atom, Unchecked):
                return self.TRUE
            if isinstance(atom, Inexpressible):
                raise SchemaError("unsupported", atom.pointer, atom.why, keyword=atom.pointer.rpartition("/")[2])
            return None

        return self.map(formula, change)
