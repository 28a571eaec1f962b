"""OpenAI's OpenAPI description of its API, if present: `shared/corpus/openai-openapi.json`."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import referencing
from referencing.jsonschema import DRAFT202012

DESCRIPTION = Path(__file__).parents[4] / "shared" / "corpus" / "openai-openapi.json"
described = pytest.mark.skipif(not DESCRIPTION.exists(), reason="shared/corpus/openai-openapi.json is not here")

JsonObject = dict[str, Any]


@cache
def document() -> JsonObject:
    """The whole of it."""
    found: JsonObject = json.loads(DESCRIPTION.read_text())
    return found


def schema(name: str) -> JsonObject:
    """One of its schemas, as it is written."""
    found: JsonObject = document()["components"]["schemas"][name]
    return found


def check(name: str, value: Any) -> None:
    """Raises jsonschema.ValidationError."""
    _validator(name).validate(value)


def check_event(event: Mapping[str, Any]) -> None:
    """An event of a response's stream, against the schema of its own type: that of all would not say what is wrong."""
    check(_events()[event["type"]], event)


@cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({"$ref": f"urn:openai#/components/schemas/{name}"}, registry=_registry())


@cache
def _registry() -> referencing.Registry[Any]:
    meant = _as_json_schema(document())
    return referencing.Registry().with_resource("urn:openai", DRAFT202012.create_resource(meant))


@cache
def _events() -> Mapping[str, str]:
    names = [one["$ref"].rpartition("/")[2] for one in schema("ResponseStreamEvent")["anyOf"]]
    return {schema(name)["properties"]["type"]["enum"][0]: name for name in names}


def _as_json_schema(value: Any) -> Any:
    """What is meant: OpenAPI 3.0's `nullable` written out, and `oneOf`, whose alternatives overlap, as `anyOf`."""
    if isinstance(value, list):
        return [_as_json_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    rest = {"anyOf" if key == "oneOf" else key: _as_json_schema(item) for key, item in value.items() if key != "nullable"}
    return {"anyOf": [rest, {"type": "null"}]} if value.get("nullable") is True else rest
