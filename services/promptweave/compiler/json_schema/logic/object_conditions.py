"""The object conditions of a schema, as a formula, and the names that schemas declare."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from promptweave.common.json_pointer import pointer_token
from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.logic import string_atoms
from promptweave.compiler.json_schema.logic.expander import Expander, Names, in_place
from promptweave.compiler.json_schema.logic.formula import FormulaId, Formulas
from promptweave.compiler.json_schema.logic.object_atoms import Count, Declared, Free, Has, Others, value
from promptweave.compiler.json_schema.parse.node import FALSE, TRUE, LiteralId, Node
from promptweave.compiler.regex import dfa
from promptweave.compiler.regex.dfa import Dfa, TooManyStatesError
from promptweave.compiler.regex.ecma_parser import PatternError
from promptweave.compiler.regex.ecma_to_dfa import pattern_dfa

MAX_NAMES_LISTED = 64
"""Maximum number of names in `propertyNames` that are treated as declared."""

MAX_UNEVALUATED_KINDS = 32
"""Maximum number of kinds of free names that `unevaluatedProperties` distinguishes."""


@dataclass(frozen=True, slots=True)
class _Evaluated:
    """Properties a schema evaluates if `condition` holds: the declared `names` (None: all), and free ones in `free`."""

    condition: FormulaId
    names: frozenset[str] | None
    free: Dfa


class ObjectConditions:
    """Object conditions of one document."""

    def __init__(self, expander: Expander) -> None:
        self._expander = expander
        self._declared: dict[Names, Declared] = {}

    # -- names --

    def declared(self, names: Names) -> Declared:
        """Return the names with their positions; the same object for the same names."""
        if names not in self._declared:
            self._declared[names] = Declared.of(names)
        return self._declared[names]

    def names(self, literals: Sequence[LiteralId]) -> Names:
        """Return the declared names: of properties, in order; then those that are only mentioned."""
        declared: dict[str, None] = {}
        mentioned: dict[str, None] = {}
        seen: set[int] = set()
        waiting = list(reversed(literals))
        while waiting:
            literal = waiting.pop()
            if abs(literal) in seen:
                continue
            seen.add(abs(literal))
            node = self._expander.reader.node(literal)
            part = node.object
            declared.update((name, None) for name, _ in part.properties)
            for members in node.members:
                for each in members.values:
                    if isinstance(each, dict):
                        mentioned.update(dict.fromkeys(each))
            mentioned.update(dict.fromkeys(part.required))
            for name, others in part.dependent_required:
                mentioned.update(dict.fromkeys((name, *others)))
            mentioned.update((name, None) for name, _ in part.dependent_schemas)
            mentioned.update(dict.fromkeys(self._listed(part.names)))
            inner = [*node.every, *node.some, *node.one]
            inner += [node.opposite] if node.opposite is not None else []
            inner += node.condition or ()
            inner += [literal for _, literal in part.dependent_schemas]
            waiting.extend(reversed(inner))
        return tuple({**declared, **mentioned})

    def _string_condition(self, literal: LiteralId) -> FormulaId:
        """Return the resolved condition of a schema for property names."""
        return self._expander.formulas.resolve(self._expander.of(literal, "string"))

    def _listed(self, names: LiteralId | None) -> list[str]:
        if names is None or names == TRUE:
            return []
        listed = string_atoms.finite_texts(self._string_condition(names), self._expander.formulas)
        return listed if listed is not None and len(listed) <= MAX_NAMES_LISTED else []

    # -- conditions --

    def own_conditions(self, node: Node, names: Names) -> list[FormulaId]:
        """Return the conditions of the node's own keywords."""
        part, at, formulas = node.object, node.pointer, self._expander.formulas
        if not node.about_objects:
            return []
        parts = [formulas.atom(Has(name, True, at + "/required")) for name in part.required]
        parts += [
            value(formulas, name, literal, f"{at}/properties{pointer_token(name)}") for name, literal in part.properties
        ]
        if part.patterns or part.additional not in (None, TRUE):
            parts += self._by_language(node, names)
        if part.names not in (None, TRUE):
            parts += self._property_names(part.names, names, at + "/propertyNames")
        if part.min:
            parts.append(formulas.atom(Count(part.min, None, at + "/minProperties")))
        if part.max is not None:
            parts.append(formulas.atom(Count(0, part.max, at + "/maxProperties")))
        for name, others in part.dependent_required:
            needed = formulas.every(formulas.atom(Has(other, True, at + "/dependentRequired")) for other in others)
            parts.append(formulas.some([formulas.atom(Has(name, False, at + "/dependentRequired")), needed]))
        for name, literal in part.dependent_schemas:
            needed = self._expander.of(literal, "object", names)
            parts.append(formulas.some([formulas.atom(Has(name, False, at + "/dependentSchemas")), needed]))
        if part.unevaluated not in (None, TRUE):
            parts.append(self._unevaluated(node, part.unevaluated, names))
        return parts

    def equals(self, pairs: Sequence[tuple[str, LiteralId]], names: Names, pointer: str) -> FormulaId:
        """Return the formula of objects with exactly these properties."""
        formulas, there = self._expander.formulas, dict(pairs)
        parts = [formulas.atom(Has(name, True, pointer)) for name in there]
        parts += self._others(there, FALSE, names, pointer)
        parts += [value(formulas, name, literal, pointer) for name, literal in pairs]
        parts.append(formulas.atom(Free(dfa.ALL, FALSE, pointer)))
        return formulas.every(parts)

    def _others(self, allowed: Iterable[str], literal: LiteralId, names: Names, pointer: str) -> Iterator[FormulaId]:
        """Yield the condition that all other declared properties have such a value."""
        declared, bits = self.declared(names), bytearray(len(names) // 8 + 1)
        for name in allowed:
            place = declared.places[name]
            bits[place // 8] |= 1 << place % 8
        others = Others(declared, int.from_bytes(bits, "little"), literal, pointer=pointer)
        if others.allowed != (1 << len(names)) - 1:
            yield self._expander.formulas.atom(others)

    def _by_language(self, node: Node, names: Names) -> Iterator[FormulaId]:
        """Yield the conditions of `patternProperties` and `additionalProperties`."""
        part, formulas, at = node.object, self._expander.formulas, node.pointer
        patterns = [
            (*self._pattern(source, f"{at}/patternProperties{pointer_token(source)}"), literal, source)
            for source, literal in part.patterns
        ]
        own = dict.fromkeys(name for name, _ in part.properties)
        for name in names if patterns else ():
            for narrow, wide, literal, source in patterns:
                if wide.accepts(name):
                    if not narrow.accepts(name):
                        why = f"validators do not agree on whether it matches the property {name!r}"
                        raise SchemaError("unsupported", f"{at}/patternProperties{pointer_token(source)}", why)
                    own[name] = None
                    yield value(formulas, name, literal, f"{at}/patternProperties{pointer_token(source)}")
        if part.additional not in (None, TRUE):
            yield from self._others(own, part.additional, names, at + "/additionalProperties")
        rest, agreed = dfa.ALL, True
        for narrow, wide, literal, source in patterns:
            pointer = f"{at}/patternProperties{pointer_token(source)}"
            if literal != TRUE:
                yield formulas.atom(Free(wide, literal, pointer, narrow == wide))
            rest, agreed = dfa.difference(rest, narrow), agreed and narrow == wide
        if part.additional not in (None, TRUE) and not rest.is_empty:
            yield formulas.atom(Free(rest, part.additional, at + "/additionalProperties", agreed))

    @staticmethod
    def _pattern(source: str, pointer: str) -> tuple[Dfa, Dfa]:
        try:
            return pattern_dfa(source), pattern_dfa(source, wide=True)
        except (PatternError, TooManyStatesError) as error:
            raise SchemaError("unsupported", pointer, f"pattern: {error}", keyword="patternProperties") from None

    def _property_names(self, literal: LiteralId, names: Names, pointer: str) -> Iterator[FormulaId]:
        formulas = self._expander.formulas
        formula = self._string_condition(literal)
        allowed = string_atoms.language(formula, formulas)
        agreed = self._is_agreed(formula, allowed)
        for name in names:
            if not allowed.accepts(name):
                yield formulas.atom(Has(name, False, pointer, agreed))
        yield formulas.atom(Free(dfa.complement(allowed), FALSE, pointer, agreed))

    def _is_agreed(self, formula: FormulaId, allowed: Dfa) -> bool:
        try:
            opposite = self._expander.formulas.resolve(self._expander.formulas.negate(formula))
            return string_atoms.language(opposite, self._expander.formulas) == dfa.complement(allowed)
        except SchemaError:
            return False

    # -- unevaluatedProperties --

    def _unevaluated(self, node: Node, rest: LiteralId, names: Names) -> FormulaId:
        formulas, pointer = self._expander.formulas, node.pointer + "/unevaluatedProperties"
        seen = [each for each in self._seen(node, Formulas.TRUE, names, own_rest=False) if each.condition != Formulas.FALSE]
        parts = []
        for name in names:
            reasons = [each.condition for each in seen if each.names is None or name in each.names]
            parts.append(formulas.some([value(formulas, name, rest, pointer), *reasons]))
        regions: list[tuple[Dfa, list[FormulaId]]] = [(dfa.ALL, [])]
        for each in seen:
            if each.free.is_empty:
                continue
            split = []
            for region, reasons in regions:
                inside = dfa.intersection(region, each.free)
                split.append((inside, [*reasons, each.condition]))
                split.append((dfa.difference(region, each.free), reasons))
            regions = [(region, reasons) for region, reasons in split if not region.is_empty]
            if len(regions) > MAX_UNEVALUATED_KINDS:
                why = (
                    f"unevaluatedProperties depends on more than {MAX_UNEVALUATED_KINDS} kinds of names; simplify the schema"
                )
                raise SchemaError("unsupported", pointer, why, keyword="unevaluatedProperties")
        for region, reasons in regions:
            parts.append(formulas.some([formulas.atom(Free(region, rest, pointer)), *reasons]))
        return formulas.every(parts)

    def _seen(self, node: Node, condition: FormulaId, names: Names, *, own_rest: bool) -> Iterator[_Evaluated]:
        part, formulas = node.object, self._expander.formulas
        if part.additional is not None or (own_rest and part.unevaluated is not None):
            yield _Evaluated(condition, None, dfa.ALL)
        else:
            if part.properties:
                yield _Evaluated(condition, frozenset(name for name, _ in part.properties), dfa.EMPTY)
            for source, _ in part.patterns:
                narrow, wide = self._pattern(source, f"{node.pointer}/patternProperties{pointer_token(source)}")
                if narrow != wide:
                    pointer = f"{node.pointer}/patternProperties{pointer_token(source)}"
                    raise SchemaError("unsupported", pointer, "validators do not agree on what it matches")
                yield _Evaluated(condition, frozenset(name for name in names if narrow.accepts(name)), narrow)
        for literal, needed in in_place(node, self._expander, "object", names):
            if literal > TRUE:
                both = formulas.every([condition, needed])
                yield from self._seen(self._expander.reader.node(literal), both, names, own_rest=True)
        for name, literal in part.dependent_schemas:
            if literal > TRUE:
                both = formulas.every([condition, formulas.atom(Has(name, True, node.pointer + "/dependentSchemas"))])
                yield from self._seen(self._expander.reader.node(literal), both, names, own_rest=True)
