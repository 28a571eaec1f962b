"""Functions of the Berkeley Function Calling Leaderboard (BFCL) as tools of OpenAI's API.

BFCL writes schemas with the types of Python (`dict`, `float`, `tuple`). They become those of JSON Schema, names lose their
dots, and descriptions get the additions of BFCL's own handler for OpenAI's API, so that figures are comparable.
"""

from typing import Any

Json = dict[str, Any]

_TYPES = {"float": "number", "tuple": "array", "dict": "object"}
_STANDARD = {"string", "number", "integer", "boolean", "array", "object"}
_LANGUAGE = " Note that the provided function is in Python 3 syntax."
_FLOAT = " This is a float type value."


def as_tool(function: Json) -> Json:
    """Return a function of BFCL as a tool."""
    parameters = {**as_json_schema(function["parameters"]), "type": "object"}
    parameters.setdefault("properties", {})
    converted = {
        **function,
        "name": as_tool_name(function["name"]),
        "description": function["description"] + _LANGUAGE,
        "parameters": parameters,
    }
    return {"type": "function", "function": converted}


def as_tool_name(name: str) -> str:
    """Return a name without dots, which OpenAI's API does not accept."""
    return name.replace(".", "_")


def as_json_schema(schema: Json) -> Json:
    """Return a schema with the types of JSON Schema. As in BFCL, a type that is unknown or missing becomes `string`."""
    converted = {**schema, "type": _as_type(schema.get("type"))}
    if "properties" in schema:
        converted["properties"] = {name: _as_property(value) for name, value in schema["properties"].items()}
    if "items" in schema:
        converted["items"] = as_json_schema(schema["items"])
    return converted


def _as_property(schema: Json) -> Json:
    converted = as_json_schema(schema)
    if schema.get("type") == "float":
        converted |= {"format": "float", "description": schema.get("description", "") + _FLOAT}
    return converted


def _as_type(name: str | None) -> str:
    known = _TYPES.get(name or "", name)
    return known if known in _STANDARD else "string"
