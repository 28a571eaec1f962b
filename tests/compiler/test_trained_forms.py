"""What a model writes although its template does not: messages with a recipient, preambles, and reasoning between them."""

import itertools
import json
import random
from dataclasses import replace

import pytest

from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.plan.output import answer_output
from promptweave.compiler.plan.plan import PlanSpec, plan
from promptweave.compiler.profile.profile import profile
from promptweave.compiler.profile.reasoning_state import Thinking
from promptweave.compiler.profile.trained_forms import TRAINED_FORMATS
from promptweave.compiler.request import ChatRequest, JsonFormat, ToolChoice
from promptweave.compiler.styles.custom_tools import input_parameters
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.output.deltas import CallEnd, CallFragment, CallHeader, ContentDelta, Delta, ReasoningDelta
from promptweave.output.message import ParsedMessage
from promptweave.output.parse.parser import OutputParser
from tests.support.compiler.templates import CORPUS, template
from tests.support.compiler.tool_calls import CHOICES, FORECAST, QUESTION, SCHEMA, WEATHER, calls_of, check_samples, read
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts

MESSAGES = template("messages")
NEXT = "<|end|><|start|>assistant"
ARGUMENTS = '<|message|>{"city": "Graz"}'
CALLED = [("get_weather", {"city": "Graz"})]
REAL = CORPUS / "openai-gpt-oss-120b.jinja"


@pytest.fixture(params=["ours", "real"])
def given(request: pytest.FixtureRequest) -> ChatTemplate:
    """A template of our own, and the one that the format comes from."""
    if request.param == "ours":
        return MESSAGES
    if not REAL.exists():
        pytest.skip("shared/corpus/templates is not here")
    return ChatTemplate(REAL.read_text(), "<s>", "</s>")


def thought(text: str) -> str:
    return f"<|channel|>analysis<|message|>{text}{NEXT}"


def preamble(text: str) -> str:
    return f"<|channel|>commentary<|message|>{text}{NEXT}"


def admitted(compiled: Compiled, text: str) -> bool:
    return compiled.grammar is not None and accepts(grammar_from_gbnf(compiled.grammar), text)


TYPES = ("", " json", " <|constrain|>json", "<|constrain|>json", " code", " <|constrain|>code", "<|constrain|>code")
HEADERS = [
    *(f"<|channel|>{channel} to=functions.get_weather{kind}" for channel in ("commentary", "analysis") for kind in TYPES),
    *(f" to=functions.get_weather<|channel|>{channel}{kind}" for channel in ("commentary", "analysis") for kind in TYPES),
]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("choice", ["auto", "required", "named"])
def test_a_call_has_its_recipient_in_the_channel_or_the_role(given: ChatTemplate, choice: str, header: str) -> None:
    compiled = compile_prompt(replace(QUESTION, tool_choice=CHOICES[choice]), given)
    for before, reasoning in (("", None), (thought("Hm."), "Hm."), (thought("Hm.") + thought("So."), "Hm.\n\nSo.")):
        text = before + header + ARGUMENTS
        message, complete = read(compiled, text)
        assert (calls_of(message), complete) == (CALLED, True)
        assert (message.content, message.reasoning_content) == (None, reasoning)
        assert admitted(compiled, text)


# The messages of an answer, and what is read: reasoning, content, calls.
ANSWERS = [
    pytest.param(thought("Hm."), "<|channel|>final<|message|>Hot.", "Hm.", "Hot.", [], id="final"),
    pytest.param(thought("Hm."), "<|channel|>final<|message|>Hot.<|end|>", "Hm.", "Hot.", [], id="final-ended"),
    pytest.param(
        thought("Hm.") + preamble("I look."),
        f"<|channel|>commentary to=functions.get_weather{ARGUMENTS}",
        "Hm.",
        "I look.",
        CALLED,
        id="preamble-call",
    ),
    pytest.param(
        preamble("I look."),
        f" to=functions.get_weather<|channel|>commentary json{ARGUMENTS}",
        None,
        "I look.",
        CALLED,
        id="no-thought",
    ),
    pytest.param(
        thought("Hm.") + preamble("I look.") + thought("So.") + preamble("Now."),
        f"<|channel|>commentary to=functions.get_weather{ARGUMENTS}",
        "Hm.\n\nSo.",
        "I look.\n\nNow.",
        CALLED,
        id="in-turns",
    ),
    pytest.param(
        preamble("I do not look."),
        "<|channel|>final<|message|>Hot.",
        None,
        "I do not look.\n\nHot.",
        [],
        id="preamble-final",
    ),
]


@pytest.mark.parametrize(("before", "last", "reasoning", "content", "called"), ANSWERS)
@pytest.mark.parametrize("parallel", [True, False], ids=["parallel", "single"])
def test_messages_are_read_in_order(
    given: ChatTemplate,
    before: str,
    last: str,
    reasoning: str | None,
    content: str | None,
    called: list[object],
    parallel: bool,
) -> None:
    compiled = compile_prompt(replace(QUESTION, parallel_tool_calls=parallel), given)
    message, complete = read(compiled, before + last)
    assert (message.reasoning_content, message.content, calls_of(message), complete) == (reasoning, content, called, True)
    assert not message.warnings
    assert admitted(compiled, before + last)


def test_a_preamble_has_no_place_where_content_has_none(given: ChatTemplate) -> None:
    """A required call has no content, and constrained content is nothing but that."""
    call = f"<|channel|>commentary to=functions.get_weather{ARGUMENTS}"
    for request in (
        replace(QUESTION, tool_choice=CHOICES["required"]),
        replace(QUESTION, response_format=JsonFormat(SCHEMA)),
    ):
        compiled = compile_prompt(request, given)
        assert admitted(compiled, thought("Hm.") + call)
        assert not admitted(compiled, preamble("I look.") + call)


def test_a_call_obeys_its_schema_and_the_choice_in_every_form(given: ChatTemplate) -> None:
    named = compile_prompt(replace(QUESTION, tool_choice=CHOICES["named"]), given)
    for header in HEADERS:
        assert not admitted(named, header + '<|message|>{"city": 1}')
        assert not admitted(
            named, header.replace("get_weather", "get_weather_forecast") + '<|message|>{"days": 1, "city": ""}'
        )
    other = header.replace("get_weather", "rm")
    assert not admitted(compile_prompt(QUESTION, given), other + ARGUMENTS)


@pytest.mark.parametrize("header", ["final", "final json", "final <|constrain|>json", "final<|constrain|>json"])
@pytest.mark.parametrize("tools", [True, False], ids=["tools", "alone"])
def test_constrained_content_follows_reasoning(given: ChatTemplate, tools: bool, header: str) -> None:
    request = replace(QUESTION, response_format=JsonFormat(SCHEMA), tools=QUESTION.tools if tools else ())
    compiled = compile_prompt(request, given)
    text = thought("Hm.") + thought("So.") + f"<|channel|>{header}<|message|>" + '{"answer": 1}'
    message, complete = read(compiled, text)
    assert (message.reasoning_content, message.content, complete) == ("Hm.\n\nSo.", '{"answer": 1}', True)
    assert admitted(compiled, text)
    assert not admitted(compiled, text.replace("1", "true"))


def test_a_custom_tool_is_called_in_every_form(given: ChatTemplate) -> None:
    run = replace(WEATHER, name="run", parameters=input_parameters(None), custom=True)
    compiled = compile_prompt(replace(QUESTION, tools=(run, FORECAST)), given)
    for header in HEADERS:
        text = header.replace("get_weather", "run") + '<|message|>{"input": "say \\"hi\\""}'
        message, complete = read(compiled, text)
        assert [(call.name, call.arguments, call.custom) for call in message.tool_calls] == [("run", 'say "hi"', True)]
        assert complete
        assert admitted(compiled, text)


def test_free_answers_are_read_too(given: ChatTemplate) -> None:
    """Without tools there is no grammar: what the model writes by itself is read."""
    compiled = compile_prompt(replace(QUESTION, tools=()), given)
    assert compiled.grammar is None
    for text, reasoning, content in (
        (thought("Hm.") + thought("So.") + "<|channel|>final<|message|>Hot.", "Hm.\n\nSo.", "Hot."),
        (thought("Hm.") + preamble("First.") + "<|channel|>final<|message|>Hot.", "Hm.", "First.\n\nHot."),
        ("<|channel|>commentary<|message|>Hot.", None, "Hot."),
        ("Hot.", None, "Hot."),
    ):
        message, complete = read(compiled, text)
        assert (message.reasoning_content, message.content, complete) == (reasoning, content, True)


@pytest.mark.parametrize("choice", CHOICES)
def test_whatever_the_grammar_says_is_a_valid_message(given: ChatTemplate, choice: str) -> None:
    for wanted in (None, JsonFormat(SCHEMA)):
        request = replace(QUESTION, tool_choice=CHOICES[choice], response_format=wanted)
        compiled = compile_prompt(request, given)
        assert (compiled.style, compiled.warnings) == ("native", ())
        check_samples(request, compiled, 10)


def _kinds(deltas: list[Delta]) -> list[type[Delta]]:
    return [kind for kind, _ in itertools.groupby(map(type, deltas))]


def test_deltas_stream_in_order_however_the_output_is_cut() -> None:
    text = (
        thought("Hm.") + preamble("I look.") + thought("So.") + f"<|channel|>commentary to=functions.get_weather{ARGUMENTS}"
    )
    syntax = compile_prompt(QUESTION, MESSAGES).syntax
    for seed in range(20):
        chance, parser = random.Random(seed), OutputParser(syntax)
        deltas, rest = parser.start(), text
        while rest:
            length = chance.randint(1, 9) if seed else 1
            deltas += parser.feed(rest[:length])
            rest = rest[length:]
        deltas += parser.finish()
        assert parser.complete
        assert _kinds(deltas) == [ReasoningDelta, ContentDelta, ReasoningDelta, CallHeader, CallFragment, CallEnd]
        assert "".join(delta.text for delta in deltas if isinstance(delta, ReasoningDelta)) == "Hm.\n\nSo."
        assert "".join(delta.text for delta in deltas if isinstance(delta, ContentDelta)) == "I look."


def test_content_and_arguments_are_streamed_before_they_are_complete() -> None:
    parser = OutputParser(compile_prompt(QUESTION, MESSAGES).syntax)
    assert parser.start() == []
    assert parser.feed("<|channel|>commentary<|message|>I lo") == [ContentDelta("I lo", True)]
    assert parser.feed(f"ok.{NEXT}<|channel|>commentary to=functions.get_weather") == [ContentDelta("ok.", True)]
    header, fragment = parser.feed('<|message|>{"ci')
    assert isinstance(header, CallHeader)
    assert fragment == CallFragment(0, '{"ci')


def test_an_output_that_is_cut_keeps_what_it_has() -> None:
    compiled = compile_prompt(QUESTION, MESSAGES)
    text = thought("Hm.") + preamble("I look.") + f"<|channel|>commentary to=functions.get_weather{ARGUMENTS}"
    for length in range(len(text)):
        message, complete = read(compiled, text[:length])
        assert not complete
        # The beginning of a marker is text, if nothing follows.
        assert f"Hm.{NEXT}".startswith(message.reasoning_content or "")
        assert f"I look.{NEXT}".startswith(message.content or "")
        assert not message.warnings


# -- to which templates an entry applies --


def test_the_profile_says_where_the_forms_come_from(given: ChatTemplate) -> None:
    (entry,) = TRAINED_FORMATS
    assert profile(given).message_forms == entry.forms
    assert any(entry.source in note for note in profile(given).notes)


def test_all_tags_of_the_forms_are_preserved(given: ChatTemplate) -> None:
    compiled = compile_prompt(QUESTION, given)
    assert {"<|start|>", "<|channel|>", "<|constrain|>", "<|message|>", "<|end|>"} <= set(compiled.preserved_tokens)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("analysis", "thoughts", id="other-channel"),
        pytest.param("final", "answer", id="other-answer"),
        pytest.param("commentary json", "commentary jsonc", id="call-that-is-not-read"),
        pytest.param("<|start|>assistant", "<|begin|>assistant", id="other-start"),
    ],
)
def test_another_syntax_gets_no_forms(old: str, new: str) -> None:
    found = profile(ChatTemplate(MESSAGES.source.replace(old, new), "<s>", "</s>"))
    assert found.calls
    assert found.message_forms is None


def test_a_template_that_drops_reasoning_still_has_a_model_that_reasons() -> None:
    source = MESSAGES.source.replace("m.thinking", "m.nothing")
    compiled = compile_prompt(QUESTION, ChatTemplate(source, "<s>", "</s>"))
    text = thought("Hm.") + f"<|channel|>commentary to=functions.get_weather{ARGUMENTS}"
    message, complete = read(compiled, text)
    assert (message.reasoning_content, calls_of(message), complete) == ("Hm.", CALLED, True)
    assert admitted(compiled, text)


def test_reasoning_that_the_prompt_has_opened_is_followed_by_more() -> None:
    output = answer_output(plan(PlanSpec.of(QUESTION, MESSAGES, profile(MESSAGES))), Thinking.OPEN)
    text = f"Hm.{NEXT}" + thought("So.") + preamble("I look.") + f"<|channel|>commentary to=functions.get_weather{ARGUMENTS}"
    parser, message = OutputParser(output.syntax), ParsedMessage()
    message.extend([*parser.start(), *parser.feed(text), *parser.finish()])
    assert (message.reasoning_content, message.content, calls_of(message)) == ("Hm.\n\nSo.", "I look.", CALLED)
    assert parser.complete
    assert accepts(grammar_from_gbnf(output.grammar or ""), text)


def test_the_answer_after_a_budget_has_no_more_reasoning() -> None:
    compiled = compile_prompt(replace(QUESTION, reasoning_budget=5, tool_choice=ToolChoice(required=True)), MESSAGES)
    assert compiled.budget
    assert compiled.budget.grammar
    after = grammar_from_gbnf(compiled.budget.grammar)
    assert accepts(after, f"<|channel|>commentary to=functions.get_weather{ARGUMENTS}")
    assert not accepts(after, thought("Hm.") + f"<|channel|>commentary to=functions.get_weather{ARGUMENTS}")
    assert admitted(compiled, thought("Hm.") + thought("So.") + f"<|channel|>commentary to=functions.get_weather{ARGUMENTS}")


def test_the_case_of_the_issue() -> None:
    cases = CORPUS.parents[1] / "cases" / "requests.jsonl"
    if not (cases.exists() and REAL.exists()):
        pytest.skip("shared is not here")
    case = next(found for found in map(json.loads, cases.read_text().splitlines()) if found["name"] == "gptoss_auto")
    shown = case["request"]["tools"][0]["function"]
    tool = replace(WEATHER, name=shown["name"], description=shown["description"], parameters=shown["parameters"])
    compiled = compile_prompt(ChatRequest(QUESTION.messages, (tool,)), ChatTemplate(REAL.read_text(), "<s>", "</s>"))
    message, complete = read(compiled, case["model_output"])
    assert (calls_of(message), message.reasoning_content) == ([("read_file", {"path": "/a"})], "Need file.")
    assert complete
    assert admitted(compiled, case["model_output"])
