"""Schemas from an OpenAPI document, as self-contained JSON Schema."""

from typing import Any

COMPONENTS = "#/components/schemas/"
DATA = frozenset({"const", "enum", "default", "example", "examples"})
"""Keywords whose values are data and contain no schemas."""


def whole(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the document, or what it refers to."""
    while "$ref" in part:
        found: Any = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")]
        part = found
    return part


def self_contained(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with everything that it refers to in `$defs`; without titles, which only repeat names and cost
    prompt tokens."""
    known = document.get("components", {}).get("schemas", {})
    old = document.get("openapi", "").startswith("3.0")
    needed: dict[str, Any] = {}

    def rewritten(part: Any) -> Any:
        if isinstance(part, list):
            return [rewritten(each) for each in part]
        if not isinstance(part, dict):
            return part
        made: dict[str, Any] = {}
        for key, value in part.items():
            if key == "$ref" and isinstance(value, str) and value.startswith(COMPONENTS):
                name = value.removeprefix(COMPONENTS)
                if name not in needed:
                    needed[name] = None
                    needed[name] = rewritten(known[name])
                made[key] = f"#/$defs/{name}"
            elif key in ("properties", "$defs", "definitions", "patternProperties") and isinstance(value, dict):
                made[key] = {name: rewritten(each) for name, each in value.items()}
            elif key in DATA:
                made[key] = value
            elif not (key == "title" and isinstance(value, str)):
                made[key] = rewritten(value)
        # OpenAPI 3.0 has its own keyword for null.
        return {"anyOf": [made, {"type": "null"}]} if old and made.pop("nullable", False) else made

    result: dict[str, Any] = rewritten(schema)
    if needed:
        result["$defs"] = {**result.get("$defs", {}), **needed}
    if old:
        result["$schema"] = "http://json-schema.org/draft-04/schema#"
    return result
