"""Fields of other servers of OpenAI's API (vLLM, SGLang, Ollama) → the fields of a chat request that mean the same.

| field                                                     | becomes                                          |
|-----------------------------------------------------------|--------------------------------------------------|
| `guided_json`, `json_schema`; `structured_outputs.json`   | `response_format` with the schema                |
| `guided_regex`, `regex`; `structured_outputs.regex`       | `response_format` with the regular expression    |
| `guided_choice`; `structured_outputs.choice`              | ... with one that matches the texts              |
| `guided_grammar`, `ebnf`; `structured_outputs.grammar`    | `response_format` with the grammar, GBNF or Lark |
| `format`; `structured_outputs.json_object`                | `response_format`: the schema, or any object     |
| `think`, `enable_thinking`                                | `reasoning.enabled` or `reasoning_effort`        |
| `extra_body`, which OpenAI's own client would have merged | the fields in it                                 |
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from promptweave.common.json_object import JsonObject
from promptweave.facade.bodies.body import read_body
from promptweave.facade.bodies.error_paths import error_paths
from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.errors import RequestError, to_param
from promptweave.facade.openai.chat.request.body import ChatBody

Kind = TypeVar("Kind")

_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}/]")
"""The characters that a regular expression does not take as they are."""


@dataclass(frozen=True)
class _Constraint:
    """What the answer must comply with, and the position that says so."""

    path: str
    format: JsonObject


def with_own_fields(body: ChatBody, places: SourceMap) -> ChatBody:
    """Return the request with promptweave's own fields. Raises RequestError for two constraints, or a wrong type.

    `places`: records the origins of the fields, and has those of the body.
    """
    if not (body.model_extra or {}).keys() & FOREIGN_FIELDS:
        return body
    fields: JsonObject = body.model_dump(by_alias=True, exclude_unset=True)
    with error_paths(places.original):
        _merge_extra_body(fields, places)
        constraints = [*_constraints(fields)]
        if len(constraints) > 1:
            first, second, *_ = (to_param(places.original(each.path)) for each in constraints)
            raise RequestError(f"{second}: cannot be combined with {first}; send one of them", path=constraints[1].path)
        for constraint in constraints:
            if constraint.format is not fields.get("response_format"):
                _constrain(fields, constraint, places)
        for name in ("think", "enable_thinking"):
            _toggle_reasoning(fields, name, places)
        for name in FOREIGN_FIELDS - {"structured_outputs"}:
            fields.pop(name, None)
        return read_body(type(body), fields)


def _merge_extra_body(fields: JsonObject, places: SourceMap) -> None:
    """Move the fields that are in `extra_body` to the request, unless it has them itself."""
    for name, value in _typed(fields.get("extra_body", {}), dict, "/extra_body", "a JSON object").items():
        if fields.get(name) is None:
            fields[name] = value
            places.add(f"/{name}", Origin(f"/extra_body/{name}"))


# -- constraints --


def _constraints(fields: JsonObject) -> Iterator[_Constraint]:
    """Yield the constraints of the answer, the request's own first."""
    wanted = fields.get("response_format") or {}
    if wanted.get("type", "text") != "text":
        yield _Constraint("/response_format", wanted)
    if "grammar" in fields:
        yield _Constraint("/grammar", fields["grammar"])
    yield from _constraints_of(fields, _CONSTRAINTS, "")
    structured = _typed(fields.get("structured_outputs") or {}, dict, "/structured_outputs", "a JSON object")
    yield from _constraints_of(structured, _STRUCTURED, "/structured_outputs")


def _constraints_of(
    fields: JsonObject, known: Mapping[str, Callable[[Any, str], JsonObject | None]], path: str
) -> Iterator[_Constraint]:
    for name, convert in known.items():
        if fields.get(name) is not None and (wanted := convert(fields[name], f"{path}/{name}")):
            yield _Constraint(f"{path}/{name}", wanted)


def _constrain(fields: JsonObject, constraint: _Constraint, places: SourceMap) -> None:
    if constraint.path == "/grammar":
        return
    origin = places.original(constraint.path)
    fields["response_format"] = constraint.format
    places.add("/response_format", Origin(origin, whole=True))
    places.add("/response_format/schema", Origin(origin))


def _schema(value: Any, path: str) -> JsonObject:
    """Return the format of a schema, which may be JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise RequestError(f"{to_param(path)}: not valid JSON: {error}", path=path) from None
    if not isinstance(value, dict | bool):
        raise RequestError(f"{to_param(path)}: must be a JSON Schema", path=path)
    return {"type": "json_schema", "schema": value}


def _regex(value: Any, path: str) -> JsonObject:
    return {"type": "regex", "pattern": _typed(value, str, path, "a string")}


def _choice(value: Any, path: str) -> JsonObject:
    texts = _typed(value, list, path, "a list of strings")
    if not texts or not all(isinstance(text, str) for text in texts):
        raise RequestError(f"{to_param(path)}: must be a list of strings, at least one", path=path)
    return {"type": "regex", "pattern": "|".join(_SPECIAL.sub(r"\\\g<0>", text) for text in texts)}


def _grammar(value: Any, path: str) -> JsonObject:
    """Return the format of a grammar. As in vLLM, it is Lark's notation unless a rule has `::=`."""
    text = _typed(value, str, path, "a string")
    syntax = "gbnf" if "::=" in text else "lark"
    return {"type": "grammar", "grammar": {"syntax": syntax, "definition": text}}


def _json_object(value: Any, path: str) -> JsonObject | None:
    return {"type": "json_object"} if _typed(value, bool, path, "a boolean") else None


def _ollama_format(value: Any, path: str) -> JsonObject | None:
    """Return the format that Ollama's `format` requests: `json`, a schema, or "" for any text."""
    if value == "json":
        return {"type": "json_object"}
    if value == "":
        return None
    if not isinstance(value, dict):
        raise RequestError(f"{to_param(path)}: must be 'json' or a JSON Schema", path=path)
    return _schema(value, path)


_CONSTRAINTS: Mapping[str, Callable[[Any, str], JsonObject | None]] = {
    "guided_json": _schema,
    "guided_regex": _regex,
    "guided_choice": _choice,
    "guided_grammar": _grammar,
    "json_schema": _schema,
    "regex": _regex,
    "ebnf": _grammar,
    "format": _ollama_format,
}
"""Field → its conversion to a `response_format`; None: it requests nothing."""

_STRUCTURED: Mapping[str, Callable[[Any, str], JsonObject | None]] = {
    "json": _schema,
    "regex": _regex,
    "choice": _choice,
    "grammar": _grammar,
    "json_object": _json_object,
}
"""The same for the fields of vLLM's `structured_outputs`."""

FOREIGN_FIELDS = frozenset({*_CONSTRAINTS, "structured_outputs", "think", "enable_thinking", "extra_body"})


# -- reasoning --


def _toggle_reasoning(fields: JsonObject, name: str, places: SourceMap) -> None:
    """Convert a field that turns reasoning on or off; `think` may also be an effort."""
    value = fields.get(name)
    path = f"/{name}"
    if name == "think" and isinstance(value, str):
        fields.setdefault("reasoning_effort", value)
        places.add("/reasoning_effort", Origin(places.original(path), whole=True))
    elif value is not None:
        enabled = _typed(value, bool, path, "a boolean")
        fields["reasoning"] = {"enabled": enabled, **(fields.get("reasoning") or {})}
        places.add("/reasoning/enabled", Origin(places.original(path), whole=True))


def _typed(value: Any, kind: type[Kind], path: str, what: str) -> Kind:
    if not isinstance(value, kind):
        raise RequestError(f"{to_param(path)}: must be {what}", path=path)
    return value
