"""The grammar of the objects for which a formula holds.

Declared properties come in their order; a state is how far one came, what is still said of the rest, and whether a comma is
needed. So every condition on what is there (dependencies, alternatives, counts) is kept, and alternatives share what they
have in common. Free properties come last.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.deadline import check_deadline
from promptweave.compiler.json_schema.formula import Every, Formulas, Some
from promptweave.compiler.json_schema.free_properties import Clause, FreeProperties
from promptweave.compiler.json_schema.key_trie import KeyTrie
from promptweave.compiler.json_schema.node import Literal
from promptweave.compiler.json_schema.object_atoms import Count, Free, Has, SomeFree, Value
from promptweave.compiler.json_text import dumps
from promptweave.output.grammar import NOTHING, Expr, Lit, Ref, alt, seq

if TYPE_CHECKING:
    from promptweave.compiler.json_schema.values import Values

MAX_STATES = 25_000
"""States of one object."""

MAX_OPTIONS = 2_500
"""Ways on from one state."""

MAX_COMBINATIONS = 20_000
"""Combinations that are looked at to find them."""

MAX_CLAUSES = 200
"""Cases that are left for free properties."""

MAX_SHARED, MAX_SHARING = 1_500, 250
"""Objects of so many properties have tries of their names, each of so many; for more the grammar would be too large."""

Asked = frozenset[Literal]
"""What a property's value must be."""

_State = tuple[int, int, bool]
"""How many names are done, what is still said, whether nothing was written yet."""


@dataclass(frozen=True, eq=False, slots=True)
class _Choice:
    """`size` names, with what follows each, or else: a later choice, or the end, where this formula is left."""

    keys: KeyTrie
    size: int
    end: int
    later: "_Choice | None" = None

    def having(self, key: str, follow: Expr, most: int) -> "_Choice":
        """With one name more; a new trie where this one holds `most`."""
        if self.size == most:
            return _Choice(KeyTrie().having(key, follow), 1, self.end, self)
        return _Choice(self.keys.having(key, follow), self.size + 1, self.end, self.later)


class ObjectPrinter:
    """Prints one object."""

    def __init__(self, values: "Values", names: tuple[str, ...], free: FreeProperties, hint: str) -> None:
        self._values = values
        self._formulas = values.formulas
        self._rules = values.rules
        self._names = names
        self._free = free
        self._hint = hint
        self._required: set[str] = set()
        self._forbidden: set[str] = set()
        self._asked: dict[str, set[Literal]] = {}
        self._refs: dict[_State, Ref] = {}
        self._choices: dict[tuple[int, int], _Choice] = {}
        self._rest: dict[tuple[_Choice, bool], Ref] = {}
        self._ends: dict[tuple[int, bool], Expr] = {}
        self._waiting: list[_State] = []
        self._mentions: dict[int, tuple[frozenset[str], bool]] = {}
        self._excluded: dict[int, frozenset[str]] = {}
        self._pointer = ""

    def expr(self, formula: int) -> Expr:
        """The objects for which a (settled) formula holds."""
        rest = []
        for part in self._formulas.parts(formula):
            match self._formulas.values[part]:
                case Has(name, wanted):
                    (self._required if wanted else self._forbidden).add(name)
                case Value(name, literal):
                    self._asked.setdefault(name, set()).add(literal)
                case _:
                    rest.append(part)
        if self._required & self._forbidden:
            return NOTHING
        remaining = self._formulas.every(rest)
        self._pointer = self._first_pointer(remaining)
        start = self._body((0, remaining, True))
        while self._waiting:
            state = self._waiting.pop()
            self._rules.define(self._refs[state], self._body(state))
        return seq(Lit("{"), start)

    def _go(self, state: _State) -> Expr:
        place, formula, first = state
        place, formula = self._skip(place, formula)
        if formula == Formulas.FALSE:
            return NOTHING
        state = (place, formula, first)
        if place == len(self._names):
            return self._end(formula, first)
        if state not in self._refs:
            if len(self._refs) >= MAX_STATES:
                self._too_many(f"more than {MAX_STATES} states are needed for what is said of the object")
            self._refs[state] = self._rules.reserve(f"{self._hint}-{'first' if first else 'next'}")
            self._waiting.append(state)
        return self._refs[state]

    def _skip(self, place: int, formula: int) -> tuple[int, int]:
        """On to the next property that may be there, all at once: alternatives forbid what others declare."""
        while True:
            skipped = set()
            absent = self._certainly_absent(formula)
            while place < len(self._names) and ((name := self._names[place]) in self._forbidden or name in absent):
                if name in self._required:
                    return place, Formulas.FALSE
                skipped.add(name)
                place += 1
            if not skipped:
                return place, formula
            formula = self._absent(formula, skipped)

    def _certainly_absent(self, formula: int) -> frozenset[str]:
        if formula not in self._excluded:
            atoms = (self._formulas.values[part] for part in self._formulas.parts(formula))
            self._excluded[formula] = frozenset(atom.name for atom in atoms if isinstance(atom, Has) and not atom.wanted)
        return self._excluded[formula]

    def _body(self, state: _State) -> Expr:
        """The rest of the object. What must come first is written here, then comes what there is a choice of."""
        items: list[Expr] = []
        place, formula, first = state
        while True:
            check_deadline()
            place, formula = self._skip(place, formula)
            if formula == Formulas.FALSE:
                return NOTHING
            if place == len(self._names):
                return seq(*items, self._end(formula, first))
            name = self._names[place]
            ways = self._present(formula, name) if name in self._required else {}
            if len(ways) != 1:
                return seq(*items, self._written(self._choice(place, formula), first))
            ((formula, values),) = ways.items()
            items += [Lit(self._comma(first) + self._key(name)), alt(*values)]
            place, first = place + 1, False

    def _choice(self, place: int, formula: int) -> "_Choice":
        """Which property comes next: the one at `place`, or any one behind it up to one that must come; or the end."""
        chain = []
        while (place, formula) not in self._choices:
            check_deadline()
            if formula == Formulas.FALSE or place == len(self._names):
                self._choices[place, formula] = _Choice(KeyTrie(), 0, end=formula)
                break
            chain.append((place, formula))
            name = self._names[place]
            without = Formulas.FALSE if name in self._required else self._absent(formula, {name})
            place, formula = self._skip(place + 1, without)
        choice = self._choices[place, formula]
        most = MAX_SHARING if len(self._names) <= MAX_SHARED else 1
        for place, formula in reversed(chain):
            name = self._names[place]
            follow = alt(
                *(
                    step
                    for after, values in self._present(formula, name).items()
                    if (step := seq(alt(*values), self._go((place + 1, after, False)))) != NOTHING
                )
            )
            if follow != NOTHING:
                if most > 1:
                    follow = self._rules.define(self._rules.reserve(f"{self._hint}-{name}"), follow)
                choice = choice.having(self._key(name), follow, most)
            self._choices[place, formula] = choice
        return choice

    def _written(self, choice: "_Choice", first: bool) -> Ref:
        """The rule of a choice."""
        waiting = [choice] if (choice, first) not in self._rest else []
        while waiting and (later := waiting[-1].later) and (later, first) not in self._rest:
            waiting.append(later)
        for each in reversed(waiting):
            keys = seq(Lit(self._comma(first)), each.keys.expr(self._rules, f"{self._hint}-key"))
            if each.later:
                other: Expr = self._rest[each.later, first]
            else:
                other = NOTHING if each.end == Formulas.FALSE else self._end(each.end, first)
            written = alt(*(part for part in (keys, other) if part != NOTHING))
            self._rest[each, first] = self._rules.add(f"{self._hint}-rest", written)
        return self._rest[choice, first]

    def _comma(self, first: bool) -> str:
        return "" if first else self._values.separators.item

    def _key(self, name: str) -> str:
        return dumps(name) + self._values.separators.key

    def _present(self, formula: int, name: str) -> dict[int, list[Expr]]:
        """What may follow the property, with the values that it has then."""
        found: dict[int, list[Expr]] = {}
        own = self._asked.get(name, set())
        for asked, after in self._ways(formula, name):
            value = self._values.expr(own | asked, f"{self._hint}-{name}")
            if value != NOTHING:
                found.setdefault(after, []).append(value)
        return found

    # -- formulas --

    def _about(self, formula: int) -> tuple[frozenset[str], bool]:
        """The names that a formula mentions, and whether it counts."""
        if formula not in self._mentions:
            match self._formulas.values[formula]:
                case Every(parts) | Some(parts):
                    inner = [self._about(part) for part in parts]
                    found = frozenset().union(*(names for names, _ in inner)), any(counts for _, counts in inner)
                case Has(name) | Value(name):
                    found = frozenset({name}), False
                case Count():
                    found = frozenset(), True
                case _:
                    found = frozenset(), False
            self._mentions[formula] = found
        return self._mentions[formula]

    def _absent(self, formula: int, names: Collection[str]) -> int:
        """The formula where properties are not there."""
        if self._about(formula)[0].isdisjoint(names):
            return formula

        def change(atom: object) -> int | None:
            match atom:
                case Has(other, wanted) if other in names:
                    return Formulas.FALSE if wanted else Formulas.TRUE
                case Value(other) if other in names:
                    return Formulas.TRUE
            return None

        return self._formulas.map(formula, change)

    def _ways(self, formula: int, name: str) -> list[tuple[Asked, int]]:
        names, counts = self._about(formula)
        if name not in names and not counts:
            return [(frozenset(), formula)]
        return self._simplest(self._make_ways(formula, name))

    def _make_ways(self, formula: int, name: str) -> Iterable[tuple[Asked, int]]:
        formulas = self._formulas
        value = formulas.values[formula]
        match value:
            case Every(parts):
                # One after the other, so that what excludes each other is gone before it multiplies.
                found: list[tuple[Asked, int]] = [(frozenset(), Formulas.TRUE)]
                for part in parts:
                    more = self._ways(part, name)
                    if len(found) * len(more) > MAX_COMBINATIONS:
                        self._too_many(f"what is said of the property {name!r} combines to too many cases")
                    combined = (
                        (left | right, formulas.every([one, other]))
                        for left, one in found
                        for right, other in more
                        if not self._conflict(name, left, right)
                    )
                    found = self._simplest(combined) if len(more) > 1 else list(combined)
                yield from found
            case Some(parts):
                by_asked: dict[Asked, list[int]] = {}
                for part in parts:
                    for asked, after in self._ways(part, name):
                        by_asked.setdefault(asked, []).append(after)
                for asked, afters in by_asked.items():
                    yield asked, formulas.some(afters)
            case Has(other, wanted) if other == name:
                if wanted:
                    yield frozenset(), Formulas.TRUE
            case Value(other, literal) if other == name:
                yield frozenset({literal}), Formulas.TRUE
            case Count(low, high, pointer):
                if high != 0:
                    fewer = Count(max(low - 1, 0), None if high is None else high - 1, pointer)
                    yield frozenset(), formulas.atom(fewer) if fewer != Count(0, None) else Formulas.TRUE
            case _:
                yield frozenset(), formula

    def _conflict(self, name: str, left: Asked, right: Asked) -> bool:
        """Whether no value can be asked both, as far as that is plain."""
        if not left or not right:
            return False
        exclude = self._values.conditions.exclude
        return any(exclude(one, other) for one in left for other in right if one != other)

    def _simplest(self, ways: Iterable[tuple[Asked, int]]) -> list[tuple[Asked, int]]:
        """The ways on without those that another one includes."""
        by_rest: dict[int, list[Asked]] = {}
        for asked, after in ways:
            if after == Formulas.FALSE:
                continue
            known = by_rest.setdefault(after, [])
            if not any(each <= asked for each in known):
                known[:] = [*(each for each in known if not asked <= each), asked]
        anything = by_rest.get(Formulas.TRUE, [])
        found = [
            (asked, after)
            for after, known in by_rest.items()
            for asked in known
            if after == Formulas.TRUE or not any(each <= asked for each in anything)
        ]
        if len(found) > MAX_OPTIONS:
            self._too_many("its alternatives combine to too many cases")
        return found

    # -- the end --

    def _end(self, formula: int, first: bool) -> Expr:
        key = (formula, first)
        if key not in self._ends:
            clauses = self._clauses(formula)
            self._ends[key] = (
                alt(*dict.fromkeys(self._free.expr(clause, first) for clause in clauses)) if clauses else NOTHING
            )
        return self._ends[key]

    def _clauses(self, formula: int) -> list[Clause]:
        """The formula, which is about free properties only, as alternatives."""
        value = self._formulas.values[formula]
        match value:
            case Some(parts):
                found = [clause for part in parts for clause in self._clauses(part)]
            case Every(parts):
                found = [Clause()]
                for part in parts:
                    found = [left.joined(right) for left in found for right in self._clauses(part)]
                    if len(found) > MAX_CLAUSES:
                        self._too_many("its alternatives for properties of other names combine to too many cases")
            case Free():
                found = [Clause(frees=(value,))]
            case SomeFree():
                found = [Clause(needed=(value,))]
            case Count(low, high, pointer):
                found = [Clause(low=low, high=high, pointer=pointer)]
            case _:
                raise AssertionError(value)
        return list(dict.fromkeys(found))

    def _too_many(self, why: str) -> None:
        keyword = self._pointer.rpartition("/")[2]
        raise SchemaError("unsupported", self._pointer, f"{keyword!r}: {why}", keyword=keyword)

    def _first_pointer(self, formula: int) -> str:
        value = self._formulas.values[formula]
        while isinstance(value, Every | Some) and value.parts:
            value = self._formulas.values[value.parts[0]]
        return getattr(value, "pointer", "")
