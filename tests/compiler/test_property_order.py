"""Properties in any order: all orders of what a schema allows are accepted and read back, nothing else, at bounded cost."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.json_schema.compile import json_schema_to_gbnf
from promptweave.compiler.json_schema.emit.property_order import MAX_OBJECT_STEPS, MAX_STEPS, OrderBudget
from promptweave.compiler.request import JsonFormat, Tool
from promptweave.output.grammar.gbnf import to_gbnf
from tests.support.compiler.schema_grammar import grammar_of
from tests.support.compiler.templates import template
from tests.support.compiler.tool_calls import CHOICES, QUESTION, check_samples, check_splits, read
from tests.support.facade.many_tools import many_functions
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts

NAMES = ["path", "offset", "limit", "line", "Länge", "a.b"]
VALUES: dict[str, list[Any]] = {"string": ["x", "y, "], "integer": [1, 20], "boolean": [True], "null": [None]}


@st.composite
def flat_schemas(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.permutations(NAMES))[: draw(st.integers(0, 4))]
    kinds = {name: {"type": draw(st.sampled_from(sorted(VALUES)))} for name in names}
    return {"type": "object", "properties": kinds, "required": [name for name in names if draw(st.booleans())]}


def subsets(names: list[str]) -> Iterator[tuple[str, ...]]:
    """Every subset of the names, in every order."""
    for number in range(len(names) + 1):
        yield from itertools.permutations(names, number)


@settings(max_examples=25, deadline=None)
@given(flat_schemas())
def test_every_order_of_every_allowed_set_is_accepted(schema: dict[str, Any]) -> None:
    grammar = grammar_of(schema, open_objects=False, order=OrderBudget())
    properties, required = schema["properties"], set(schema["required"])
    for names in subsets([*properties]):
        values = {name: VALUES[properties[name]["type"]][0] for name in names}
        text = json.dumps(values, ensure_ascii=False)
        assert accepts(grammar, text) is (required <= {*names})
        for name in names:
            again = f"{text[:-1]}, {json.dumps({name: values[name]}, ensure_ascii=False)[1:]}"
            assert not accepts(grammar, again)


CONDITIONS: list[Any] = [
    {"dependentRequired": {"a": ["b"], "b": ["c"]}},
    {"dependentSchemas": {"c": {"properties": {"a": {"const": 1}}, "required": ["a"]}}},
    {
        "if": {"properties": {"b": {"const": 2}}, "required": ["b"]},
        "then": {"required": ["c"]},
        "else": {"minProperties": 1},
    },
    {"minProperties": 2, "maxProperties": 2, "additionalProperties": False},
    {"anyOf": [{"required": ["a"]}, {"required": ["b", "c"]}]},
    {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
    {"not": {"required": ["a", "c"]}},
    {"patternProperties": {"^[ab]$": {"maximum": 1}}},
    {"propertyNames": {"enum": ["a", "c"]}},
    {"propertyNames": {"pattern": "^[^b]$"}},
    {
        "oneOf": [
            {"properties": {"b": {}, "c": {}}, "required": ["c"], "additionalProperties": False},
            {"properties": {"a": {}}, "required": ["a"], "additionalProperties": False},
        ]
    },
    {
        "anyOf": [
            {"properties": {"b": {}}, "additionalProperties": {"const": 1}},
            {"properties": {"a": {}}, "additionalProperties": {"const": 2}},
        ]
    },
    {"not": {"properties": {"b": {}}, "additionalProperties": False}, "minProperties": 1},
    {"not": {"properties": {"a": {}}, "additionalProperties": False}},
    {"allOf": [{"properties": {"a": {"const": 1}}}], "unevaluatedProperties": False},
    {"if": {"properties": {"c": {"const": 1}}}, "then": {"properties": {"a": {"const": 2}}}, "unevaluatedProperties": False},
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=json.dumps)
@pytest.mark.parametrize("closed", [False, True])
def test_conditions_hold_in_any_order(condition: dict[str, Any], closed: bool) -> None:
    schema = {"type": "object", "properties": {name: {"type": "integer"} for name in "abc"}, **condition}
    validator = jsonschema.Draft202012Validator(schema)
    grammar = grammar_of(schema, open_objects=not closed, order=OrderBudget())
    for names in subsets([*"abc"]):
        for values in itertools.product((1, 2), repeat=len(names)):
            instance = dict(zip(names, values, strict=True))
            assert accepts(grammar, json.dumps(instance)) is validator.is_valid(instance), instance


def test_names_that_no_schema_declares_come_last() -> None:
    schema = {"properties": {"a": {"const": 1}, "b": {"const": 2}}, "patternProperties": {"^x": {"const": 3}}}
    grammar = grammar_of({"type": "object", **schema, "additionalProperties": False}, order=OrderBudget())
    for text in ('{"b": 2, "a": 1, "x1": 3, "x2": 3}', '{"x1": 3}', '{"a": 1, "x": 3}'):
        assert accepts(grammar, text)
    assert not accepts(grammar, '{"x1": 3, "a": 1}')


def test_objects_inside_come_in_any_order_too() -> None:
    inner = {"type": "object", "properties": {"x": {"const": 1}, "y": {"const": 2}}, "required": ["x", "y"]}
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": inner}, "b": inner}}
    grammar = grammar_of(schema, open_objects=False, order=OrderBudget())
    assert accepts(grammar, '{"b": {"y": 2, "x": 1}, "a": [{"x": 1, "y": 2}, {"y": 2, "x": 1}]}')
    assert not accepts(grammar, '{"b": {"y": 2, "x": 1, "y": 2}}')
    assert not accepts(grammar, '{"b": {"y": 2}}')


LARGE = {
    "type": "object",
    "properties": {f"p{number:02}": {"const": number} for number in range(20)},
    "required": ["p19", "p10"],
}


def test_of_many_properties_the_required_ones_come_anywhere_and_the_others_in_order() -> None:
    grammar = grammar_of(LARGE, open_objects=False, order=OrderBudget())

    def text(*numbers: int) -> str:
        return json.dumps({f"p{number:02}": number for number in numbers})

    for numbers in ((10, 19), (19, 10), (19, 10, 0, 1, 18), (0, 19, 3, 10), (0, 3, 19, 18, 10), tuple(range(20))):
        assert accepts(grammar, text(*numbers))
    for numbers in ((10,), (19, 0), (19, 10, 3, 0)):
        assert not accepts(grammar, text(*numbers))
    assert not accepts(grammar, text(19, 10, 3)[:-1] + ', "p19": 19}')


@pytest.mark.parametrize("number", [*range(1, 12), 20, 40, 60, 200])
def test_the_cost_of_an_object_is_bounded(number: int) -> None:
    names = [f"p{place}" for place in range(number)]
    schema = {"type": "object", "properties": {name: {"type": "integer"} for name in names}, "required": names[:1]}
    before, after = (
        to_gbnf(grammar_of(schema, open_objects=False, order=order)) for order in (None, OrderBudget(MAX_STEPS))
    )
    assert len(after) <= len(before) + 50 * MAX_OBJECT_STEPS


def test_every_order_of_up_to_seven_properties() -> None:
    names = list("abcdefg")
    assert {*OrderBudget().choose(names, ())} == {*names}
    assert {*OrderBudget().choose([*names, "h"], ("h", "d"))} > {"h", "d"}
    assert OrderBudget(0).choose(names, names) == ()


def test_objects_inside_share_the_budget() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(3):
        schema = {"type": "object", "properties": {f"k{number}": schema for number in range(5)}, "maxProperties": 5}
    # Each is an object of its own, since no two have the same schema.
    different = {"type": "object", "properties": {f"n{n}": {**schema, "title": str(n)} for n in range(30)}}
    before, after = (to_gbnf(grammar_of(different, open_objects=False, order=order)) for order in (None, OrderBudget()))
    assert len(after) <= len(before) + 60 * MAX_STEPS


@pytest.mark.parametrize("name", ["tagged", "keyed"])
def test_many_tools_share_the_budget(name: str) -> None:
    tools = tuple(
        Tool(function["name"], function["description"], function["parameters"]) for function in many_functions(200)
    )
    compiled = compile_prompt(replace(QUESTION, tools=tools), template(name))
    assert compiled.style == "native"
    assert len(compiled.grammar or "") < 1600 * len(tools)


def test_conditions_of_too_many_states_keep_the_declared_order() -> None:
    names = [f"p{number}" for number in range(7)]
    either = [{"properties": {name: {"const": place % 2}}} for place, name in enumerate(names)]
    schema = {
        "type": "object",
        "properties": {name: {"enum": [0, 1, 2]} for name in names},
        "allOf": [{"anyOf": either[place : place + 3]} for place in range(5)],
    }
    grammar = grammar_of(schema, open_objects=False, order=OrderBudget())
    validator = jsonschema.Draft202012Validator(schema)
    for values in itertools.product((0, 1, 2), repeat=4):
        instance = dict(zip(names, values, strict=False))
        assert accepts(grammar, json.dumps(instance)) is validator.is_valid(instance)


SCHEMA = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "integer"}}, "required": ["a"]}


def test_answers_and_grammars_of_schemas_keep_the_declared_order() -> None:
    """As OpenAI promises for structured outputs: the order of the keys in the schema."""
    asked = replace(QUESTION, tools=(), response_format=JsonFormat(SCHEMA))
    answer = grammar_from_gbnf(compile_prompt(asked, template("tagged")).grammar or "")
    for grammar in (answer, grammar_from_gbnf(json_schema_to_gbnf(SCHEMA))):
        assert accepts(grammar, '{"b": 1, "a": 2}')
        assert not accepts(grammar, '{"a": 2, "b": 1}')


READ_FILE = Tool(
    "read_file",
    "",
    {
        "type": "object",
        "properties": {
            "limit": {"type": "integer"},
            "path": {"type": "string"},
            "deep": {"type": "boolean"},
            "offset": {"type": "integer"},
        },
        "required": ["path"],
    },
)
ARGUMENTS = {"limit": 20, "path": "a b", "deep": False, "offset": 10}
WRITTEN: dict[str, tuple[str, str, str]] = {
    "keyed": (
        "<call>\n<function=read_file>\n{}</function>\n</call>",
        "<parameter={}>\n{}\n</parameter>\n",
        "",
    ),
    "nested": ('<do to="read_file">{}</do>', "<{0}>{1}</{0}>", ""),
    "braces": ("<|call|>read_file{{{}}}<|done|>", "{}:{}", ","),
    "tagged": ('<call>\n{{"name": "read_file", "arguments": {{{}}}}}\n</call>', '"{}": {}', ", "),
}
WORDS: dict[str, dict[str, str]] = {
    "keyed": {"deep": "False", "path": "a b"},
    "nested": {"deep": "false", "path": "a b"},
    "braces": {"deep": "false", "path": "<|q|>a b<|q|>"},
    "tagged": {"deep": "false", "path": '"a b"'},
}


def written(name: str, keys: tuple[str, ...]) -> str:
    """The call as the template writes it, with the keys in this order."""
    call, pair, join = WRITTEN[name]
    words = {key: WORDS[name].get(key, json.dumps(value)) for key, value in ARGUMENTS.items()}
    return call.format(join.join(pair.format(key, words[key]) for key in keys))


@pytest.mark.parametrize("name", WRITTEN)
def test_calls_are_read_in_the_order_in_which_they_are_written(name: str) -> None:
    compiled = compile_prompt(replace(QUESTION, tools=(READ_FILE, Tool("g"))), template(name))
    assert (compiled.style, compiled.warnings) == ("native", ())
    grammar = grammar_from_gbnf(compiled.grammar or "")
    for keys in subsets([*ARGUMENTS]):
        text = written(name, keys)
        assert accepts(grammar, text) is ("path" in keys), text
        if "path" in keys:
            message, complete = read(compiled, text)
            assert complete
            assert list(json.loads(message.tool_calls[0].arguments).items()) == [(key, ARGUMENTS[key]) for key in keys]
            assert not accepts(grammar, written(name, (*keys, keys[0])))


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("choice", ["auto", "required"])
def test_what_is_sampled_is_a_valid_call(name: str, choice: str) -> None:
    request = replace(QUESTION, tools=(READ_FILE, Tool("h", "", LARGE)), tool_choice=CHOICES[choice])
    compiled = compile_prompt(request, template(name))
    check_samples(request, compiled, 12)
    check_splits(compiled, 3)
