"""JSON Schema's keywords as data (drafts 2020-12 and 7): enforced, mere annotations, or refused.

A keyword in none of the lists is unknown, which JSON Schema takes as an annotation: it is ignored and reported.
"""

ENFORCED: dict[str, frozenset[str]] = {
    "any": frozenset({"type", "enum", "const", "anyOf", "$ref"}),
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items"}),
}
"""What the grammar enforces, by the type that it speaks about."""

ANNOTATIONS = frozenset(
    {
        "$anchor",
        "$comment",
        "$defs",
        "$dynamicAnchor",
        "$recursiveAnchor",
        "$schema",
        "contentEncoding",
        "contentMediaType",
        "contentSchema",
        "default",
        "definitions",
        "deprecated",
        "description",
        "example",
        "examples",
        "readOnly",
        "title",
        "writeOnly",
    }
)
"""What says nothing about which values are valid (anchors: as long as references to them are refused)."""

REFUSED = frozenset(
    {
        "$dynamicRef",
        "$id",
        "$recursiveRef",
        "$vocabulary",
        "additionalItems",
        "allOf",
        "contains",
        "dependencies",
        "dependentRequired",
        "dependentSchemas",
        "else",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "if",
        "maxContains",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minContains",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "not",
        "oneOf",
        "pattern",
        "patternProperties",
        "prefixItems",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
        "uniqueItems",
    }
)
"""What speaks about validity and is not enforced by this version."""

TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
"""JSON Schema's types, in the order in which the grammar tries them."""
