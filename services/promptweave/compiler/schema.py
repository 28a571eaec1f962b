"""JSON Schema → a closed set of schema values. What this version does not know how to enforce is refused by name.

The values say which JSON values are valid, and nothing else: references are resolved to names in `Schema.definitions`,
enums are filtered by their siblings, type lists are unions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

import jsonschema
from referencing.exceptions import Unresolvable

from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_text import Json, dumps, pointer_token
from promptweave.compiler.keywords import ANNOTATIONS, ENFORCED, REFUSED, TYPES

MAX_DEPTH = 100
"""Schemas nested deeper than this are refused."""


@dataclass(frozen=True, slots=True)
class AnyValue:
    """Every JSON value."""


@dataclass(frozen=True, slots=True)
class Never:
    """No value at all, and why; `pointer` is the place in the schema."""

    pointer: str
    why: str


@dataclass(frozen=True, slots=True)
class Scalar:
    """Every value of a type without parts: string, number, integer, boolean or null."""

    type: str


@dataclass(frozen=True, slots=True)
class Members:
    """Some values, in their canonical spelling."""

    spellings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ArrayOf:
    """Arrays of any length."""

    items: "Node"


@dataclass(frozen=True, slots=True)
class Property:
    """A named property of an object."""

    name: str
    value: "Node"
    required: bool


@dataclass(frozen=True, slots=True)
class ObjectOf:
    """Objects: the properties in this order, then any others, whose values are `additional` (None: there are none)."""

    properties: tuple[Property, ...]
    additional: "Node | None"


@dataclass(frozen=True, slots=True)
class Union:
    """A value of any of several schemas."""

    options: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """The definition of this name."""

    name: str


Node = AnyValue | Never | Scalar | Members | ArrayOf | ObjectOf | Union | Reference


@dataclass(frozen=True, slots=True)
class SchemaWarning:
    """A keyword that is not enforced: its JSON pointer, and what follows."""

    pointer: str
    message: str


@dataclass(frozen=True)
class Schema:
    """A whole schema: where it starts, what references lead to, and what is not enforced."""

    root: Node
    definitions: Mapping[str, Node]
    warnings: tuple[SchemaWarning, ...]


def read_schema(document: Json, *, strict: bool = True, open_objects: bool = True, object_root: bool = False) -> Schema:
    """Reads a schema (a dict or a bool). Raises SchemaError.

    `strict`: a keyword that is not enforced is an error, otherwise a warning. `open_objects`: what an absent
    additionalProperties means: anything (JSON Schema) or nothing (the policy for tools). `object_root`: only objects are
    wanted, as for a tool's parameters.
    """
    reader = _Reader(document, strict, open_objects)
    if object_root and isinstance(document, dict) and not {"type", "$ref", "anyOf", "enum", "const"} & document.keys():
        root = reader.read({**document, "type": "object"}, "")
    else:
        root = reader.read(document, "")
    if object_root:
        root = reader.only_objects(root)
    return Schema(root, reader.definitions, tuple(reader.warnings))


@dataclass
class _Reader:
    document: Json
    strict: bool
    open_objects: bool
    definitions: dict[str, Node] = field(default_factory=dict)
    warnings: list[SchemaWarning] = field(default_factory=list)
    resolving: list[str] = field(default_factory=list)
    depth: int = 0

    def read(self, schema: Json, at: str) -> Node:
        if schema is True:
            return AnyValue()
        if schema is False:
            return Never(at, "the schema `false` allows no value")
        if not isinstance(schema, dict):
            raise SchemaError("invalid", at, f"a schema is an object or a boolean, not {_kind(schema)}")
        if self.depth >= MAX_DEPTH:
            raise SchemaError("unsupported", at, f"schemas nested more than {MAX_DEPTH} deep")
        self.depth += 1
        try:
            return self._read_keywords(schema, at)
        finally:
            self.depth -= 1

    def _read_keywords(self, schema: dict[str, Json], at: str) -> Node:
        self._check_keywords(schema, at)
        alone = [key for key in ("$ref", "anyOf") if key in schema]
        if alone:
            key = alone[0]
            rest = [other for other in schema if other != key and other not in ANNOTATIONS and self._is_enforced(other)]
            if rest:
                self._refuse(at, key, f"beside {', '.join(map(repr, rest))}; write it without them")
                # Dropping either side is looser, and the caller was told; the siblings say more about the shape.
                return self._read_types({other: schema[other] for other in schema if other not in ("$ref", "anyOf")}, at)
            return self._read_ref(schema["$ref"], at) if key == "$ref" else self._read_any_of(schema["anyOf"], at)
        if "enum" in schema or "const" in schema:
            return self._read_members(schema, at)
        return self._read_types(schema, at)

    def _is_enforced(self, keyword: str) -> bool:
        return any(keyword in group for group in ENFORCED.values())

    def _check_keywords(self, schema: dict[str, Json], at: str) -> None:
        for keyword in schema:
            if keyword in REFUSED and not (keyword == "$id" and not at):
                self._refuse(at, keyword, "not enforced by this version; leave it out")
            elif keyword not in ANNOTATIONS | REFUSED and not self._is_enforced(keyword):
                self.warnings.append(
                    SchemaWarning(at + pointer_token(keyword), f"the unknown keyword {keyword!r} is ignored")
                )

    def _refuse(self, at: str, keyword: str, why: str) -> None:
        pointer = at + pointer_token(keyword)
        if self.strict:
            raise SchemaError("unsupported", pointer, f"{keyword!r} {why}", keyword=keyword)
        self.warnings.append(SchemaWarning(pointer, f"{keyword!r} is not enforced"))

    def _read_any_of(self, options: Json, at: str) -> Node:
        at += "/anyOf"
        if not isinstance(options, list) or not options:
            raise SchemaError("invalid", at, "a non-empty list of schemas is needed", keyword="anyOf")
        return Union(tuple(self.read(option, f"{at}/{place}") for place, option in enumerate(options)))

    def _read_ref(self, target: Json, at: str) -> Node:
        at += "/$ref"
        if not isinstance(target, str):
            raise SchemaError("invalid", at, f"a reference is a string, not {_kind(target)}", keyword="$ref")
        if not target.startswith("#"):
            raise SchemaError("unsupported", at, f"{target!r} is in another document; put it into $defs", keyword="$ref")
        if target[1:] and target[1] != "/":
            raise SchemaError(
                "unsupported", at, f"{target!r} is an anchor; use a JSON pointer (#/$defs/...)", keyword="$ref"
            )
        if target in self.resolving and self.resolving[self.resolving.index(target) :].count("") == 0:
            raise SchemaError("invalid", at, f"{target!r} leads back to itself without a value in between", keyword="$ref")
        if target not in self.definitions:
            schema, pointer = self._resolve(target, at)
            # Known before it is read, so that recursion ends.
            self.definitions[target] = AnyValue()
            self.resolving.append(target)
            self.definitions[target] = self.read(schema, pointer)
            self.resolving.pop()
        return Reference(target)

    def _resolve(self, target: str, at: str) -> tuple[Json, str]:
        schema, pointer = self.document, unquote(target[1:])
        for token in pointer.split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            if isinstance(schema, dict) and key in schema:
                schema = schema[key]
            elif isinstance(schema, list) and key.isdecimal() and int(key) < len(schema):
                schema = schema[int(key)]
            else:
                raise SchemaError("invalid", at, f"nothing is at {target!r}", keyword="$ref")
        return schema, pointer

    def _read_members(self, schema: dict[str, Json], at: str) -> Node:
        keyword = "enum" if "enum" in schema else "const"
        members = schema["enum"] if "enum" in schema else [schema["const"]]
        at_members = f"{at}/{keyword}"
        if not isinstance(members, list):
            raise SchemaError("invalid", at_members, f"a list is needed, not {_kind(members)}", keyword="enum")
        self._read_types({key: value for key, value in schema.items() if key not in ("enum", "const")}, at)
        validator = jsonschema.Draft202012Validator(self._standing_alone(schema))
        spellings = []
        for place, member in enumerate(members):
            try:
                if validator.is_valid(member):
                    spellings.append(_spell(member))
            except (Unresolvable, ValueError) as error:
                place_at = f"{at_members}/{place}" if keyword == "enum" else at_members
                raise SchemaError("unsupported", place_at, str(error), keyword=keyword) from None
        if not spellings:
            return Never(at_members, "no member is valid for the other keywords" if members else "there is no member")
        return Members(tuple(dict.fromkeys(spellings)))

    def _standing_alone(self, schema: dict[str, Json]) -> dict[str, Json]:
        """What is enforced of `schema`, with the document's definitions, which its references lead to."""
        shared = {key: self.document[key] for key in ("$defs", "definitions") if key in self.document}
        return {**shared, **{key: value for key, value in schema.items() if self._is_enforced(key)}}

    def _read_types(self, schema: dict[str, Json], at: str) -> Node:
        if "type" not in schema and not any(key in schema for group in ("object", "array") for key in ENFORCED[group]):
            return AnyValue()
        declared = schema.get("type", [name for name in TYPES if name != "integer"])
        names = declared if isinstance(declared, list) else [declared]
        unknown = next((name for name in names if name not in TYPES), None)
        if unknown is not None or not names:
            raise SchemaError(
                "invalid", f"{at}/type", f"a type is one of {', '.join(TYPES)}, not {unknown!r}", keyword="type"
            )
        options = [self._read_type(name, schema, at) for name in TYPES if name in names and not self._covered(name, names)]
        return options[0] if len(options) == 1 else Union(tuple(options))

    def _covered(self, name: str, names: list[str]) -> bool:
        return name == "integer" and "number" in names

    def _read_type(self, name: str, schema: dict[str, Json], at: str) -> Node:
        if name == "object":
            return self._read_object(schema, at)
        if name == "array":
            self.resolving.append("")
            items = self.read(schema.get("items", True), f"{at}/items")
            self.resolving.pop()
            return ArrayOf(items)
        return Scalar(name)

    def _read_object(self, schema: dict[str, Json], at: str) -> Node:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        if not isinstance(properties, dict):
            raise SchemaError(
                "invalid", f"{at}/properties", f"an object is needed, not {_kind(properties)}", keyword="properties"
            )
        if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            raise SchemaError("invalid", f"{at}/required", "a list of property names is needed", keyword="required")
        # An empty entry marks that a value's text lies between the references around it.
        self.resolving.append("")
        rest: Node | None = None
        if schema.get("additionalProperties", self.open_objects) is not False:
            rest = self.read(schema.get("additionalProperties", True), f"{at}/additionalProperties")
        members = [
            Property(name, self.read(value, f"{at}/properties{pointer_token(name)}"), name in required)
            for name, value in properties.items()
        ]
        self.resolving.pop()
        for name in dict.fromkeys(required):
            if name not in properties:
                if rest is None:
                    return Never(f"{at}/required", f"{name!r} is required, but no such property is allowed")
                members.append(Property(name, rest, required=True))
        for member in members:
            try:
                _spell(member.name)
            except ValueError as error:
                raise SchemaError("unsupported", f"{at}/properties", str(error), keyword="properties") from None
        return ObjectOf(tuple(members), rest)

    def only_objects(self, node: Node) -> Node:
        """The objects among the values of `node`, for a tool's parameters."""
        match node:
            case AnyValue():
                return ObjectOf((), AnyValue() if self.open_objects else None)
            case Reference(name):
                return self.only_objects(self.definitions[name])
            case Union(options):
                return Union(tuple(self.only_objects(option) for option in options))
            case Members(spellings):
                objects = tuple(spelling for spelling in spellings if spelling.startswith("{"))
                return Members(objects) if objects else Never("", "a tool's parameters are an object")
            case Scalar() | ArrayOf():
                return Never("/type", "a tool's parameters are an object")
        return node


def _spell(member: Json) -> str:
    spelling = dumps(member)
    try:
        spelling.encode()
    except UnicodeEncodeError:
        raise ValueError("it holds a lone surrogate, which is no text") from None
    return spelling


def _kind(value: Json) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
