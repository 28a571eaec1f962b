"""Boolean formulas over conditions of schemas, each stored once and identified by a number.

Formulas are in negation normal form: an atom provides its own negation. An atom and its negation may each accept slightly
*less* than the keyword (an integer is never spelled `1.0`), so that no formula ever accepts too much.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from promptweave.compiler.deadline import check_deadline
from promptweave.compiler.errors import SchemaError

MAX_FORMULAS = 60_000
"""Maximum number of formulas of one schema. Conditions that multiply create more."""


class Atom(Protocol):
    """One condition of a schema. `pointer`: its location."""

    @property
    def pointer(self) -> str: ...
    def __hash__(self) -> int: ...
    def negate(self, formulas: "Formulas") -> int: ...


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A condition that the grammar does not enforce; neither does it enforce its negation."""

    pointer: str

    def negate(self, formulas: "Formulas") -> int:
        return formulas.atom(self)


@dataclass(frozen=True, slots=True)
class Inexpressible:
    """A condition that a grammar cannot express; an error if it matters. `instead` is its negation."""

    pointer: str = field(compare=False)
    why: str = field(compare=False)
    instead: int

    def negate(self, formulas: "Formulas") -> int:
        return self.instead


class Formulas:
    """The formulas of one schema."""

    FALSE, TRUE = 0, 1

    def __init__(self) -> None:
        self.values: list[And | Or | Atom] = [Or(()), And(())]
        self._numbers: dict[object, int] = {self.values[0]: 0, self.values[1]: 1}
        self._opposites: dict[int, int] = {0: 1, 1: 0}

    def atom(self, atom: And | Or | Atom) -> int:
        """Return the formula that consists of this atom, `And` or `Or`."""
        found = self._numbers.get(atom)
        if found is None:
            if len(self.values) >= MAX_FORMULAS:
                parts = atom.parts if isinstance(atom, And | Or) else ()
                where = self.pointer(parts[0]) if parts else getattr(atom, "pointer", "")
                raise SchemaError("unsupported", where, "its conditions multiply to too many cases; simplify them")
            if len(self.values) % 256 == 0:
                check_deadline()
            found = self._numbers[atom] = len(self.values)
            self.values.append(atom)
        return found

    def parts(self, formula: int) -> tuple[int, ...]:
        """Return the formulas whose conjunction is `formula`: itself, unless it is an `And`."""
        value = self.values[formula]
        return value.parts if isinstance(value, And) else (formula,)

    def pointer(self, formula: int) -> str:
        """Return the location of the first condition of a formula."""
        value = self.values[formula]
        while isinstance(value, And | Or) and value.parts:
            value = self.values[value.parts[0]]
        return getattr(value, "pointer", "")

    def every(self, formulas: Iterable[int]) -> int:
        """Return the conjunction."""
        return self._joined(formulas, And, Or, self.TRUE, self.FALSE)

    def some(self, formulas: Iterable[int]) -> int:
        """Return the disjunction."""
        return self._joined(formulas, Or, And, self.FALSE, self.TRUE)

    def _joined(
        self,
        formulas: Iterable[int],
        kind: type[And] | type[Or],
        other: type[And] | type[Or],
        neutral: int,
        final: int,
    ) -> int:
        found: set[int] = set()
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
        kept = [
            formula
            for formula in found
            if not (isinstance(value := self.values[formula], other) and not found.isdisjoint(value.parts))
        ]
        return kept[0] if len(kept) == 1 else self.atom(kind(tuple(sorted(kept))))

    def negate(self, formula: int) -> int:
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

    def map(self, formula: int, change: Callable[[Atom], int | None]) -> int:
        """Return the formula with every atom changed; None keeps an atom unchanged."""
        known: dict[int, int] = {}

        def changed(place: int) -> int:
            if place not in known:
                value = self.values[place]
                match value:
                    case And(parts):
                        known[place] = self.every(map(changed, parts))
                    case Or(parts):
                        known[place] = self.some(map(changed, parts))
                    case _:
                        new = change(value)
                        known[place] = place if new is None else new
            return known[place]

        return changed(formula)

    def resolve(self, formula: int) -> int:
        """Return the formula with unchecked conditions taken as true. Raises SchemaError if one is inexpressible."""

        def change(atom: Atom) -> int | None:
            if isinstance(atom, Unchecked):
                return self.TRUE
            if isinstance(atom, Inexpressible):
                raise SchemaError("unsupported", atom.pointer, atom.why, keyword=atom.pointer.rpartition("/")[2])
            return None

        return self.map(formula, change)
