"""Tools as text, for styles that show them when the template does not: as JSON Schema, or as TypeScript.

TypeScript is a notation in which many models have seen functions, and it costs fewer tokens:

    namespace functions {
    // Get the weather
    type get_weather = (_: {
      // The city
      city: string,
      unit?: "celsius" | "fahrenheit",
    }) => any;
    }
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from promptweave.common.json_pointer import pointer_keys
from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.logic.object_shape import object_shape
from promptweave.compiler.json_text import dumps
from promptweave.compiler.request import SchemaStyle, Tool

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_TYPES = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean", "null": "null"}


def tools_as_text(tools: Sequence[Tool], schemas: SchemaStyle) -> str:
    """Return the text of the tools, one after the other."""
    if schemas is SchemaStyle.TYPESCRIPT:
        return _signatures(tools)
    return "\n".join(dumps(tool.as_openai()["function"]) for tool in tools)


def with_description(tool: dict[str, Any]) -> dict[str, Any]:
    """Return a tool in OpenAI's format, with an empty description if it has none, which some templates require."""
    function = tool["function"]
    return {**tool, "function": {"name": function["name"], "description": "", **function}}


def with_required_descriptions(tool: dict[str, Any]) -> dict[str, Any]:
    """Return a tool in OpenAI's format, with the type and description of every argument that some templates require."""
    function = tool["function"]
    parameters = function["parameters"] if isinstance(function["parameters"], dict) else {}
    properties = {
        name: {"type": "string" if "enum" in value else "object", "description": "", **value}
        for name, value in parameters.get("properties", {}).items()
        if isinstance(value, dict)
    }
    return {**tool, "function": {**function, "parameters": {"type": "object", **parameters, "properties": properties}}}


def with_declared_properties(tool: Tool) -> Tool:
    """Return a tool whose parameters have `properties`, which some templates require: those that their parts declare."""
    if not isinstance(tool.parameters, dict) or "properties" in tool.parameters:
        return tool
    try:
        properties = dict(object_shape(tool.parameters, tool.parameters).properties)
    except SchemaError:
        properties = {}
    return replace(tool, parameters={**tool.parameters, "properties": properties})


def _signatures(tools: Sequence[Tool]) -> str:
    lines = ["namespace functions {"]
    # One namespace for all: a type never has the name of a function, or of another function's type.
    taken = {tool.name for tool in tools}
    for tool in tools:
        types = _Types(tool.parameters, taken)
        body = types.write(tool.parameters, "")
        lines += [f"type {name} = {text};" for name, text in types.named.items()]
        lines += _comment(tool.description, "")
        lines.append(f"type {tool.name} = (_: {body}) => any;")
    return "\n".join([*lines, "}"])


def _comment(text: object, indent: str) -> list[str]:
    return [f"{indent}// {line}" for line in str(text or "").splitlines()]


class _Types:
    """Prints the types of one schema. Targets of references get a name, so that recursion ends."""

    def __init__(self, document: Any, taken: set[str]) -> None:
        self._document = document
        self._taken = taken
        self._names: dict[str, str] = {}
        self.named: dict[str, str] = {}

    def write(self, schema: Any, indent: str) -> str:
        if not isinstance(schema, dict):
            return "never" if schema is False else "any"
        if isinstance(schema.get("$ref"), str):
            return self._reference(schema["$ref"])
        if "enum" in schema or "const" in schema:
            members = schema["enum"] if "enum" in schema else [schema["const"]]
            return " | ".join(dumps(member) for member in members) or "never"
        for key in ("anyOf", "oneOf"):
            if schema.get(key):
                return " | ".join(dict.fromkeys(self.write(option, indent) for option in schema[key]))
        declared = schema.get("type", "object" if "properties" in schema else None)
        names = declared if isinstance(declared, list) else [declared]
        return " | ".join(dict.fromkeys(self._type(name, schema, indent) for name in names))

    def _type(self, name: str | None, schema: dict[str, Any], indent: str) -> str:
        if name == "object":
            return self._object(schema, indent)
        if name == "array":
            item = self.write(schema.get("items", True), indent)
            return f"Array<{item}>"
        return _TYPES.get(name or "", "any")

    def _object(self, schema: dict[str, Any], indent: str) -> str:
        lines = list(self._members(schema, indent + "  "))
        return "{\n" + "\n".join(lines) + f"\n{indent}}}" if lines else "{}"

    def _members(self, schema: dict[str, Any], indent: str) -> Iterator[str]:
        required = schema.get("required", [])
        for name, value in schema.get("properties", {}).items():
            yield from _comment(value.get("description") if isinstance(value, dict) else None, indent)
            key = name if _IDENTIFIER.fullmatch(name) else dumps(name)
            yield f"{indent}{key}{'' if name in required else '?'}: {self.write(value, indent)},"
        if schema.get("additionalProperties") not in (None, False):
            yield f"{indent}[key: string]: {self.write(schema['additionalProperties'], indent)},"

    def _reference(self, target: str) -> str:
        if target not in self._names:
            name = self._names[target] = self._new_name(target)
            schema = self._document
            for key in pointer_keys(target):
                schema = schema.get(key, True) if isinstance(schema, dict) else True
            self.named[name] = self.write(schema, "")
        return self._names[target]

    def _new_name(self, target: str) -> str:
        base = re.sub(r"\W", "_", target.lstrip("#").rpartition("/")[2]) or "Root"
        name = base = f"_{base}" if base[0].isdigit() else base
        number = 1
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name)
        return name
