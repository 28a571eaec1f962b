"""Arguments that are not one JSON object: a key and a value at a time, as tags or as a call in code.

`first` KEY VALUE (`join` KEY VALUE)*, or `zero` if there are none. The notation of a value depends on its type: strings are
often verbatim, up to a text that closes them; others are JSON. The schema stays enforced in any syntax: a value that its
notation cannot enforce exactly is written as JSON, and arguments that cannot be written key by key are rejected
(`NotExactError`); that tool's arguments are then one JSON object.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from promptweave.common.json_pointer import pointer_keys, pointer_token
from promptweave.compiler.deadline import DeadlineError
from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.compile import MAX_LOOSENED, compile_limits
from promptweave.compiler.json_schema.emit.property_order import OrderBudget
from promptweave.compiler.json_schema.emit.typed import TypedValues
from promptweave.compiler.json_schema.keywords import assertions
from promptweave.compiler.json_schema.logic.object_shape import ObjectShape, object_shape
from promptweave.compiler.json_text import TYPES
from promptweave.compiler.markup import common_prefix
from promptweave.compiler.styles.argument_order import Leads, Member, MemberRules, members_node
from promptweave.compiler.styles.argument_values import (
    Form,
    NotExactError,
    NoValueError,
    ValueSchema,
    implied_text,
    json_forms_only,
    reads_by_type,
    value_node,
)
from promptweave.output.grammar.expr import Rules
from promptweave.output.tree import (
    EMPTY,
    Branch,
    ChoiceNode,
    LiteralNode,
    Node,
    Region,
    RegionNode,
    RepeatNode,
    SequenceNode,
    TextNode,
    Transform,
)

__all__ = ["KEY", "ArgumentSyntax", "Form", "Leeway", "NotExactError", "arguments_node"]

KEY = "\ue000"
"""Placeholder for the key in a form's texts: some syntaxes close a value by its key."""

MAX_SIZE = 20_000
"""Maximum size of a tree, in nodes."""

_MAX_REFERENCES = 20

_PLAIN_KEY = re.compile(r"[\w.-]+")
_FREE_KEY = r"^[A-Za-z0-9_.$@-]+$"
"""The keys that are not declared: any others may be part of the syntax."""


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


@dataclass(slots=True)
class Leeway:
    """What may be done for a schema that the syntax cannot enforce as it is, and what was done.

    `order`: the budget for arguments in any order. `loose`: keywords may be left to a validation of the value. `own_forms`:
    each value must be written in the syntax's own form; otherwise it may be JSON, or read by its type. `notes`: the code,
    the pointer and the reason of each warning.
    """

    order: OrderBudget = field(default_factory=lambda: OrderBudget(0))
    loose: bool = False
    own_forms: bool = False
    notes: list[tuple[str, str, str]] = field(default_factory=list)


def arguments_node(syntax: ArgumentSyntax, schema: Any, rules: Rules, leeway: Leeway | None = None) -> Node:
    """Return the tree of the arguments that `schema`, an object's schema, allows. Raises NotExactError.

    Without `leeway`, they come in declared order, and each in the syntax's own form.
    """
    tree = _object_node(syntax, schema, rules, (), leeway or Leeway(own_forms=True))
    if _size(tree, {}) > MAX_SIZE:
        raise NotExactError("", "the optional values have too many combinations")
    return tree


def _object_node(syntax: ArgumentSyntax, schema: Any, rules: Rules, within: tuple[int, ...], leeway: Leeway) -> Node:
    members, others = _Reader(syntax, schema, rules, within, leeway).members()
    if syntax.sorted_keys:
        members.sort(key=lambda member: member.key.lower())
    return members_node(members, Leads(syntax.first, syntax.join, syntax.zero), rules, leeway.order, others)


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

    def __init__(self, syntax: ArgumentSyntax, schema: Any, rules: Rules, within: tuple[int, ...], leeway: Leeway) -> None:
        self._syntax = syntax
        self._leeway = leeway
        self._within = within
        self._rules = rules
        self._schema = schema if isinstance(schema, dict) else {}
        if schema is False:
            raise NotExactError("", "no value is allowed")

    def members(self) -> tuple[list[Member], MemberRules]:
        """Return the members, and what else may be said of them."""
        try:
            shape = object_shape(self._schema, self._schema)
        except SchemaError as error:
            raise NotExactError(error.pointer, error.why) from None
        members = []
        for key, value in shape.properties.items():
            try:
                members.append(self._member(key, value, key in shape.required))
            except NoValueError:
                if key in shape.required | shape.conditional:
                    raise
        others = MemberRules(None, shape.conditional, shape.allows)
        return members, others if shape.additional is False else replace(others, pair=self._pair(shape))

    def _pair(self, shape: ObjectShape) -> Node:
        """Return a key that is not declared, with its value."""
        at = "/additionalProperties"
        forms, syntax = self._syntax.forms, self._syntax
        middle = reduce(common_prefix, [form.middle for form in forms.values()])
        if not middle.strip() or any(KEY in text for form in forms.values() for text in (form.middle, form.end)):
            raise NotExactError(at, "undeclared keys are indistinguishable from syntax")
        if not syntax.first and not shape.required:
            raise NotExactError(at, "undeclared keys are indistinguishable from the end of the arguments")
        names = {"type": "string", "pattern": _FREE_KEY, "not": {"enum": list(shape.properties)}}
        rest = {name: replace(form, middle=form.middle.removeprefix(middle)) for name, form in forms.items()}
        value = self._value(rest, shape.additional, at)
        with compile_limits():
            rule = TypedValues(names, self._rules).raw_strings(middle)
        key = TextNode(None, (Branch((middle,), EMPTY),), may_end=False, rule=rule)
        name = RegionNode(Region.TOOL_ARGUMENTS, key, Transform.JSON_STRING_ENCODE)
        return SequenceNode((name, implied_text(": "), value))

    def _member(self, key: str, schema: Any, required: bool) -> Member:
        at = f"/properties{pointer_token(key)}"
        if not key or set(_PLAIN_KEY.sub("", key)) & set("".join([*self._syntax.texts(), *'"\\\\\n<>|'])):
            raise NotExactError(at, "the property name is indistinguishable from syntax")
        forms = {
            name: replace(form, middle=form.middle.replace(KEY, key), end=form.end.replace(KEY, key))
            for name, form in self._syntax.forms.items()
        }
        return Member(key, required, self._value(forms, schema, at))

    def _value(self, forms: Mapping[str, Form], schema: Any, at: str) -> Node:
        relaxed: dict[str, str] = {}
        while True:
            try:
                with compile_limits():
                    node = self._exact_value(forms, schema, at, frozenset(relaxed))
                break
            except SchemaError as error:
                # Leave the keyword that cannot be enforced exactly to the validation, if that is allowed.
                loose = self._leeway.loose and error.kind == "unsupported"
                final = not loose or isinstance(error, DeadlineError)
                if final or error.pointer in relaxed or len(relaxed) >= MAX_LOOSENED:
                    raise NotExactError(_pointer(error.pointer, at), error.why) from None
                relaxed[error.pointer] = error.why
        for pointer, why in relaxed.items():
            self._note("keyword_checked", _pointer(pointer, at), f"not enforced: {why}")
        return node

    def _exact_value(self, forms: Mapping[str, Form], schema: Any, at: str, relaxed: frozenset[str]) -> Node:
        """Return the value in the syntax's own forms, else as JSON. Raises NotExactError and SchemaError."""
        document = self._document(schema)
        values = ValueSchema(document, TypedValues(document, self._rules, relaxed), at, exact=not relaxed)
        noted = len(self._leeway.notes)
        try:
            if reads_by_type(forms, values):
                self._note("keyword_note", at, _BY_TYPE)
            node = value_node(forms, values, lambda name: self._inside(name, schema, at))
        except (NotExactError, SchemaError) as error:
            only = json_forms_only(forms)
            if self._leeway.own_forms or not only:
                raise
            del self._leeway.notes[noted:]
            node = value_node(only, values, None)
            where = error.pointer if isinstance(error, NotExactError) else _pointer(error.pointer, at)
            self._note("style_fallback", where, f"{_FALLBACK}{error.why}; the value is written as JSON")
        return node

    def _note(self, code: str, at: str, why: str) -> None:
        if self._leeway.own_forms:
            raise NotExactError(at, why)
        self._leeway.notes.append((code, at, why))

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
        inner = replace(self._leeway, notes=[])
        try:
            return _object_node(self._syntax.nested or self._syntax, plain, self._rules, within, inner)
        except NotExactError as error:
            raise NotExactError(at + error.pointer, error.why) from None
        finally:
            self._leeway.notes += [(code, at + pointer, why) for code, pointer, why in inner.notes]

    def _array(self, schema: Mapping[str, Any], at: str, within: tuple[int, ...]) -> Node:
        for keyword in assertions(schema) - {"type", "items", "minItems", "maxItems"}:
            raise NotExactError(at + pointer_token(keyword), f"{keyword!r} cannot be enforced in this syntax")
        low, high = schema.get("minItems", 0), schema.get("maxItems")
        if high == 0:
            return implied_text("[]")
        inner = _Reader(self._syntax, self._schema, self._rules, within, self._leeway)
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
_FALLBACK = "the template's native syntax cannot be enforced: "
_BY_TYPE = (
    "strings and other values are written alike: JSON of another type that the schema allows is that value, not a string"
)


def _pointer(pointer: str, at: str) -> str:
    """Return a pointer into the document of the value at `at` as one into the whole schema."""
    inside = pointer.removeprefix(_INSIDE)
    return pointer if inside == pointer else at + inside


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
