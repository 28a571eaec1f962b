"""Objects and arrays that a template writes in a notation other than JSON: at any depth, with the complete schema."""

import json
from dataclasses import replace
from typing import Any

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.request import Message, Role, Tool, ToolCall
from tests.support.compiler.templates import template
from tests.support.compiler.tool_calls import CHOICES, QUESTION, check_samples, check_splits, profile_of, read
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts

DEEP = Tool(
    "f",
    "",
    {
        "type": "object",
        "properties": {
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 3}, "minItems": 1, "maxItems": 2},
            "grid": {"type": "array", "items": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 9}}},
            "who": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "pattern": "^[a-z]+$"},
                    "ok": {"type": "boolean"},
                    "at": {"$ref": "#/$defs/place"},
                },
                "required": ["name", "at"],
            },
            "places": {"type": "array", "items": {"$ref": "#/$defs/place"}},
            "opt": {"description": "one more", "allOf": [{"$ref": "#/$defs/place"}]},
        },
        "required": ["tags"],
        "$defs": {"place": {"type": "object", "properties": {"kind": {"enum": ["a", "b"]}, "x": {"type": "number"}}}},
    },
)
REQUEST = replace(QUESTION, tools=(DEEP, Tool("g")))
WRITTEN = {
    "braces": "<|call|>f{{{}}}<|done|>",
    "nested": '<do to="f">{}</do>',
}
CASES: list[tuple[dict[str, Any] | None, str, str]] = [
    ({"tags": ["x"]}, "tags:[<|q|>x<|q|>]", "<tags><li>x</li></tags>"),
    (
        {"tags": ["", "</"], "grid": [[1, 2], []]},
        "tags:[<|q|><|q|>,<|q|></<|q|>],grid:[[1,2],[]]",
        "<tags><li></li><li></</li></tags><grid><li><li>1</li><li>2</li></li><li></li></grid>",
    ),
    (
        {"tags": ["x"], "who": {"name": "ab", "at": {"x": -2.5}}, "places": [{}, {"kind": "a"}], "opt": {"x": 3}},
        "tags:[<|q|>x<|q|>],who:{name:<|q|>ab<|q|>,at:{x:-2.5}},places:[{},{kind:<|q|>a<|q|>}],opt:{x:3}",
        "<tags><li>x</li></tags><who><name>ab</name><at><x>-2.5</x></at></who>"
        "<places><li></li><li><kind>a</kind></li></places><opt><x>3</x></opt>",
    ),
    (None, "tags:[]", "<tags></tags>"),
    (None, "tags:[<|q|>long<|q|>]", "<tags><li>long</li></tags>"),
    (None, "tags:[<|q|>x<|q|>],grid:[[10]]", "<tags><li>x</li></tags><grid><li><li>10</li></li></grid>"),
    (
        None,
        "tags:[<|q|>x<|q|>],places:[{kind:<|q|>c<|q|>}]",
        "<tags><li>x</li></tags><places><li><kind>c</kind></li></places>",
    ),
    (None, "tags:[<|q|>x<|q|>],who:{name:<|q|>ab<|q|>}", "<tags><li>x</li></tags><who><name>ab</name></who>"),
]


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("case", range(len(CASES)))
def test_what_is_inside_keeps_to_its_schema(name: str, case: int) -> None:
    meant, braces, nested = CASES[case]
    text = WRITTEN[name].format(braces if name == "braces" else nested)
    compiled = compile_prompt(REQUEST, template(name))
    assert (compiled.style, compiled.warnings) == ("native", ())
    assert accepts(grammar_from_gbnf(compiled.grammar or ""), text) is (meant is not None)
    if meant is not None:
        message, complete = read(compiled, text)
        assert complete
        assert json.loads(message.tool_calls[0].arguments) == meant
        called = Message(Role.ASSISTANT, None, tool_calls=(ToolCall("c", "f", json.dumps(meant)),))
        again = compile_prompt(
            replace(REQUEST, messages=(*QUESTION.messages, called, Message(Role.USER, "q"))), template(name)
        )
        assert text in again.prompt


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("choice", ["auto", "required"])
def test_samples(name: str, choice: str) -> None:
    request = replace(REQUEST, tool_choice=CHOICES[choice])
    compiled = compile_prompt(request, template(name))
    check_samples(request, compiled, 20)
    check_splits(compiled, 5)


NODE = {"type": "object", "properties": {"li": {"type": "integer"}}}
LEFT = "/properties/a/properties/left"
TREE = {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}}
OPEN = {"type": "object", "additionalProperties": {"type": "string"}}


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        pytest.param({"$ref": "#/$defs/tree"}, "/properties/a/properties/left", id="recursion"),
        pytest.param(OPEN, "/properties/a/additionalProperties", id="open"),
        pytest.param(
            {"type": "array", "items": {"type": "string"}, "uniqueItems": True}, "/properties/a/uniqueItems", id="unique"
        ),
        pytest.param({"type": "array"}, "/properties/a/items", id="any-items"),
        pytest.param({"enum": [{"x": 1}, {"x": 2}]}, "/properties/a/enum", id="listed-objects"),
        pytest.param({"anyOf": [NODE, {"type": "integer"}]}, "/properties/a", id="an-object-or-a-number"),
        pytest.param({"anyOf": [NODE, {"type": "string"}]}, "/properties/a", id="an-object-or-text"),
        pytest.param({"anyOf": [NODE, {"type": "array", "items": NODE}]}, "/properties/a", id="an-object-or-an-array"),
        pytest.param({"oneOf": [NODE, {"minProperties": 1}]}, "/properties/a", id="perhaps-two-objects"),
        pytest.param({"type": "object", "$ref": "#/$defs/tree"}, f"{LEFT}/properties/left", id="more-than-a-reference"),
        pytest.param({"anyOf": [TREE, OPEN]}, "/properties/a", id="two-objects"),
    ],
)
def test_a_value_that_cannot_be_exact_is_json(schema: dict[str, Any], pointer: str) -> None:
    parameters = {"type": "object", "properties": {"a": schema}, "required": ["a"], "$defs": {"tree": TREE}}
    request = replace(QUESTION, tools=(Tool("f", "", parameters), Tool("g")))
    compiled = compile_prompt(request, template("nested"))
    assert compiled.style == "native"
    paths = [warning.path for warning in compiled.warnings if warning.code == "style_fallback"]
    assert [path.removeprefix("/tools/0/function/parameters") for path in paths] == [pointer]
    assert "the value is written as JSON" in compiled.warnings[-1].message
    if not any(warning.code == "keyword_checked" for warning in compiled.warnings):
        check_samples(request, compiled, 10)
    check_splits(compiled, 5)


def test_a_tool_of_too_many_combinations_gets_one_json_object() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(3):
        schema = {"type": "object", "properties": {f"k{number}": schema for number in range(8)}}
    request = replace(QUESTION, tools=(Tool("f", "", schema),))
    compiled = compile_prompt(request, template("braces"))
    assert compiled.style == "native"
    assert "too many combinations" in compiled.warnings[0].message
    check_samples(request, compiled, 3)


def test_an_object_or_something_else_where_that_can_be_told() -> None:
    either = {"anyOf": [NODE, {"type": "array", "items": {"type": "integer"}}, {"type": "string"}, {"enum": [None, 1]}]}
    request = replace(QUESTION, tools=(Tool("f", "", {"type": "object", "properties": {"a": either}, "required": ["a"]}),))
    compiled = compile_prompt(request, template("braces"))
    assert (compiled.style, compiled.warnings) == ("native", ())
    for text, meant in (("{li:2}", {"li": 2}), ("[2]", [2]), ("<|q|>2<|q|>", "2"), ("None", None), ("1", 1)):
        message, complete = read(compiled, WRITTEN["braces"].format(f"a:{text}"))
        assert (json.loads(message.tool_calls[0].arguments), complete) == ({"a": meant}, True)
    check_samples(request, compiled, 20)


def test_says_so() -> None:
    assert "values of the types object, array have a notation of their own" in profile_of("nested").notes
