"""A calling style is one module: no other one names it. `tests/support/compiler/function_tag_style.py` is such a module."""

import ast
from collections.abc import Iterator
from dataclasses import replace

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.errors import RequestError, TemplateError, UnsupportedError
from promptweave.compiler.plan_cache import cached_plan
from promptweave.compiler.profile.profile import profile
from promptweave.compiler.request import GrammarSyntax as Syntax
from promptweave.compiler.request import JsonFormat, Message, Role, TextGrammar, ToolCall, ToolChoice
from promptweave.compiler.styles.registry import STYLES
from promptweave.compiler.template.chat_template import ChatTemplate
from tests.support.compiler.function_tag_style import FUNCTION_TAG
from tests.support.compiler.templates import template
from tests.support.compiler.tool_calls import CHOICES, QUESTION, SCHEMA, check_samples, read
from tests.test_layers import SOURCES, name_of

CALLS = (
    '<function=get_weather>{"city": "Rome"}</function>\n'
    '<function=get_weather_forecast>{"days": 2, "city": "Oslo"}</function>'
)
HISTORY = (
    Message(Role.USER, "How is it?"),
    Message(Role.ASSISTANT, "Let me see.", tool_calls=(ToolCall("c1", "get_weather", '{"city": "Rome"}'),)),
    Message(Role.TOOL, "sunny", tool_call_id="c1"),
)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The style of this test's own, in the registry. Which style is the default is not part of a plan's key."""
    cached_plan.cache_clear()
    monkeypatch.setitem(STYLES, FUNCTION_TAG.name, FUNCTION_TAG)
    yield
    cached_plan.cache_clear()


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("parallel", [True, False], ids=["parallel", "single"])
@pytest.mark.parametrize("wanted", [None, JsonFormat(SCHEMA)], ids=["text", "schema"])
@pytest.mark.parametrize("name", ["tagged", "bare", "headed"])
def test_whatever_the_grammar_says_is_a_valid_message(
    name: str, choice: str, parallel: bool, wanted: JsonFormat | None
) -> None:
    request = replace(
        QUESTION,
        tool_choice=CHOICES[choice],
        parallel_tool_calls=parallel,
        response_format=wanted,
        style=FUNCTION_TAG.name,
    )
    compiled = compile_prompt(request, template(name))
    assert compiled.style == FUNCTION_TAG.name
    check_samples(request, compiled, 8)


def test_calls_are_read_and_shown_in_the_style() -> None:
    compiled = compile_prompt(replace(QUESTION, messages=HISTORY, style=FUNCTION_TAG.name), template("tagged"))
    message, complete = read(compiled, f"Two things.\n{CALLS}")
    assert complete
    assert message.content == "Two things."
    assert [(call.name, call.arguments) for call in message.tool_calls] == [
        ("get_weather", '{"city": "Rome"}'),
        ("get_weather_forecast", '{"days": 2, "city": "Oslo"}'),
    ]
    assert 'Let me see.\n<function=get_weather>{"city": "Rome"}</function>' in compiled.prompt
    assert "<result>sunny</result>" in compiled.prompt
    assert "Call one as <function=NAME>" in compiled.prompt
    assert {"<function=NAME>", "</function>"} & set(compiled.preserved_tokens)


def test_a_style_may_be_the_default_of_templates() -> None:
    assert {name: profile(template(name)).style for name in ("bare", "tagged")} == {
        "bare": FUNCTION_TAG.name,
        "tagged": "native",
    }
    assert compile_prompt(QUESTION, template("bare")).style == FUNCTION_TAG.name


def test_what_the_style_cannot_tell_apart_gets_the_generic_one() -> None:
    grammar = TextGrammar(Syntax.REGEX, "<function=.*")
    compiled = compile_prompt(replace(QUESTION, response_format=grammar, style=FUNCTION_TAG.name), template("tagged"))
    assert compiled.style == "generic"
    assert [warning.code for warning in compiled.warnings] == ["style_fallback"]


def test_a_default_style_that_a_template_fails_on_gives_way_to_the_generic_one() -> None:
    source = "{% for m in messages %}{% if '<function=' in m.content %}{{ raise_exception('no tags') }}{% endif %}"
    picky = ChatTemplate(source + "{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}A:{% endif %}")
    compiled = compile_prompt(QUESTION, picky)
    assert compiled.style == "generic"
    assert [(warning.code, warning.path) for warning in compiled.warnings] == [("style_fallback", "/tools")]
    with pytest.raises(TemplateError, match="no tags"):
        compile_prompt(replace(QUESTION, style=FUNCTION_TAG.name), picky)


def test_errors_name_what_there_is() -> None:
    with pytest.raises(UnsupportedError, match=r"unknown calling style 'x'; supported: native, .*, generic, function_tag$"):
        compile_prompt(replace(QUESTION, style="x"), template("bare"))
    with pytest.raises(RequestError, match="no verified native style") as caught:
        compile_prompt(replace(QUESTION, style="native"), template("bare"))
    assert caught.value.path == "/style"


def test_without_tools_the_style_does_not_matter() -> None:
    none = replace(QUESTION, tool_choice=ToolChoice(names=()))
    prompts = {compile_prompt(replace(none, style=style), template("tagged")).prompt for style in STYLES}
    assert prompts == {compile_prompt(replace(none, tools=()), template("tagged")).prompt}


def test_only_the_styles_know_their_names() -> None:
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in SOURCES
        if "styles" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in STYLES
    ]
    assert found == []
