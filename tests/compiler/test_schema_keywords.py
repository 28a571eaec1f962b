"""Every keyword, with what it admits and what not: accepted and rejected texts, in our spelling."""

import json
import random
from typing import Any

import jsonschema
import pytest

from promptweave.compiler import SchemaError
from tests.support.compiler.schema_grammar import grammar_of
from tests.support.output.grammar_matcher import accepts, sample

SEVEN = "http://json-schema.org/draft-07/schema#"


def case(name: str, schema: Any, good: list[str], bad: list[str]) -> Any:
    return pytest.param(schema, good, bad, id=name)


NUMBERS = [
    case("minimum", {"type": "integer", "minimum": 3}, ["3", "4", "10", "99"], ["2", "-3", "0", "03"]),
    case("maximum", {"type": "integer", "maximum": -5}, ["-5", "-6", "-100"], ["-4", "-04", "0", "5"]),
    case("both", {"type": "integer", "minimum": -1, "maximum": 12}, ["-1", "0", "9", "12"], ["-2", "13", "-0", "20"]),
    case("exclusive", {"exclusiveMinimum": 0, "exclusiveMaximum": 1}, ["0.1", "0.999"], ["0", "0.0", "1", "1.0", "-0.5"]),
    case("inclusive-and-exclusive", {"minimum": 1, "exclusiveMinimum": 1}, ["2", "1.5"], ["1", "1.0", "0"]),
    case("fractional", {"minimum": -2.5, "maximum": 0.25}, ["-2.5", "0.25", "-0.1", "0.250"], ["-2.51", "0.26", "1"]),
    case(
        "beyond-64-bits", {"type": "integer", "minimum": 2**64}, ["18446744073709551616", "99999999999999999999"], ["1", "5"]
    ),
    case(
        "small-decimals",
        {"type": "number", "exclusiveMinimum": 0, "maximum": 1e-15},
        ["0.000000000000001", "0.0000000000000000001"],
        ["0", "0.0", "0.00000000000001", "1"],
    ),
    case(
        "between-small-decimals",
        {"type": "number", "exclusiveMinimum": 1e-20, "exclusiveMaximum": 2e-20},
        ["0.000000000000000000015"],
        ["0.00000000000000000001", "0.00000000000000000002", "0"],
    ),
    case("multiple", {"type": "integer", "multipleOf": 7}, ["0", "7", "-14", "49"], ["1", "13", "-15"]),
    case("multiple-of-a-power", {"type": "integer", "multipleOf": 1000}, ["0", "1000", "-25000"], ["100", "1500"]),
    case("multiple-of-a-decimal", {"multipleOf": 0.25}, ["0.25", "1.5", "2", "-0.75"], ["0.1", "1.12", "0.251"]),
    case(
        "two-multiples", {"type": "integer", "allOf": [{"multipleOf": 4}, {"multipleOf": 6}]}, ["12", "24"], ["4", "6", "8"]
    ),
    case("not-a-multiple", {"type": "integer", "not": {"multipleOf": 2}}, ["1", "-3"], ["0", "2", "10"]),
    case("no-integer", {"type": "number", "not": {"type": "integer"}}, ["0.5", "-1.25"], ["1", "1.0", "0.0"]),
    case("constant", {"const": 2.50}, ["2.5"], ["2", "2.51"]),
    case("not-a-constant", {"type": "integer", "not": {"const": 3}}, ["2", "30", "-3"], ["3"]),
    case("one-of-ranges", {"type": "integer", "oneOf": [{"maximum": 5}, {"minimum": 3}]}, ["2", "6"], ["3", "4", "5"]),
]
STRINGS = [
    case("lengths", {"type": "string", "minLength": 1, "maxLength": 2}, ['"a"', '"😀é"', r'"\n\""'], ['""', '"abc"']),
    case("long", {"type": "string", "maxLength": 5000}, ['""', f'"{"x" * 5000}"'], [f'"{"x" * 5001}"']),
    case("pattern-is-not-anchored", {"type": "string", "pattern": "a|b"}, ['"xax"', '"b"'], ['""', '"c"']),
    case("pattern-and-length", {"type": "string", "pattern": "^a", "maxLength": 2}, ['"a"', '"ab"'], ['"b"', '"abc"']),
    case(
        "two-patterns", {"type": "string", "allOf": [{"pattern": "a"}, {"pattern": "b"}]}, ['"ab"', '"bxa"'], ['"a"', '"b"']
    ),
    case("not-a-pattern", {"type": "string", "not": {"pattern": "^a"}}, ['""', '"ba"'], ['"a"', '"ab"']),
    case(
        "escapes", {"type": "string", "pattern": '^["\\\\\\n]$'}, [r'"\""', r'"\\"', r'"\n"'], ['"\n"', r'"\u000a"', '"a"']
    ),
    case("dot", {"type": "string", "pattern": "^.$"}, ['"a"', r'"\\"', '"😀"'], ['""', r'"\n"', '"ab"']),
    case(
        "look-ahead", {"type": "string", "pattern": r"^(?=.*[0-9])(?!a).{2,3}$"}, ['"b1"', '"12c"'], ['"a1"', '"bb"', '"1"']
    ),
    case("word", {"type": "string", "pattern": r"\bfoo\b"}, ['"a foo"', '"foo"'], ['"food"', '"afoo"']),
    case("enum-filtered", {"enum": ["a", "bb", 1], "minLength": 2}, ['"bb"', "1"], ['"a"']),
    case("enum-excluded", {"type": "string", "not": {"enum": ["a", "b"]}}, ['""', '"ab"', '"c"'], ['"a"', '"b"']),
    case("date", {"type": "string", "format": "date"}, ['"2024-02-29"', '"2000-02-29"'], ['"2023-02-29"', '"1900-02-29"']),
    case(
        "uuid-and-pattern",
        {"format": "uuid", "type": "string", "pattern": "^0"},
        [f'"{"0" * 8}{"-0000" * 3}-{"0" * 12}"'],
        ['"0"'],
    ),
    case("ipv4", {"type": "string", "format": "ipv4"}, ['"10.0.0.255"'], ['"10.0.0.256"', '"1.2.3"', '"01.2.3.4"']),
    case("ipv6", {"type": "string", "format": "ipv6"}, ['"::1"', '"1:2:3:4:5:6:7:8"'], ['":::"', '"1:2"', '"::1%eth0"']),
    case("email", {"type": "string", "format": "email"}, ['"a.b@example.com"'], ['"a"', '"a@"', '".a@b"', '"a..b@c"']),
    case("time", {"type": "string", "format": "time"}, ['"23:59:59Z"', '"00:00:00.5+01:00"'], ['"24:00:00Z"', '"12:00:00"']),
    case("unknown-format", {"type": "string", "format": "x"}, ['"anything"'], ["1"]),
]
ARRAYS = [
    case(
        "counts",
        {"type": "array", "items": {"const": 1}, "minItems": 1, "maxItems": 2},
        ["[1]", "[1, 1]"],
        ["[]", "[1, 1, 1]"],
    ),
    case(
        "prefix",
        {"type": "array", "prefixItems": [{"const": 1}], "items": {"const": 2}},
        ["[]", "[1]", "[1, 2]"],
        ["[2]", "[1, 1]"],
    ),
    case("tuple", {"type": "array", "prefixItems": [{"const": 1}], "items": False}, ["[]", "[1]"], ["[1, 1]"]),
    case(
        "contains", {"type": "array", "items": {"enum": [1, 2]}, "contains": {"const": 1}}, ["[1]", "[2, 1]"], ["[]", "[2]"]
    ),
    case(
        "contains-counts",
        {"type": "array", "items": {"enum": [1, 2]}, "contains": {"const": 1}, "minContains": 0, "maxContains": 1},
        ["[]", "[1]", "[2, 1, 2]"],
        ["[1, 1]", "[1, 2, 1]"],
    ),
    case(
        "unique", {"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True}, ["[]", '["b", "a"]'], ['["a", "a"]']
    ),
    case(
        "unique-booleans",
        {"items": {"type": "boolean"}, "type": "array", "uniqueItems": True},
        ["[true, false]"],
        ["[true, true]"],
    ),
    case("not-all", {"type": "array", "not": {"items": {"type": "null"}}}, ["[1]", "[null, 2]"], ["[]", "[null]"]),
    case("unevaluated", {"type": "array", "prefixItems": [True], "unevaluatedItems": False}, ["[]", "[1]"], ["[1, 2]"]),
    case("constant", {"const": [1, {"a": None}]}, ['[1, {"a": null}]'], ["[1]", '[1, {"a": 1}]', '[1, {"a": null}, 1]']),
    case(
        "drafts-7-tuple",
        {"$schema": SEVEN, "type": "array", "items": [{"const": 1}], "additionalItems": False},
        ["[1]"],
        ["[2]", "[1, 1]"],
    ),
]
ARRAYS.append(
    case(
        "one-of-kinds-of-items",
        {"oneOf": [{"type": "array", "items": {"type": t}, "minItems": 1, "maxItems": 2048} for t in ("string", "integer")]},
        ['["a"]', "[1, 2]"],
        ["[]", '["a", 1]'],
    )
)
OTHERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {}, "c": {}}}
OBJECTS = [
    case(
        "alternatives-with-different-names",
        {
            "anyOf": [
                {**OTHERS, "additionalProperties": False},
                {"properties": {"d": {}, "b": {}}, "additionalProperties": False},
            ]
        },
        ['{"a": 1, "b": 2}', "{}", '{"b": 1, "d": 2}', '{"b": 1}', "3"],
        ['{"a": 1, "d": 2}', '{"b": 1, "c": 1, "d": 2}', '{"a": null}', '{"e": 1}'],
    ),
    case(
        "what-others-are",
        {"anyOf": [{"properties": {"a": {}}, "additionalProperties": {"const": 1}}, {"required": ["b"]}], **OTHERS},
        ['{"a": 1, "c": 1}', '{"b": 2, "c": 2}', '{"a": 2, "b": 1, "c": 1, "d": 1}', "{}"],
        ['{"a": 1, "c": 2}', '{"c": 1, "d": 2}', '{"a": null}'],
    ),
    case(
        "some-other-is-there",
        {**OTHERS, "additionalProperties": False, "not": {"properties": {"a": {}}, "additionalProperties": False}},
        ['{"a": 1, "b": 2}', '{"c": 2}', '{"b": 0, "c": 0}'],
        ['{"a": 1}', "{}", '{"d": 1}'],
    ),
    case(
        "one-of-closed-objects",
        {
            "oneOf": [
                {**OTHERS, "additionalProperties": False},
                {"properties": {"a": {}, "d": {}}, "additionalProperties": False},
            ]
        },
        ['{"b": 1}', '{"d": 1}', '{"a": null}', '{"a": null, "d": 1}', '{"a": 1, "c": 1}', '{"a": 1, "d": 1}'],
        ['{"a": 1}', "{}", '{"b": 1, "d": 1}'],
    ),
    case(
        "order",
        {"type": "object", "properties": {"b": {}, "a": {}}},
        ['{"b": 1, "a": 1}'],
        ['{"a": 1, "b": 1}', '{"b": 1, "b": 2}'],
    ),
    case(
        "all-of-merges",
        {
            "allOf": [
                {"properties": {"a": {"minimum": 3}}, "required": ["a"]},
                {"properties": {"a": {"type": "integer", "maximum": 7}}},
            ],
            "type": "object",
        },
        ['{"a": 3}', '{"a": 7}'],
        ['{"a": 2}', '{"a": 8}', "{}"],
    ),
    case(
        "pattern-properties",
        {
            "type": "object",
            "patternProperties": {"^a": {"const": 1}, "b$": {"const": 1}},
            "additionalProperties": {"const": 2},
        },
        ['{"ab": 1}', '{"a": 1, "c": 2}'],
        ['{"ab": 2}', '{"c": 1}', '{"b": 2}', '{"\\u0061": 2}'],
    ),
    case(
        "pattern-and-property",
        {"type": "object", "properties": {"ab": {"type": "integer"}}, "patternProperties": {"^a": {"minimum": 3}}},
        ['{"ab": 3}'],
        ['{"ab": 2}', '{"ab": "x"}'],
    ),
    case(
        "names", {"type": "object", "propertyNames": {"pattern": "^[a-c]+$"}}, ['{"abc": 1}', "{}"], ['{"d": 1}', '{"": 1}']
    ),
    case(
        "names-listed",
        {"type": "object", "propertyNames": {"enum": ["x", "y"]}, "minProperties": 2},
        ['{"x": 1, "y": 2}'],
        ['{"x": 1}', '{"z": 1}'],
    ),
    case("at-least-one", {"type": "object", "minProperties": 1}, ['{"a": 1}', '{"a": 1, "b": 1}'], ["{}"]),
    case(
        "counted",
        {
            "type": "object",
            "properties": {"a": {}, "b": {}, "c": {}},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 2,
        },
        ['{"a": 1}', '{"b": 1, "c": 1}'],
        ["{}", '{"a": 1, "b": 1, "c": 1}'],
    ),
    case("at-most-one", {"type": "object", "maxProperties": 1}, ["{}", '{"a": 1}'], ['{"a": 1, "b": 1}']),
    case(
        "dependent-required",
        {"type": "object", "properties": {"a": {}, "b": {}}, "dependentRequired": {"a": ["b"]}},
        ['{"b": 1}', '{"a": 1, "b": 1}', "{}"],
        ['{"a": 1}'],
    ),
    case(
        "dependent-schema",
        {
            "type": "object",
            "properties": {"a": {}, "b": {"type": "integer"}},
            "dependentSchemas": {"a": {"properties": {"b": {"minimum": 5}}}},
        },
        ['{"b": 1}', '{"a": 1, "b": 5}'],
        ['{"a": 1, "b": 4}'],
    ),
    case(
        "if-then-else",
        {
            "type": "object",
            "properties": {"k": {"enum": ["a", "b"]}, "x": {"type": "integer"}, "y": {"type": "integer"}},
            "required": ["k"],
            "if": {"properties": {"k": {"const": "a"}}},
            "then": {"required": ["x"]},
            "else": {"required": ["y"]},
            "additionalProperties": False,
        },
        ['{"k": "a", "x": 1}', '{"k": "b", "y": 1}', '{"k": "b", "x": 1, "y": 1}'],
        ['{"k": "a"}', '{"k": "a", "y": 1}', '{"k": "b", "x": 1}'],
    ),
    case(
        "any-of-required",
        {"type": "object", "properties": {"a": {}, "b": {}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        ['{"a": 1}', '{"b": 1}', '{"a": 1, "b": 1}'],
        ["{}", '{"c": 1}'],
    ),
    case(
        "one-of-required",
        {"type": "object", "properties": {"a": {}, "b": {}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        ['{"a": 1}', '{"b": 1}'],
        ["{}", '{"a": 1, "b": 1}'],
    ),
    case(
        "not-required", {"type": "object", "not": {"required": ["a"]}}, ["{}", '{"b": 1}'], ['{"a": 1}', '{"b": 1, "a": 1}']
    ),
    case(
        "one-of-kinds",
        {
            "oneOf": [
                {"properties": {"k": {"const": c}, "v": {"type": t}}, "required": ["k", "v"], "type": "object"}
                for c, t in (("i", "integer"), ("s", "string"))
            ]
        },
        ['{"k": "i", "v": 1}', '{"k": "s", "v": "x"}'],
        ['{"k": "i", "v": "x"}', '{"k": "s", "v": 1}', '{"k": "i"}'],
    ),
    case(
        "unevaluated",
        {
            "type": "object",
            "anyOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}, "required": ["b"]}],
            "unevaluatedProperties": False,
        },
        ['{"a": 1}', '{"b": 1}', '{"a": 1, "b": 1}'],
        ["{}", '{"a": 1, "c": 1}', '{"c": 1}'],
    ),
    case("constant", {"const": {"b": 1, "a": [2]}}, ['{"b": 1, "a": [2]}'], ['{"b": 1}', '{"b": 1, "a": [2], "c": 1}']),
    case(
        "additional-false-across-all-of",
        {"type": "object", "allOf": [{"properties": {"a": {}}}], "additionalProperties": False},
        ["{}"],
        ['{"a": 1}'],
    ),
    case(
        "odd-names",
        {"type": "object", "properties": {"": {}, 'a"b': {}, "é\n": {}}, "additionalProperties": False},
        ['{"": 1, "a\\"b": 2, "é\\n": 3}'],
        ['{"é\n": 1}', '{"a": 1}'],
    ),
    case(
        "drafts-7-dependencies",
        {"$schema": SEVEN, "type": "object", "dependencies": {"a": ["b"], "b": {"required": ["c"]}}},
        ['{"c": 1}', '{"a": 1, "b": 1, "c": 1}'],
        ['{"a": 1}', '{"b": 1}'],
    ),
]
REFERENCES = [
    case("anchor", {"$ref": "#x", "$defs": {"a": {"$anchor": "x", "type": "null"}}}, ["null"], ["1"]),
    case(
        "identifier", {"$ref": "b", "$id": "http://x.test/a", "$defs": {"q": {"$id": "b", "type": "null"}}}, ["null"], ["1"]
    ),
    case(
        "beside-a-reference", {"$ref": "#/$defs/n", "minimum": 3, "$defs": {"n": {"type": "integer"}}}, ["3"], ["2", '"a"']
    ),
    case(
        "ignored-in-draft-7",
        {"$schema": SEVEN, "$ref": "#/definitions/n", "minimum": 3, "definitions": {"n": {"type": "integer"}}},
        ["2"],
        ['"a"'],
    ),
    case("dynamic", {"$dynamicRef": "#n", "$defs": {"n": {"$dynamicAnchor": "n", "type": "integer"}}}, ["1"], ["null"]),
    case(
        "recursion-and-intersection",
        {
            "$defs": {
                "tree": {"type": "object", "properties": {"c": {"$ref": "#/$defs/tree"}, "n": {"type": "integer"}}},
                "small": {"properties": {"c": {"$ref": "#/$defs/small"}, "n": {"maximum": 3}}},
            },
            "allOf": [{"$ref": "#/$defs/tree"}, {"$ref": "#/$defs/small"}],
        },
        ['{"c": {"c": {"n": 3}}}', '{"n": 1}'],
        ['{"c": {"c": {"n": 4}}}', '{"n": 9}'],
    ),
    case(
        "not-of-recursion",
        {"not": {"$ref": "#/$defs/l"}, "type": "array", "$defs": {"l": {"type": "array", "items": {"$ref": "#/$defs/l"}}}},
        ["[1]", "[[], [[2]]]"],
        ["[]", "[[], [[]]]"],
    ),
]
FOUR, SIX = "http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-06/schema"
NINE = "https://json-schema.org/draft/2019-09/schema"
DRAFTS = [
    case(
        "exclusive-in-draft-4",
        {
            "$schema": FOUR,
            "type": "integer",
            "minimum": 0,
            "exclusiveMinimum": True,
            "maximum": 9,
            "exclusiveMaximum": False,
        },
        ["1", "9"],
        ["0", "10"],
    ),
    case(
        "id-in-draft-4",
        {
            "$schema": FOUR,
            "id": "http://x.test/a",
            "items": {"$ref": "b"},
            "type": "array",
            "definitions": {"q": {"id": "b", "type": "null"}},
        },
        ["[null]"],
        ["[1]"],
    ),
    case("draft-6", {"$schema": SIX, "propertyNames": {"const": "a"}, "type": "object"}, ['{"a": 1}'], ['{"b": 1}']),
    case(
        "draft-2019-tuple",
        {"$schema": NINE, "items": [{"const": 1}], "additionalItems": False, "minItems": 1, "type": "array"},
        ["[1]"],
        ["[2]", "[1, 1]", "[]"],
    ),
    case(
        "draft-2019-recursion",
        {"$schema": NINE, "$recursiveAnchor": True, "type": "array", "items": {"$recursiveRef": "#"}, "maxItems": 1},
        ["[[[]]]"],
        ["[1]", "[[], []]"],
    ),
    case(
        "draft-2019-beside-a-reference",
        {"$schema": NINE, "$ref": "#/$defs/n", "minimum": 3, "$defs": {"n": {"type": "integer"}}},
        ["3"],
        ["2", '"a"'],
    ),
]

CASES = [*NUMBERS, *STRINGS, *ARRAYS, *OBJECTS, *REFERENCES, *DRAFTS]


@pytest.mark.parametrize(("schema", "good", "bad"), CASES)
def test_keywords(schema: Any, good: list[str], bad: list[str]) -> None:
    grammar = grammar_of(schema)
    validator = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)(schema)
    assert [text for text in good if not validator.is_valid(json.loads(text))] == [], "the case itself is wrong"
    assert [text for text in good if not accepts(grammar, text)] == []
    assert [text for text in bad if accepts(grammar, text)] == []
    for seed in range(30):
        text = sample(grammar, random.Random(seed), budget=60)
        assert validator.is_valid(json.loads(text)), text


REFUSED = [
    pytest.param({"pattern": r"(a)\1"}, "/pattern", "back-reference", id="back-reference"),
    pytest.param({"pattern": r"a(?<=b)"}, "/pattern", "look-behind", id="look-behind-in-the-middle"),
    pytest.param({"pattern": r"(?i)a"}, "/pattern", "flags", id="flags"),
    pytest.param({"pattern": "["}, "/pattern", "unexpected end", id="malformed"),
    pytest.param({"pattern": r"\p{Script=Greek}"}, "/pattern", "general categories", id="script"),
    pytest.param({"pattern": "a.{30}$"}, "/pattern", "states", id="too-many-states"),
    pytest.param({"uniqueItems": True}, "/uniqueItems", "enum", id="unique-items"),
    pytest.param({"not": {"uniqueItems": True}}, "/not/uniqueItems", "equal", id="not-unique"),
    pytest.param(
        {"not": {"additionalProperties": {"type": "null"}}}, "/not/additionalProperties", "second time", id="not-additional"
    ),
    pytest.param({"type": "object", "minProperties": 2}, "/minProperties", "twice", id="free-names-counted"),
    pytest.param({"multipleOf": 0.123456789}, "/multipleOf", "states", id="multiple"),
    pytest.param(
        {"oneOf": [{"format": "ipv4"}, {"format": "date"}], "type": "string"},
        "/oneOf/1/format",
        "annotation",
        id="one-of-formats",
    ),
    pytest.param(
        {"not": {"propertyNames": {"format": "uuid"}}, "type": "object", "required": ["x"]},
        "/not/propertyNames",
        "agree",
        id="not-names-of-a-format",
    ),
]


@pytest.mark.parametrize(("schema", "pointer", "why"), REFUSED)
def test_refusals_name_the_keyword(schema: Any, pointer: str, why: str) -> None:
    with pytest.raises(SchemaError) as refusal:
        grammar_of(schema)
    assert (refusal.value.kind, refusal.value.pointer) == ("unsupported", pointer)
    assert why in refusal.value.why


UNSATISFIABLE = [
    pytest.param(
        {"type": "integer", "minimum": 5, "maximum": 3}, "unsatisfiable: /minimum: minimum 5 > maximum 3", id="bounds"
    ),
    pytest.param(
        {"type": "string", "minLength": 3, "maxLength": 2},
        "unsatisfiable: /minLength: minLength 3 > maxLength 2",
        id="lengths",
    ),
    pytest.param({"type": "string", "allOf": [{"type": "null"}]}, "unsatisfiable: ", id="types"),
    pytest.param(
        {"type": "object", "properties": {"a": {"type": "integer", "minimum": 5, "maximum": 3}}, "required": ["a"]},
        "unsatisfiable: /properties/a/minimum: minimum 5 > maximum 3",
        id="in-a-required-property",
    ),
    pytest.param({"type": "array", "items": False, "minItems": 1}, "unsatisfiable: ", id="items"),
    pytest.param({"not": {}}, "unsatisfiable: ", id="not-of-anything"),
]


@pytest.mark.parametrize(("schema", "message"), UNSATISFIABLE)
def test_contradictions_are_explained(schema: Any, message: str) -> None:
    with pytest.raises(SchemaError) as refusal:
        grammar_of(schema)
    assert str(refusal.value).startswith(message)


def test_unsatisfiable_parts_that_are_optional_are_left_out() -> None:
    never = {"type": "integer", "minimum": 5, "maximum": 3}
    grammar = grammar_of({"type": "object", "properties": {"a": never, "b": {}}, "additionalProperties": False})
    assert accepts(grammar, '{"b": 1}')
    assert not accepts(grammar, '{"a": 5}')
    assert accepts(grammar_of({"anyOf": [never, {"type": "null"}]}), "null")


def test_closed_objects_are_the_policy_for_tools() -> None:
    policy = {"open_objects": False, "object_root": True}
    merged = {"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}], "required": ["z"]}
    grammar = grammar_of(merged, **policy)
    assert accepts(grammar, '{"a": 1, "b": 1, "z": 1}')
    assert not accepts(grammar, '{"z": 1, "c": 1}')
    explicit = grammar_of({"properties": {"a": {}}, "additionalProperties": {"type": "null"}}, **policy)
    assert accepts(explicit, '{"c": null}')
    by_pattern = grammar_of({"patternProperties": {"^x-": {}}}, **policy)
    assert accepts(by_pattern, '{"x-a": 1}')
    assert not accepts(by_pattern, '{"y": 1}')


def test_unicode_properties_are_known_by_category() -> None:
    # Python's re has none, so this is apart.
    grammar = grammar_of({"type": "string", "pattern": r"^\p{Lu}\P{L}$"})
    assert accepts(grammar, '"Ä1"')
    assert not accepts(grammar, '"ä1"')
    assert not accepts(grammar, '"ÄB"')
