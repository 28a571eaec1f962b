"""Lists the fields of a request's schema, of OpenAI's description or of our bodies, in one notation.

`messages[].content[]<text>.text` is the field `text` of parts of the type `text`, in the contents of messages.
"""

from collections.abc import Mapping
from typing import Any

JsonObject = dict[str, Any]
Schemas = Mapping[str, JsonObject]


def fields(schemas: Schemas, name: str) -> set[str]:
    """The places of all fields of a schema, of those in them, and so on."""
    found: set[str] = set()
    _walk(schemas, schemas[name], "", found, (name,))
    return found


def _walk(schemas: Schemas, schema: JsonObject, place: str, found: set[str], inside: tuple[str, ...]) -> None:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in inside:
            _walk(schemas, schemas[name], place, found, (*inside, name))
        return
    for part in schema.get("allOf", []):
        _walk(schemas, part, place, found, inside)
    for part in (*schema.get("anyOf", []), *schema.get("oneOf", [])):
        kind = _kind(schemas, part)
        _walk(schemas, part, f"{place}<{kind}>" if kind else place, found, inside)
    for name, value in schema.get("properties", {}).items():
        at = f"{place}.{name}" if place else name
        found.add(at)
        _walk(schemas, value, at, found, inside)
    if isinstance(schema.get("items"), dict):
        _walk(schemas, schema["items"], f"{place}[]", found, inside)


def _kind(schemas: Schemas, schema: JsonObject) -> str | None:
    """The one value that the field `type` of an alternative can have."""
    if "$ref" in schema:
        return _kind(schemas, schemas[schema["$ref"].rpartition("/")[2]])
    values = schema.get("properties", {}).get("type", {}).get("enum", [])
    if len(values) == 1:
        return str(values[0])
    return next((kind for part in schema.get("allOf", []) if (kind := _kind(schemas, part))), None)
