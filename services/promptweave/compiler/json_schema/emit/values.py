"""Nodes → grammar: one rule per set of literals required of a value, so that recursion and intersections terminate."""

from collections import deque
from collections.abc import Iterable, Sequence

from promptweave.compiler.deadline import check_deadline
from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.emit.arrays import array_expr
from promptweave.compiler.json_schema.emit.finite import finite_texts
from promptweave.compiler.json_schema.emit.free_properties import FreeProperties
from promptweave.compiler.json_schema.emit.json_grammar import any_object, any_value, scalar
from promptweave.compiler.json_schema.emit.numbers import number_expr
from promptweave.compiler.json_schema.emit.objects import ObjectPrinter
from promptweave.compiler.json_schema.emit.property_order import OrderBudget
from promptweave.compiler.json_schema.emit.strings import string_expr
from promptweave.compiler.json_schema.emit.unsatisfiable import Unsatisfiable, explain
from promptweave.compiler.json_schema.logic.conditions import KINDS, Conditions
from promptweave.compiler.json_schema.logic.formula import FormulaId, Formulas
from promptweave.compiler.json_schema.logic.number_language import MAX_WHOLE_DIGITS
from promptweave.compiler.json_schema.logic.object_atoms import Free
from promptweave.compiler.json_schema.parse.location import SchemaWarning
from promptweave.compiler.json_schema.parse.node import FALSE, TRUE, LiteralId
from promptweave.compiler.json_schema.parse.reader import Reader
from promptweave.compiler.json_text import Separators
from promptweave.compiler.regex import dfa
from promptweave.compiler.regex.ecma_to_dfa import pattern_dfa
from promptweave.output.grammar.expr import NOTHING, Expr, Lit, Ref, Rules, alt, references

MAX_VALUES = 20_000
"""Maximum number of sets of schemas required of a value; recursion through intersections can create many."""

MAX_NAME_CHARACTERS = 30_000
"""Maximum total length of an object's declared names. Above, properties of other names are left out."""


class Values:
    """The values of one document's schemas, as rules of a grammar."""

    def __init__(
        self,
        reader: Reader,
        rules: Rules,
        separators: Separators,
        *,
        open_objects: bool,
        order: OrderBudget | None = None,
        digits: int = MAX_WHOLE_DIGITS,
        base: str = "",
    ) -> None:
        self.formulas = Formulas()
        self.conditions = Conditions(reader, self.formulas)
        self.rules = rules
        self.separators = separators
        self.order = order or OrderBudget(0)
        self.digits = digits
        self._reader = reader
        self._open_objects = open_objects
        self._base = base
        self._known: dict[tuple[LiteralId, ...], Ref] = {}
        self._waiting: deque[tuple[tuple[LiteralId, ...], str]] = deque()
        self._done: set[str] = set()
        self._reasons: dict[str, Unsatisfiable] = {}

    def whole(self, literals: Iterable[LiteralId], hint: str) -> Expr:
        """Return the values that satisfy all literals, with all the rules that they need."""
        found = self.expr(literals, hint)
        self.run()
        return found

    def expr(self, literals: Iterable[LiteralId], hint: str) -> Expr:
        """Return the expression of such values. Its rules are defined by `run`."""
        resolved = {self._reader.resolve(literal) for literal in literals} - {TRUE}
        required = tuple(sorted(resolved, key=abs))
        if FALSE in required or any(-literal in required for literal in required):
            return NOTHING
        if not required:
            return any_value(self.rules, self.separators, self.digits)
        if required not in self._known:
            if len(self._known) >= MAX_VALUES:
                at = self._reader.node(required[0]).pointer
                raise SchemaError(
                    "unsupported", at, f"its references combine to more than {MAX_VALUES} schemas; simplify them"
                )
            self._known[required] = self.rules.reserve(hint)
            self.rules.origins[self._known[required].name] = self._base + self._reader.node(required[0]).pointer
            self._waiting.append((required, self._known[required].name))
        return self._known[required]

    def run(self) -> None:
        """Define all rules that are still missing."""
        while self._waiting:
            check_deadline()
            required, name = self._waiting.popleft()
            try:
                body = self._body(required, name)
            except RecursionError:
                why = "the schema, or a pattern or number in it, is too deeply nested or too long"
                raise SchemaError("unsupported", self._reader.node(required[0]).pointer, why) from None
            self.rules.define(Ref(name), body)
            self._done.add(name)

    def texts(self, literals: Iterable[LiteralId], limit: int) -> list[str] | None:
        """Return the texts of such values, or None if there are more than `limit`."""
        expr = self.expr(literals, "item")
        self.run()
        unfinished = {ref.name for ref in self._known.values()} - self._done
        return finite_texts(expr, self.rules.bodies, limit, unfinished)

    def _body(self, required: tuple[LiteralId, ...], hint: str) -> Expr:
        names = self.conditions.names(required)
        by_kind = {kind: self.formulas.resolve(self.conditions.all_of(required, kind, names)) for kind in KINDS}
        if not names and all(formula == Formulas.TRUE for formula in by_kind.values()) and not self._is_closed(required):
            return any_value(self.rules, self.separators, self.digits)
        found = [
            self._kind(kind, formula, names, required, hint)
            for kind, formula in by_kind.items()
            if formula != Formulas.FALSE
        ]
        found = [expr for expr in found if expr != NOTHING]
        if not found:
            self._reasons[hint] = self._reason(required)
            return NOTHING
        return alt(*found)

    def _kind(self, kind: str, formula: FormulaId, names: tuple[str, ...], required: Sequence[LiteralId], hint: str) -> Expr:
        match kind:
            case "object":
                return self._object(formula, names, required, hint)
            case "array":
                return array_expr(formula, self, hint)
            case "string":
                return scalar("string", self.rules) if formula == Formulas.TRUE else self._string(formula, hint)
            case "number":
                return number_expr(formula, self.formulas, self.rules, hint, self.digits)
        return Lit(kind)

    def _string(self, formula: FormulaId, hint: str) -> Expr:
        return string_expr(formula, self.formulas, self.rules, hint)

    # -- objects --

    def _object(self, formula: FormulaId, names: tuple[str, ...], required: Sequence[LiteralId], hint: str) -> Expr:
        closed = self._closing(required) if self._is_closed(required) else ()
        if formula == Formulas.TRUE and not closed and not names:
            return any_object(self.rules, self.separators, self.digits)
        if sum(map(len, names)) > MAX_NAME_CHARACTERS:
            at = self._reader.node(required[0]).pointer + "/properties"
            self._reader.warn(SchemaWarning(at, "too many properties; undeclared properties are not generated"))
            closed = (Free(dfa.ALL, FALSE, at),)
        free = FreeProperties(self, names, closed, hint)
        return ObjectPrinter(self, names, free, hint).expr(formula)

    def _is_closed(self, required: Sequence[LiteralId]) -> bool:
        """Return whether the policy forbids unmentioned properties: it does unless a schema specifies them."""
        if self._open_objects:
            return False
        nodes = [self._reader.node(number) for number in self._around(required)]
        explicit = any(node.object.additional is not None or node.object.unevaluated is not None for node in nodes)
        return not explicit and any(node.about_objects for node in nodes)

    def _closing(self, required: Sequence[LiteralId]) -> tuple[Free, ...]:
        others = dfa.ALL
        for number in self._around(required):
            node = self._reader.node(number)
            for source, _ in node.object.patterns:
                others = dfa.difference(others, pattern_dfa(source))
        return (Free(others, FALSE, self._reader.node(required[0]).pointer),)

    def _around(self, required: Sequence[LiteralId]) -> list[LiteralId]:
        """Return the schemas that apply, or may apply, to the same value as these."""
        seen: dict[LiteralId, None] = {}
        waiting = [literal for literal in required if literal > TRUE]
        while waiting:
            number = waiting.pop()
            if number not in seen and number > TRUE:
                seen[number] = None
                node = self._reader.node(number)
                waiting += [*node.every, *node.some, *node.one, *(node.condition or ())]
                waiting += [literal for _, literal in node.object.dependent_schemas]
        return list(seen)

    # -- reasons --

    def _reason(self, required: Sequence[LiteralId]) -> Unsatisfiable:
        return explain([self._reader.node(literal) for literal in required if literal > 0])

    def reason(self, start: Expr) -> Unsatisfiable:
        """Return why there is no value."""
        if start == NOTHING:
            return Unsatisfiable("", "the schema `false` allows no value")
        seen: set[str] = set()
        waiting = references(start)
        while waiting:
            name = waiting.pop(0)
            if name in self._reasons:
                return self._reasons[name]
            if name not in seen:
                seen.add(name)
                waiting.extend(references(self.rules.bodies[name]))
        return Unsatisfiable("", "every value would have to contain another one (infinite recursion)")
