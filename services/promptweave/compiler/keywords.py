"""JSON Schema's keywords as data (drafts 2020-12 and 7): enforced, mere annotations, or refused.

A keyword in none of the lists is unknown, which JSON Schema takes as an annotation: it is ignored and reported.
"""

TYPES = ("object", "array", "string", "number", "boolean", "null")
"""The kinds of values, in the order in which a grammar lists them. `integer` is a part of `number`."""

_EVERYWHERE = frozenset(
    {"$ref", "type", "enum", "const", "allOf", "anyOf", "oneOf", "not", "if", "then", "else"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"minLength", "maxLength", "pattern", "format"}
    | {"items", "minItems", "maxItems", "uniqueItems", "contains"}
    | {"properties", "patternProperties", "additionalProperties", "propertyNames", "required"}
    | {"minProperties", "maxProperties"}
)
_SINCE_2019 = frozenset(
    {"$dynamicRef", "prefixItems", "minContains", "maxContains", "unevaluatedItems"}
    | {"dependentRequired", "dependentSchemas", "unevaluatedProperties"}
)
_UNTIL_7 = frozenset({"additionalItems", "dependencies"})

ENFORCED: dict[str, frozenset[str]] = {"2020-12": _EVERYWHERE | _SINCE_2019, "7": _EVERYWHERE | _UNTIL_7}
"""What the grammar enforces, by draft. Exactly, or the keyword is refused where that is not possible."""

REFUSED: dict[str, frozenset[str]] = {
    "2020-12": _UNTIL_7 | {"$recursiveRef"},
    "7": frozenset({"$recursiveRef", "$dynamicRef"}),
}
"""What other drafts give a meaning that a writer may rely on, though this one does not."""

ANNOTATIONS = frozenset(
    {"$anchor", "$comment", "$defs", "$dynamicAnchor", "$id", "$recursiveAnchor", "$schema", "$vocabulary", "definitions"}
    | {"contentEncoding", "contentMediaType", "contentSchema"}
    | {"default", "deprecated", "description", "example", "examples", "readOnly", "title", "writeOnly"}
)
"""What says nothing about which values are valid."""

DRAFTS: dict[str, str] = {
    "https://json-schema.org/draft/2020-12/schema": "2020-12",
    "http://json-schema.org/draft-07/schema": "7",
    "https://json-schema.org/draft-07/schema": "7",
    "http://json-schema.org/schema": "2020-12",
}
"""`$schema` without an empty fragment → the draft."""

OBJECT_KEYWORDS = frozenset(
    {"properties", "patternProperties", "additionalProperties", "propertyNames", "required", "minProperties"}
    | {"maxProperties", "dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties"}
)
"""What shows that a schema is about objects."""
