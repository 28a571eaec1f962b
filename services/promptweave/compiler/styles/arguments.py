"""Arguments that are not one JSON object: a key and a value at a time, as tags or as a call in code.

`first` KEY VALUE (`join` KEY VALUE)*, or `zero` where there are none. How a value is written depends on its type: strings
often stand there as they are, up to a text that closes them; others are JSON. The schema stays enforced, whatever the
syntax: what cannot be written exactly is refused (`NotExactError`), and the request gets another style.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from promptweave.compiler.compile_schema import exactly
from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.typed import TypedValues
from promptweave.compiler.json_text import dumps, pointer_token
from promptweave.compiler.keywords import ANNOTATIONS
from promptweave.compiler.styles.argument_values import Form, NotExactError, told, value_node
from promptweave.output.grammar import Rules
from promptweave.output.tree import EMPTY, Choice, Literal, Node, Sequence

__all__ = ["KEY", "ArgumentSyntax", "Form", "NotExactError", "arguments_node"]

KEY = "\ue000"
"""Stands for the key in a form's texts: some syntaxes close a value by its key."""

_PLAIN_KEY = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class ArgumentSyntax:
    """The texts around arguments, and the form of each of JSON's types that can be written."""

    zero: str
    first: str
    join: str
    forms: Mapping[str, Form]
    sorted_keys: bool = False

    def example(self) -> str:
        """One argument."""
        form = self.forms["string"]
        value = "value" if form.raw else '"value"'
        return (self.first + KEY + form.middle + value + form.end).replace(KEY, "key")


def arguments_node(syntax: ArgumentSyntax, schema: Any, rules: Rules) -> Node:
    """The tree of the arguments that `schema`, that of an object, allows. Raises NotExactError."""
    reader = _Reader(syntax, schema, rules)
    members = reader.members()
    if syntax.sorted_keys:
        members.sort(key=lambda member: member.key.lower())
    alternatives: list[Node] = []
    for place in range(len(members)):
        # Any property may come first that only optional ones stand before.
        later = [_later(syntax, member) for member in members[place + 1 :]]
        alternatives.append(Sequence((members[place].written(syntax.first, "{"), *later, told("}"))))
        if members[place].required:
            break
    else:
        alternatives.append(Sequence((Literal(syntax.zero), told("{}"))))
    return alternatives[0] if len(alternatives) == 1 else Choice(tuple(alternatives))


@dataclass(frozen=True, slots=True)
class _Member:
    key: str
    required: bool
    value: Node

    def written(self, lead: str, json: str) -> Node:
        return Sequence((Literal(lead + self.key), told(f"{json}{dumps(self.key)}: "), self.value))


def _later(syntax: ArgumentSyntax, member: _Member) -> Node:
    written = member.written(syntax.join, ", ")
    return written if member.required else Choice((written, EMPTY))


class _Reader:
    """Reads a schema as far as the syntax needs to see into it."""

    def __init__(self, syntax: ArgumentSyntax, schema: Any, rules: Rules) -> None:
        self._syntax = syntax
        self._rules = rules
        self._schema = schema if isinstance(schema, dict) else {}
        if schema is False:
            raise NotExactError("", "it allows no value")

    def members(self) -> list[_Member]:
        known = {"type", "properties", "required", "additionalProperties"} | ANNOTATIONS
        for keyword in self._schema:
            if keyword not in known:
                raise NotExactError(pointer_token(keyword), f"{keyword!r} cannot be enforced in it")
        if self._schema.get("type", "object") != "object":
            raise NotExactError("/type", "the arguments are not declared as an object")
        if self._schema.get("additionalProperties") not in (None, False):
            raise NotExactError("/additionalProperties", "keys that are not declared cannot be told from syntax")
        properties, required = self._schema.get("properties", {}), self._schema.get("required", [])
        for key in required:
            if key not in properties:
                raise NotExactError("/required", f"the property {key!r} is not declared")
        return [self._member(key, value, key in required) for key, value in properties.items()]

    def _member(self, key: str, schema: Any, required: bool) -> _Member:
        at = f"/properties{pointer_token(key)}"
        if not _PLAIN_KEY.fullmatch(key):
            raise NotExactError(at, "the property's name could be taken for syntax")
        forms = {
            name: replace(form, middle=form.middle.replace(KEY, key), end=form.end.replace(KEY, key))
            for name, form in self._syntax.forms.items()
        }
        document = self._document(schema)
        try:
            with exactly():
                return _Member(key, required, value_node(forms, document, TypedValues(document, self._rules), at))
        except SchemaError as error:
            inside = error.pointer.removeprefix(_INSIDE)
            pointer = error.pointer if inside == error.pointer else at + inside
            raise NotExactError(pointer, error.why) from None

    def _document(self, schema: Any) -> Any:
        """A property's schema as a document of its own, in which its references still hold."""
        shared = {key: self._schema[key] for key in ("$defs", "definitions", "$schema") if key in self._schema}
        return {**shared, "allOf": [schema]}


_INSIDE = "/allOf/0"
