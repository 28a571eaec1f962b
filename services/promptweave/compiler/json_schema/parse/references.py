"""Resolves references with the `referencing` library: only within the document, never over the network."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from jsonschema_specifications import REGISTRY
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT4, DRAFT6, DRAFT7, DRAFT201909, DRAFT202012

from promptweave.common.json_pointer import pointer_token
from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema import keywords
from promptweave.compiler.json_schema.keywords import SchemaDraft
from promptweave.compiler.json_text import Json

Resolver = Any
"""referencing's resolver, which knows the base URI."""

METASCHEMA = "https://json-schema.org/draft/2020-12/schema"
_VOCABULARIES = "https://json-schema.org/draft/2020-12/meta/"
_OF_METASCHEMA = (METASCHEMA, _VOCABULARIES)
_SPECIFICATIONS = {
    keywords.DRAFT_4: DRAFT4,
    keywords.DRAFT_6: DRAFT6,
    keywords.DRAFT_7: DRAFT7,
    keywords.DRAFT_2019_09: DRAFT201909,
    keywords.DRAFT_2020_12: DRAFT202012,
}


class References:
    """The references of one document."""

    def __init__(self, document: Json, draft: SchemaDraft) -> None:
        self._document = document
        self._draft = draft
        self._root: Resolver = None
        self._pointers: dict[int, str] = {}
        self._enters_vocabulary = False

    @property
    def root(self) -> Resolver:
        """Return the resolver at the document's root, created when first needed."""
        if self._root is None:
            resource = _SPECIFICATIONS[self._draft].create_resource(self._document)
            try:
                self._root = REGISTRY.resolver_with_root(resource)
            except (ValueError, TypeError, AttributeError, KeyError) as error:
                raise SchemaError("invalid", "", f"malformed identifiers or anchors: {error}") from None
        return self._root

    def below(self, resolver: Resolver, schema: dict[str, Json], draft: SchemaDraft) -> Resolver:
        """Return the resolver inside a schema with its own `$id`."""
        return resolver.in_subresource(_SPECIFICATIONS[draft].create_resource(schema))

    def look_up(self, resolver: Resolver, reference: str, at: str) -> tuple[Json, Resolver]:
        """Return the target schema of a reference, and the resolver there."""
        keyword = at.rpartition("/")[2]
        self._enters_vocabulary |= reference.startswith(_VOCABULARIES)
        try:
            found = resolver.lookup(reference)
        except (Unresolvable, LookupError, ValueError, TypeError, AttributeError) as error:
            full = getattr(error, "ref", reference) or reference
            if reference.startswith("#"):
                raise SchemaError("invalid", at, f"{reference!r} does not exist", keyword=keyword) from None
            why = f"{full!r} is in another document; remote references are not fetched, so copy it into $defs"
            raise SchemaError("unsupported", at, why, keyword=keyword) from None
        return found.contents, found.resolver

    def look_up_dynamic(self, resolver: Resolver, reference: str, at: str) -> tuple[Json, Resolver]:
        """Resolve a `$dynamicRef`, provided that its target does not depend on the dynamic scope."""
        contents, there = self.look_up(resolver, reference, at)
        name = reference.rpartition("#")[2]
        if not (isinstance(contents, dict) and name and contents.get("$dynamicAnchor") == name):
            return contents, there
        holders = list(self._dynamic_anchors(name))
        # The root is the outermost scope of every path: its anchors take precedence.
        in_root = [holder for holder in holders if holder[2]]
        if len(holders) == 1 or in_root:
            found, inner, _ = (in_root or holders)[0]
            return found, inner
        if not holders and not self._enters_vocabulary and str(contents.get("$id", "")).startswith(_OF_METASCHEMA):
            return self.look_up(resolver, METASCHEMA, at)
        why = f"{reference!r} resolves to different schemas depending on the path to it"
        raise SchemaError("unsupported", at, why, keyword="$dynamicRef")

    def look_up_recursive(self, resolver: Resolver, reference: str, at: str) -> tuple[Json, Resolver]:
        """Resolve a `$recursiveRef`: to the document, provided that it is a single resource."""
        contents, there = self.look_up(resolver, reference, at)
        if contents is not self._document or not self._is_one_resource:
            why = f"{reference!r} may resolve to different schemas depending on the path to it; use $ref"
            raise SchemaError("unsupported", at, why, keyword="$recursiveRef")
        return contents, there

    @cached_property
    def _is_one_resource(self) -> bool:
        """Return whether no schema inside the document has its own `$id`."""
        waiting = [self._document]
        while waiting:
            schema = waiting.pop()
            if isinstance(schema, dict) and "$id" in schema and schema is not self._document:
                return False
            inner = _SPECIFICATIONS[self._draft].create_resource(schema).subresources()
            waiting += [each.contents for each in inner]
        return True

    def _dynamic_anchors(self, name: str) -> Iterator[tuple[Json, Resolver, bool]]:
        """Yield the schemas with this `$dynamicAnchor`, their resolvers, and whether they belong to the root resource."""
        waiting = [(self._document, self.root, True)]
        while waiting:
            schema, resolver, in_root = waiting.pop()
            if isinstance(schema, dict):
                if isinstance(schema.get("$id"), str) and schema is not self._document:
                    resolver, in_root = self.below(resolver, schema, self._draft), False
                if schema.get("$dynamicAnchor") == name:
                    yield schema, resolver, in_root
            inner = _SPECIFICATIONS[self._draft].create_resource(schema).subresources()
            waiting += reversed([(each.contents, resolver, in_root) for each in inner])

    def pointer(self, schema: Json, reference: str) -> str:
        """Return the JSON pointer of a schema in the document; for a schema of another document, its reference."""
        if not self._pointers:
            self._index(self._document)
        return self._pointers.get(id(schema), reference)

    def _index(self, document: Json) -> None:
        waiting: list[tuple[Json, str]] = [(document, "")]
        while waiting:
            value, pointer = waiting.pop()
            if isinstance(value, dict | list):
                self._pointers.setdefault(id(value), pointer)
                pairs = value.items() if isinstance(value, dict) else enumerate(value)
                waiting.extend((inner, pointer + pointer_token(key)) for key, inner in pairs)
