"""Reads the keywords of one schema into a node; a malformed keyword is an error with its location."""

from collections.abc import Callable
from fractions import Fraction
from typing import Protocol

from promptweave.common.json_pointer import pointer_token
from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.keywords import DRAFT_4, DRAFT_2019_09, DRAFT_2020_12, OBJECT_KEYWORDS, TYPES
from promptweave.compiler.json_schema.parse.json_values import exact, is_names, is_number, is_whole, kind, unspeakable
from promptweave.compiler.json_schema.parse.location import Location, SchemaWarning
from promptweave.compiler.json_schema.parse.node import (
    TRUE,
    ArrayPart,
    Bound,
    Contains,
    LiteralId,
    Members,
    Node,
    ObjectPart,
)
from promptweave.compiler.json_text import Json
from promptweave.compiler.regex.formats import FORMATS


class Subschemas(Protocol):
    """Reads the schemas that a schema contains or references. `relaxed`: pointers of keywords that are not enforced."""

    @property
    def relaxed(self) -> frozenset[str]: ...
    def read(self, schema: Json, place: Location) -> LiteralId: ...
    def follow(self, keyword: str, reference: str, place: Location) -> LiteralId: ...
    def warn(self, warning: SchemaWarning) -> None: ...


class NodeReader:
    """Reads the keywords of one schema."""

    def __init__(self, subschemas: Subschemas, schema: dict[str, Json], place: Location, number: LiteralId) -> None:
        self._subschemas = subschemas
        self._place = place
        self._number = number
        enforced = place.draft.enforced
        self._relaxed = frozenset(
            key for key in schema if place.pointer + pointer_token(key) in subschemas.relaxed and key in enforced
        )
        patterns = schema.get("patternProperties")
        base = place.pointer + "/patternProperties"
        if isinstance(patterns, dict) and any(base + pointer_token(source) in subschemas.relaxed for source in patterns):
            # Which names are additional depends on all patterns.
            self._relaxed |= {"patternProperties", "additionalProperties"}
        # `oneOf` without uniqueness is `anyOf`, which is still stricter than nothing.
        self._schema = {
            key: value for key, value in schema.items() if key in enforced and (key not in self._relaxed or key == "oneOf")
        }

    def node(self) -> Node:
        schema = self._schema
        array = self._array() if schema.keys() & _ARRAY_KEYWORDS else ArrayPart()
        objects = self._object() if schema.keys() & OBJECT_KEYWORDS else ObjectPart()
        types = self._types()
        return Node(
            self._number,
            self._place.pointer,
            types=types,
            members=self._members(),
            bounds=self._bounds(),
            multiple_of=self._multiple_of(),
            length=(self._count("minLength") or 0, self._count("maxLength")),
            pattern=self._text("pattern"),
            format=self._format(),
            array=array,
            object=objects,
            every=self._every(),
            some=self._schemas("anyOf"),
            one=self._schemas("oneOf"),
            opposite=self._schema_at("not"),
            condition=self._condition(),
            about_objects=bool(schema.keys() & OBJECT_KEYWORDS),
            relaxed=self._relaxed,
        )

    # -- values of keywords --

    def _wrong(self, keyword: str, wanted: str) -> SchemaError:
        pointer = self._place.pointer + pointer_token(keyword)
        return SchemaError("invalid", pointer, f"must be {wanted}, not {kind(self._schema[keyword])}", keyword=keyword)

    def _value(self, keyword: str, wanted: str, fits: Callable[[Json], bool]) -> Json:
        value = self._schema.get(keyword)
        if keyword in self._schema and not fits(value):
            raise self._wrong(keyword, wanted)
        return value

    def _count(self, keyword: str) -> int | None:
        value = self._value(keyword, "a non-negative integer", lambda value: is_whole(value) and value >= 0)
        return None if value is None else int(value)

    def _text(self, keyword: str) -> str | None:
        text: str | None = self._value(keyword, "a string", lambda value: isinstance(value, str))
        return text

    def _names(self, keyword: str) -> tuple[str, ...]:
        names = self._value(keyword, "an array of property names", is_names)
        return tuple(dict.fromkeys(names or ()))

    def _schema_at(self, keyword: str) -> LiteralId | None:
        if keyword not in self._schema:
            return None
        return self._subschemas.read(self._schema[keyword], self._place.at(keyword))

    def _schemas(self, keyword: str) -> tuple[LiteralId, ...]:
        options = self._value(keyword, "a non-empty array of schemas", lambda value: isinstance(value, list) and bool(value))
        return tuple(self._subschemas.read(option, self._place.at(keyword, n)) for n, option in enumerate(options or ()))

    def _schema_map(self, keyword: str) -> tuple[tuple[str, LiteralId], ...]:
        found = self._value(keyword, "an object", lambda value: isinstance(value, dict))
        pairs = (found or {}).items()
        for name, _ in pairs:
            self._check_text(name, keyword)
        return tuple((name, self._subschemas.read(value, self._place.at(keyword, name))) for name, value in pairs)

    def _check_text(self, text: str, keyword: str) -> None:
        if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
            pointer = self._place.pointer + pointer_token(keyword)
            raise SchemaError("unsupported", pointer, "lone surrogates are not valid text", keyword=keyword)

    # -- any value --

    def _types(self) -> frozenset[str] | None:
        if "type" not in self._schema:
            return None
        declared = self._schema["type"]
        names = declared if isinstance(declared, list) else [declared]
        known = (*TYPES, "integer")
        unknown = next((name for name in names if not isinstance(name, str) or name not in known), None)
        if unknown is not None or not names:
            why = f"must be one of {', '.join(known)}, not {unknown!r}"
            raise SchemaError("invalid", self._place.pointer + "/type", why, keyword="type")
        return frozenset(names) - ({"integer"} if "number" in names else set())

    def _members(self) -> tuple[Members, ...]:
        found = []
        if "enum" in self._schema:
            values = self._value("enum", "an array", lambda value: isinstance(value, list))
            found.append(Members(tuple(values), self._place.pointer + "/enum"))
        if "const" in self._schema:
            found.append(Members((self._schema["const"],), self._place.pointer + "/const"))
        for members in found:
            for place, value in enumerate(members.values):
                if why := unspeakable(value):
                    pointer = members.pointer + (f"/{place}" if members.pointer.endswith("/enum") else "")
                    keyword = members.pointer.rpartition("/")[2]
                    raise SchemaError("unsupported", pointer, why, keyword=keyword)
        return tuple(found)

    def _every(self) -> tuple[LiteralId, ...]:
        found = []
        for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
            reference = self._value(keyword, "a string", lambda value: isinstance(value, str))
            if reference is not None:
                found.append(self._subschemas.follow(keyword, reference, self._place.at(keyword)))
        return (*found, *self._schemas("allOf"))

    def _condition(self) -> tuple[LiteralId, LiteralId, LiteralId] | None:
        test = self._schema_at("if")
        if test is None:
            return None
        then, otherwise = self._schema_at("then"), self._schema_at("else")
        return test, TRUE if then is None else then, TRUE if otherwise is None else otherwise

    # -- numbers and strings --

    def _bounds(self) -> tuple[Bound, ...]:
        found = []
        for keyword, sign in (("minimum", 1), ("exclusiveMinimum", 1), ("maximum", -1), ("exclusiveMaximum", -1)):
            exclusive = keyword.startswith("exclusive")
            if self._place.draft is DRAFT_4:
                # In draft 4, exclusiveMinimum is a boolean that makes minimum exclusive.
                other = "exclusive" + keyword.capitalize()
                if exclusive:
                    continue
                exclusive = bool(self._value(other, "a boolean", lambda value: isinstance(value, bool)))
            value = self._value(keyword, "a number", is_number)
            if value is not None:
                pointer = self._place.pointer + "/" + keyword
                if why := unspeakable(value):
                    raise SchemaError("unsupported", pointer, why, keyword=keyword)
                found.append(Bound(exact(value), sign, exclusive, pointer))
        return tuple(found)

    def _multiple_of(self) -> Fraction | None:
        value = self._value("multipleOf", "a number greater than 0", lambda value: is_number(value) and value > 0)
        if value is None:
            return None
        step = exact(value)
        if step.denominator & (step.denominator - 1):
            # 4.35 / 0.01 is not an integer in binary floating point.
            pointer = self._place.pointer + "/multipleOf"
            why = "multiples are computed in decimal; validators that use binary floating point reject some of them"
            self._subschemas.warn(SchemaWarning(pointer, why))
        return step

    def _format(self) -> str | None:
        name = self._text("format")
        if name is None or name in FORMATS:
            return name
        pointer = self._place.pointer + "/format"
        self._subschemas.warn(
            SchemaWarning(pointer, f"unknown format {name!r} is treated as an annotation; any string is allowed")
        )
        return None

    # -- arrays --

    def _array(self) -> ArrayPart:
        schema = self._schema
        prefix, items = self._schemas("prefixItems"), None
        if isinstance(schema.get("items"), list) and self._place.draft is not DRAFT_2020_12:
            prefix = self._schemas("items") if schema["items"] else ()
            items = self._schema_at("additionalItems")
        elif isinstance(schema.get("items"), list):
            why = "an array of schemas is only allowed in earlier drafts; use prefixItems"
            raise SchemaError("invalid", self._place.pointer + "/items", why, keyword="items")
        else:
            items = self._schema_at("items")
        if "unevaluatedItems" in schema and self._place.draft is DRAFT_2019_09:
            why = "validators do not agree on its meaning in draft 2019-09; use draft 2020-12"
            raise SchemaError("unsupported", self._place.pointer + "/unevaluatedItems", why, keyword="unevaluatedItems")
        contains = self._schema_at("contains")
        unique = self._value("uniqueItems", "a boolean", lambda value: isinstance(value, bool))
        least, most = self._count("minContains"), self._count("maxContains")
        return ArrayPart(
            prefix=prefix,
            items=items,
            min=self._count("minItems") or 0,
            max=self._count("maxItems"),
            contains=None if contains is None else Contains(contains, 1 if least is None else least, most),
            unique=bool(unique),
            unevaluated=self._schema_at("unevaluatedItems"),
        )

    # -- objects --

    def _object(self) -> ObjectPart:
        dependent_required, dependent_schemas = self._dependencies()
        for name in self._names("required"):
            self._check_text(name, "required")
        return ObjectPart(
            properties=self._schema_map("properties"),
            patterns=self._schema_map("patternProperties"),
            additional=self._schema_at("additionalProperties"),
            names=self._schema_at("propertyNames"),
            required=self._names("required"),
            min=self._count("minProperties") or 0,
            max=self._count("maxProperties"),
            dependent_required=dependent_required,
            dependent_schemas=dependent_schemas,
            unevaluated=self._schema_at("unevaluatedProperties"),
        )

    def _dependencies(self) -> tuple[tuple[tuple[str, tuple[str, ...]], ...], tuple[tuple[str, LiteralId], ...]]:
        required: list[tuple[str, tuple[str, ...]]] = []
        schemas = list(self._schema_map("dependentSchemas"))
        for keyword in ("dependentRequired", "dependencies"):
            found = self._value(keyword, "an object", lambda value: isinstance(value, dict)) or {}
            for name, value in found.items():
                self._check_text(name, keyword)
                if keyword == "dependencies" and not isinstance(value, list):
                    schemas.append((name, self._subschemas.read(value, self._place.at(keyword, name))))
                elif is_names(value):
                    required.append((name, tuple(dict.fromkeys(value))))
                else:
                    at = self._place.at(keyword, name).pointer
                    raise SchemaError(
                        "invalid", at, f"must be an array of property names, not {kind(value)}", keyword=keyword
                    )
        return tuple(required), tuple(schemas)


_ARRAY_KEYWORDS = frozenset(
    {"items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains"}
    | {"minContains", "maxContains", "unevaluatedItems"}
)
