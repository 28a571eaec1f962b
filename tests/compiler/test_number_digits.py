"""Digits of numbers: as many as bounds allow; without bounds at most 16 in what a model writes for a request."""

import json
from dataclasses import replace
from typing import Any

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.json_schema.logic.number_language import CALL_DIGITS
from promptweave.compiler.request import JsonFormat, Message, Role, Tool, ToolCall
from tests.support.compiler.schema_grammar import grammar_of
from tests.support.compiler.templates import template
from tests.support.compiler.tool_calls import QUESTION, read
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts

MAX_INT64 = 2**63 - 1
CASES: list[tuple[dict[str, Any], list[int], list[int]]] = [
    ({"type": "integer"}, [0, 7, -1, 10**15, 10**16 - 1, 1 - 10**16], [10**16, -(10**16), 10**63]),
    ({"type": "integer", "minimum": 0}, [0, 10**16 - 1], [10**16, -1]),
    ({"type": "integer", "minimum": 5}, [5, 10, 10**16 - 1, 7 * 10**15], [4, 10**16]),
    ({"type": "integer", "maximum": 5}, [5, 1 - 10**16], [6, -(10**16)]),
    ({"type": "integer", "minimum": 0, "maximum": MAX_INT64}, [0, 10**18, MAX_INT64], [MAX_INT64 + 1]),
    ({"type": "integer", "exclusiveMinimum": 10**20}, [10**20 + 1, 10**21 - 1], [10**20, 10**21]),
    ({"type": "integer", "minimum": -(10**20)}, [-(10**20), 10**20], [-(10**20) - 1]),
    ({"type": "integer", "multipleOf": 7}, [0, 7 * 10**14], [8, 7 * 10**16]),
    ({"type": "integer", "multipleOf": 10**18}, [0, 10**18, 9 * 10**18], [10**17, 10**19]),
    ({"type": "integer", "not": {"const": 3}}, [10**16 - 1], [3, 10**16]),
    ({"const": 10**30}, [10**30], [10**29]),
    ({"enum": [1, 12345678901234567890]}, [1, 12345678901234567890], [1234567890123456789]),
    ({"type": "number"}, [10**16 - 1], [10**16]),
    ({"anyOf": [{"type": "integer"}, {"const": 10**20}]}, [10**20, 10**16 - 1], [10**40]),
]


@pytest.mark.parametrize(("schema", "allowed", "refused"), CASES, ids=[json.dumps(case[0]) for case in CASES])
def test_numbers_have_as_many_digits_as_their_bounds_allow(
    schema: dict[str, Any], allowed: list[int], refused: list[int]
) -> None:
    grammar = grammar_of(schema, digits=CALL_DIGITS)
    assert [number for number in allowed if not accepts(grammar, str(number))] == []
    assert [number for number in refused if accepts(grammar, str(number))] == []


def test_a_schema_alone_allows_64_digits() -> None:
    assert accepts(grammar_of({"type": "integer"}), "9" * 64)
    assert not accepts(grammar_of({"type": "integer"}), "9" * 65)
    assert accepts(grammar_of({}), f"[{'9' * 64}.{'9' * 32}]")


N = {"type": "object", "properties": {"n": {"type": "integer"}, "free": {}}, "required": ["n"]}
LONG = 12345678901234567890
TEXTS = {
    "tagged": '<call>\n{{"name": "f", "arguments": {{"n": {}}}}}\n</call>',
    "keyed": "<call>\n<function=f>\n<parameter=n>\n{}\n</parameter>\n</function>\n</call>",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_call_ends_a_number_without_bounds_but_history_keeps_it(name: str) -> None:
    parameters = {**N, "properties": {"n": {"type": "integer"}}}
    request = replace(QUESTION, tools=(Tool("f", "", parameters),))
    grammar = grammar_from_gbnf(compile_prompt(request, template(name)).grammar or "")
    assert accepts(grammar, TEXTS[name].format("9" * 16))
    assert not accepts(grammar, TEXTS[name].format("9" * 17))
    called = Message(Role.ASSISTANT, None, tool_calls=(ToolCall("c", "f", json.dumps({"n": LONG})),))
    again = compile_prompt(replace(request, messages=(*QUESTION.messages, called, Message(Role.USER, "q"))), template(name))
    assert str(LONG) in again.prompt
    listed = replace(request, tools=(Tool("f", "", {**parameters, "properties": {"n": {"enum": [LONG, 1]}}}),))
    compiled = compile_prompt(listed, template(name))
    assert accepts(grammar_from_gbnf(compiled.grammar or ""), TEXTS[name].format(LONG))
    message, _ = read(compiled, TEXTS[name].format(LONG))
    assert json.loads(message.tool_calls[0].arguments) == {"n": LONG}


def test_answers_and_free_values_are_limited_too() -> None:
    asked = replace(QUESTION, tools=(), response_format=JsonFormat(N))
    grammar = grammar_from_gbnf(compile_prompt(asked, template("tagged")).grammar or "")
    assert accepts(grammar, f'{{"n": {"9" * 16}, "free": [{"9" * 16}]}}')
    assert not accepts(grammar, f'{{"n": {"9" * 17}}}')
    assert not accepts(grammar, f'{{"n": 1, "free": [{"9" * 17}]}}')
