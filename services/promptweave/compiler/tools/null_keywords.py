"""Keywords of a tool's schema that are null, as some generators write those that are absent: they are left out."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from promptweave.common.json_pointer import pointer_token
from promptweave.compiler.json_schema.keywords import ANNOTATIONS, assertions
from promptweave.compiler.request import Tool
from promptweave.compiler.warnings import CompileWarning

_VALUES = frozenset({"const", "default", "enum", "example", "examples"})
"""Keywords that hold values, in which null means null."""
_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
"""Keywords that hold schemas by name."""
_KEPT = frozenset({"const", "default", "example"})


def without_null_keywords(tool: Tool, pointer: str) -> tuple[Tool, list[CompileWarning]]:
    """Return a tool without such keywords, and a warning for each. A strict tool remains as it is."""
    if tool.strict or ": None" not in tool.key:
        return tool, []
    parameters = _cleaned(tool.parameters)
    warnings = []
    for at in _nulls(tool.parameters, ""):
        why = f"{tool.name!r}: {at.rpartition('/')[2]} is null, which counts as absent"
        warnings.append(CompileWarning("keyword_note", f"{pointer}/function/parameters{at}", why))
    return replace(tool, parameters=parameters) if warnings else tool, warnings


def _is_null(key: str, value: Any, schema: Mapping[str, Any]) -> bool:
    return value is None and key not in _KEPT and key in assertions(schema) | ANNOTATIONS


def _nulls(schema: Any, at: str) -> Iterator[str]:
    """Yield the pointers of keywords that are null."""
    if isinstance(schema, list):
        for place, part in enumerate(schema):
            yield from _nulls(part, f"{at}/{place}")
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        here = at + pointer_token(key)
        if _is_null(key, value, schema):
            yield here
        elif key in _MAPS and isinstance(value, dict):
            for name, part in value.items():
                yield from _nulls(part, here + pointer_token(name))
        elif key not in _VALUES:
            yield from _nulls(value, here)


def _cleaned(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_cleaned(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    cleaned = {}
    for key, value in schema.items():
        if _is_null(key, value, schema):
            continue
        if key in _MAPS and isinstance(value, dict):
            cleaned[key] = {name: _cleaned(part) for name, part in value.items()}
        else:
            cleaned[key] = value if key in _VALUES else _cleaned(value)
    return cleaned
