"""The grammar of the arrays that satisfy a formula. A state is what remains to be required of the next items."""

from collections.abc import Iterable

from promptweave.compiler.deadline import check_deadline
from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.emit.emitter import Emitter
from promptweave.compiler.json_schema.emit.finite import are_distinct
from promptweave.compiler.json_schema.emit.json_grammar import any_array, counted
from promptweave.compiler.json_schema.logic.array_atoms import AtLeast, AtMost, Distinct, ItemAt, may_end, steps
from promptweave.compiler.json_schema.logic.formula import And, FormulaId, Formulas, Or
from promptweave.compiler.json_schema.parse.node import FALSE, TRUE, LiteralId, LiteralSet, complement
from promptweave.output.grammar.expr import EMPTY, NOTHING, Expr, Lit, Ref, alt, seq

MAX_ARRAY_STATES = 3_000
"""Maximum number of states of one array."""

MAX_ITEM_TRANSITIONS = 1_000
"""Maximum number of transitions from one state."""

MAX_ITEM_COMBINATIONS = 20_000
"""Maximum number of combinations examined to find the transitions."""

MAX_DISTINCT = 8
"""Maximum number of values that must be distinct: every set of used values is a state."""

_State = tuple[FormulaId, bool, frozenset[str] | None]
"""The remaining formula; whether no item has been emitted yet; the items used, if they must be distinct."""


def array_expr(formula: FormulaId, emitter: Emitter, hint: str) -> Expr:
    """Return the grammar of the arrays that satisfy a (resolved) formula."""
    if formula == Formulas.TRUE:
        return any_array(emitter.rules, emitter.separators, emitter.digits)
    return seq(Lit("[" + emitter.separators.inside), _ArrayPrinter(emitter, hint).whole(formula))


class _ArrayPrinter:
    def __init__(self, emitter: Emitter, hint: str) -> None:
        self._emitter = emitter
        self._formulas = emitter.formulas
        self._rules = emitter.rules
        self._comma = Lit(emitter.separators.item)
        self._end = Lit(emitter.separators.inside + "]")
        self._hint = hint
        self._names: dict[_State, Ref] = {}
        self._waiting: list[_State] = []
        self._options: dict[FormulaId, list[tuple[LiteralSet, FormulaId]]] = {}
        self._pointer = ""

    def whole(self, formula: FormulaId) -> Expr:
        self._pointer = self._formulas.pointer(formula)
        formula, used = self._without_distinct(formula)
        start = self._body((formula, True, used))
        while self._waiting:
            state = self._waiting.pop()
            self._rules.define(self._names[state], self._body(state))
        return start

    def _without_distinct(self, formula: FormulaId) -> tuple[FormulaId, frozenset[str] | None]:
        parts = self._formulas.parts(formula)
        distinct = [part for part in parts if isinstance(self._formulas.values[part], Distinct)]
        if not distinct:
            return formula, None
        self._pointer = getattr(self._formulas.values[distinct[0]], "pointer", "")
        rest = [part for part in parts if part not in distinct]
        lengths = [
            atom.place + atom.count
            for part in rest
            if isinstance(atom := self._formulas.values[part], AtMost) and atom.item == TRUE
        ]
        single = any(count <= 1 for count in lengths)
        return self._formulas.every(rest), None if single else frozenset()

    def _go(self, state: _State) -> Expr:
        if state not in self._names:
            if len(self._names) >= MAX_ARRAY_STATES:
                keyword = self._pointer.rpartition("/")[2]
                why = f"{keyword}: the array keywords combined require more than {MAX_ARRAY_STATES} states; simplify them"
                raise SchemaError("unsupported", self._pointer, why, keyword=keyword)
            self._names[state] = self._rules.reserve(f"{self._hint}-rest")
            self._waiting.append(state)
        return self._names[state]

    def _body(self, state: _State) -> Expr:
        items: list[Expr] = []
        met: set[_State] = set()
        while True:
            check_deadline()
            if state in met:
                # An infinite loop: no finite array satisfies it.
                return NOTHING
            met.add(state)
            formula, first, used = state
            ends = self._may_end(formula)
            alike = self._alike(formula) if used is None else None
            if alike is not None:
                return seq(*items, self._run(*alike, first))
            transitions = self._distinct_transitions(formula, used) if used is not None else self._transitions(formula)
            if not transitions:
                return seq(*items, self._ended(first) if ends else NOTHING)
            comma = EMPTY if first else self._comma
            if not ends and len(transitions) == 1:
                # The only transition is inlined instead of becoming a separate rule.
                (following, options), *_ = transitions.items()
                items += [comma, alt(*options)]
                state = (following[0], False, following[1])
                continue
            steps_on = [
                seq(comma, alt(*options), self._go((after, False, used_then)))
                for (after, used_then), options in transitions.items()
            ]
            return seq(*items, alt(*([self._ended(first)] if ends else []), *steps_on))

    def _transitions(self, formula: FormulaId) -> dict[tuple[FormulaId, frozenset[str] | None], list[Expr]]:
        found: dict[tuple[FormulaId, frozenset[str] | None], list[Expr]] = {}
        for literals, after in self._next(formula):
            item = self._emitter.expr(literals, f"{self._hint}-item")
            if item != NOTHING:
                found.setdefault((after, None), []).append(item)
        return found

    def _distinct_transitions(
        self, formula: FormulaId, used: frozenset[str]
    ) -> dict[tuple[FormulaId, frozenset[str] | None], list[Expr]]:
        found: dict[tuple[FormulaId, frozenset[str] | None], list[Expr]] = {}
        for literals, after in self._next(formula):
            texts = self._emitter.texts(literals, MAX_DISTINCT + 1)
            if texts is None or len(texts) > MAX_DISTINCT or not are_distinct({*texts, *used}):
                why = (
                    f"uniqueItems can only be enforced for items with an enum of at most {MAX_DISTINCT} values; add an "
                    "enum, or set strict to false to validate after generation"
                )
                raise SchemaError("unsupported", self._pointer, why, keyword="uniqueItems")
            for text in texts:
                if text not in used:
                    found.setdefault((after, used | {text}), []).append(Lit(text))
        return found

    def _run(self, literals: LiteralSet, low: int, high: int | None, first: bool) -> Expr:
        """Return the rest if all remaining items are alike: `low` to `high` more, and the closing bracket."""
        item = self._emitter.expr(literals, f"{self._hint}-item")
        if high is not None and high < low:
            return NOTHING
        if item == NOTHING or high == 0:
            return self._ended(first) if low == 0 else NOTHING
        more = self._rules.add(f"{self._hint}-more", seq(self._comma, item)) if high != 1 or not first else EMPTY
        if not first:
            return seq(counted(more, low, high, self._rules), self._end)
        after = counted(more, max(low - 1, 0), None if high is None else high - 1, self._rules)
        return alt(*([Lit("]")] if low == 0 else []), seq(item, after, self._end))

    def _ended(self, first: bool) -> Expr:
        """Return the closing bracket; white space after the opening one is already part of that."""
        return Lit("]") if first else self._end

    # -- formulas --

    def _alike(self, formula: FormulaId) -> tuple[LiteralSet, int, int | None] | None:
        """Return (requirements for every item, minimum count, maximum count), if the formula contains nothing else."""
        literals: set[LiteralId] = set()
        low, high = 0, None
        for part in self._formulas.parts(formula):
            match self._formulas.values[part]:
                case AtMost(0, item, 0) if item != TRUE:
                    literals.add(complement(item))
                case AtMost(0, 1, count):
                    high = count if high is None else min(high, count)
                case AtLeast(0, 1, count):
                    low = max(low, count)
                case And(()):
                    pass
                case _:
                    return None
        return frozenset(literals), low, high

    def _may_end(self, formula: FormulaId) -> bool:
        value = self._formulas.values[formula]
        match value:
            case And(parts):
                return all(map(self._may_end, parts))
            case Or(parts):
                return any(map(self._may_end, parts))
            case ItemAt() | AtLeast() | AtMost() | Distinct():
                return may_end(value)
        raise AssertionError(value)

    def _next(self, formula: FormulaId) -> list[tuple[LiteralSet, FormulaId]]:
        if formula not in self._options:
            self._options[formula] = self._simplest(self._make_next(formula))
        return self._options[formula]

    def _make_next(self, formula: FormulaId) -> Iterable[tuple[LiteralSet, FormulaId]]:
        value = self._formulas.values[formula]
        match value:
            case And(parts):
                found: list[tuple[LiteralSet, FormulaId]] = [(frozenset(), Formulas.TRUE)]
                for part in parts:
                    more = self._next(part)
                    if len(found) * len(more) > MAX_ITEM_COMBINATIONS:
                        self._too_many()
                    found = self._simplest(
                        (left | right, self._formulas.every([one, other]))
                        for left, one in found
                        for right, other in more
                        if not any(-literal in right for literal in left)
                    )
                yield from found
            case Or(parts):
                for part in parts:
                    yield from self._next(part)
            case Distinct(pointer):
                why = "uniqueItems inside a condition is not supported"
                raise SchemaError("unsupported", pointer, why, keyword="uniqueItems")
            case ItemAt() | AtLeast() | AtMost():
                for item, after in steps(value, self._formulas):
                    if item != FALSE:
                        yield frozenset() if item == TRUE else frozenset({item}), after

    def _simplest(self, transitions: Iterable[tuple[LiteralSet, FormulaId]]) -> list[tuple[LiteralSet, FormulaId]]:
        """Return the transitions without those that another one includes."""
        by_rest: dict[FormulaId, list[LiteralSet]] = {}
        for literals, after in transitions:
            if after == Formulas.FALSE:
                continue
            known = by_rest.setdefault(after, [])
            if not any(each <= literals for each in known):
                known[:] = [*(each for each in known if not literals <= each), literals]
        found = [(literals, after) for after, known in by_rest.items() for literals in known]
        if len(found) > MAX_ITEM_TRANSITIONS:
            self._too_many()
        return found

    def _too_many(self) -> None:
        keyword = self._pointer.rpartition("/")[2]
        why = f"{keyword}: the schemas of the items combine to more than {MAX_ITEM_TRANSITIONS} cases; simplify them"
        raise SchemaError("unsupported", self._pointer, why, keyword=keyword)
