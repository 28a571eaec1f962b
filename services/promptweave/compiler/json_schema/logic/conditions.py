"""The conditions of a schema on values of one kind, as a formula over atoms.

Schemas applied to the same value are expanded; schemas of parts of the value remain literals. A kind is one of JSON's
types, with `true` and `false` separate. For objects the declared names of the context matter (`Names`): conditions on
them are expressed by name, on all others by language.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.logic import number_language, string_atoms
from promptweave.compiler.json_schema.logic.array_atoms import AtLeast, AtMost, ItemAt
from promptweave.compiler.json_schema.logic.array_conditions import ArrayConditions
from promptweave.compiler.json_schema.logic.expander import Names
from promptweave.compiler.json_schema.logic.formula import FormulaId, Formulas, Unchecked
from promptweave.compiler.json_schema.logic.number_atoms import Compared, Divisible, Whole
from promptweave.compiler.json_schema.logic.object_atoms import Declared, Has, Others, PropertyValue
from promptweave.compiler.json_schema.logic.object_conditions import ObjectConditions
from promptweave.compiler.json_schema.logic.string_atoms import Among, Formatted, Length, Matching
from promptweave.compiler.json_schema.parse.json_values import exact
from promptweave.compiler.json_schema.parse.node import FALSE, TRUE, LiteralId, Members, Node, complement
from promptweave.compiler.json_schema.parse.reader import Reader
from promptweave.compiler.json_text import Json, dumps
from promptweave.compiler.regex.dfa import TooManyStatesError
from promptweave.compiler.regex.ecma_parser import PatternError

KINDS = ("object", "array", "string", "number", "true", "false", "null")

MAX_IN_PLACE = 90
"""Maximum length of a chain of schemas that refer to each other and apply to the same value."""

_TYPE_OF = {"true": "boolean", "false": "boolean"}


@dataclass(frozen=True, slots=True)
class _Key:
    number: int
    kind: str
    names: Names


class Conditions:
    """The conditions of one document's schemas."""

    def __init__(self, reader: Reader, formulas: Formulas) -> None:
        self.reader = reader
        self.formulas = formulas
        self._known: dict[_Key, FormulaId] = {}
        self._open: dict[tuple[LiteralId, str], None] = {}
        self._constants: dict[str, LiteralId] = {}
        self._disjoint: dict[tuple[LiteralId, LiteralId], bool] = {}
        self._arrays = ArrayConditions(self)
        self._objects = ObjectConditions(self)

    def all_of(self, literals: Iterable[LiteralId], kind: str, names: Names = ()) -> FormulaId:
        """Return the conjunction of the literals' conditions."""
        return self.formulas.every(self.of(literal, kind, names) for literal in literals)

    def of(self, literal: LiteralId, kind: str, names: Names = ()) -> FormulaId:
        """Return the condition of a literal on values of a kind. `names` matter for objects only."""
        source, literal = literal, self.reader.resolve(literal)
        if abs(literal) == TRUE:
            return Formulas.TRUE if literal == TRUE else Formulas.FALSE
        key = _Key(abs(literal), kind, names if kind == "object" else ())
        if key not in self._known:
            self._known[key] = self._expand(self.reader.node(literal), kind, key.names, self.reader.node(source))
        found = self._known[key]
        return found if literal > 0 else self.formulas.negate(found)

    def _expand(self, node: Node, kind: str, names: Names, source: Node) -> FormulaId:
        if (node.number, kind) in self._open:
            # The `$ref` is the requested schema, or is inside the one that was opened last.
            holder = source if source.is_reference else self.reader.node(next(reversed(self._open))[0])
            at = holder.pointer + "/$ref"
            raise SchemaError(
                "invalid", at, "the reference leads back to itself without a nested value in between", keyword="$ref"
            )
        if len(self._open) > MAX_IN_PLACE:
            raise SchemaError(
                "unsupported", node.pointer, f"more than {MAX_IN_PLACE} schemas reference each other for the same value"
            )
        self._open[node.number, kind] = None
        try:
            return self._conditions(node, kind, names)
        finally:
            del self._open[node.number, kind]

    def _conditions(self, node: Node, kind: str, names: Names) -> FormulaId:
        parts = []
        if node.types is not None and _TYPE_OF.get(kind, kind) not in node.types:
            if kind != "number" or "integer" not in node.types:
                return Formulas.FALSE
            parts.append(self.formulas.atom(Whole(node.pointer + "/type")))
        parts += [self._members(members, kind, names) for members in node.members]
        match kind:
            case "string":
                parts += self._string(node)
            case "number":
                parts += self._number(node)
            case "array":
                parts += self._arrays.own_conditions(node)
            case "object":
                parts += self._objects.own_conditions(node, names)
        # Own keywords first: if they contradict each other, nothing else needs to be expanded.
        if self.formulas.every(parts) == Formulas.FALSE:
            return Formulas.FALSE
        parts += self._in_place(node, kind, names)
        if node.relaxed:
            parts.append(self.formulas.atom(Unchecked(node.pointer)))
        return self.formulas.every(parts)

    def _in_place(self, node: Node, kind: str, names: Names) -> list[FormulaId]:
        formulas = self.formulas
        parts = [self.of(literal, kind, names) for literal in node.every]
        if node.some:
            parts.append(formulas.some(self.of(literal, kind, names) for literal in node.some))
        if node.one:
            parts.append(self._exactly_one(node, kind, names))
        if node.opposite is not None:
            parts.append(self.of(complement(node.opposite), kind, names))
        if node.condition is not None:
            test, then, otherwise = node.condition
            holds = self.of(test, kind, names)
            yes = formulas.every([holds, self.of(then, kind, names)])
            if then == TRUE:
                parts.append(formulas.some([holds, self.of(otherwise, kind, names)]))
            else:
                # Two mutually exclusive cases, which keeps combinations of many conditions small.
                no = formulas.every([self.of(complement(test), kind, names), self.of(otherwise, kind, names)])
                parts.append(formulas.some([yes, no]))
        return parts

    def _exactly_one(self, node: Node, kind: str, names: Names) -> FormulaId:
        formulas = self.formulas
        options = [(literal, self.of(literal, kind, names)) for literal in node.one]
        possible = [(literal, formula) for literal, formula in options if formula != Formulas.FALSE]
        if "oneOf" in node.relaxed or len(possible) == 1:
            return formulas.some(formula for _, formula in possible)
        if self._tell_apart([formula for _, formula in possible], kind):
            return formulas.some(formula for _, formula in possible)
        found = []
        for place, (_, formula) in enumerate(possible):
            others = [
                formulas.negate(other)
                for elsewhere, (_, other) in enumerate(possible)
                if elsewhere != place and not self.are_disjoint(formula, other, kind)
            ]
            found.append(formulas.every([formula, *others]))
        return formulas.some(found)

    def _tell_apart(self, options: Sequence[FormulaId], kind: str) -> bool:
        """Return whether listed values distinguish all options: their own, or those of a property that all require."""
        if kind == "string":
            return _all_differ(string_atoms.listed(option, self.formulas) for option in options)
        if kind == "number":
            return _all_differ(number_language.listed(option, self.formulas) for option in options)
        if kind != "object" or not options:
            return False
        found = [self._listed_properties(option) for option in options]
        return any(_all_differ(listed.get(name) for listed in found) for name in found[0])

    def _listed_properties(self, formula: FormulaId) -> dict[str, list[str]]:
        """Return the required properties whose values are one of several listed strings."""
        atoms = [self.formulas.values[part] for part in self.formulas.parts(formula)]
        required = {atom.name for atom in atoms if isinstance(atom, Has) and atom.wanted}
        found: dict[str, list[str]] = {}
        for atom in atoms:
            if isinstance(atom, PropertyValue) and atom.name in required and atom.name not in found:
                texts = self._listed_strings(atom.value)
                if texts is not None:
                    found[atom.name] = texts
        return found

    def _listed_strings(self, literal: LiteralId) -> list[str] | None:
        members = self.reader.node(literal).members if literal > TRUE else ()
        for each in members:
            if all(isinstance(value, str) for value in each.values):
                return list(each.values)
        return None

    # -- values --

    def _members(self, members: Members, kind: str, names: Names) -> FormulaId:
        if kind == "string":
            texts = frozenset(value for value in members.values if isinstance(value, str))
            return self.formulas.atom(Among(texts, True, members.pointer)) if texts else Formulas.FALSE
        return self.formulas.some(self._equals(value, kind, names, members.pointer) for value in members.values)

    def _equals(self, value: Json, kind: str, names: Names, pointer: str) -> FormulaId:
        match value:
            case None | True | False:
                return Formulas.TRUE if kind == dumps(value) else Formulas.FALSE
            case int() | float() if kind == "number":
                return self.formulas.atom(Compared(exact(value), frozenset({0}), pointer))
            case list() if kind == "array":
                return self._arrays.equals([self.constant(item, pointer) for item in value], pointer)
            case dict() if kind == "object":
                pairs = [(name, self.constant(inner, pointer)) for name, inner in value.items()]
                return self._objects.equals(pairs, names, pointer)
        return Formulas.FALSE

    def constant(self, value: Json, pointer: str) -> LiteralId:
        """Return the schema of one value."""
        key = dumps(value)
        if key not in self._constants:
            self._constants[key] = self.reader.compound(pointer, members=(Members((value,), pointer),))
        return self._constants[key]

    def _string(self, node: Node) -> list[FormulaId]:
        atoms: list[Length | Matching | Formatted] = []
        if node.length != (0, None):
            keyword = "minLength" if node.length[1] is None else "maxLength"
            atoms.append(Length(*node.length, f"{node.pointer}/{keyword}"))
        if node.pattern is not None:
            atoms.append(Matching(node.pattern, True, node.pointer + "/pattern"))
        if node.format is not None:
            atoms.append(Formatted(node.format, node.pointer + "/format"))
        return [self.formulas.atom(atom) for atom in atoms]

    def _number(self, node: Node) -> list[FormulaId]:
        atoms: list[Compared | Divisible] = [
            Compared(bound.value, frozenset({bound.sign} if bound.exclusive else {0, bound.sign}), bound.pointer)
            for bound in node.bounds
        ]
        if node.multiple_of is not None:
            atoms.append(Divisible(node.multiple_of, True, node.pointer + "/multipleOf"))
        return [self.formulas.atom(atom) for atom in atoms]

    # -- disjointness --

    def are_disjoint(self, left: FormulaId, right: FormulaId, kind: str, depth: int = 3) -> bool:
        """Return whether no value of the kind satisfies both formulas, for any validator. False if that cannot be shown."""
        if (
            kind == "object"
            and depth > 0
            and self._conflict([*self.formulas.parts(left), *self.formulas.parts(right)], depth)
        ):
            return True
        both = self.formulas.every([left, right])
        if both == Formulas.FALSE:
            return True
        try:
            match kind:
                case "string":
                    return string_atoms.has_none(both, self.formulas)
                case "number":
                    return number_language.widest(both, self.formulas).is_empty
                case "array":
                    return depth > 0 and self._first_items_conflict(both, depth)
        except (PatternError, TooManyStatesError):
            return False
        return False

    def _conflict(self, parts: Iterable[FormulaId], depth: int) -> bool:
        """Return whether a required property can have no value."""
        required: dict[str, None] = {}  # A dict keeps the order, and with it the numbers of new formulas.
        others: list[Others] = []
        values: dict[str, list[LiteralId]] = {}
        for part in parts:
            value = self.formulas.values[part]
            match value:
                case Has(name, True):
                    required[name] = None
                case PropertyValue(name, literal):
                    values.setdefault(name, []).append(literal)
                case Others(some=False):
                    others.append(value)
        for name in required:
            literals = [*values.get(name, ()), *(each.value for each in others if not each.allows(name))]
            if FALSE in literals:
                return True
            for place, one in enumerate(literals):
                if any(self.exclude(one, other, depth - 1) for other in literals[place + 1 :]):
                    return True
        return False

    def _first_items_conflict(self, formula: FormulaId, depth: int) -> bool:
        """Return whether an item is required, and the first one can have no value."""
        atoms = [self.formulas.values[part] for part in self.formulas.parts(formula)]
        if not any(isinstance(atom, AtLeast) and atom.item == TRUE and atom.place == 0 for atom in atoms):
            return False
        items = [atom.item for atom in atoms if isinstance(atom, ItemAt) and atom.place == 0]
        items += [complement(atom.item) for atom in atoms if isinstance(atom, AtMost) and (atom.place, atom.count) == (0, 0)]
        return any(self.exclude(one, other, depth - 1) for n, one in enumerate(items) for other in items[n + 1 :])

    def exclude(self, one: LiteralId, other: LiteralId, depth: int = 2) -> bool:
        """Return whether no value satisfies both literals. False if that cannot be shown."""
        if one == -other:
            return True
        key = (min(one, other), max(one, other))
        if key not in self._disjoint:
            self._disjoint[key] = False
            names = self.names([one, other])
            self._disjoint[key] = all(
                self.are_disjoint(self.of(one, kind, names), self.of(other, kind, names), kind, depth) for kind in KINDS
            )
        return self._disjoint[key]

    # -- names --

    def names(self, literals: Sequence[LiteralId]) -> Names:
        """Return the names that schemas declare: as properties, in order; then those that are only mentioned."""
        return self._objects.names(literals)

    def declared(self, names: Names) -> Declared:
        """Return the names with their positions."""
        return self._objects.declared(names)


def _all_differ(lists: Iterable[Sequence[Hashable] | None]) -> bool:
    """Return whether all are lists, and no value is in two of them."""
    seen: set[Hashable] = set()
    for texts in lists:
        if texts is None or not seen.isdisjoint(texts):
            return False
        seen.update(texts)
    return True
