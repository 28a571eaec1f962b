"""Random schemas of the shapes that libraries write (pydantic, zod, OpenAPI, tools): every text of theirs is valid, whatever
separators and policy, and what was changed in a valid value is accepted only where it is valid still.
"""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from promptweave.compiler import SchemaError
from promptweave.compiler.json_text import COMPACT, SPACED, dumps
from promptweave.output.grammar.safety import check_safe
from tests.support.compiler.schema_grammar import grammar_of
from tests.support.output.grammar_matcher import accepts, sample

NAMES = [
    "id",
    "name",
    "user_id",
    "user_name",
    "tags",
    "kind",
    "value",
    "count",
    "filters",
    "$filter",
    "a.b",
    "größe",
    "",
    'q"',
]
DEFS = ["Address", "Node", "Status"]
PATTERNS = ["^[a-z]+$", r"^\d{3}-\d{4}$", "^(?!admin).*$", r"^[\w.-]+$", r"^(?=.*\d)[a-z\d]{4,8}$"]
SCALARS: list[dict[str, Any]] = [
    {"type": "string"},
    {"type": "string", "minLength": 1, "maxLength": 20},
    {"type": "integer", "minimum": -3, "maximum": 120},
    {"type": "number", "exclusiveMinimum": 0},
    {"type": "integer", "multipleOf": 5, "minimum": 0},
    {"type": "boolean"},
    {"type": "null"},
    {"type": ["string", "null"], "maxLength": 5},
    {"enum": ["asc", "ascending", 1, None, True]},
    {"const": {"a": [1, None]}},
    {"type": "string", "enum": [f"option_{number}" for number in range(20)]},
    *({"type": "string", "pattern": pattern} for pattern in PATTERNS),
    *({"type": "string", "format": name} for name in ("date", "uuid", "ipv4")),
]


def value(rng: random.Random, depth: int) -> dict[str, Any]:
    """A schema of one value, as a library writes it."""
    kind = rng.random() if depth else 0
    if kind < 0.4:
        return {**rng.choice(SCALARS), "description": "Text"}
    if kind < 0.5:
        return rng.choice([{"$ref": f"#/$defs/{rng.choice(DEFS)}"}, {"allOf": [{"$ref": f"#/$defs/{rng.choice(DEFS)}"}]}])
    if kind < 0.65:
        return {"anyOf": [value(rng, depth - 1), value(rng, depth - 1), {"type": "null"}], "default": None}
    if kind < 0.75:
        return {"type": "array", "items": value(rng, depth - 1), "maxItems": rng.randint(1, 4)}
    if kind < 0.8:
        return {"type": "object", "additionalProperties": value(rng, depth - 1)}
    if kind < 0.87:
        options = [with_tag(fields(rng, depth - 1), f"t{number}") for number in range(rng.randint(1, 3))]
        return {"oneOf": options, "discriminator": {"propertyName": "kind"}}
    return fields(rng, depth - 1)


def fields(rng: random.Random, depth: int) -> dict[str, Any]:
    """An object's schema."""
    names = rng.sample(NAMES, rng.randint(0, 6))
    found: dict[str, Any] = {"type": "object", "properties": {name: value(rng, max(depth, 0)) for name in names}}
    found["required"] = [name for name in names if rng.random() < 0.5]
    more: list[dict[str, Any]] = [
        {"additionalProperties": False},
        {"additionalProperties": {"type": "string"}},
        {"patternProperties": {"^x-": {"type": "integer"}}},
        {"not": {"required": rng.sample(NAMES, 2)}},
        {"anyOf": [{"required": [name]} for name in rng.sample(NAMES, 2)]},
        {"if": {"properties": {"kind": {"const": "a"}}, "required": ["kind"]}, "then": {"required": ["value"]}},
        {"dependentRequired": {"id": ["name"]}},
        {"maxProperties": 3},
    ]
    return found | (rng.choice(more) if rng.random() < 0.7 else {})


def with_tag(schema: dict[str, Any], tag: str) -> dict[str, Any]:
    properties = {"kind": {"const": tag}, **{name: inner for name, inner in schema["properties"].items() if name != "kind"}}
    return {**schema, "properties": properties, "required": ["kind", *(set(schema["required"]) - {"kind"})]}


def places(instance: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, instance
    inner = instance.items() if isinstance(instance, dict) else enumerate(instance) if isinstance(instance, list) else ()
    for key, part in inner:
        yield from places(part, (*path, key))


def changed(rng: random.Random, instance: Any) -> Any:
    """The value with something else in one place, less, or more."""
    whole = [copy.deepcopy(instance)]
    path, old = rng.choice(list(places(whole, ()))[1:])
    other = rng.choice(
        [None, True, 0, -1, 1.5, 10**6, "", "a", "x" * 30, "t1", "option_1", "2020-02-30", [], {}, [1], {"a": 1}]
    )
    if isinstance(old, dict) and rng.random() < 0.7:
        if old and rng.random() < 0.4:
            del old[rng.choice(list(old))]
        else:
            old[rng.choice([*NAMES, "extra", "x-1"])] = other
        return whole[0]
    if isinstance(old, str) and rng.random() < 0.5:
        other = old + rng.choice(["a", "1", " ", "\n", "é"])
    holder: Any = whole
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = other
    return whole[0]


def check(seed: int) -> str:
    rng = random.Random(seed)
    schema = fields(rng, 3) | {"$defs": {name: fields(rng, 2) for name in DEFS}}
    separators = rng.choice([SPACED, COMPACT])
    policy = rng.choice([{}, {"open_objects": False, "object_root": True}])
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    try:
        grammar = grammar_of(schema, separators=separators, **policy)
    except SchemaError as refusal:
        return refusal.kind
    check_safe(grammar)
    for _ in range(4):
        text = sample(grammar, rng, budget=rng.choice([30, 120]))
        instance = json.loads(text)
        assert validator.is_valid(instance), (json.dumps(schema), text)
        for _ in range(5):
            other = dumps(changed(rng, instance), separators)
            assert validator.is_valid(json.loads(other)) or not accepts(grammar, other), (json.dumps(schema), other)
    return "compiled"


def test_schemas_of_libraries() -> None:
    outcomes = [check(seed) for seed in range(25)]
    assert outcomes.count("compiled") > 15
    assert "unsupported" not in outcomes


@pytest.mark.slow
@pytest.mark.parametrize("start", range(1_000, 3_000, 100))
def test_many_schemas_of_libraries(start: int) -> None:
    for seed in range(start, start + 100):
        check(seed)
