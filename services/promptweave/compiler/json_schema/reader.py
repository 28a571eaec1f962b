"""JSON Schema → nodes: keywords checked and read, references followed. What is malformed is an error with its place."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from math import isfinite
from typing import Any

from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.formats import FORMATS
from promptweave.compiler.json_schema.node import (
    FALSE,
    TRUE,
    ArrayPart,
    Bound,
    Contains,
    Literal,
    Members,
    Node,
    ObjectPart,
)
from promptweave.compiler.json_schema.number_atoms import exact
from promptweave.compiler.json_schema.references import References, Resolver
from promptweave.compiler.json_text import Json, pointer_token
from promptweave.compiler.keywords import (
    ANNOTATIONS,
    DRAFT_4,
    DRAFT_2019_09,
    DRAFT_2020_12,
    DRAFTS,
    INSTEAD,
    OBJECT_KEYWORDS,
    TYPES,
    Draft,
)

MAX_DEPTH = 100
"""Schemas nested deeper than this are refused."""

MAX_NODES = 100_000

MAX_VALUE_DEPTH = 200
"""Values of `enum` and `const` nested deeper than this are refused."""

MAX_NUMBER_BITS = 14_000
"""About 4,200 digits: Python prints up to 4,300."""


@dataclass(frozen=True, slots=True)
class SchemaWarning:
    """A keyword that is not enforced: its JSON pointer, and what follows.

    `loosened`: the grammar admits values that the schema does not, so a finished value must be validated.
    """

    pointer: str
    message: str
    loosened: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one stands: pointer, resolver (None: the root's, not needed yet), draft, how deep.

    `entered`: the resolver knows the `$id` that the schema itself has.
    """

    pointer: str
    resolver: Resolver
    draft: Draft
    depth: int
    entered: bool = False

    def at(self, *keys: str | int) -> "_Place":
        pointer = self.pointer + "".join(map(pointer_token, keys))
        return _Place(pointer, self.resolver, self.draft, self.depth + 1)


@dataclass
class Reader:
    """Reads one document. `silenced`: pointers of keywords that are not to be enforced."""

    document: Json
    silenced: frozenset[str] = frozenset()
    nodes: list[Node | None] = field(default_factory=lambda: [None, Node(TRUE, "")])
    warnings: list[SchemaWarning] = field(default_factory=list)
    _numbers: dict[tuple[int | str, str], int] = field(default_factory=dict)
    _waiting: deque[tuple[dict[str, Json], _Place, int]] = field(default_factory=deque)
    _meant: dict[Literal, Literal] = field(default_factory=dict)
    _references: References | None = None

    def root(self) -> Literal:
        """Reads the document's own schema."""
        draft = DRAFT_2020_12
        if isinstance(self.document, dict) and "$schema" in self.document:
            draft = self._draft(self.document["$schema"], "/$schema")
        self._references = References(self.document, draft)
        number = self.read(self.document, _Place("", None, draft, 0, entered=True))
        while self._waiting:
            schema, place, waiting = self._waiting.popleft()
            self.nodes[waiting] = self._read(schema, place, waiting)
        return number

    def node(self, number: Literal) -> Node:
        """A node by number; whatever its sign."""
        node = self.nodes[abs(number)]
        assert node is not None
        return node

    def meant(self, literal: Literal) -> Literal:
        """What a literal means: where a schema is nothing but a reference, the schema that it leads to."""
        if literal not in self._meant:
            seen, found = {abs(literal)}, literal
            while abs(found) > TRUE and self.node(found).is_reference:
                (target,) = self.node(found).every
                found = target if found > 0 else -target
                if abs(found) in seen:
                    break
                seen.add(abs(found))
            self._meant[literal] = found
        return self._meant[literal]

    def read(self, schema: Json, place: _Place, *, later: bool = False) -> Literal:
        """The number of a schema, read if it is new; or `later`, when all that is being read is done."""
        if schema is True:
            return TRUE
        if schema is False:
            return FALSE
        if place.pointer in self.silenced and isinstance(schema, dict):
            return self.compound(place.pointer, silenced=frozenset({"all"}))
        if not isinstance(schema, dict):
            raise SchemaError("invalid", place.pointer, f"a schema is an object or a boolean, not {kind(schema)}")
        if not schema:
            return TRUE
        plain = _plain_type(schema)
        key = (plain or id(schema), place.draft.name)
        number = self._numbers.get(key)
        if number is None:
            if place.depth > MAX_DEPTH:
                raise SchemaError("unsupported", place.pointer, f"schemas nested more than {MAX_DEPTH} deep")
            if len(self.nodes) >= MAX_NODES:
                raise SchemaError("unsupported", place.pointer, f"more than {MAX_NODES} schemas in one document")
            # Known before it is read, so that recursion ends.
            number = self._numbers[key] = len(self.nodes)
            self.nodes.append(None)
            if later:
                self._waiting.append((schema, place, number))
            else:
                self.nodes[number] = self._read(schema, place, number)
        return number

    def _read(self, schema: dict[str, Json], place: _Place, number: int) -> Node:
        name = place.draft.id
        if place.draft.is_old and "$ref" in schema:
            # Until draft 7 whatever stands beside a reference is ignored, an $id too.
            schema = {key: value for key, value in schema.items() if key == "$ref" or (key in ANNOTATIONS and key != name)}
        if isinstance(schema.get(name), str) and not schema[name].startswith("#") and not place.entered:
            place = self._in_resource(schema, place)
        self._check_keywords(schema, place)
        return _NodeReader(self, schema, place, number).node()

    def _in_resource(self, schema: dict[str, Json], place: _Place) -> _Place:
        draft = place.draft
        if "$schema" in schema:
            draft = self._draft(schema["$schema"], place.pointer + "/$schema")
        assert self._references
        resolver = self._references.below(place.resolver or self._references.root, schema, draft)
        return _Place(place.pointer, resolver, draft, place.depth, entered=True)

    def _draft(self, uri: Json, at: str) -> Draft:
        if not isinstance(uri, str):
            raise SchemaError("invalid", at, f"a URI is needed, not {kind(uri)}", keyword="$schema")
        draft = DRAFTS.get(uri.removesuffix("#").removeprefix("http://").removeprefix("https://"))
        if draft is None:
            known = ", ".join(dict.fromkeys(draft.name for draft in DRAFTS.values()))
            why = f"{uri!r} is not a draft that is known here: {known} are"
            raise SchemaError("unsupported", at, why, keyword="$schema")
        return draft

    def _check_keywords(self, schema: dict[str, Json], place: _Place) -> None:
        draft = place.draft
        for keyword in schema:
            if keyword in draft.enforced or keyword in ANNOTATIONS or keyword == draft.id:
                continue
            instead = f"; {INSTEAD[keyword]}" if keyword in INSTEAD else ""
            pointer = place.pointer + pointer_token(keyword)
            if keyword in draft.refused:
                if pointer not in self.silenced:
                    why = f"{keyword!r} is no keyword of draft {draft.name}{instead}"
                    raise SchemaError("unsupported", pointer, why, keyword=keyword)
                continue
            self.warn(SchemaWarning(pointer, f"the unknown keyword {keyword!r} is ignored{instead}"))

    def warn(self, warning: SchemaWarning) -> None:
        """Adds a warning, once."""
        if warning not in self.warnings:
            self.warnings.append(warning)

    def follow(self, keyword: str, reference: str, place: _Place) -> Literal:
        """The schema that a reference leads to."""
        assert self._references
        resolver = place.resolver or self._references.root
        look_up = {
            "$ref": self._references.look_up,
            "$dynamicRef": self._references.look_up_dynamic,
            "$recursiveRef": self._references.look_up_recursive,
        }[keyword]
        contents, resolver = look_up(resolver, reference, place.pointer)
        pointer = self._references.pointer(contents, reference)
        draft = place.draft
        if isinstance(contents, dict) and isinstance(contents.get("$schema"), str):
            draft = self._draft(contents["$schema"], pointer + "/$schema")
        return self.read(contents, _Place(pointer, resolver, draft, 0, entered=True), later=True)

    def compound(self, pointer: str, **parts: Any) -> Literal:
        """A schema that is not in the document, but follows from it."""
        self.nodes.append(Node(len(self.nodes), pointer, **parts))
        return len(self.nodes) - 1


class _NodeReader:
    """Reads the keywords of one schema."""

    def __init__(self, reader: Reader, schema: dict[str, Json], place: _Place, number: int) -> None:
        self._reader = reader
        self._place = place
        self._number = number
        enforced = place.draft.enforced
        self._silenced = frozenset(
            key for key in schema if place.pointer + pointer_token(key) in reader.silenced and key in enforced
        )
        patterns = schema.get("patternProperties")
        base = place.pointer + "/patternProperties"
        if isinstance(patterns, dict) and any(base + pointer_token(source) in reader.silenced for source in patterns):
            # Which names are additional hangs on all patterns.
            self._silenced |= {"patternProperties", "additionalProperties"}
        # `oneOf` without "only one" is `anyOf`, which says more than nothing.
        self._schema = {
            key: value for key, value in schema.items() if key in enforced and (key not in self._silenced or key == "oneOf")
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
            about_objects=(types is not None and "object" in types) or bool(schema.keys() & OBJECT_KEYWORDS),
            silenced=self._silenced,
        )

    # -- values of keywords --

    def _wrong(self, keyword: str, wanted: str) -> SchemaError:
        pointer = self._place.pointer + pointer_token(keyword)
        return SchemaError("invalid", pointer, f"{wanted} is needed, not {kind(self._schema[keyword])}", keyword=keyword)

    def _value(self, keyword: str, wanted: str, fits: Callable[[Json], bool]) -> Json:
        value = self._schema.get(keyword)
        if keyword in self._schema and not fits(value):
            raise self._wrong(keyword, wanted)
        return value

    def _count(self, keyword: str) -> int | None:
        value = self._value(keyword, "a whole number from 0 on", lambda value: _is_whole(value) and value >= 0)
        return None if value is None else int(value)

    def _text(self, keyword: str) -> str | None:
        text: str | None = self._value(keyword, "a string", lambda value: isinstance(value, str))
        return text

    def _names(self, keyword: str) -> tuple[str, ...]:
        names = self._value(keyword, "a list of property names", _is_names)
        return tuple(dict.fromkeys(names or ()))

    def _schema_at(self, keyword: str) -> Literal | None:
        if keyword not in self._schema:
            return None
        return self._reader.read(self._schema[keyword], self._place.at(keyword))

    def _schemas(self, keyword: str) -> tuple[Literal, ...]:
        options = self._value(keyword, "a non-empty list of schemas", lambda value: isinstance(value, list) and bool(value))
        return tuple(self._reader.read(option, self._place.at(keyword, n)) for n, option in enumerate(options or ()))

    def _schema_map(self, keyword: str) -> tuple[tuple[str, Literal], ...]:
        found = self._value(keyword, "an object", lambda value: isinstance(value, dict))
        pairs = (found or {}).items()
        for name, _ in pairs:
            self._check_text(name, keyword)
        return tuple((name, self._reader.read(value, self._place.at(keyword, name))) for name, value in pairs)

    def _check_text(self, text: str, keyword: str) -> None:
        if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
            pointer = self._place.pointer + pointer_token(keyword)
            raise SchemaError("unsupported", pointer, "it holds a lone surrogate, which is no text", keyword=keyword)

    # -- any value --

    def _types(self) -> frozenset[str] | None:
        if "type" not in self._schema:
            return None
        declared = self._schema["type"]
        names = declared if isinstance(declared, list) else [declared]
        known = (*TYPES, "integer")
        unknown = next((name for name in names if not isinstance(name, str) or name not in known), None)
        if unknown is not None or not names:
            why = f"a type is one of {', '.join(known)}, not {unknown!r}"
            raise SchemaError("invalid", self._place.pointer + "/type", why, keyword="type")
        return frozenset(names) - ({"integer"} if "number" in names else set())

    def _members(self) -> tuple[Members, ...]:
        found = []
        if "enum" in self._schema:
            values = self._value("enum", "a list", lambda value: isinstance(value, list))
            found.append(Members(tuple(values), self._place.pointer + "/enum"))
        if "const" in self._schema:
            found.append(Members((self._schema["const"],), self._place.pointer + "/const"))
        for members in found:
            for place, value in enumerate(members.values):
                if why := _unspeakable(value):
                    pointer = members.pointer + (f"/{place}" if members.pointer.endswith("/enum") else "")
                    keyword = members.pointer.rpartition("/")[2]
                    raise SchemaError("unsupported", pointer, why, keyword=keyword)
        return tuple(found)

    def _every(self) -> tuple[Literal, ...]:
        found = []
        for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
            reference = self._value(keyword, "a string", lambda value: isinstance(value, str))
            if reference is not None:
                found.append(self._reader.follow(keyword, reference, self._place.at(keyword)))
        return (*found, *self._schemas("allOf"))

    def _condition(self) -> tuple[Literal, Literal, Literal] | None:
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
                # There exclusiveMinimum says of minimum whether it is exclusive.
                other = "exclusive" + keyword.capitalize()
                if exclusive:
                    continue
                exclusive = bool(self._value(other, "a boolean", lambda value: isinstance(value, bool)))
            value = self._value(keyword, "a number", _is_number)
            if value is not None:
                pointer = self._place.pointer + "/" + keyword
                if why := _unspeakable(value):
                    raise SchemaError("unsupported", pointer, why, keyword=keyword)
                found.append(Bound(exact(value), sign, exclusive, pointer))
        return tuple(found)

    def _multiple_of(self) -> Fraction | None:
        value = self._value("multipleOf", "a number above 0", lambda value: _is_number(value) and value > 0)
        if value is None:
            return None
        step = exact(value)
        if step.denominator & (step.denominator - 1):
            # 4.35 / 0.01 is no integer in binary floats.
            pointer = self._place.pointer + "/multipleOf"
            why = "its multiples are meant as decimals; validators that divide binary floats reject some of them"
            self._reader.warn(SchemaWarning(pointer, why))
        return step

    def _format(self) -> str | None:
        name = self._text("format")
        if name is None or name in FORMATS:
            return name
        pointer = self._place.pointer + "/format"
        self._reader.warn(SchemaWarning(pointer, f"the format {name!r} is taken for an annotation: any string is admitted"))
        return None

    # -- arrays --

    def _array(self) -> ArrayPart:
        schema = self._schema
        prefix, items = self._schemas("prefixItems"), None
        if isinstance(schema.get("items"), list) and self._place.draft is not DRAFT_2020_12:
            prefix = self._schemas("items") if schema["items"] else ()
            items = self._schema_at("additionalItems")
        elif isinstance(schema.get("items"), list):
            why = "a list of schemas is for earlier drafts; here it is called prefixItems"
            raise SchemaError("invalid", self._place.pointer + "/items", why, keyword="items")
        else:
            items = self._schema_at("items")
        if "unevaluatedItems" in schema and self._place.draft is DRAFT_2019_09:
            why = "validators do not agree on what it means in draft 2019-09; 2020-12 is clear"
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

    def _dependencies(self) -> tuple[tuple[tuple[str, tuple[str, ...]], ...], tuple[tuple[str, Literal], ...]]:
        required: list[tuple[str, tuple[str, ...]]] = []
        schemas = list(self._schema_map("dependentSchemas"))
        for keyword in ("dependentRequired", "dependencies"):
            found = self._value(keyword, "an object", lambda value: isinstance(value, dict)) or {}
            for name, value in found.items():
                self._check_text(name, keyword)
                if keyword == "dependencies" and not isinstance(value, list):
                    schemas.append((name, self._reader.read(value, self._place.at(keyword, name))))
                elif _is_names(value):
                    required.append((name, tuple(dict.fromkeys(value))))
                else:
                    at = self._place.at(keyword, name).pointer
                    raise SchemaError(
                        "invalid", at, f"a list of property names is needed, not {kind(value)}", keyword=keyword
                    )
        return tuple(required), tuple(schemas)


_ARRAY_KEYWORDS = frozenset(
    {"items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains"}
    | {"minContains", "maxContains", "unevaluatedItems"}
)


def _plain_type(schema: dict[str, Json]) -> str | None:
    """The type of a schema that says nothing else: all such schemas are one."""
    name = schema.get("type")
    plain = isinstance(name, str) and name in _PLAIN_TYPES and all(key == "type" or key in _TEXTS for key in schema)
    return name if plain else None


_PLAIN_TYPES = frozenset({"string", "number", "integer", "boolean", "null"})
_TEXTS = frozenset({"description", "title", "default", "examples", "example", "$comment", "deprecated", "readOnly"})


def kind(value: Json) -> str:
    """What a JSON value is, with its article."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _is_number(value: Json) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and isfinite(value))


def _is_whole(value: Json) -> bool:
    return _is_number(value) and value == int(value)


def _is_names(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _unspeakable(value: Json, depth: int = 0) -> str:
    """Why a value cannot be written as JSON text; empty if it can."""
    if depth > MAX_VALUE_DEPTH:
        return f"it is nested more than {MAX_VALUE_DEPTH} deep"
    match value:
        case int() if value.bit_length() > MAX_NUMBER_BITS:
            return "a number in it is too long"
        case str() if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            return "it holds a lone surrogate, which is no text"
        case float() if not isfinite(value):
            return "it holds a number that is not finite"
        case list():
            return next((why for item in value if (why := _unspeakable(item, depth + 1))), "")
        case dict():
            pairs = (part for pair in value.items() for part in pair)
            return next((why for part in pairs if (why := _unspeakable(part, depth + 1))), "")
    return ""
