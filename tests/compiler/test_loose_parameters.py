"""Tools whose schemas say little, or much, about their values: each costs only its own parameter the native syntax."""

import json
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_schema.compile import embed_schema
from promptweave.compiler.profile.profile import profile
from promptweave.compiler.request import ChatRequest, Message, Role, Tool, ToolCall, ToolChoice
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.output.grammar.expr import Rules
from tests.support.compiler.loose_schemas import ALL, VALUES, parameters
from tests.support.compiler.template_table import CORPUS
from tests.support.compiler.templates import template
from tests.support.compiler.tool_calls import check_samples, check_splits, read
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts

OWN = ("keyed", "typed", "braces")
MORE = ("code", "closed", "nested", "sections")
REAL = (
    *(
        "Qwen3-Coder",
        "GLM-4.6",
        "MiniMax-M2",
        "MiniMax-M3",
        "ByteDance-Seed-OSS",
        "LFM2.5-Instruct",
        "LFM2-8B-A1B",
        "Kimi-K3",
    ),
    *("google-gemma-4-31B-it", "deepseek-ai-DeepSeek-V3.2", "poolside-Laguna-S-2.1", "poolside-Laguna-XS-2.1"),
)
READ_FILE = Tool("read_file", "", {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]})
USER = Message(Role.USER, "hello")


def _real(name: str) -> ChatTemplate:
    path = Path(CORPUS / f"{name}.jinja")
    if not path.is_file():
        pytest.skip("shared/corpus/templates is not here")
    return ChatTemplate(path.read_text(), "<s>", "</s>")


def _request(schema: Any, *history: Message) -> ChatRequest:
    tools = (READ_FILE, Tool("set_value", "", schema))
    return ChatRequest((USER, *history), tools, tool_choice=ToolChoice(True))


def _check_native(given: ChatTemplate, kind: str, samples: int) -> None:
    request = _request(ALL[kind])
    compiled = compile_prompt(request, given)
    assert compiled.style == "native"
    assert all(warning.path.startswith("/tools/1/") for warning in compiled.warnings)
    checked = any(warning.code == "keyword_checked" for warning in compiled.warnings)
    if not checked:
        check_samples(request, compiled, samples)
    check_splits(compiled, 1)


@pytest.mark.parametrize("name", OWN)
def test_a_loose_schema_keeps_the_native_syntax(name: str) -> None:
    for kind in ALL:
        _check_native(template(name), kind, 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE)
def test_a_loose_schema_keeps_other_native_syntaxes(name: str) -> None:
    for kind in ALL:
        _check_native(template(name), kind, 5)


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_a_loose_schema_keeps_the_native_syntax_of_real_templates(name: str) -> None:
    given = _real(name)
    for kind in ALL:
        _check_native(given, kind, 5)


# -- what the history shows is what a model may write, and is read as the same value --

EXAMPLES: list[Any] = [
    *("text", "", "10", "12e4567", " 10", "true", "[1", '{"a": 1}', '"quoted"', "a\nb <c> 'd' \\", "auto", "2024-05", "x{y"),
    *(10, -2.5, 0, True, False, None, [], ["a", "b"], [1, "a", None], [[1.5, 2]], [0, 1]),
    *({}, {"id": 7}, {"text": "a </parameter> b"}, {"name": "n", "more": {"a": [True, None]}}, {"a": "b"}, {"a": 1, "b": 2}),
    *(
        {"page_id": "p", "type": "page_id"},
        {"and": [{"field": "f", "equals": 1}]},
        {"title": [{"content": "c", "link": None}]},
    ),
]


def _read_by_type(value: Any) -> bool:
    """Return whether a value would be read as another one where its type is not written."""
    if "</parameter>" in str(value):
        return True
    try:
        return isinstance(value, str) and not isinstance(json.loads(value), str)
    except ValueError:
        return value in ("True", "False", "None") if isinstance(value, str) else False


def _written(compiled: Compiled, given: ChatTemplate) -> str:
    calls = profile(given).calls
    assert calls
    text = compiled.prompt[compiled.prompt.rfind(calls.opening) :]
    return text[: text.find(calls.closing) + len(calls.closing)] if calls.closing else text


def _round_trips(given: ChatTemplate, lead: str = "") -> int:
    count = 0
    for schema in VALUES.values():
        request = _request(parameters(schema))
        compiled = compile_prompt(request, given)
        if any(warning.code in ("style_fallback", "keyword_checked") for warning in compiled.warnings):
            continue
        by_type = any(warning.code == "keyword_note" for warning in compiled.warnings)
        grammar = grammar_from_gbnf(compiled.grammar or "")
        for value in EXAMPLES:
            whole = {"path": "p", "value": value}
            mistaken = _read_by_type(value) and (by_type or not isinstance(schema.get("type", ""), str))
            closed = schema.get("type") == "object" and "additionalProperties" not in schema
            if mistaken or closed or not jsonschema.Draft202012Validator(parameters(schema)).is_valid(whole):
                continue
            call = Message(Role.ASSISTANT, None, tool_calls=(ToolCall("c", "set_value", json.dumps(whole)),))
            shown = compile_prompt(replace(request, messages=(USER, call, Message(Role.USER, "q"))), given)
            text = (lead + _written(shown, given)).removeprefix(compiled.syntax.prefix)
            message, complete = read(compiled, text)
            assert complete, (schema, value, text)
            assert json.loads(message.tool_calls[0].arguments) == whole, (schema, text)
            assert accepts(grammar, text), (schema, value, text)
            count += 1
    return count


@pytest.mark.parametrize("name", ["keyed", "typed", "braces", "nested"])
def test_the_history_s_values_are_read_back(name: str) -> None:
    assert _round_trips(template(name)) > 30


@pytest.mark.parametrize("name", ["Qwen3-Coder", "LFM2.5-Instruct"])
def test_the_history_s_values_of_real_templates_are_read_back(name: str) -> None:
    assert _round_trips(_real(name)) > 50


# -- which arguments may be present together: exactly those sets that the schema allows --

_KEYS = ("id", "name", "why")
_PLAIN: dict[str, Any] = {"type": "object", "properties": {key: {"type": "integer"} for key in _KEYS}}


@pytest.mark.parametrize(
    "more",
    [
        {"required": ["id"]},
        {"anyOf": [{"required": ["id"]}, {"required": ["name"]}]},
        {"oneOf": [{"required": ["id"]}, {"required": ["name"]}]},
        {"oneOf": [{"required": ["id", "why"]}, {"required": ["id"]}, {"required": ["name"]}]},
        {"not": {"required": ["id", "name"]}},
        {"dependentRequired": {"id": ["why", "name"]}},
        {"minProperties": 2},
        {"maxProperties": 1, "required": ["why"]},
        {"if": {"required": ["id"]}, "then": {"required": ["name"]}, "else": {"required": ["why"]}},
        {"allOf": [{"anyOf": [{"required": ["id"]}, {"required": ["name"]}]}, {"not": {"required": ["why"]}}]},
        {"anyOf": [{"properties": {"id": {"type": "integer"}}, "additionalProperties": False}, {"required": ["why"]}]},
        {"$ref": "#/$defs/A", "$defs": {"A": {"required": ["name"], "minProperties": 2}}},
        {"properties": {}, "anyOf": [_PLAIN, {"required": ["id"], "properties": {"id": {"type": "integer"}}}]},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["keyed", "code"])
def test_arguments_that_may_be_present_together(name: str, more: dict[str, Any]) -> None:
    schema = {**_PLAIN, **more}
    compiled = compile_prompt(replace(_request(schema), tools=(Tool("f", "", schema),)), template(name))
    assert (compiled.style, compiled.warnings) == ("native", ())
    grammar = grammar_from_gbnf(compiled.grammar or "")
    for count in range(len(_KEYS) + 1):
        for keys in permutations(_KEYS, count):
            valid = jsonschema.Draft202012Validator(schema).is_valid(dict.fromkeys(keys, 1))
            if name == "keyed":
                inside = "".join(f"\n<parameter={key}>\n1\n</parameter>" for key in keys)
                text = f"<call>\n<function=f>{inside}\n</function>\n</call>"
            else:
                text = f"<|code|>[f({', '.join(f'{key}=1' for key in keys)})]<|/code|>"
            assert accepts(grammar, text) is valid, (keys, text)
            if valid:
                message, complete = read(compiled, text)
                assert complete
                assert json.loads(message.tool_calls[0].arguments) == dict.fromkeys(keys, 1)


def test_undeclared_keys_are_written_like_declared_ones() -> None:
    schema = {
        "type": "object",
        "properties": {"id": {"type": "integer"}},
        "additionalProperties": {"type": ["string", "null"]},
    }
    compiled = compile_prompt(_request(schema), template("keyed"))
    assert (compiled.style, compiled.warnings) == ("native", ())
    grammar = grammar_from_gbnf(compiled.grammar or "")

    def text(*pairs: tuple[str, str]) -> str:
        inside = "".join(f"\n<parameter={key}>\n{value}\n</parameter>" for key, value in pairs)
        return f"<call>\n<function=set_value>{inside}\n</function>\n</call>"

    some = text(("x-y", "a b"), ("id", "7"), ("idx", "None"))
    assert accepts(grammar, some)
    assert json.loads(read(compiled, some)[0].tool_calls[0].arguments) == {"x-y": "a b", "id": 7, "idx": None}
    # A declared key keeps its schema, and comes once.
    assert not accepts(grammar, text(("id", "seven")))
    assert not accepts(grammar, text(("id", "7"), ("id", "8")))
    assert not accepts(grammar, text(("a>b", "c")))


def test_a_template_that_needs_properties_gets_those_of_the_branches() -> None:
    given = ChatTemplate(
        template("keyed").source.replace(
            "{%- if tools",
            "{%- for t in tools or [] %}{% for k, v in "
            "t.function.parameters.properties.items() %}({{ k }}){% endfor %}{% endfor %}{%- if tools",
            1,
        ),
        "<s>",
        "</s>",
    )
    compiled = compile_prompt(_request(ALL["tool-branches"]), given)
    assert compiled.style == "native"
    assert "(path)(id)(name)" in compiled.prompt
    assert compile_prompt(_request(ALL["tool-patterns"]), given).style == "native"


def test_a_keyword_that_is_null_counts_as_absent() -> None:
    inner = {
        "type": "object",
        "properties": {"required": {"enum": [None], "default": None}},
        "required": None,
        "title": None,
    }
    schema = {"type": "object", "properties": {"a": inner}, "required": None}
    compiled = compile_prompt(_request(schema), template("tagged"))
    base = "/tools/1/function/parameters"
    assert {(warning.code, warning.path) for warning in compiled.warnings} == {
        ("keyword_note", f"{base}/required"),
        ("keyword_note", f"{base}/properties/a/required"),
        ("keyword_note", f"{base}/properties/a/title"),
    }
    assert all("'set_value'" in warning.message for warning in compiled.warnings)
    assert '"required": null' not in compiled.prompt
    assert '"default": null' in compiled.prompt
    with pytest.raises(SchemaError, match="required"):
        compile_prompt(replace(_request(schema), tools=(Tool("f", "", schema, strict=True),)), template("tagged"))


FREE_OBJECT = {"a": 1, "b": [True, {"c": None}]}


@pytest.mark.parametrize("kind", ["object", ["object", "null"]])
def test_an_object_without_a_word_about_its_properties_is_free(kind: Any) -> None:
    schema = {"type": "object", "properties": {"metadata": {"type": kind}}, "required": ["metadata"]}
    rules = Rules()
    expr, _ = embed_schema(schema, rules, open_objects=False, object_root=True)
    grammar = rules.grammar(expr)
    assert accepts(grammar, json.dumps({"metadata": FREE_OBJECT}))
    assert not accepts(grammar, json.dumps({"metadata": {}, "other": 1}))
    assert not accepts(grammar, json.dumps({"metadata": 1}))
    for name in OWN:
        request = _request(schema)
        check_samples(request, compile_prompt(request, template(name)), 3)


def test_a_tool_without_a_word_about_its_arguments_has_none() -> None:
    rules = Rules()
    expr, _ = embed_schema({"type": "object"}, rules, open_objects=False, object_root=True)
    assert accepts(rules.grammar(expr), "{}")
    assert not accepts(rules.grammar(expr), '{"a": 1}')
