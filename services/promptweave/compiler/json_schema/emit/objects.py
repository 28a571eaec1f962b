"""The grammar of the objects that satisfy a formula.

Declared properties come in their order, except those that may come anywhere (`property_order.py`). A state is the set of
the latter that are still to come, the position in the order of the others, the remaining formula, and whether a comma is
needed. So every condition on presence (dependencies, alternatives, counts) is enforced, and alternatives share their common
parts. Free properties come last.
"""

from collections.abc import Collection
from contextlib import suppress
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

_State = tuple[int, int, FormulaId, bool]
"""The names that may still come anywhere, the number of other names done, the remaining formula, and whether nothing has
been emitted yet."""


class _TooManyStatesError(Exception):
    """The conditions of an object need too many states if its properties come in any order."""


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
        self._declared = emitter.conditions.declared(names)
        self._free = free
        self._hint = hint
        self._required: set[str] = set()
        self._forbidden: set[str] = set()
        self._literals: dict[str, set[LiteralId]] = {}
        self._ends: dict[tuple[FormulaId, bool], Expr] = {}
        self._pointer = ""
        self._reset(())

    def _reset(self, anywhere: tuple[str, ...]) -> None:
        """Start without any states. `anywhere`: the names that may come anywhere."""
        self._anywhere = anywhere
        self._names = tuple(name for name in self._declared.names if name not in anywhere)
        self._max_states = 2 * (1 << len(anywhere)) * (len(self._names) + 1) if anywhere else MAX_OBJECT_STATES
        self._transitions = PropertyTransitions(
            self._emitter.conditions, self._declared, self._too_many, in_order=not anywhere
        )
        self._refs: dict[_State, Ref] = {}
        self._choices: dict[tuple[int, int, FormulaId], _Choice] = {}
        self._rest: dict[tuple[_Choice, bool], Ref] = {}
        self._values: dict[tuple[FormulaId, str], dict[FormulaId, list[Expr]]] = {}
        self._waiting: list[_State] = []

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
        allowed = [name for name in self._names if name not in self._forbidden]
        with suppress(_TooManyStatesError, SchemaError):
            if anywhere := self._emitter.order.choose(allowed, self._required):
                self._reset(anywhere)
                return self._whole(remaining)
        self._reset(())
        return self._whole(remaining)

    def _whole(self, formula: FormulaId) -> Expr:
        start = self._body(((1 << len(self._anywhere)) - 1, 0, formula, True))
        while self._waiting:
            state = self._waiting.pop()
            self._rules.define(self._refs[state], self._body(state))
        return seq(Lit("{" + self._emitter.separators.inside), start)

    def _go(self, state: _State) -> Expr:
        left, place, formula, first = state
        left, place, formula = self._skip(left, place, formula)
        if formula == Formulas.FALSE:
            return NOTHING
        state = (left, place, formula, first)
        if not left and place == len(self._names):
            return self._end(self._transitions.ended(formula), first)
        if state not in self._refs:
            if len(self._refs) >= self._max_states:
                self._too_many(
                    f"the object keywords combined require more than {MAX_OBJECT_STATES} states; simplify the schema"
                )
            self._refs[state] = self._rules.reserve(
                "order" if self._anywhere else f"{self._hint}-{'first' if first else 'next'}"
            )
            self._waiting.append(state)
        return self._refs[state]

    def _skip(self, left: int, place: int, formula: FormulaId) -> tuple[int, int, FormulaId]:
        """Skip the properties that are not allowed, in one step: alternatives forbid the properties that others declare."""
        while True:
            # Names that every object lacks are not among those that may come anywhere.
            some = self._left(left) if formula != Formulas.TRUE else []
            skipped = {name for name in some if self._transitions.forbids(formula, name)}
            left &= ~self._bits(skipped) if skipped else -1
            while place < len(self._names) and self._is_forbidden(formula, self._names[place]):
                skipped.add(self._names[place])
                place += 1
            if not skipped:
                return left, place, formula
            if skipped & self._required:
                return left, place, Formulas.FALSE
            formula = self._transitions.absent(formula, skipped)

    def _is_forbidden(self, formula: FormulaId, name: str) -> bool:
        return name in self._forbidden or self._transitions.forbids(formula, name)

    def _left(self, left: int) -> list[str]:
        """Return the names of a set of those that may come anywhere."""
        return [name for bit, name in enumerate(self._anywhere) if left >> bit & 1]

    def _bits(self, names: Collection[str]) -> int:
        return sum(1 << bit for bit, name in enumerate(self._anywhere) if name in names)

    def _body(self, state: _State) -> Expr:
        """Return the rest of the object: the properties that must come next, inlined, and then the next choice."""
        items: list[Expr] = []
        left, place, formula, first = state
        while True:
            check_deadline()
            left, place, formula = self._skip(left, place, formula)
            if formula == Formulas.FALSE:
                return NOTHING
            if not left and place == len(self._names):
                return seq(*items, self._end(self._transitions.ended(formula), first))
            candidates = [*self._left(left), *self._names[place : place + 1]]
            transitions = {}
            if len(candidates) == 1 and candidates[0] in self._required:
                transitions = self._present(formula, candidates[0])
            if len(transitions) != 1:
                return seq(*items, self._next(left, place, formula, first))
            ((formula, values),) = transitions.items()
            items += [Lit(self._comma(first) + self._key(candidates[0])), alt(*values)]
            left, place, first = 0, place if left else place + 1, False

    def _next(self, left: int, place: int, formula: FormulaId, first: bool) -> Expr:
        """Return the rest of the object: a property that may come anywhere, the next one in order, or the end."""
        choice = self._choice(left, place, formula)
        in_order = self._choice_rule(choice, first) if choice.size or choice.later else self._choice_end(choice, first)
        pairs = [
            self._follow(formula, name, left & ~(1 << bit), place, pair=True)
            for bit, name in enumerate(self._anywhere)
            if left >> bit & 1
        ]
        pairs = [pair for pair in pairs if pair != NOTHING]
        if not pairs:
            return in_order
        anywhere = seq(Lit(self._comma(first)), alt(*pairs))
        return anywhere if in_order == NOTHING else alt(anywhere, in_order)

    def _choice(self, left: int, place: int, formula: FormulaId) -> "_Choice":
        """Return the choice of the next property in order: any from `place` up to the next required one, or the end."""
        chain = []
        while (left, place, formula) not in self._choices:
            check_deadline()
            if formula == Formulas.FALSE or place == len(self._names):
                missing = left and self._required.intersection(self._left(left))
                end = Formulas.FALSE if missing else self._transitions.ended(formula)
                self._choices[left, place, formula] = _Choice(KeyTrie(), 0, end)
                break
            chain.append((place, formula))
            name = self._names[place]
            without = Formulas.FALSE if name in self._required else self._transitions.absent(formula, {name})
            # Names that are not allowed any more stay in the set: it identifies the chain.
            _, place, formula = self._skip(left, place + 1, without)
        choice = self._choices[left, place, formula]
        most = MAX_SHARING if len(self._names) <= MAX_SHARED else 1
        for place, formula in reversed(chain):
            name = self._names[place]
            follow = self._follow(formula, name, left, place + 1)
            if follow != NOTHING:
                if most > 1:
                    follow = self._rules.define(self._rules.reserve(f"{self._hint}-{name}"), follow)
                choice = choice.having(self._key(name), follow, most)
            self._choices[left, place, formula] = choice
        return choice

    def _follow(self, formula: FormulaId, name: str, left: int, place: int, *, pair: bool = False) -> Expr:
        """Return the value of a property, or the complete `pair`, and what follows it with `left` and `place`."""
        steps = []
        for after, values in self._present(formula, name).items():
            rest = self._go((left, place, after, False))
            if rest != NOTHING:
                steps.append(seq(self._pair(name, alt(*values)) if pair else alt(*values), rest))
        return alt(*steps)

    def _pair(self, name: str, value: Expr) -> Expr:
        """Return a property that may come anywhere: a rule, since it follows many states."""
        return self._rules.add(name, seq(Lit(self._key(name)), value))

    def _choice_rule(self, choice: "_Choice", first: bool) -> Ref:
        """Return the rule of a choice."""
        waiting = [choice] if (choice, first) not in self._rest else []
        while waiting and (later := waiting[-1].later) and (later, first) not in self._rest:
            waiting.append(later)
        for each in reversed(waiting):
            keys = seq(Lit(self._comma(first)), each.keys.expr(self._rules, f"{self._hint}-key"))
            other = self._rest[each.later, first] if each.later else self._choice_end(each, first)
            body = alt(*(part for part in (keys, other) if part != NOTHING))
            self._rest[each, first] = self._rules.add(f"{self._hint}-rest", body)
        return self._rest[choice, first]

    def _choice_end(self, choice: "_Choice", first: bool) -> Expr:
        return NOTHING if choice.end == Formulas.FALSE else self._end(choice.end, first)

    def _comma(self, first: bool) -> str:
        return "" if first else self._emitter.separators.item

    def _key(self, name: str) -> str:
        return dumps(name) + self._emitter.separators.key

    def _present(self, formula: FormulaId, name: str) -> dict[FormulaId, list[Expr]]:
        """Return what may follow the property, with the values it has in each case."""
        if (formula, name) not in self._values:
            found: dict[FormulaId, list[Expr]] = {}
            own = self._literals.get(name, set())
            for literals, after in self._transitions.present(formula, name):
                value = self._emitter.expr(own | literals, f"{self._hint}-{name}")
                if value != NOTHING:
                    found.setdefault(after, []).append(value)
            self._values[formula, name] = found
        return self._values[formula, name]

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
        if self._anywhere:
            raise _TooManyStatesError
        keyword = self._pointer.rpartition("/")[2]
        raise SchemaError("unsupported", self._pointer, f"{keyword}: {why}", keyword=keyword)
