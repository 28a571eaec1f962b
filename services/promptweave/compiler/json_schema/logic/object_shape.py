"""What an object's schema says about its properties: their schemas, and which of them may be present together."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from promptweave.common.json_pointer import pointer_keys, pointer_token
from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.keywords import assertions

_MAX_DEPTH = 20
_SOME = ("anyOf", "oneOf", "allOf")
_ONE = ("not", "if", "then", "else")
_KNOWN = frozenset(
    {"type", "properties", "required", "additionalProperties", "propertyNames", "$ref", *_SOME, *_ONE}
    | {"dependentRequired", "minProperties", "maxProperties"}
)


@dataclass(frozen=True, slots=True)
class _Part:
    """A schema that an object's schema consists of. `always`: each object has to satisfy it."""

    schema: Mapping[str, Any]
    pointer: str
    always: bool

    @property
    def properties(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.schema.get("properties", {})
        return found

    @property
    def additional(self) -> Any:
        return self.schema.get("additionalProperties")


@dataclass(frozen=True, slots=True)
class ObjectShape:
    """An object's properties. `additional`: the schema of those that are not declared; False: there are none.

    `required`: the properties of every object. `conditional`: the properties whose presence depends on that of others.
    """

    document: Mapping[str, Any]
    schema: Mapping[str, Any]
    properties: Mapping[str, Any]
    additional: Any
    required: frozenset[str]
    conditional: frozenset[str]

    def allows(self, present: Set[str]) -> bool:
        """Return whether an object may have these properties, if each has a value that its schema allows."""
        return _allows(self.schema, present, self.document)


def object_shape(schema: Mapping[str, Any], document: Mapping[str, Any]) -> ObjectShape:
    """Return the shape of an object. Raises SchemaError if values and presence of properties depend on each other.

    A property has the same schema wherever it is declared, so a branch that declares it says only whether it is present.
    """
    parts = list(_parts(schema, document, _Part({}, "", always=True), 0))
    for part in parts:
        _check(part)
    properties = _declared(parts)
    additional = _additional(parts, properties)
    required = frozenset(name for part in parts if part.always for name in part.schema.get("required", ()))
    for name in sorted(required - properties.keys()):
        properties[name] = {} if additional is False else additional
    return ObjectShape(document, schema, properties, additional, required, _conditional(parts, properties, additional))


def _check(part: _Part) -> None:
    """Raise SchemaError if the part says more than which properties there are."""
    for keyword in assertions(part.schema) - _KNOWN:
        raise _unclear(part.pointer + pointer_token(keyword), f"{keyword!r} cannot be enforced in this syntax")
    if "object" not in (declared := part.schema.get("type", "object")) or (isinstance(declared, list) and not part.always):
        raise _unclear(f"{part.pointer}/type", "the arguments are not declared as an object")
    if part.schema.get("propertyNames", True) not in ({}, True, {"type": "string"}):
        raise _unclear(f"{part.pointer}/propertyNames", "'propertyNames' cannot be enforced in this syntax")


def _declared(parts: Sequence[_Part]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for part in parts:
        for name, value in part.properties.items():
            if properties.setdefault(name, value) != value:
                at = f"{part.pointer}/properties{pointer_token(name)}"
                raise _unclear(at, f"the schema of {name!r} depends on other properties, which this syntax cannot enforce")
    return properties


def _additional(parts: Sequence[_Part], properties: Mapping[str, Any]) -> Any:
    """Return the schema of properties that are not declared; False if there are none."""
    for part in parts:
        some = part.additional not in (None, False, True, {})
        if some and not (part.always and part.properties.keys() == properties.keys()):
            raise _unclear(f"{part.pointer}/additionalProperties", "undeclared keys of a part cannot be enforced")
    found = [part.additional for part in parts if part.always and part.additional is not None]
    if not found or False in found:
        return False
    return next((schema for schema in found if schema not in (True, {})), {})


def _conditional(parts: Sequence[_Part], properties: Mapping[str, Any], additional: Any) -> frozenset[str]:
    """Return the properties whose presence depends on that of others."""
    counted = [part for part in parts if {"minProperties", "maxProperties"} & part.schema.keys()]
    closed = [part for part in parts if part.additional is False and properties.keys() - part.properties.keys()]
    for part in (*counted, *closed) if additional is not False else ():
        raise _unclear(part.pointer, "undeclared keys cannot be counted in this syntax")
    names = {
        name
        for part in parts
        for some in (() if part.always else part.schema.get("required", ()), *_dependent(part))
        for name in some
    }
    for name in sorted(names - properties.keys()):
        raise _unclear("/required", f"property {name!r} is not declared")
    # Counting, and parts that allow only some properties, concern all of them.
    return frozenset(properties) if counted or closed else frozenset(names)


def _dependent(part: _Part) -> Iterator[tuple[str, ...]]:
    for name, needed in part.schema.get("dependentRequired", {}).items():
        yield (name, *needed)


def _parts(schema: Any, document: Mapping[str, Any], around: _Part, depth: int) -> Iterator[_Part]:
    """Yield a schema and those it consists of. `around`: the part that has it."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        raise _unclear(around.pointer, "the schema is too deeply nested for this syntax")
    yield _Part(schema, around.pointer, around.always)

    def inside(part: Any, token: str, *, always: bool) -> Iterator[_Part]:
        place = _Part(schema, f"{around.pointer}/{token}", around.always and always)
        return _parts(part, document, place, depth + 1)

    if "$ref" in schema:
        yield from inside(_target(schema["$ref"], document), "$ref", always=True)
    for keyword in _SOME:
        for place, part in enumerate(schema.get(keyword, ())):
            yield from inside(part, f"{keyword}/{place}", always=keyword == "allOf")
    for keyword in _ONE:
        if keyword in schema:
            yield from inside(schema[keyword], keyword, always=False)


def _allows(schema: Any, present: Set[str], document: Mapping[str, Any]) -> bool:
    if isinstance(schema, bool):
        return schema

    def allowed(part: Any) -> bool:
        return _allows(part, present, document)

    dependent = schema.get("dependentRequired", {})
    return (
        present >= set(schema.get("required", ()))
        and all(present >= set(needed) for name, needed in dependent.items() if name in present)
        and schema.get("minProperties", 0) <= len(present) <= schema.get("maxProperties", len(present))
        and (schema.get("additionalProperties") is not False or present <= schema.get("properties", {}).keys())
        and ("$ref" not in schema or allowed(_target(schema["$ref"], document)))
        and all(map(allowed, schema.get("allOf", ())))
        and ("anyOf" not in schema or any(map(allowed, schema["anyOf"])))
        and ("oneOf" not in schema or sum(map(allowed, schema["oneOf"])) == 1)
        and ("not" not in schema or not allowed(schema["not"]))
        and ("if" not in schema or allowed(schema.get("then" if allowed(schema["if"]) else "else", True)))
    )


def _target(reference: str, document: Mapping[str, Any]) -> Any:
    found: Any = document
    if not reference.startswith("#"):
        raise _unclear("/$ref", "the reference cannot be followed in this syntax")
    for key in pointer_keys(reference.removeprefix("#")):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _unclear(pointer: str, why: str) -> SchemaError:
    return SchemaError("unsupported", pointer, why)
