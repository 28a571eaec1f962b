"""How a formula about an object changes if the next property is present, with some value, or absent."""

from collections.abc import Callable, Collection, Iterable

from promptweave.compiler.json_schema.logic.conditions import Conditions
from promptweave.compiler.json_schema.logic.formula import And, FormulaId, Formulas, Or
from promptweave.compiler.json_schema.logic.object_atoms import Count, Declared, Has, Others, PropertyValue
from promptweave.compiler.json_schema.parse.node import FALSE, TRUE, LiteralSet, complement

MAX_PROPERTY_TRANSITIONS = 2_500
"""Maximum number of transitions from one state."""

MAX_PROPERTY_COMBINATIONS = 20_000
"""Maximum number of combinations examined to find the transitions."""


class PropertyTransitions:
    """The transitions of the formulas of one object. `refuse` raises the error for exceeding a limit.

    `in_order`: the declared properties come in their order, so that the last one of a set concludes it.
    """

    def __init__(
        self, conditions: Conditions, declared: Declared, refuse: Callable[[str], None], *, in_order: bool = True
    ) -> None:
        self._in_order = in_order
        self._formulas = conditions.formulas
        self._exclude = conditions.exclude
        self._refuse = refuse
        self._declared = declared
        self._mentioned: dict[FormulaId, tuple[int, bool]] = {}
        self._excluded: dict[FormulaId, tuple[int, int]] = {}

    def forbids(self, formula: FormulaId, name: str) -> bool:
        """Return whether a formula forbids a property unconditionally."""
        if formula not in self._excluded:
            only, none = -1, 0
            for part in self._formulas.parts(formula):
                match self._formulas.values[part]:
                    case Has(other, False):
                        none |= self._declared.bit(other)
                    case Others(_, allowed, literal, False) if literal == FALSE:
                        only &= allowed
            self._excluded[formula] = only, none
        only, none = self._excluded[formula]
        bit = self._declared.bit(name)
        return not bit & only or bool(bit & none)

    def _about(self, formula: FormulaId) -> tuple[int, bool]:
        """Return the names whose absence changes a formula, and whether it constrains other names, too."""
        if formula not in self._mentioned:
            value = self._formulas.values[formula]
            match value:
                case And(parts) | Or(parts):
                    names, more = 0, False
                    for part in parts:
                        inner, counts = self._about(part)
                        names, more = names | inner, more or counts
                    found = names, more
                case Has(name) | PropertyValue(name):
                    found = self._declared.bit(name), False
                case Others():
                    found = value.mentioned, True
                case _:
                    found = 0, isinstance(value, Count)
            self._mentioned[formula] = found
        return self._mentioned[formula]

    def absent(self, formula: FormulaId, names: Collection[str]) -> FormulaId:
        """Return the formula after the absence of `names`: with `in_order`, they are the next ones."""
        gone = 0
        for name in names:
            gone |= self._declared.bit(name)
        return self._without(formula, gone, conclude=self._in_order)

    def ended(self, formula: FormulaId) -> FormulaId:
        """Return the formula after the last declared property: all that are not done are absent."""
        return self._without(formula, (1 << len(self._declared.names)) - 1, conclude=True)

    def _without(self, formula: FormulaId, gone: int, *, conclude: bool) -> FormulaId:
        known: dict[FormulaId, FormulaId] = {}

        def changed(formula: FormulaId) -> FormulaId:
            if not self._about(formula)[0] & gone:
                return formula
            if formula not in known:
                value = self._formulas.values[formula]
                match value:
                    case And(parts):
                        known[formula] = self._formulas.every(map(changed, parts))
                    case Or(parts):
                        known[formula] = self._formulas.some(map(changed, parts))
                    case Has(_, wanted):
                        known[formula] = Formulas.FALSE if wanted else Formulas.TRUE
                    case Others():
                        known[formula] = value.after(gone, self._formulas) if conclude else formula
                    case _:
                        known[formula] = Formulas.TRUE
            return known[formula]

        return changed(formula)

    def present(self, formula: FormulaId, name: str) -> list[tuple[LiteralSet, FormulaId]]:
        """Return the possible requirements for the value of a present property, each with the remaining formula."""
        names, more = self._about(formula)
        if not more and not names & self._declared.bit(name):
            return [(frozenset(), formula)]
        if self.forbids(formula, name):
            return []
        return self._simplest(self._make_transitions(formula, name))

    def _make_transitions(self, formula: FormulaId, name: str) -> Iterable[tuple[LiteralSet, FormulaId]]:
        formulas = self._formulas
        value = formulas.values[formula]
        match value:
            case And(parts):
                # One after the other, so that contradictory cases are removed before they multiply.
                found: list[tuple[LiteralSet, FormulaId]] = [(frozenset(), Formulas.TRUE)]
                for part in parts:
                    more = self.present(part, name)
                    if len(found) * len(more) > MAX_PROPERTY_COMBINATIONS:
                        self._refuse(f"the schemas of property {name!r} combine to too many cases; simplify them")
                    combined = (
                        (left | right, formulas.every([one, other]))
                        for left, one in found
                        for right, other in more
                        if not self._conflict(name, left, right)
                    )
                    found = self._simplest(combined) if len(more) > 1 else list(combined)
                yield from found
            case Or(parts):
                by_literals: dict[LiteralSet, list[FormulaId]] = {}
                for part in parts:
                    for literals, after in self.present(part, name):
                        by_literals.setdefault(literals, []).append(after)
                for literals, afters in by_literals.items():
                    yield literals, formulas.some(afters)
            case Has(other, wanted) if other == name:
                if wanted:
                    yield frozenset(), Formulas.TRUE
            case PropertyValue(other, literal) if other == name:
                yield frozenset({literal}), Formulas.TRUE
            case Others(_, _, literal, some):
                after = value.after(self._declared.bit(name), formulas) if self._in_order else formula
                if value.allows(name):
                    yield frozenset(), after
                elif not some:
                    yield frozenset({literal}), after
                else:
                    yield frozenset({complement(literal)} - {TRUE}), Formulas.TRUE
                    if literal != FALSE:
                        yield frozenset(), after
            case Count(low, high, pointer):
                if high != 0:
                    fewer = Count(max(low - 1, 0), None if high is None else high - 1, pointer)
                    yield frozenset(), formulas.atom(fewer) if fewer != Count(0, None) else Formulas.TRUE
            case _:
                yield frozenset(), formula

    def _conflict(self, name: str, left: LiteralSet, right: LiteralSet) -> bool:
        """Return whether the requirements contradict each other; only obvious conflicts are found."""
        if not left or not right:
            return False
        return any(self._exclude(one, other) for one in left for other in right if one != other)

    def _simplest(self, transitions: Iterable[tuple[LiteralSet, FormulaId]]) -> list[tuple[LiteralSet, FormulaId]]:
        """Return the transitions without those that another one includes."""
        by_rest: dict[FormulaId, list[LiteralSet]] = {}
        for literals, after in transitions:
            if after == Formulas.FALSE:
                continue
            known = by_rest.setdefault(after, [])
            if not any(each <= literals for each in known):
                known[:] = [*(each for each in known if not literals <= each), literals]
        anything = by_rest.get(Formulas.TRUE, [])
        found = [
            (literals, after)
            for after, known in by_rest.items()
            for literals in known
            if after == Formulas.TRUE or not any(each <= literals for each in anything)
        ]
        if len(found) > MAX_PROPERTY_TRANSITIONS:
            self._refuse("its alternatives combine to too many cases; simplify them")
        return found
