"""The array conditions of a schema, as a formula."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.logic.array_atoms import AtLeast, AtMost, Distinct, ItemAt, every_item
from promptweave.compiler.json_schema.logic.expander import Expander, in_place
from promptweave.compiler.json_schema.logic.formula import FormulaId, Formulas
from promptweave.compiler.json_schema.parse.node import FALSE, TRUE, LiteralId, Node

MAX_PLACES = 4_000
"""Maximum number of items with individual conditions: of `prefixItems`, or of an array in `enum`."""

MAX_CONDITIONAL_ITEMS = 4
"""Maximum number of conditions that decide which items `unevaluatedItems` applies to."""


@dataclass(frozen=True, slots=True)
class _Evaluated:
    """Items that a schema evaluates if `condition` holds: the first `count` (None: all), or those that satisfy `items`."""

    condition: FormulaId
    count: int | None = 0
    items: LiteralId | None = None


class ArrayConditions:
    """Array conditions of one document."""

    def __init__(self, expander: Expander) -> None:
        self._expander = expander
        self._unions: dict[tuple[LiteralId, ...], LiteralId] = {}

    def own_conditions(self, node: Node) -> list[FormulaId]:
        """Return the conditions of the node's own keywords."""
        array, at, atom = node.array, node.pointer, self._expander.formulas.atom
        parts = []
        for place, item in enumerate(array.prefix):
            if place >= MAX_PLACES:
                raise SchemaError(
                    "unsupported",
                    at + "/prefixItems",
                    f"more than {MAX_PLACES} schemas in prefixItems are not supported",
                    keyword="prefixItems",
                )
            if item != TRUE:
                parts.append(atom(ItemAt(place, item, f"{at}/prefixItems/{place}")))
        if array.items not in (None, TRUE):
            parts.append(atom(every_item(len(array.prefix), array.items, at + "/items")))
        if array.min:
            parts.append(atom(AtLeast(0, TRUE, array.min, at + "/minItems")))
        if array.max is not None:
            parts.append(atom(AtMost(0, TRUE, array.max, at + "/maxItems")))
        if array.contains:
            if array.contains.min:
                parts.append(atom(AtLeast(0, array.contains.item, array.contains.min, at + "/contains")))
            if array.contains.max is not None:
                parts.append(atom(AtMost(0, array.contains.item, array.contains.max, at + "/maxContains")))
        if array.unique:
            parts.append(atom(Distinct(at + "/uniqueItems")))
        if array.unevaluated not in (None, TRUE):
            parts.append(self._unevaluated(node, array.unevaluated))
        return parts

    def equals(self, items: Sequence[LiteralId], pointer: str) -> FormulaId:
        """Return the formula of arrays with exactly these items."""
        if len(items) > MAX_PLACES:
            raise SchemaError("unsupported", pointer, f"arrays of more than {MAX_PLACES} items are not supported here")
        atom = self._expander.formulas.atom
        parts = [atom(ItemAt(place, item, pointer)) for place, item in enumerate(items)]
        parts.append(atom(AtMost(0, TRUE, len(items), pointer)))
        if items:
            parts.append(atom(AtLeast(0, TRUE, len(items), pointer)))
        return self._expander.formulas.every(parts)

    # -- unevaluatedItems --

    def _unevaluated(self, node: Node, value: LiteralId) -> FormulaId:
        formulas, pointer = self._expander.formulas, node.pointer + "/unevaluatedItems"
        seen = [each for each in self._seen(node, Formulas.TRUE, own_rest=False) if each.condition != Formulas.FALSE]
        always = tuple(each.items for each in seen if each.items is not None and each.condition == Formulas.TRUE)
        sometimes = [each for each in seen if each.items is not None and each.condition != Formulas.TRUE]
        if len(sometimes) > MAX_CONDITIONAL_ITEMS:
            why = f"unevaluatedItems depends on more than {MAX_CONDITIONAL_ITEMS} conditions; simplify the schema"
            raise SchemaError("unsupported", pointer, why, keyword="unevaluatedItems")
        places = max((each.count for each in seen if each.count is not None), default=0)

        def left_over(place: int | None) -> FormulaId:
            """Return the condition for the item at a position (None: for all items after these positions)."""
            options = [
                each.condition
                for each in seen
                if each.items is None and (each.count is None or (place is not None and place < each.count))
            ]
            for number in range(len(sometimes) + 1):
                for chosen in combinations(sometimes, number):
                    extra = tuple(each.items for each in chosen if each.items is not None)
                    item = self._any_of((value, *always, *extra), pointer)
                    if item == TRUE:
                        holds = Formulas.TRUE
                    elif place is None:
                        holds = formulas.atom(every_item(places, item, pointer))
                    else:
                        holds = formulas.atom(ItemAt(place, item, pointer))
                    options.append(formulas.every([holds, *(each.condition for each in chosen)]))
            return formulas.some(options)

        return formulas.every([*(left_over(place) for place in range(places)), left_over(None)])

    def _seen(self, node: Node, condition: FormulaId, *, own_rest: bool) -> Iterator[_Evaluated]:
        array = node.array
        if array.items is not None or (own_rest and array.unevaluated is not None):
            yield _Evaluated(condition, None)
        elif array.prefix:
            yield _Evaluated(condition, len(array.prefix))
        if array.contains:
            yield _Evaluated(condition, 0, array.contains.item)
        for literal, needed in in_place(node, self._expander, "array", ()):
            if literal > TRUE:
                both = self._expander.formulas.every([condition, needed])
                yield from self._seen(self._expander.reader.node(literal), both, own_rest=True)

    def _any_of(self, literals: tuple[LiteralId, ...], pointer: str) -> LiteralId:
        possible = tuple(sorted({literal for literal in literals if literal != FALSE}))
        if TRUE in possible:
            return TRUE
        if len(possible) < 2:
            return possible[0] if possible else FALSE
        if possible not in self._unions:
            self._unions[possible] = self._expander.reader.compound(pointer, some=possible)
        return self._unions[possible]
