"""The conditions that a schema may place on an array, item by item.

Each atom knows its requirements for the next item and the items after it (`steps`), and whether the array may end
(`may_end`).
"""

from dataclasses import dataclass, field

from promptweave.compiler.json_schema.logic.formula import FormulaId, Formulas, Inexpressible
from promptweave.compiler.json_schema.parse.node import TRUE, LiteralId, complement


@dataclass(frozen=True, slots=True)
class ItemAt:
    """The item at `place`, if there is one, satisfies `item`."""

    place: int
    item: LiteralId
    pointer: str = field(default="", compare=False)

    def negate(self, formulas: Formulas) -> FormulaId:
        there = formulas.atom(AtLeast(0, TRUE, self.place + 1, self.pointer))
        return formulas.every([there, formulas.atom(ItemAt(self.place, complement(self.item), self.pointer))])


@dataclass(frozen=True, slots=True)
class AtLeast:
    """At least `count` of the items from `place` on satisfy `item`."""

    place: int
    item: LiteralId
    count: int
    pointer: str = field(default="", compare=False)

    def negate(self, formulas: Formulas) -> FormulaId:
        return formulas.atom(AtMost(self.place, self.item, self.count - 1, self.pointer))


@dataclass(frozen=True, slots=True)
class AtMost:
    """At most `count` of the items from `place` on satisfy `item`. "All do" is: at most 0 satisfy the complement."""

    place: int
    item: LiteralId
    count: int
    pointer: str = field(default="", compare=False)

    def negate(self, formulas: Formulas) -> FormulaId:
        return formulas.atom(AtLeast(self.place, self.item, self.count + 1, self.pointer))


@dataclass(frozen=True, slots=True)
class Distinct:
    """No two items are equal."""

    pointer: str = field(default="", compare=False)

    def negate(self, formulas: Formulas) -> FormulaId:
        why = "the negation of uniqueItems (two equal items) cannot be enforced"
        return formulas.atom(Inexpressible(self.pointer, why, formulas.atom(self)))


ArrayAtom = ItemAt | AtLeast | AtMost | Distinct


def every_item(place: int, item: LiteralId, pointer: str) -> AtMost:
    """Return the atom that all items from `place` on satisfy `item`."""
    return AtMost(place, complement(item), 0, pointer)


def steps(atom: ArrayAtom, formulas: Formulas) -> list[tuple[LiteralId, FormulaId]]:
    """Return the alternatives for the next item: its requirement, and the formula for the items after it."""
    match atom:
        case ItemAt(place, item, pointer):
            if place == 0:
                return [(item, Formulas.TRUE)]
            return [(TRUE, formulas.atom(ItemAt(place - 1, item, pointer)))]
        case AtLeast(place, item, count, pointer):
            if place > 0:
                return [(TRUE, formulas.atom(AtLeast(place - 1, item, count, pointer)))]
            fewer = formulas.atom(AtLeast(0, item, count - 1, pointer)) if count > 1 else Formulas.TRUE
            return [(item, fewer)] if item == TRUE else [(item, fewer), (TRUE, formulas.atom(atom))]
        case AtMost(place, item, count, pointer):
            if place > 0:
                return [(TRUE, formulas.atom(AtMost(place - 1, item, count, pointer)))]
            found = [] if item == TRUE else [(complement(item), formulas.atom(atom))]
            if count > 0:
                found.append((TRUE, formulas.atom(AtMost(0, item, count - 1, pointer))))
            return found
        case Distinct():
            return [(TRUE, formulas.atom(atom))]


def may_end(atom: ArrayAtom) -> bool:
    """Return whether the array may end here."""
    return not isinstance(atom, AtLeast)
