"""Arguments that are not one JSON object: a key and a value at a time, as tags or as a call in code.

`first` KEY VALUE (`join` KEY VALUE)*, or `zero` if there are none. The notation of a value depends on its type: strings are
often verbatim, up to a text that closes them; others are JSON. The schema stays enforced in any syntax: a schema that cannot
be enforced exactly is rejected (`NotExactError`), and the request gets another style.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from promptweave.common.json_pointer import pointer_keys, pointer_token
from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.compile import compile_limits
from promptweave.compiler.json_schema.emit.property_order import OrderBudget
from promptweave.compiler.json_schema.emit.typed import TypedValues
from promptweave.compiler.json_schema.keywords import assertions
from promptweave.compiler.json_text import TYPES
from promptweave.compiler.styles.argument_order import Leads, Member, members_node
from promptweave.compiler.styles.argument_values import Form, NotExactError, implied_text, value_node
from promptweave.output.grammar.expr import Rules
from promptweave.output.tree import ChoiceNode, LiteralNode, Node, RepeatNode, SequenceNode

__all__ = ["KEY", "ArgumentSyntax", "Form", "NotExactError", "arguments_node"]

KEY = "\ue000"
"""Placeholder for the key in a form's texts: some syntaxes close a value by its key."""

MAX_SIZE = 20_000
"""Maximum size of a tree, in nodes."""

_MAX_REFERENCES = 20

_PLAIN_KEY = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class ArgumentSyntax:
    """The texts around arguments, and the form of each JSON type that can be written.

    If objects and arrays are not JSON, `nested` is the syntax of an object's members (None: that of arguments), and `items`
    are the forms of array items, with `separator` between them.
    """

    zero: str
    first: str
    join: str
    forms: Mapping[str, Form]
    sorted_keys: bool = False
    nested: "ArgumentSyntax | None" = None
    items: Mapping[str, Form] | None = None
    separator: str = ""

    def texts(self) -> list[str]:
        """Return all texts around arguments, in pieces, with `KEY` for a key."""
        forms = [*self.forms.values(), *(self.items or {}).values()]
        inner = self.nested.texts() if self.nested else []
        around = [text for form in forms for text in (form.middle, form.end)]
        return [self.zero, self.first, self.join, self.separator, *around, *inner]

    def example(self) -> str:
        """Return an example of one argument."""
        form = self.forms["string"]
        value = "value" if form.raw else '"value"'
        return (self.first + KEY + form.middle + value + form.end).replace(KEY, "key")


def arguments_node(syntax: ArgumentSyntax, schema: Any, rules: Rules, order: OrderBudget | None = None) -> Node:
    """Return the tree of the arguments that `schema`, an object's schema, allows. Raises NotExactError.

    `order`: the budget for arguments in any order; None: they come in declared order.
    """
    tree = _object_node(syntax, schema, rules, (), order or OrderBudget(0))
    if _size(tree, {}) > MAX_SIZE:
        raise NotExactError("", "the optional values have too many combinations")
    return tree


def _object_node(syntax: ArgumentSyntax, schema: Any, rules: Rules, within: tuple[int, ...], order: OrderBudget) -> Node:
    members = _Reader(syntax, schema, rules, within, order).members()
    if syntax.sorted_keys:
        members.sort(key=lambda member: member.key.lower())
    return members_node(members, Leads(syntax.first, syntax.join, syntax.zero), rules, order)


def _size(node: Node, known: dict[int, int]) -> int:
    """Return the number of nodes of the fully expanded tree: the same node may appear in many positions."""
    if id(node) not in known:
        match node:
            case ChoiceNode(parts) | SequenceNode(parts):
                below = sum(_size(part, known) for part in parts)
            case RepeatNode(item):
                below = 2 * _size(item, known)
            case _:
                below = 0
        known[id(node)] = 1 + below
    return known[id(node)]


class _Reader:
    """Reads a schema as far as the syntax requires."""

    def __init__(
        self, syntax: ArgumentSyntax, schema: Any, rules: Rules, within: tuple[int, ...], order: OrderBudget
    ) -> None:
        self._syntax = syntax
        self._order = order
        self._within = within
        self._rules = rules
        self._schema = schema if isinstance(schema, dict) else {}
        if schema is False:
            raise NotExactError("", "no value is allowed")

    def members(self) -> list[Member]:
        known = {"type", "properties", "required", "additionalProperties"}
        for keyword in self._schema:
            if keyword in assertions(self._schema) - known:
                raise NotExactError(pointer_token(keyword), f"{keyword!r} cannot be enforced in this syntax")
        if self._schema.get("type", "object") != "object":
            raise NotExactError("/type", "the arguments are not declared as an object")
        if self._schema.get("additionalProperties") not in (None, False):
            raise NotExactError("/additionalProperties", "undeclared keys are indistinguishable from syntax")
        properties, required = self._schema.get("properties", {}), self._schema.get("required", [])
        for key in required:
            if key not in properties:
                raise NotExactError("/required", f"property {key!r} is not declared")
        return [self._member(key, value, key in required) for key, value in properties.items()]

    def _member(self, key: str, schema: Any, required: bool) -> Member:
        at = f"/properties{pointer_token(key)}"
        if not _PLAIN_KEY.fullmatch(key):
            raise NotExactError(at, "the property name is indistinguishable from syntax")
        forms = {
            name: replace(form, middle=form.middle.replace(KEY, key), end=form.end.replace(KEY, key))
            for name, form in self._syntax.forms.items()
        }
        return Member(key, required, self._value(forms, schema, at))

    def _value(self, forms: Mapping[str, Form], schema: Any, at: str) -> Node:
        document = self._document(schema)
        try:
            with compile_limits():
                typed = TypedValues(document, self._rules)
                return value_node(forms, document, typed, at, lambda name: self._inside(name, schema, at))
        except SchemaError as error:
            inside = error.pointer.removeprefix(_INSIDE)
            pointer = error.pointer if inside == error.pointer else at + inside
            raise NotExactError(pointer, error.why) from None

    def _inside(self, name: str, schema: Any, at: str) -> Node:
        """Return the content of an object or array, whose schema must declare it directly."""
        every = options(schema, self._schema)
        found = [option for option in every if name in _declared(option)]
        if len(found) != 1 or not all(map(_declared, every)):
            raise NotExactError(at, f"the schema of the {name} value is too complex for this syntax")
        if id(found[0]) in self._within:
            raise NotExactError(at, "recursive values are not supported in this syntax")
        within = (*self._within, id(found[0]))
        if name == "array":
            return self._array(found[0], at, within)
        plain = {**self._shared(), **found[0], "type": "object"}
        try:
            return _object_node(self._syntax.nested or self._syntax, plain, self._rules, within, self._order)
        except NotExactError as error:
            raise NotExactError(at + error.pointer, error.why) from None

    def _array(self, schema: Mapping[str, Any], at: str, within: tuple[int, ...]) -> Node:
        for keyword in assertions(schema) - {"type", "items", "minItems", "maxItems"}:
            raise NotExactError(at + pointer_token(keyword), f"{keyword!r} cannot be enforced in this syntax")
        low, high = schema.get("minItems", 0), schema.get("maxItems")
        if high == 0:
            return implied_text("[]")
        inner = _Reader(self._syntax, self._schema, self._rules, within, self._order)
        item = inner._value(self._syntax.items or {}, schema.get("items", True), f"{at}/items")
        more = RepeatNode(
            SequenceNode((LiteralNode(self._syntax.separator), implied_text(", "), item)),
            min=max(low - 1, 0),
            max=None if high is None else high - 1,
        )
        some = SequenceNode((implied_text("["), item, more, implied_text("]")))
        return some if low else ChoiceNode((some, implied_text("[]")))

    def _shared(self) -> dict[str, Any]:
        return {key: self._schema[key] for key in ("$defs", "definitions", "$schema") if key in self._schema}

    def _document(self, schema: Any) -> Any:
        """Return a property's schema as a separate document in which its references still resolve."""
        return {**self._shared(), "allOf": [schema]}


_INSIDE = "/allOf/0"


def options(schema: Any, document: Mapping[str, Any], depth: int = 0) -> list[Mapping[str, Any]]:
    """Return a schema as alternatives without indirection: references and plain choices are followed."""
    if not isinstance(schema, dict) or depth > _MAX_REFERENCES:
        return [{}]
    rest = assertions(schema)
    if rest == {"$ref"}:
        found: Any = document
        for key in pointer_keys(schema["$ref"]):
            found = found.get(key) if isinstance(found, dict) else None
        return options(found, document, depth + 1)
    for key in ("anyOf", "oneOf", "allOf"):
        if rest == {key} and (key != "allOf" or len(schema[key]) == 1):
            return [option for some in schema[key] for option in options(some, document, depth + 1)]
    return [schema]


def _declared(schema: Mapping[str, Any]) -> list[str]:
    """Return the types that a schema declares, or those of the values that it lists; none if it does neither."""
    declared = schema.get("type", [])
    if not declared and ("enum" in schema or "const" in schema):
        return [TYPES[type(member)] for member in schema.get("enum", [schema.get("const")])]
    return [declared] if isinstance(declared, str) else declared
