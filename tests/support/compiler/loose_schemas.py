"""Tool schemas of the kinds that MCP servers publish: each has a part that says little, or much, about its values."""

from typing import Any

Schema = dict[str, Any]


def _object(properties: Schema, *required: str, **more: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), **more}


_TEXT: Schema = {"type": "string"}
_RICH_TEXT = {"type": "array", "items": _object({"content": _TEXT, "link": {"type": ["string", "null"]}}, "content")}
_PAGE = _object({"page_id": _TEXT, "type": {"enum": ["page_id"]}}, "page_id", "type")
_DATABASE = _object({"database_id": _TEXT, "type": {"enum": ["database_id"]}}, "database_id", "type")
_FILTER: Schema = {
    "anyOf": [
        _object({"and": {"type": "array", "items": {"$ref": "#/$defs/filter"}}}, "and"),
        _object({"field": _TEXT, "equals": {}}, "field"),
    ]
}

VALUES: dict[str, Schema] = {
    "anything": {},
    "described": {"description": "The new value"},
    "text-or-number": {"type": ["string", "number"]},
    "text-or-integer": {"anyOf": [{"type": "integer", "minimum": 0}, _TEXT]},
    "text-or-list": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]},
    "text-or-object": {"anyOf": [_TEXT, _object({"id": {"type": "integer"}}, "id")]},
    "text-list-or-null": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}, {"type": "null"}], "default": None},
    "scalar": {"type": ["string", "number", "boolean", "null"]},
    "perhaps-text": {"type": ["string", "null"]},
    "perhaps-number": {"anyOf": [{"type": "number"}, {"type": "null"}]},
    "date-or-offset": {"anyOf": [{"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"}, {"type": "integer"}]},
    "pattern-or-object": {"anyOf": [{"type": "string", "pattern": "^[a-z{]+$"}, _object({"text": _TEXT}, "text")]},
    "auto-or-number": {"anyOf": [{"enum": ["auto", "max"]}, {"type": "integer"}]},
    "mixed-enum": {"enum": ["1", 1, "two", None]},
    "free-object": {"type": "object"},
    "open-object": {"type": "object", "additionalProperties": True},
    "passthrough": _object({"name": _TEXT}, "name", additionalProperties={}),
    "map-of-text": {"type": "object", "additionalProperties": _TEXT},
    "named-map": {"type": "object", "additionalProperties": {"type": "number"}, "propertyNames": {"type": "string"}},
    "list-of-anything": {"type": "array"},
    "list-of-objects": {"type": "array", "items": {"type": "object"}},
    "list-of-text-or-numbers": {"type": "array", "items": {"type": ["string", "number"]}},
    "list-of-unique": {"type": "array", "items": _TEXT, "uniqueItems": True},
    "tuple": {"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}], "minItems": 2, "maxItems": 2},
    "parent": {"anyOf": [_PAGE, _DATABASE]},
    "one-parent": {"oneOf": [_PAGE, _DATABASE]},
    "rich-text": _object({"title": _RICH_TEXT, "children": {"type": "array", "items": {"type": "object"}}}, "title"),
    "filter": {"$ref": "#/$defs/filter"},
    "json-value": {"$ref": "#/$defs/json"},
    "password": {"type": "string", "minLength": 2, "pattern": "^(?=.*[a-z])(?=.*[0-9]).+$"},
    "backreference": {"type": "string", "pattern": "^(a+)b\\1$"},
    "counted-map": {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
}
"""Schemas of one parameter."""

_DEFS = {"filter": _FILTER, "json": {}}

_BOTH = {"id": {"type": "integer"}, "name": _TEXT}
_IN_BRANCHES = [_object({"id": {"type": "integer"}}, "id"), _object({"name": _TEXT}, "name")]

TOOLS: dict[str, Schema] = {
    "no-type": {"properties": {"a": _TEXT}},
    "free": {"type": "object", "additionalProperties": True},
    "free-text": {"type": "object", "additionalProperties": _TEXT, "minProperties": 1},
    "passthrough": _object(_BOTH, "name", additionalProperties=True),
    "passthrough-text": _object(_BOTH, "name", additionalProperties=_TEXT),
    "names-are-text": _object(_BOTH, "name", propertyNames={"type": "string"}),
    "undeclared-required": _object(_BOTH, "id", "reason"),
    "any-of-required": _object(_BOTH, anyOf=[{"required": ["id"]}, {"required": ["name"]}]),
    "one-of-required": _object(_BOTH, oneOf=[{"required": ["id"]}, {"required": ["name"]}]),
    "branches": {"type": "object", "anyOf": _IN_BRANCHES},
    "one-branch": {"oneOf": _IN_BRANCHES},
    "all-of": {"allOf": _IN_BRANCHES},
    "dependent": _object({**_BOTH, "why": _TEXT}, dependentRequired={"id": ["why"]}),
    "not-both": _object(_BOTH, **{"not": {"required": ["id", "name"]}}),
    "some": _object(_BOTH, minProperties=1),
    "at-most-one": _object(_BOTH, maxProperties=1),
    "reference": {"$ref": "#/$defs/A", "$defs": {"A": _object(_BOTH, "id")}},
    "discriminated": {
        "type": "object",
        "oneOf": [
            _object({"action": {"const": "create"}, "title": _TEXT}, "action", "title"),
            _object({"action": {"const": "delete"}, "id": {"type": "integer"}}, "action", "id"),
        ],
    },
    "conditional": _object(
        {"kind": {"enum": ["a", "b"]}, "x": _TEXT},
        "kind",
        **{"if": {"properties": {"kind": {"const": "a"}}}},
        then={"required": ["x"]},
    ),
    "patterns": {"type": "object", "patternProperties": {"^x-": _TEXT}, "additionalProperties": False},
    "odd-names": _object({"$filter": _TEXT, "filter[state]": _TEXT, "x y": {}, "日本": _TEXT, "@type": {"type": "integer"}}),
    "syntax-in-names": _object({"a>b": {"type": "integer"}, '"q"': _TEXT, "": _TEXT}),
}
"""Schemas of all parameters of a tool."""


def parameters(value: Schema, *, required: bool = True) -> Schema:
    """Return the parameters of a tool, one of which is `value`."""
    properties = {"path": _TEXT, "value": value, "limit": {"type": "integer"}}
    return _object(properties, "path", *(["value"] if required else []), **{"$defs": _DEFS})


ALL: dict[str, Schema] = {
    **{f"value-{name}": parameters(value) for name, value in VALUES.items()},
    **{f"tool-{name}": schema for name, schema in TOOLS.items()},
}
"""Parameters of tools, by the kind of their loose part."""
