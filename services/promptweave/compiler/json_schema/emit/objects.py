"""The grammar of the objects that satisfy a formula.

Declared properties come in their order; a state is the position in that order, the remaining formula, and whether a comma
is needed. So every condition on presence (dependencies, alternatives, counts) is enforced, and alternatives share their
common parts. Free properties come last.
"""

from dataclasses import dataclass

from promptweave.compiler.deadline import check_deadline
from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.emit.emitter import Emitter
from promptweave.compiler.json_schema.emit.free_properties import Clause, FreeProperties
from promptweave.compiler.json_schema.emit.key_trie import KeyTrie
from promptweave.compiler.json_schema.emit.property_transitions import PropertyTransitions
from promptweave.compiler.json_schema.logic.formula import And, FormulaId, Formulas, Or
from promptweave.compiler.json_schema.logic.object_atoms import Count, Free, Has, Others, PropertyValue, SomeFree
from promptweave.compiler.json_schema.parse.node import FALSE, LiteralId
from promptweave.compiler.json_text import dumps
from promptweave.output.grammar.expr import NOTHING, Expr, Lit, Ref, alt, seq

MAX_OBJECT_STATES = 25_000
"""Maximum number of states of one object."""

MAX_CLAUSES = 200
"""Maximum number of remaining cases for free properties."""

MAX_SHARED, MAX_SHARING = 1_500, 250
"""Objects of up to `MAX_SHARED` properties use tries of up to `MAX_SHARING` names each; above, the grammar would be too
large."""

_State = tuple[int, FormulaId, bool]
"""The number of names done, the remaining formula, and whether nothing has been emitted yet."""


@dataclass(frozen=True, eq=False, slots=True)
class _Choice:
    """A trie of `size` names, with what follows each; otherwise a later choice, or the end, with the formula `end` left."""

    keys: KeyTrie
    size: int
    end: FormulaId
    later: "_Choice | None" = None

    def having(self, key: str, follow: Expr, most: int) -> "_Choice":
        """Return the choice with one more name; in a new trie if this one holds `most`."""
        if self.size == most:
            return _Choice(KeyTrie().having(key, follow), 1, self.end, self)
        return _Choice(self.keys.having(key, follow), self.size + 1, self.end, self.later)


class ObjectPrinter:
    """Prints one object."""

    def __init__(self, emitter: Emitter, names: tuple[str, ...], free: FreeProperties, hint: str) -> None:
        self._emitter = emitter
        self._formulas = emitter.formulas
        self._rules = emitter.rules
        self._names = names
        self._free = free
        self._hint = hint
        self._required: set[str] = set()
        self._forbidden: set[str] = set()
        self._literals: dict[str, set[LiteralId]] = {}
        self._refs: dict[_State, Ref] = {}
        self._choices: dict[tuple[int, FormulaId], _Choice] = {}
        self._rest: dict[tuple[_Choice, bool], Ref] = {}
        self._ends: dict[tuple[FormulaId, bool], Expr] = {}
        self._waiting: list[_State] = []
        self._transitions = PropertyTransitions(emitter.conditions, emitter.conditions.declared(names), self._too_many)
        self._pointer = ""

    def expr(self, formula: FormulaId) -> Expr:
        """Return the grammar of the objects that satisfy a (resolved) formula."""
        rest = []
        for part in self._formulas.parts(formula):
            value = self._formulas.values[part]
            match value:
                case Has(name, wanted):
                    (self._required if wanted else self._forbidden).add(name)
                case Others(some=False):
                    others = [name for name in self._names if not value.allows(name)]
                    if value.value == FALSE:
                        self._forbidden.update(others)
                    for name in others if value.value != FALSE else ():
                        self._literals.setdefault(name, set()).add(value.value)
                case PropertyValue(name, literal):
                    self._literals.setdefault(name, set()).add(literal)
                case _:
                    rest.append(part)
        if self._required & self._forbidden:
            return NOTHING
        remaining = self._formulas.every(rest)
        self._pointer = self._formulas.pointer(remaining)
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
            if len(self._refs) >= MAX_OBJECT_STATES:
                self._too_many(
                    f"the object keywords combined require more than {MAX_OBJECT_STATES} states; simplify the schema"
                )
            self._refs[state] = self._rules.reserve(f"{self._hint}-{'first' if first else 'next'}")
            self._waiting.append(state)
        return self._refs[state]

    def _skip(self, place: int, formula: FormulaId) -> tuple[int, FormulaId]:
        """Skip to the next property that is allowed, in one step: alternatives forbid the properties that others declare."""
        while True:
            skipped = set()
            while place < len(self._names) and (
                (name := self._names[place]) in self._forbidden or self._transitions.forbids(formula, name)
            ):
                if name in self._required:
                    return place, Formulas.FALSE
                skipped.add(name)
                place += 1
            if not skipped:
                return place, formula
            formula = self._transitions.absent(formula, skipped)

    def _body(self, state: _State) -> Expr:
        """Return the rest of the object: the properties that must come first, inlined, and then the next choice."""
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
            transitions = self._present(formula, name) if name in self._required else {}
            if len(transitions) != 1:
                return seq(*items, self._choice_rule(self._choice(place, formula), first))
            ((formula, values),) = transitions.items()
            items += [Lit(self._comma(first) + self._key(name)), alt(*values)]
            place, first = place + 1, False

    def _choice(self, place: int, formula: FormulaId) -> "_Choice":
        """Return the choice of the next property: any from `place` up to the next required one, or the end of the object."""
        chain = []
        while (place, formula) not in self._choices:
            check_deadline()
            if formula == Formulas.FALSE or place == len(self._names):
                self._choices[place, formula] = _Choice(KeyTrie(), 0, end=formula)
                break
            chain.append((place, formula))
            name = self._names[place]
            without = Formulas.FALSE if name in self._required else self._transitions.absent(formula, {name})
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

    def _choice_rule(self, choice: "_Choice", first: bool) -> Ref:
        """Return the rule of a choice."""
        waiting = [choice] if (choice, first) not in self._rest else []
        while waiting and (later := waiting[-1].later) and (later, first) not in self._rest:
            waiting.append(later)
        for each in reversed(waiting):
            keys = seq(Lit(self._comma(first)), each.keys.expr(self._rules, f"{self._hint}-key"))
            if each.later:
                other: Expr = self._rest[each.later, first]
            else:
                other = NOTHING if each.end == Formulas.FALSE else self._end(each.end, first)
            body = alt(*(part for part in (keys, other) if part != NOTHING))
            self._rest[each, first] = self._rules.add(f"{self._hint}-rest", body)
        return self._rest[choice, first]

    def _comma(self, first: bool) -> str:
        return "" if first else self._emitter.separators.item

    def _key(self, name: str) -> str:
        return dumps(name) + self._emitter.separators.key

    def _present(self, formula: FormulaId, name: str) -> dict[FormulaId, list[Expr]]:
        """Return what may follow the property, with the values it has in each case."""
        found: dict[FormulaId, list[Expr]] = {}
        own = self._literals.get(name, set())
        for literals, after in self._transitions.present(formula, name):
            value = self._emitter.expr(own | literals, f"{self._hint}-{name}")
            if value != NOTHING:
                found.setdefault(after, []).append(value)
        return found

    # -- the end --

    def _end(self, formula: FormulaId, first: bool) -> Expr:
        key = (formula, first)
        if key not in self._ends:
            clauses = self._clauses(formula)
            self._ends[key] = (
                alt(*dict.fromkeys(self._free.expr(clause, first) for clause in clauses)) if clauses else NOTHING
            )
        return self._ends[key]

    def _clauses(self, formula: FormulaId) -> list[Clause]:
        """Return a formula about free properties only as alternatives."""
        value = self._formulas.values[formula]
        match value:
            case Or(parts):
                found = [clause for part in parts for clause in self._clauses(part)]
            case And(parts):
                found = [Clause()]
                for part in parts:
                    found = [left.joined(right) for left in found for right in self._clauses(part)]
                    if len(found) > MAX_CLAUSES:
                        self._too_many("the alternatives for undeclared properties combine to too many cases; simplify them")
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
        raise SchemaError("unsupported", self._pointer, f"{keyword}: {why}", keyword=keyword)
