"""JSON Schema's keywords as data, by draft: enforced, annotations only, or rejected.

A keyword in none of the lists is unknown. JSON Schema treats it as an annotation, so it is ignored and reported.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TYPES = ("object", "array", "string", "number", "boolean", "null")
"""The kinds of values, in the order in which a grammar lists them. `integer` is a subset of `number`."""

_IN_4 = frozenset(
    {"$ref", "type", "enum", "allOf", "anyOf", "oneOf", "not"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"minLength", "maxLength", "pattern", "format"}
    | {"items", "minItems", "maxItems", "uniqueItems"}
    | {"properties", "patternProperties", "additionalProperties", "required", "minProperties", "maxProperties"}
)
_SINCE_6 = frozenset({"const", "contains", "propertyNames"})
_SINCE_7 = frozenset({"if", "then", "else"})
_SINCE_2019 = frozenset(
    {"minContains", "maxContains", "unevaluatedItems", "dependentRequired", "dependentSchemas", "unevaluatedProperties"}
)
_UNTIL_7 = frozenset({"dependencies"})
_UNTIL_2019 = frozenset({"additionalItems"})
_IN_2019 = frozenset({"$recursiveRef"})
_IN_2020 = frozenset({"$dynamicRef", "prefixItems"})
_ALL = _IN_4 | _SINCE_6 | _SINCE_7 | _SINCE_2019 | _UNTIL_7 | _UNTIL_2019 | _IN_2019 | _IN_2020


@dataclass(frozen=True, slots=True, eq=False)
class SchemaDraft:
    """A version of JSON Schema.

    name        as it appears in messages
    enforced    keywords that the grammar enforces exactly; they are rejected if that is not possible
    id          the keyword that identifies a schema
    """

    name: str
    enforced: frozenset[str]
    id: str = "$id"

    @property
    def unsupported(self) -> frozenset[str]:
        """Return the keywords that other drafts define, but not this one: a schema's author may rely on them."""
        return _ALL - self.enforced

    @property
    def is_old(self) -> bool:
        """Return whether the siblings of a `$ref` are ignored."""
        return "dependencies" in self.enforced


DRAFT_4 = SchemaDraft("4", _IN_4 | _UNTIL_7 | _UNTIL_2019, "id")
DRAFT_6 = SchemaDraft("6", DRAFT_4.enforced | _SINCE_6)
DRAFT_7 = SchemaDraft("7", DRAFT_6.enforced | _SINCE_7)
DRAFT_2019_09 = SchemaDraft("2019-09", _IN_4 | _SINCE_6 | _SINCE_7 | _SINCE_2019 | _UNTIL_2019 | _IN_2019)
DRAFT_2020_12 = SchemaDraft("2020-12", _IN_4 | _SINCE_6 | _SINCE_7 | _SINCE_2019 | _IN_2020)

DRAFTS: dict[str, SchemaDraft] = {
    "json-schema.org/draft/2020-12/schema": DRAFT_2020_12,
    "json-schema.org/draft/2019-09/schema": DRAFT_2019_09,
    "json-schema.org/draft-07/schema": DRAFT_7,
    "json-schema.org/draft-06/schema": DRAFT_6,
    "json-schema.org/draft-04/schema": DRAFT_4,
    "json-schema.org/schema": DRAFT_2020_12,
}
"""Maps `$schema`, without its scheme and an empty fragment, to the draft."""

REPLACEMENTS: dict[str, str] = {
    "additionalItems": "use prefixItems for the first items and items for the rest",
    "dependencies": "use dependentRequired or dependentSchemas",
    "nullable": "null is not allowed: use a type array that includes null",
}
"""What to use instead of keywords of other drafts, or of OpenAPI."""

ANNOTATIONS = frozenset(
    {"$anchor", "$comment", "$defs", "$dynamicAnchor", "$id", "$recursiveAnchor", "$schema", "$vocabulary", "definitions"}
    | {"contentEncoding", "contentMediaType", "contentSchema"}
    | {"default", "deprecated", "description", "example", "examples", "readOnly", "title", "writeOnly"}
)
"""Keywords that do not affect which values are valid."""


def assertions(schema: Mapping[str, Any]) -> set[str]:
    """Return the keywords of a schema that may, in some draft, affect which values are valid."""
    return schema.keys() & _ALL


OBJECT_KEYWORDS = frozenset(
    {"properties", "patternProperties", "additionalProperties", "propertyNames", "required", "minProperties"}
    | {"maxProperties", "dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties"}
)
"""Keywords that indicate that a schema is about objects."""
