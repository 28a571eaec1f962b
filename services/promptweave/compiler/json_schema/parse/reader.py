"""JSON Schema → nodes: reads each schema of a document once, and follows references, according to its draft."""

from collections import deque
from dataclasses import dataclass, field

from promptweave.common.json_pointer import pointer_token
from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.keywords import ANNOTATIONS, DRAFT_2020_12, DRAFTS, REPLACEMENTS, SchemaDraft
from promptweave.compiler.json_schema.parse.json_values import kind
from promptweave.compiler.json_schema.parse.location import Location, SchemaWarning
from promptweave.compiler.json_schema.parse.node import FALSE, TRUE, LiteralId, Members, Node, complement
from promptweave.compiler.json_schema.parse.node_reader import NodeReader
from promptweave.compiler.json_schema.parse.references import References
from promptweave.compiler.json_text import Json

MAX_SCHEMA_DEPTH = 100
"""Maximum nesting depth of schemas. Deeper schemas are rejected."""

MAX_NODES = 100_000


@dataclass
class Reader:
    """Reads one document. `relaxed`: pointers of keywords that are not enforced."""

    document: Json
    relaxed: frozenset[str] = frozenset()
    nodes: list[Node | None] = field(default_factory=lambda: [None, Node(TRUE, "")])
    warnings: list[SchemaWarning] = field(default_factory=list)
    _numbers: dict[tuple[int | str, str], LiteralId] = field(default_factory=dict)
    _waiting: deque[tuple[dict[str, Json], Location, LiteralId]] = field(default_factory=deque)
    _resolved: dict[LiteralId, LiteralId] = field(default_factory=dict)
    _references: References | None = None

    def root(self) -> LiteralId:
        """Read the document's root schema."""
        draft = DRAFT_2020_12
        if isinstance(self.document, dict) and "$schema" in self.document:
            draft = self._draft(self.document["$schema"], "/$schema")
        self._references = References(self.document, draft)
        number = self.read(self.document, Location("", None, draft, 0, entered=True))
        while self._waiting:
            schema, place, waiting = self._waiting.popleft()
            self.nodes[waiting] = self._read(schema, place, waiting)
        return number

    def node(self, number: LiteralId) -> Node:
        """Return a node by number, ignoring the sign."""
        node = self.nodes[abs(number)]
        assert node is not None
        return node

    def resolve(self, literal: LiteralId) -> LiteralId:
        """Return what a literal stands for: if its schema is only a reference, the target schema."""
        if literal not in self._resolved:
            seen, found = {abs(literal)}, literal
            while abs(found) > TRUE and self.node(found).is_reference:
                (target,) = self.node(found).every
                found = target if found > 0 else complement(target)
                if abs(found) in seen:
                    break
                seen.add(abs(found))
            self._resolved[literal] = found
        return self._resolved[literal]

    def read(self, schema: Json, place: Location, *, later: bool = False) -> LiteralId:
        """Return the number of a schema, reading it if it is new. `later`: queue it until everything being read is done."""
        if schema is True:
            return TRUE
        if schema is False:
            return FALSE
        if place.pointer in self.relaxed and isinstance(schema, dict):
            return self.compound(place.pointer, relaxed=frozenset({"all"}))
        if not isinstance(schema, dict):
            raise SchemaError("invalid", place.pointer, f"a schema must be an object or a boolean, not {kind(schema)}")
        if not schema:
            return TRUE
        plain = _plain_type(schema)
        key = (plain or id(schema), place.draft.name)
        number = self._numbers.get(key)
        if number is None:
            if place.depth > MAX_SCHEMA_DEPTH:
                raise SchemaError(
                    "unsupported",
                    place.pointer,
                    f"schemas nested more than {MAX_SCHEMA_DEPTH} levels deep are not supported",
                )
            if len(self.nodes) >= MAX_NODES:
                raise SchemaError(
                    "unsupported", place.pointer, f"more than {MAX_NODES} schemas in one document are not supported"
                )
            # Registered before it is read, so that recursion terminates.
            number = self._numbers[key] = LiteralId(len(self.nodes))
            self.nodes.append(None)
            if later:
                self._waiting.append((schema, place, number))
            else:
                self.nodes[number] = self._read(schema, place, number)
        return number

    def _read(self, schema: dict[str, Json], place: Location, number: LiteralId) -> Node:
        name = place.draft.id
        if place.draft.is_old and "$ref" in schema:
            # Up to draft 7, all siblings of a reference are ignored, including $id.
            schema = {key: value for key, value in schema.items() if key == "$ref" or (key in ANNOTATIONS and key != name)}
        if isinstance(schema.get(name), str) and not schema[name].startswith("#") and not place.entered:
            place = self._in_resource(schema, place)
        self._check_keywords(schema, place)
        return NodeReader(self, schema, place, number).node()

    def _in_resource(self, schema: dict[str, Json], place: Location) -> Location:
        draft = place.draft
        if "$schema" in schema:
            draft = self._draft(schema["$schema"], place.pointer + "/$schema")
        assert self._references
        resolver = self._references.below(place.resolver or self._references.root, schema, draft)
        return Location(place.pointer, resolver, draft, place.depth, entered=True)

    def _draft(self, uri: Json, at: str) -> SchemaDraft:
        if not isinstance(uri, str):
            raise SchemaError("invalid", at, f"must be a URI, not {kind(uri)}", keyword="$schema")
        draft = DRAFTS.get(uri.removesuffix("#").removeprefix("http://").removeprefix("https://"))
        if draft is None:
            known = ", ".join(dict.fromkeys(draft.name for draft in DRAFTS.values()))
            why = f"unknown draft {uri!r}; supported: {known}"
            raise SchemaError("unsupported", at, why, keyword="$schema")
        return draft

    def _check_keywords(self, schema: dict[str, Json], place: Location) -> None:
        draft = place.draft
        for keyword in schema:
            if keyword in draft.enforced or keyword in ANNOTATIONS or keyword == draft.id:
                continue
            instead = f"; {REPLACEMENTS[keyword]}" if keyword in REPLACEMENTS else ""
            pointer = place.pointer + pointer_token(keyword)
            if keyword in draft.unsupported:
                if pointer not in self.relaxed:
                    why = f"{keyword!r} is not a keyword of draft {draft.name}{instead}"
                    raise SchemaError("unsupported", pointer, why, keyword=keyword)
                continue
            self.warn(SchemaWarning(pointer, f"unknown keyword {keyword!r} is ignored{instead}"))

    def warn(self, warning: SchemaWarning) -> None:
        """Add a warning unless it is a duplicate."""
        if warning not in self.warnings:
            self.warnings.append(warning)

    def follow(self, keyword: str, reference: str, place: Location) -> LiteralId:
        """Return the target schema of a reference."""
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
        return self.read(contents, Location(pointer, resolver, draft, 0, entered=True), later=True)

    def compound(
        self,
        pointer: str,
        *,
        types: frozenset[str] | None = None,
        members: tuple[Members, ...] = (),
        some: tuple[LiteralId, ...] = (),
        about_objects: bool = False,
        relaxed: frozenset[str] = frozenset(),
    ) -> LiteralId:
        """Add a schema that is not in the document but is derived from it. The arguments are fields of its `Node`."""
        number = LiteralId(len(self.nodes))
        node = Node(number, pointer, types=types, members=members, some=some, about_objects=about_objects, relaxed=relaxed)
        self.nodes.append(node)
        return number


def _plain_type(schema: dict[str, Json]) -> str | None:
    """Return the type of a schema that specifies nothing else: all such schemas share a node."""
    name = schema.get("type")
    plain = isinstance(name, str) and name in _PLAIN_TYPES and all(key == "type" or key in _TEXTS for key in schema)
    return name if plain else None


_PLAIN_TYPES = frozenset({"string", "number", "integer", "boolean", "null"})
_TEXTS = frozenset({"description", "title", "default", "examples", "example", "$comment", "deprecated", "readOnly"})
