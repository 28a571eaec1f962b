"""Random schemas: whatever their grammars say is valid, and what is valid and in our spelling is accepted.

The schemas use every keyword at once, so most of them are nonsense: that is where converters go wrong.
"""

import itertools
import json
import random
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from promptweave.compiler import SchemaError
from promptweave.compiler.json_schema.emit.property_order import OrderBudget
from promptweave.output.grammar.gbnf import to_gbnf
from promptweave.output.grammar.safety import check_safe
from tests.support.compiler.schema_grammar import grammar_of
from tests.support.output.grammar_matcher import accepts, sample

NAMES = ["a", "b", "c", "ab"]
PATTERNS = ["^a", "b$", "^[ab]*$", "a+", "^.{2,3}$", "^a|b$", "^(?!a)", "1", "^(ab)*$", "[^a]", "^$", "c"]
SCALARS = [None, True, False, 0, 1, 2, 3, -1, 1.5, 0.5, 10, "", "a", "b", "ab", "ba", "abc", "a1"]
TYPES = ["string", "number", "integer", "object", "array", "null", "boolean"]


def value(rng: random.Random, depth: int = 2) -> Any:
    kind = rng.random() if depth else 0
    if kind < 0.75:
        return rng.choice(SCALARS)
    if kind < 0.87:
        return [value(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    return {name: value(rng, depth - 1) for name in rng.sample(NAMES, rng.randint(0, 3))}


def schema(rng: random.Random, depth: int = 3) -> Any:
    if rng.random() < 0.06:
        return rng.choice([True, False, {}])
    found: dict[str, Any] = {}
    for _ in range(rng.choice([1, 1, 2, 2, 3, 4])):
        group = rng.choice(
            [*[_any] * 5, *[_numbers] * 2, *[_strings] * 2, *[_arrays] * 2, *[_objects] * 3, *[_combined] * 3]
        )
        if depth or group in (_any, _numbers, _strings):
            found.update(group(rng, depth - 1))
    return found


def _any(rng: random.Random, depth: int) -> dict[str, Any]:
    match rng.randint(0, 4):
        case 0:
            return {"enum": [value(rng) for _ in range(rng.randint(1, 5))]}
        case 1:
            return {"const": value(rng)}
        case 2:
            return {"type": rng.sample(TYPES, rng.randint(1, 3))}
    return {"type": rng.choice(TYPES)}


def _numbers(rng: random.Random, depth: int) -> dict[str, Any]:
    keyword = rng.choice(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"])
    return {
        keyword: rng.choice([1, 2, 3, 0.5, 2.5, 10]) if keyword == "multipleOf" else rng.choice([0, 1, -1, 3, 5, -2.5, 1.5])
    }


def _strings(rng: random.Random, depth: int) -> dict[str, Any]:
    keyword = rng.choice(["minLength", "maxLength", "pattern"])
    return {keyword: rng.choice(PATTERNS) if keyword == "pattern" else rng.randint(0, 4)}


def _arrays(rng: random.Random, depth: int) -> dict[str, Any]:
    match rng.choice(["items", "items", "contains", "unevaluatedItems", "prefixItems", "uniqueItems", "count"]):
        case "prefixItems":
            return {"prefixItems": [schema(rng, depth) for _ in range(rng.randint(1, 2))]}
        case "uniqueItems":
            return {"uniqueItems": True}
        case "count":
            return {rng.choice(["minItems", "maxItems", "minContains", "maxContains"]): rng.randint(0, 3)}
        case keyword:
            return {keyword: schema(rng, depth)}


def _objects(rng: random.Random, depth: int) -> dict[str, Any]:
    match rng.choice(["properties", "properties", "required", "rest", "names", "patterns", "count", "dependent", "schemas"]):
        case "properties":
            return {"properties": {name: schema(rng, depth) for name in rng.sample(NAMES, rng.randint(1, 3))}}
        case "required":
            return {"required": rng.sample(NAMES, rng.randint(1, 2))}
        case "rest":
            return {rng.choice(["additionalProperties", "unevaluatedProperties"]): rng.choice([False, schema(rng, depth)])}
        case "names":
            return {"propertyNames": rng.choice([{"pattern": rng.choice(PATTERNS)}, {"maxLength": 2}, {"enum": ["a", "b"]}])}
        case "patterns":
            return {"patternProperties": {rng.choice(PATTERNS): schema(rng, depth)}}
        case "dependent":
            return {"dependentRequired": {rng.choice(NAMES): [rng.choice(NAMES)]}}
        case "schemas":
            return {"dependentSchemas": {rng.choice(NAMES): schema(rng, depth)}}
    return {rng.choice(["minProperties", "maxProperties"]): rng.randint(0, 3)}


def _combined(rng: random.Random, depth: int) -> dict[str, Any]:
    match rng.choice(["allOf", "anyOf", "oneOf", "not", "if"]):
        case "not":
            return {"not": schema(rng, depth)}
        case "if":
            return {key: schema(rng, depth) for key in ("if", "then", "else") if key == "if" or rng.random() < 0.7}
        case keyword:
            return {keyword: [schema(rng, depth) for _ in range(rng.randint(1, 3))]}


OLDER: dict[str, Any] = {
    "http://json-schema.org/draft-04/schema#": jsonschema.Draft4Validator,
    "http://json-schema.org/draft-06/schema#": jsonschema.Draft6Validator,
    "http://json-schema.org/draft-07/schema#": jsonschema.Draft7Validator,
    "https://json-schema.org/draft/2019-09/schema": jsonschema.Draft201909Validator,
}
"""Drafts whose keywords differ from those of 2020-12."""

_SINCE_2019 = {"minContains", "maxContains", "unevaluatedProperties"}
_SINCE_6 = {"contains", "propertyNames"}
_SINCE_7 = {"if", "then", "else"}


def as_draft(made: Any, draft: str) -> Any:
    """A schema of 2020-12 in an older draft, as far as it can be said there."""
    old, four = "2019" not in draft, "-04" in draft
    if isinstance(made, bool):
        return ({} if made else {"not": {}}) if four else made
    found: dict[str, Any] = {}
    for key, said in made.items():
        if key == "unevaluatedItems" or (old and key in _SINCE_2019) or (four and key in _SINCE_6):
            continue
        if key in _SINCE_7 and (four or "-06" in draft):
            continue
        match key:
            case "prefixItems":
                found["items"] = [as_draft(inner, draft) for inner in said]
            case "items":
                found["additionalItems" if "prefixItems" in made else "items"] = as_draft(said, draft)
            case "allOf" | "anyOf" | "oneOf":
                found[key] = [as_draft(inner, draft) for inner in said]
            case "properties" | "patternProperties":
                found[key] = {name: as_draft(inner, draft) for name, inner in said.items()}
            case "dependentRequired" | "dependentSchemas":
                said = {name: inner if isinstance(inner, list) else as_draft(inner, draft) for name, inner in said.items()}
                found["dependencies" if old else key] = said
            case "const" if four:
                found["enum"] = [said]
            case "exclusiveMinimum" | "exclusiveMaximum" if four:
                found |= {key: True, key.removeprefix("exclusive").lower(): said}
            case _:
                inner = isinstance(said, dict | bool) and key != "uniqueItems" and key != "const"
                found[key] = as_draft(said, draft) if inner else said
    return found


def spellings(instance: Any) -> Iterator[str]:
    """The instance with its keys in every order of the names; first with the same one on all levels, which mostly does."""
    if "{" not in json.dumps(instance):
        yield json.dumps(instance, ensure_ascii=False)
        return
    orders = list(itertools.permutations(NAMES))
    for outer, inner in (*((order, order) for order in orders), *itertools.permutations(orders, 2)):
        yield json.dumps(_ordered(instance, outer, inner), ensure_ascii=False)


def _ordered(instance: Any, order: tuple[str, ...], below: tuple[str, ...]) -> Any:
    match instance:
        case list():
            return [_ordered(item, order, below) for item in instance]
        case dict():
            return {key: _ordered(instance[key], below, below) for key in sorted(instance, key=order.index)}
    return instance


def reordered(made: Any, instance: Any) -> list[str]:
    """An object of scalars with only declared keys, with its keys in every order; nothing for other instances."""
    declared = made.get("properties", {}) if isinstance(made, dict) else {}
    if not isinstance(instance, dict) or not instance.keys() <= declared.keys():
        return []
    if any(isinstance(each, dict | list) for each in instance.values()):
        return []
    return [json.dumps(dict(items), ensure_ascii=False) for items in itertools.permutations(instance.items())]


def check(seed: int, *, open_objects: bool = True, draft: str = "", any_order: bool = False) -> str:
    """Compiles the schema of a seed and tries it out; tells what became of it."""
    rng = random.Random(seed)
    made = schema(rng)
    if draft:
        made = {"$schema": draft, "allOf": [as_draft(made, draft)]}
    validator = OLDER.get(draft, jsonschema.Draft202012Validator)(made)
    instances = [value(rng, 2) for _ in range(20)]
    try:
        grammar = grammar_of(made, open_objects=open_objects, order=OrderBudget() if any_order else None)
    except SchemaError as refusal:
        if refusal.kind == "unsatisfiable" and open_objects:
            assert not [instance for instance in instances if validator.is_valid(instance)], json.dumps(made)
        return refusal.kind
    check_safe(grammar)
    assert len(to_gbnf(grammar)) <= 2_000_000
    for _ in range(8):
        text = sample(grammar, rng, budget=60)
        assert validator.is_valid(json.loads(text)), (json.dumps(made), text)
        for mutant in (text[:-1], text + " ", text.replace('"', '"\\u0061', 1), text.replace(": ", ":", 1), "+" + text):
            if mutant != text and accepts(grammar, mutant):
                assert validator.is_valid(json.loads(mutant)), (json.dumps(made), mutant)
    for instance in instances:
        valid = validator.is_valid(instance)
        texts = spellings(instance) if valid else dict.fromkeys(itertools.islice(spellings(instance), 24))
        found = any(accepts(grammar, text) for text in texts)
        assert valid or not found, (json.dumps(made), json.dumps(instance))
        assert found or not valid or not open_objects, (json.dumps(made), json.dumps(instance))
        if any_order and found:
            refused = [text for text in reordered(made, instance) if not accepts(grammar, text)]
            assert not refused, (json.dumps(made), refused)
    return "compiled"


@pytest.mark.parametrize("start", range(0, 400, 50))
def test_random_schemas(start: int) -> None:
    outcomes = [check(seed) for seed in range(start, start + 50)]
    assert outcomes.count("compiled") > 30


@pytest.mark.parametrize("start", range(10_000, 10_100, 50))
def test_random_schemas_with_closed_objects(start: int) -> None:
    for seed in range(start, start + 50):
        check(seed, open_objects=False)


@pytest.mark.parametrize("start", range(30_000, 30_200, 50))
def test_random_schemas_with_properties_in_any_order(start: int) -> None:
    for seed in range(start, start + 50):
        check(seed, open_objects=seed % 2 == 0, any_order=True)


@pytest.mark.parametrize("draft", OLDER)
def test_random_schemas_of_older_drafts(draft: str) -> None:
    outcomes = [check(seed, draft=draft) for seed in range(20_000, 20_060)]
    assert outcomes.count("compiled") > 30


@pytest.mark.slow
@pytest.mark.parametrize("draft", OLDER)
@pytest.mark.parametrize("start", range(200_000, 202_000, 500))
def test_many_random_schemas_of_older_drafts(draft: str, start: int) -> None:
    for seed in range(start, start + 500):
        check(seed, draft=draft)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(100_000, 110_000, 500))
def test_many_random_schemas(start: int) -> None:
    for seed in range(start, start + 500):
        check(seed)
