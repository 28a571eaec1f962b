"""`think_first`: a model without reasoning of its own thinks in text, and only then is its answer constrained."""

import random
from dataclasses import replace

import pytest

from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.explain.explain import explain
from promptweave.compiler.request import ChatRequest, JsonFormat, ToolChoice
from tests.support.compiler.templates import template
from tests.support.compiler.tool_calls import CHOICES, QUESTION, check_samples, read
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts, sample

FIRST = replace(QUESTION, think_first=True)
FORMAT = JsonFormat({"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}, strict=True)
THOUGHT = 'Rain? {"name": "get_weather"} would say it.'


def _compiled(request: ChatRequest, name: str = "listed") -> Compiled:
    return compile_prompt(request, template(name))


@pytest.mark.parametrize("name", ["listed", "single", "nine"])
@pytest.mark.parametrize("choice", CHOICES)
def test_thoughts_come_before_a_valid_answer(name: str, choice: str) -> None:
    request = replace(FIRST, tool_choice=CHOICES[choice])
    compiled = _compiled(request, name)
    if not compiled.grammar:
        assert request.tool_choice.none
        return
    assert compiled.prompt.endswith("<think>\n")
    assert "between <think> and </think>" in compiled.prompt
    check_samples(request, compiled, 10)


def test_content_is_the_json_alone() -> None:
    request = replace(FIRST, tools=(), response_format=FORMAT)
    message, complete = read(_compiled(request), THOUGHT + '\n</think>\n\n{"answer": "yes"}')
    assert complete
    assert (message.reasoning_content, message.content) == (THOUGHT, '{"answer": "yes"}')


def test_thoughts_with_the_form_of_a_call_are_thoughts() -> None:
    compiled = _compiled(replace(FIRST, tool_choice=ToolChoice(required=True)))
    usual = _compiled(replace(QUESTION, tool_choice=ToolChoice(required=True)))
    own = usual.syntax.prefix + sample(grammar_from_gbnf(usual.grammar or ""), random.Random(3))
    message, complete = read(compiled, own + "\n</think>\n\n" + own)
    assert complete
    assert message.reasoning_content == own.strip()
    assert len(message.tool_calls) == len(read(_compiled(QUESTION), own)[0].tool_calls)


def test_thoughts_are_limited() -> None:
    budget = _compiled(FIRST).budget
    assert budget
    assert (budget.tokens, budget.closing) == (512, "\n</think>\n\n")
    assert budget.grammar
    own = _compiled(replace(FIRST, reasoning_budget=20)).budget
    assert own
    assert own.tokens == 20


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("listed", replace(FIRST, tools=())),
        ("listed", replace(FIRST, thinking=False)),
        ("bare", FIRST),
    ],
    ids=["nothing is constrained", "reasoning is off", "the envelope has thoughts of its own"],
)
def test_it_changes_nothing_where_it_has_no_use(name: str, request_: ChatRequest) -> None:
    with_, without = (_compiled(each, name) for each in (request_, replace(request_, think_first=False)))
    assert (with_.prompt, with_.grammar, with_.budget) == (without.prompt, without.grammar, without.budget)
    assert with_.warnings == without.warnings


def test_a_template_that_reasons_does_so_in_its_own_way() -> None:
    assert _compiled(FIRST, "tagged").prompt == _compiled(replace(QUESTION, thinking=True), "tagged").prompt


@pytest.mark.parametrize("think_first", [True, False])
def test_tools_and_a_format_leave_both_ways_open(think_first: bool) -> None:
    compiled = _compiled(replace(FIRST, response_format=FORMAT, think_first=think_first))
    assert compiled.grammar
    before = f"{THOUGHT}\n</think>\n\n" if think_first else ""
    for answer in ('[CALLS][{"function": "get_weather", "with": {"city": "Oslo"}}]', '{"answer": "yes"}'):
        assert accepts(grammar_from_gbnf(compiled.grammar), before + answer)
        message, complete = read(compiled, before + answer)
        assert complete
        assert bool(message.tool_calls) is (message.content is None)
        assert message.reasoning_content == (THOUGHT if think_first else None)


def test_the_explanation_has_the_same_prompt() -> None:
    compiled = _compiled(FIRST)
    parts = explain(FIRST, template("listed"), compiled).parts
    assert "".join(part.text for part in parts) == compiled.prompt
