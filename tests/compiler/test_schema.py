"""JSON Schema → grammar: the valid is accepted in its canonical spelling, the rest is rejected, or refused by name."""

import json
import random
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptweave.compiler import SchemaError, json_schema_to_gbnf
from promptweave.compiler.json_schema.compile import compile_schema
from promptweave.compiler.json_text import COMPACT, dumps, loads
from tests.support.compiler.schema_grammar import grammar_of
from tests.support.output.grammar_matcher import accepts, sample

WEATHER = {
    "type": "object",
    "properties": {
        "location": {"type": "string", "description": "The city"},
        "format": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        "days": {"type": "integer"},
    },
    "required": ["location", "format"],
}
TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"value": {"type": "number"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
            "required": ["value"],
            "additionalProperties": False,
        }
    },
}


ACCEPTED = [
    pytest.param({"type": "string"}, ['""', '"a b"', '"é😀"', r'"\"\\\n\u0001"', '"</tool_call>"'], id="string"),
    pytest.param({"type": "integer"}, ["0", "7", "-12", "9" * 53], id="integer"),
    pytest.param({"type": "number"}, ["0", "-0.5", "3.25", "100", "-7", "8.854e-12", "1E+9", "-2e3"], id="number"),
    pytest.param({"type": "boolean"}, ["true", "false"], id="boolean"),
    pytest.param({"type": "null"}, ["null"], id="null"),
    pytest.param({"type": ["string", "null"]}, ['"x"', "null"], id="type-list"),
    pytest.param({"type": ["integer", "number"]}, ["1", "1.5"], id="integer-is-a-number"),
    pytest.param({"enum": ["a", 1, None, {"b": [True]}]}, ['"a"', "1", "null", '{"b": [true]}'], id="enum"),
    pytest.param({"enum": ["a", 1, None], "type": "string"}, ['"a"'], id="enum-and-type"),
    pytest.param({"const": 'say "hi"\n'}, [r'"say \"hi\"\n"'], id="const"),
    pytest.param({"enum": [1, 12, 123]}, ["1", "12", "123"], id="members-that-begin-alike"),
    pytest.param({"type": "array", "items": {"type": "integer"}}, ["[]", "[1]", "[1, 2, 3]"], id="array"),
    pytest.param({"type": "array", "items": False}, ["[]"], id="array-of-nothing"),
    pytest.param({"type": "array"}, ['[1, "a", [null]]'], id="array-of-anything"),
    pytest.param({}, ['{"a": [1, {}]}', "true", '""', "-1.5"], id="anything"),
    pytest.param({"type": "object"}, ["{}", '{"a": 1, "b": {}}'], id="open-object"),
    pytest.param({"type": "object", "additionalProperties": False}, ["{}"], id="closed-object"),
    pytest.param(
        {"type": "object", "additionalProperties": {"type": "integer"}}, ['{"x": 1, "y": 2}'], id="additional-of-a-schema"
    ),
    pytest.param(
        WEATHER,
        [
            '{"location": "Rome", "format": "celsius"}',
            '{"location": "", "format": "celsius", "days": 3}',
            '{"location": "", "format": "celsius", "days": 3, "more": [1]}',
            '{"location": "", "format": "celsius", "location ": 1}',
            '{"location": "", "format": "celsius", "locatio": 1, "\\n": 2}',
        ],
        id="object",
    ),
    pytest.param(
        {"properties": {"a": {}, "b": {}, "c": {}}, "additionalProperties": False, "type": "object"},
        ["{}", '{"a": 1}', '{"b": 1}', '{"a": 1, "c": 1}', '{"a": 1, "b": 1, "c": 1}'],
        id="optional-properties",
    ),
    pytest.param({"type": "object", "required": ["z"]}, ['{"z": 1}', '{"z": 1, "a": 2}'], id="required-but-not-declared"),
    pytest.param({"properties": {"a": {"type": "null"}}}, ['{"a": null}', "[1]", "3"], id="no-type"),
    pytest.param({"anyOf": [{"type": "string"}, {"type": "integer"}]}, ['"a"', "1"], id="any-of"),
    pytest.param(TREE, ['{"value": 1, "children": [{"value": 2, "children": []}]}'], id="recursive"),
    pytest.param(
        {"properties": {"a": {"type": "string"}, "b": {"$ref": "#/properties/a"}}, "type": "object"},
        ['{"b": "x"}'],
        id="reference-into-properties",
    ),
    pytest.param({"$defs": {"a/b%": {"type": "null"}}, "$ref": "#/$defs/a~1b%25"}, ["null"], id="escapes-in-references"),
    pytest.param({"type": "object", "properties": {"a": False}}, ["{}", '{"b": 1}'], id="optional-property-that-cannot-be"),
]

REJECTED = [
    pytest.param(
        {"type": "string"}, ['"', '"a', "'a'", '"\n"', r'"\x"', r'"\ud800"', r'"\u0041"', '"a"b', "1"], id="string"
    ),
    pytest.param({"type": "integer"}, ["01", "-", "1.0", "1e3", "-0", "+1", "", " 1", "NaN"], id="integer"),
    pytest.param({"type": "number"}, [".5", "1.", "1e", "1e100", "0e1", "00.1", "Infinity"], id="number"),
    pytest.param({"enum": ["a", 1], "type": "string"}, ["1", '"b"', '"a""'], id="enum-and-type"),
    pytest.param({"type": "array", "items": {"type": "integer"}}, ["[1,2]", "[1, ]", "[, 1]", '["a"]', "[1"], id="array"),
    pytest.param(
        WEATHER,
        [
            '{"location": "a"}',
            '{"format": "celsius", "location": "a"}',
            '{"location": "a", "format": "kelvin"}',
            '{"location": "a", "format": "celsius", "days": "3"}',
            '{"location": "a", "format": "celsius", "days": 3, "days": "x"}',
            '{"location": "a", "format": "celsius", "\\u0064ays": "x"}',
            '{"location": "a", "format": "celsius", "location": 1}',
            '{"location": "a", "format": "celsius",}',
        ],
        id="object",
    ),
    pytest.param({"type": "object", "additionalProperties": False}, ['{"a": 1}'], id="closed-object"),
    pytest.param({"type": "object", "properties": {"a": False}}, ['{"a": 1}'], id="property-that-cannot-be"),
    pytest.param(TREE, ['{"children": []}', '{"value": 1, "children": [{}]}'], id="recursive"),
]


@pytest.mark.parametrize(("schema", "texts"), ACCEPTED)
def test_accepts(schema: Any, texts: list[str]) -> None:
    grammar = grammar_of(schema)
    for text in texts:
        assert jsonschema.Draft202012Validator(schema).is_valid(json.loads(text)), "the case itself is wrong"
        assert accepts(grammar, text), text


@pytest.mark.parametrize(("schema", "texts"), REJECTED)
def test_rejects(schema: Any, texts: list[str]) -> None:
    grammar = grammar_of(schema)
    assert [text for text in texts if accepts(grammar, text)] == []


@pytest.mark.parametrize("schema", [case.values[0] for case in ACCEPTED], ids=[case.id for case in ACCEPTED])
def test_whatever_the_grammar_says_is_valid(schema: Any) -> None:
    grammar, validator = grammar_of(schema), jsonschema.Draft202012Validator(schema)
    for seed in range(50):
        text = sample(grammar, random.Random(seed))
        assert validator.is_valid(json.loads(text)), text
        assert accepts(grammar, text), text


_LEAVES = st.one_of(
    st.sampled_from([{"type": name} for name in ("string", "integer", "number", "boolean", "null")]),
    st.lists(st.one_of(st.text(max_size=3), st.integers(-9, 9), st.booleans(), st.none()), min_size=1, max_size=4).map(
        lambda members: {"enum": members}
    ),
    st.booleans(),
    st.just({}),
)


def _objects(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.text(alphabet='ab"\\\n', max_size=2)
    return st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(names, children, max_size=4)},
        optional={"required": st.lists(names, max_size=2, unique=True), "additionalProperties": children},
    )


SCHEMAS = st.recursive(
    _LEAVES,
    lambda children: st.one_of(
        _objects(children),
        children.map(lambda items: {"type": "array", "items": items}),
        st.lists(children, min_size=1, max_size=3).map(lambda options: {"anyOf": options}),
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=150)
@given(SCHEMAS, st.integers(0, 2**32), st.booleans())
def test_whatever_the_grammar_of_any_schema_says_is_valid(schema: Any, seed: int, open_objects: bool) -> None:
    try:
        grammar = grammar_of(schema, open_objects=open_objects)
    except SchemaError as refusal:
        if refusal.kind != "unsatisfiable":
            raise
        return
    validator = jsonschema.Draft202012Validator(schema)
    rng = random.Random(seed)
    for _ in range(5):
        text = sample(grammar, rng, budget=60)
        assert validator.is_valid(json.loads(text)), text


REFUSED = [
    pytest.param({"properties": {"a": {"uniqueItems": True}}}, "unsupported: /properties/a/uniqueItems: ", id="unique"),
    pytest.param({"type": "string", "pattern": r"(a)\1"}, "unsupported: /pattern: ", id="back-reference"),
    pytest.param({"multipleOf": 1009}, "unsupported: /multipleOf: ", id="large-divisor"),
    pytest.param({"minProperties": 2, "type": "object"}, "unsupported: /minProperties: ", id="free-names-counted"),
    pytest.param(
        {"type": "object", "properties": {"a/b": {"not": {"format": "date"}}}},
        "unsupported: /properties/a~1b/not/format: ",
        id="not-of-a-format",
    ),
    pytest.param({"$ref": "https://example.com/x.json"}, "unsupported: /$ref: ", id="remote-reference"),
    pytest.param({"$schema": "https://example.com/x.json"}, "unsupported: /$schema: ", id="unknown-draft"),
    pytest.param({"dependencies": {"a": ["b"]}}, "unsupported: /dependencies: ", id="another-drafts-keyword"),
    pytest.param(
        {"$schema": "http://json-schema.org/draft-04/schema#", "properties": {"a": {"const": 1}}},
        "unsupported: /properties/a/const: 'const' is not a keyword of draft 4",
        id="a-later-drafts-keyword",
    ),
    pytest.param(
        {"$schema": "https://json-schema.org/draft/2019-09/schema", "unevaluatedItems": False},
        "unsupported: /unevaluatedItems: validators do not agree",
        id="unclear-in-2019-09",
    ),
    pytest.param(
        {
            "$schema": "https://json-schema.org/draft/2019-09/schema",
            "items": {"$recursiveRef": "#"},
            "$defs": {"a": {"$id": "http://x.test/a"}},
        },
        "unsupported: /items/$recursiveRef: ",
        id="recursion-among-resources",
    ),
    pytest.param({"enum": ["\ud800"]}, "unsupported: /enum/0: ", id="lone-surrogate"),
    pytest.param({"type": "strin"}, "invalid: /type: ", id="unknown-type"),
    pytest.param({"type": "object", "required": "a"}, "invalid: /required: ", id="required-not-a-list"),
    pytest.param({"$ref": "#/nowhere"}, "invalid: /$ref: ", id="dangling-reference"),
    pytest.param({"$ref": "#"}, "invalid: /$ref: ", id="reference-to-itself"),
    pytest.param({"anyOf": [{"$ref": "#"}, {"type": "string"}]}, "invalid: /anyOf/0/$ref: ", id="loop-through-any-of"),
    pytest.param([], "invalid: /: ", id="not-a-schema"),
    pytest.param(False, "unsatisfiable: /: ", id="false"),
    pytest.param({"enum": []}, "unsatisfiable: /enum: ", id="empty-enum"),
    pytest.param({"enum": [1], "type": "string"}, "unsatisfiable: /enum: ", id="enum-against-type"),
    pytest.param(
        {"type": "object", "required": ["a"], "additionalProperties": False},
        "unsatisfiable: /required: ",
        id="required-but-forbidden",
    ),
    pytest.param(
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "unsatisfiable: /: ", id="endless-value"
    ),
]


@pytest.mark.parametrize(("schema", "message"), REFUSED)
def test_refuses_by_name(schema: Any, message: str) -> None:
    with pytest.raises(SchemaError) as refusal:
        json_schema_to_gbnf(schema)
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("text", ["{", '{"a": NaN}', "1e999", "[" * 100_000], ids=["cut", "nan", "too-large", "too-deep"])
def test_refuses_text_that_is_no_json(text: str) -> None:
    with pytest.raises(SchemaError) as refusal:
        json_schema_to_gbnf(text)
    assert refusal.value.kind == "invalid"


def test_a_deep_schema_is_refused_not_crashed_on() -> None:
    schema: Any = {"type": "string"}
    for _ in range(500):
        schema = {"type": "array", "items": schema}
    with pytest.raises(SchemaError, match="deep"):
        json_schema_to_gbnf(schema)


def test_what_is_not_enforced_is_a_warning_where_that_is_allowed() -> None:
    compiled = compile_schema({"type": "string", "pattern": r"(a)\1", "x-hint": 1}, strict=False)
    assert [(warning.pointer, warning.loosened) for warning in compiled.warnings] == [("/pattern", True), ("/x-hint", False)]
    assert compiled.grammar == json_schema_to_gbnf({"type": "string"})


def test_annotations_of_others_do_no_harm() -> None:
    plain = {"type": "object", "properties": {"a": {"type": "string"}}}
    foreign = {
        **plain,
        "x-order": ["a"],
        "discriminator": {"propertyName": "a"},
        "xml": {},
        "properties": {"a": {"type": "string"}},
    }
    foreign["properties"]["a"] |= {"nullable": True, "example": "x", "x-hint": {"type": "integer"}}
    compiled = compile_schema(foreign)
    assert compiled.grammar == compile_schema(plain).grammar
    said = {warning.pointer: warning.message for warning in compiled.warnings}
    assert set(said) == {"/x-order", "/discriminator", "/xml", "/properties/a/nullable", "/properties/a/x-hint"}
    assert "null is not allowed" in said["/properties/a/nullable"]


def test_a_tools_parameters_are_a_closed_object() -> None:
    grammar = grammar_of({"properties": {"a": {"type": ["object", "string"]}}}, object_root=True, open_objects=False)
    assert accepts(grammar, '{"a": {}}')
    assert not accepts(grammar, '{"b": 1}')
    assert not accepts(grammar, '"x"')
    either = grammar_of({"anyOf": [{"type": "string"}, {"type": "object"}]}, object_root=True, open_objects=False)
    assert accepts(either, "{}")
    assert not accepts(either, '"x"')


@pytest.mark.parametrize(("schema", "texts"), ACCEPTED)
def test_compact_values_have_no_white_space(schema: Any, texts: list[str]) -> None:
    grammar = grammar_of(schema, separators=COMPACT)
    for text in texts:
        if dumps(loads(text)) == text:
            compact = dumps(loads(text), COMPACT)
            assert accepts(grammar, compact), compact
            assert compact == text or not accepts(grammar, text), text
    for seed in range(10):
        text = sample(grammar, random.Random(seed), budget=80)
        jsonschema.Draft202012Validator(schema).validate(loads(text))


def test_grammars_are_remembered_with_their_separators() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array"}}, "additionalProperties": True}
    spaced, compact = json_schema_to_gbnf(schema), json_schema_to_gbnf(schema, compact=True)
    assert ", " in spaced
    assert '": "' not in compact.replace(" ::= ", "")
    assert (spaced, compact) == (json_schema_to_gbnf(schema), json_schema_to_gbnf(schema, compact=True))


def test_a_long_enum_and_many_properties_compile() -> None:
    members = [f"member-{number}" for number in range(5000)]
    properties = {f"p{number}": {"type": "string"} for number in range(1000)}
    text = json_schema_to_gbnf({"type": "object", "properties": {"e": {"enum": members}, **properties}})
    assert len(text) < 2_000_000
