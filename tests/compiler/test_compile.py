"""The main path: request and template → prompt, grammar, syntax. Templates of our own, and the corpus where it is there."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.errors import CompilerError, RequestError, SchemaError, TemplateError, UnsupportedError
from promptweave.compiler.profile.profile import profile
from promptweave.compiler.request import ChatRequest, JsonFormat, Message, Role, SchemaStyle, Tool, ToolCall, ToolChoice
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.output.message import ParsedMessage
from tests.support.compiler.templates import CORPUS, template
from tests.support.compiler.tool_calls import CHOICES, QUESTION, SCHEMA, WEATHER, calls_of, check_samples, read
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts, sample

# -- profiles --


def test_derives_a_tagged_syntax() -> None:
    found = profile(template("tagged"))
    assert found.style == "native"
    assert found.calls
    assert (found.calls.opening, found.calls.middle) == ('<call>\n{"name": "', '", "arguments": ')
    assert (found.calls.closing, found.calls.markers) == ("}\n</call>", ("\n<call>", "<call>"))
    assert found.calls.between == '}\n</call>\n<call>\n{"name": "'
    assert found.reasoning
    assert (found.reasoning.opening, found.reasoning.closing) == ("<think>\n", "\n</think>\n\n")
    assert (found.system_role, found.tool_results, found.turn_end) == (True, True, "<|end|>\n")


def test_derives_a_listed_syntax() -> None:
    found = profile(template("listed"))
    assert found.calls
    assert found.calls.opening == '[CALLS][{"function": "'
    assert (found.calls.between, found.calls.closing) == ('}, {"function": "', "}]")
    assert found.calls.marker == "[CALLS]"


def test_says_what_a_bare_template_lacks() -> None:
    found = profile(template("bare"))
    assert (found.style, found.calls, found.system_role, found.tools_published) == ("generic", None, False, False)
    assert found.notes[0] == "the template does not render the tools; they are described in the system turn"
    assert "history: the template does not support system messages" in found.notes


# -- prompts --


def test_forced_call_stands_in_the_prompt() -> None:
    """Up to its last special token: behind other text only the engine's vocabulary tells where tokens end."""
    listed = replace(template("listed"), special_tokens=("[CALLS]", "[/ASK]"))
    compiled = compile_prompt(replace(QUESTION, tool_choice=ToolChoice(True, ("get_weather",))), listed)
    assert compiled.prompt.endswith("[/ASK][CALLS]")
    assert compiled.syntax.prefix == "[CALLS]"
    message, complete = read(compiled, '[{"function": "get_weather", "with": {"city": "Rome"}}]')
    assert (calls_of(message), complete) == ([("get_weather", {"city": "Rome"})], True)


def test_no_prefix_where_no_special_token_must_come() -> None:
    required = replace(QUESTION, tool_choice=ToolChoice(required=True))
    assert compile_prompt(required, template("listed")).syntax.prefix == ""
    # <think> and <call> share their first character.
    tagged = replace(template("tagged"), special_tokens=("<think>", "<call>"))
    assert compile_prompt(required, tagged).syntax.prefix == ""


def test_generic_style_explains_itself_in_the_prompt() -> None:
    compiled = compile_prompt(replace(QUESTION, schema_style=SchemaStyle.TYPESCRIPT), template("bare"))
    assert compiled.style == "generic"
    assert 'unit?: "celsius" | "fahrenheit",' in compiled.prompt
    assert "Be brief." in compiled.prompt
    assert compiled.prompt.endswith("ASSISTANT:")
    assert [warning.code for warning in compiled.warnings] == ["system_moved"]
    message, complete = read(compiled, '{"thought_about_next_step_only": "hm", "next_step": {"result": "fine\\n"}}')
    assert (message.content, message.reasoning_content, complete) == ("fine\n", "hm", True)


@pytest.mark.parametrize("style", ["tagged", "listed", "bare"])
def test_history_is_shown(style: str) -> None:
    history = (
        Message(Role.USER, "q1"),
        Message(Role.ASSISTANT, "let me see", tool_calls=(ToolCall("c1", "get_weather", '{"city": "Rome"}'),)),
        Message(Role.TOOL, "sunny", tool_call_id="c1"),
        Message(Role.ASSISTANT, "It is sunny."),
        Message(Role.USER, "q2"),
        Message(Role.DEVELOPER, "Now in French."),
        Message(Role.USER, "q3"),
    )
    compiled = compile_prompt(replace(QUESTION, messages=history), template(style))
    for said in ("q1", "let me see", "get_weather", "Rome", "sunny", "It is sunny.", "q2", "Now in French.", "q3"):
        assert said in compiled.prompt


def test_a_tool_choice_of_none_shows_no_tools_and_admits_any_text() -> None:
    compiled = compile_prompt(replace(QUESTION, tool_choice=ToolChoice(names=())), template("tagged"))
    assert (compiled.grammar, "Functions:" in compiled.prompt) == (None, False)
    assert read(compiled, "<call> is a tag") == (ParsedMessage("<call> is a tag"), True)


def test_the_prefix_key_is_a_conversation_s() -> None:
    def key(request: ChatRequest) -> str:
        return compile_prompt(request, template("tagged")).prefix_key

    more = replace(QUESTION, messages=(*QUESTION.messages, Message(Role.ASSISTANT, "Well?"), Message(Role.USER, "Yes")))
    assert key(QUESTION) == key(more)
    assert key(QUESTION) != key(replace(QUESTION, tools=(WEATHER,)))
    other = replace(QUESTION, messages=(*QUESTION.messages[:-1], Message(Role.USER, "Something else?")))
    assert key(QUESTION) != key(other)
    assert key(replace(QUESTION, prompt_cache_key="a")) == key(replace(more, prompt_cache_key="a", tools=()))


# -- the output: what the grammar can say is what the parser reads, and what the schema allows --


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("parallel", [True, False], ids=["parallel", "single"])
@pytest.mark.parametrize("wanted", [None, JsonFormat(SCHEMA)], ids=["text", "schema"])
@pytest.mark.parametrize(
    ("name", "style"),
    [("tagged", ""), ("tagged", "generic"), ("tagged", "hermes"), ("listed", ""), ("bare", ""), ("bare", "hermes")],
)
def test_whatever_the_grammar_says_is_a_valid_message(
    name: str, style: str, choice: str, parallel: bool, wanted: JsonFormat | None
) -> None:
    request = replace(
        QUESTION, tool_choice=CHOICES[choice], parallel_tool_calls=parallel, response_format=wanted, style=style
    )
    check_samples(request, compile_prompt(request, template(name)), 25)


def test_a_marker_in_text_is_always_a_call() -> None:
    grammar = grammar_from_gbnf(compile_prompt(QUESTION, template("tagged")).grammar or "")
    assert accepts(grammar, "no call < call> <cal l>")
    assert accepts(grammar, 'ok\n<call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</call>')
    for text in ("a <call>", "<call>\n{}", '<call>\n{"name": "get_wind", "arguments": {}}\n</call>', "<<call>x"):
        assert not accepts(grammar, text)


def test_what_is_not_exact_is_said_and_checked() -> None:
    unique = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}}}
    request = replace(
        QUESTION,
        tools=(WEATHER, Tool("f", "", unique)),
        response_format=JsonFormat(unique),
        tool_choice=ToolChoice(names=("f",)),
    )
    compiled = compile_prompt(request, template("tagged"))
    assert [(warning.code, warning.path) for warning in compiled.warnings] == [
        ("keyword_checked", "/tools/1/function/parameters/properties/a/uniqueItems"),
        ("keyword_checked", "/response_format/json_schema/schema/properties/a/uniqueItems"),
    ]
    call = '<call>\n{{"name": "f", "arguments": {}}}\n</call>'
    message, complete = read(compiled, call.format('{"a": [1, 2]}'))
    assert (calls_of(message), complete) == ([("f", {"a": [1, 2]})], True)
    message, complete = read(compiled, call.format('{"a": [1, 1]}'))
    assert (message.tool_calls, complete, message.violations[0].name) == ([], False, "f")
    message, complete = read(compiled, '{"a": [1, 1]}')
    assert (message.content, complete, message.violations[0].path) == (None, False, "/a")


# -- errors --


@pytest.mark.parametrize(
    ("request_", "error", "path"),
    [
        pytest.param(replace(QUESTION, messages=()), RequestError, "/messages", id="no-messages"),
        pytest.param(
            replace(QUESTION, tools=(WEATHER, replace(WEATHER, description="another"))),
            RequestError,
            "/tools/1/function/name",
            id="two-of-a-name",
        ),
        pytest.param(replace(QUESTION, tools=(Tool(""),)), RequestError, "/tools/0/function/name", id="no-name"),
        pytest.param(
            replace(QUESTION, tool_choice=ToolChoice(True, ("x",))), RequestError, "/tool_choice", id="unknown-tool"
        ),
        pytest.param(replace(QUESTION, tools=(), tool_choice=ToolChoice(True)), RequestError, "/tool_choice", id="no-tools"),
        pytest.param(replace(QUESTION, style="x"), UnsupportedError, "/style", id="unknown-style"),
        pytest.param(
            replace(QUESTION, tools=(WEATHER, Tool("f", "", {"properties": {"a": {"uniqueItems": True}}}, strict=True))),
            SchemaError,
            "/tools/1/function/parameters/properties/a/uniqueItems",
            id="schema-of-a-tool",
        ),
        pytest.param(
            replace(QUESTION, response_format=JsonFormat({"pattern": r"(a)\1"}, strict=True)),
            SchemaError,
            "/response_format/json_schema/schema/pattern",
            id="schema-of-the-answer",
        ),
    ],
)
def test_errors_name_the_place(request_: ChatRequest, error: type[CompilerError], path: str) -> None:
    with pytest.raises(error) as raised:
        compile_prompt(request_, template("tagged"))
    assert raised.value.path == path


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{% for %}", "the chat template cannot be parsed: .* \\(line 1 of the template\\)"),
        (
            "{% if messages %}\n{{ raise_exception('no') }}{% endif %}",
            "the chat template raised: no \\(line 2 of the template\\)",
        ),
        ("{{ messages.x.y }}", "the chat template raised: .*"),
        ("{{ 1 / 0 }}", "the chat template failed: ZeroDivisionError"),
        ("{{ ''.__class__.__mro__ }}", "the chat template raised: access to attribute '__class__'"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "infinite recursion in the chat template"),
    ],
)
def test_template_errors_name_the_line(source: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        compile_prompt(QUESTION, ChatTemplate(source))


# -- the corpus --


@pytest.mark.skipif(not CORPUS.is_dir(), reason="shared/corpus/templates is not here")
@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.jinja")) if CORPUS.is_dir() else [], ids=lambda path: path.stem)
def test_every_real_template_compiles_and_its_calls_are_valid(path: Path) -> None:
    given = ChatTemplate(path.read_text(), "<s>", "</s>")
    for choice in CHOICES.values():
        request = replace(QUESTION, tool_choice=choice)
        compiled = compile_prompt(request, given)
        assert "How is the weather?" in compiled.prompt
        assert "get_weather_forecast" in compiled.prompt
        check_samples(request, compiled, 5)


def test_a_reasoning_budget_comes_with_what_follows_it() -> None:
    bounded = replace(QUESTION, tool_choice=ToolChoice(required=True), reasoning_budget=20)
    budget = compile_prompt(bounded, template("tagged")).budget
    assert budget
    assert budget.grammar
    assert (budget.tokens, budget.closing) == (20, "\n</think>\n\n")
    assert sample(grammar_from_gbnf(budget.grammar), random.Random(1)).startswith('<call>\n{"name": "')
    free = compile_prompt(replace(bounded, tools=(), tool_choice=ToolChoice()), template("tagged")).budget
    assert free
    assert free.grammar is None
    assert compile_prompt(bounded, template("listed")).budget is None
    assert "budget_left_out" in [warning.code for warning in compile_prompt(bounded, template("bare")).warnings]
