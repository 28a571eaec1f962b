"""Boolean formulas over what schemas say, each kept once and known by a number.

Negations stand nowhere but inside atoms: an atom knows its own negation. So each atom may mean a little *less* than its
keyword (an integer is never written `1.0`), on either side: whatever the formula, it never admits too much.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from promptweave.compiler.deadline import check_deadline
from promptweave.compiler.errors import SchemaError

MAX_FORMULAS = 60_000
"""Of one schema. More of them come from conditions that multiply."""


class Atom(Protocol):
    """One thing that a schema says. `pointer`: where it says so."""

    @property
    def pointer(self) -> str: ...
    def __hash__(self) -> int: ...
    def negate(self, formulas: "Formulas") -> int: ...


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds."""

    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Some part holds."""

    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Something that the grammar does not enforce, and its opposite as little."""

    pointer: str

    def negate(self, formulas: "Formulas") -> int:
        return formulas.atom(self)


@dataclass(frozen=True, slots=True)
class Inexpressible:
    """What no grammar of ours says; an error if it matters. `instead` is its opposite."""

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
        """The formula that says just this."""
        found = self._numbers.get(atom)
        if found is None:
            if len(self.values) >= MAX_FORMULAS:
                parts = atom.parts if isinstance(atom, And | Or) else ()
                where = self.pointer(parts[0]) if parts else getattr(atom, "pointer", "")
                raise SchemaError("unsupported", where, "its conditions multiply to more cases than can be told apart")
            if len(self.values) % 256 == 0:
                check_deadline()
            found = self._numbers[atom] = len(self.values)
            self.values.append(atom)
        return found

    def parts(self, formula: int) -> tuple[int, ...]:
        """What all must hold for `formula` to: itself, unless it is an `And`."""
        value = self.values[formula]
        return value.parts if isinstance(value, And) else (formula,)

    def pointer(self, formula: int) -> str:
        """Where the first thing that a formula says stands."""
        value = self.values[formula]
        while isinstance(value, And | Or) and value.parts:
            value = self.values[value.parts[0]]
        return getattr(value, "pointer", "")

    def every(self, formulas: Iterable[int]) -> int:
        """All of them hold."""
        return self._joined(formulas, And, Or, self.TRUE, self.FALSE)

    def some(self, formulas: Iterable[int]) -> int:
        """Any of them holds."""
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
            # Only for opposites that are known already: it need not be complete, only right.
            return final
        # a and (a or b) is a.
        kept = [
            formula
            for formula in found
            if not (isinstance(value := self.values[formula], other) and not found.isdisjoint(value.parts))
        ]
        return kept[0] if len(kept) == 1 else self.atom(kind(tuple(sorted(kept))))

    def negate(self, formula: int) -> int:
        """What holds where `formula` does not."""
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
        """The formula with every atom changed; None leaves one as it is."""
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
        """The formula with what is not checked taken for true. Raises SchemaError where something is inexpressible."""

        def change(atom: Atom) -> int | None:
            if isinstance(atom, Unchecked):
                return self.TRUE
            if isinstance(atom, Inexpressible):
                raise SchemaError("unsupported", atom.pointer, atom.why, keyword=atom.pointer.rpartition("/")[2])
            return None

        return self.map(formula, change)
