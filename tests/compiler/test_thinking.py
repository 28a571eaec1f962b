"""A request turns reasoning on and off in whatever way its template has; what cannot be done is a warning."""

from pathlib import Path
from typing import Any

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.explain.explain import explain
from promptweave.compiler.profile.profile import profile
from promptweave.compiler.profile.reasoning_state import Thinking, thinking
from promptweave.compiler.profile.thinking_switch import Setting, thinking_switch
from promptweave.compiler.request import ChatRequest, Message, Role
from promptweave.compiler.template.chat_template import ChatTemplate
from tests.support.compiler.templates import CORPUS

_TURNS = """\
{%- for message in messages %}<{{ message.role }}>
{%- if message.reasoning_content %}<think>
{{ message.reasoning_content }}
</think>

{% endif %}{{ message.content }}<end>
{% endfor -%}
"""
_HEAD = "{% if add_generation_prompt %}<assistant>@@{% endif %}"


def _template(end: str, beginning: str = "") -> ChatTemplate:
    return ChatTemplate(beginning + _TURNS + _HEAD.replace("@@", end))


CLOSED, OPEN = "<think>\n\n</think>\n\n", "<think>\n"
TEMPLATES = {
    "usual": _template("{% if enable_thinking is defined and not enable_thinking %}" + CLOSED + "{% endif %}"),
    "off by default": _template("{% if thinking %}" + OPEN + "{% else %}" + CLOSED + "{% endif %}"),
    "another name": _template("{% if not deep_thinking %}" + CLOSED + "{% endif %}"),
    "inverted": _template(
        "{% if skip_thinking is defined and not skip_thinking %}" + OPEN + "{% else %}" + CLOSED + "{% endif %}"
    ),
    "mode": _template(
        "{% if thinking_mode is defined and thinking_mode == 'on' %}"
        + OPEN
        + "{% elif thinking_mode is defined and thinking_mode | lower in ['off', 'never'] %}"
        + CLOSED
        + "{% endif %}"
    ),
    "budget": _template(
        "{% if thinking_budget is defined and thinking_budget == 0 %}"
        + CLOSED
        + "{% elif thinking_budget is defined %}[at most {{ thinking_budget }} words]{% endif %}"
    ),
    "word": _template(
        "{% if '/no_think' in (messages[0].content or '') %}" + CLOSED + "{% else %}" + OPEN + "{% endif %}",
    ),
    "effort": _template(
        "{% if (reasoning_effort or 'none') == 'high' %}" + OPEN + "{% else %}" + CLOSED + "{% endif %}",
        "{% if (reasoning_effort or 'none') not in ['none', 'high'] %}{{ raise_exception('none or high') }}{% endif %}",
    ),
    "text": _template("", "{% if reasoning %}Take your time.{% else %}Be quick.{% endif %}"),
    "always": _template(OPEN),
    "never off": _template(""),
    "none": ChatTemplate(
        "{% for message in messages %}<{{ message.role }}>{{ message.content }}<end>{% endfor %}<assistant>"
    ),
}
ASK = Message(Role.USER, "Which is the heavier one?")


def _compiled(name: str, **fields: Any) -> tuple[str, list[tuple[str, str]]]:
    compiled = compile_prompt(ChatRequest((ASK,), **fields), TEMPLATES[name])
    return compiled.prompt, [(warning.code, warning.path) for warning in compiled.warnings]


@pytest.mark.parametrize(
    ("name", "default", "on", "off"),
    [
        ("usual", "<assistant>", "<assistant>", "<assistant>" + CLOSED),
        ("off by default", "<assistant>" + CLOSED, "<assistant>" + OPEN, "<assistant>" + CLOSED),
        ("another name", "<assistant>" + CLOSED, "<assistant>", "<assistant>" + CLOSED),
        ("inverted", "<assistant>" + CLOSED, "<assistant>" + OPEN, "<assistant>" + CLOSED),
        ("mode", "<assistant>", "<assistant>" + OPEN, "<assistant>" + CLOSED),
        ("budget", "<assistant>", "<assistant>", "<assistant>" + CLOSED),
        ("word", "<assistant>" + OPEN, "<assistant>" + OPEN, "<assistant>" + CLOSED),
        ("effort", "<assistant>" + CLOSED, "<assistant>" + OPEN, "<assistant>" + CLOSED),
        ("always", "<assistant>" + OPEN, "<assistant>" + OPEN, "<assistant>" + CLOSED),
    ],
)
@pytest.mark.parametrize("by_effort", [False, True])
def test_reasoning_is_turned_on_and_off(name: str, default: str, on: str, off: str, by_effort: bool) -> None:
    def ended(thinking: bool, effort: str) -> tuple[str, list[tuple[str, str]]]:
        prompt, warnings = _compiled(name, thinking=thinking, effort=effort if by_effort else None)
        return prompt.rpartition("<end>\n")[2], warnings

    assert _compiled(name)[0].endswith("<end>\n" + default)
    for effort in ("low", "medium", "high"):
        assert ended(True, effort) == (on, [])
    for effort in ("none", "minimal"):
        assert ended(False, effort) == (off, [])


def test_a_template_that_only_says_it_in_words_says_it() -> None:
    assert _compiled("text", thinking=True)[0].startswith("Take your time.")
    assert _compiled("text", thinking=False)[0].startswith("Be quick.")


@pytest.mark.parametrize(("name", "thinking"), [("none", True), ("never off", False)])
@pytest.mark.parametrize(("effort", "path"), [(None, "/reasoning/enabled"), ("high", "/reasoning/effort")])
def test_what_the_template_cannot_do_is_a_warning(name: str, thinking: bool, effort: str | None, path: str) -> None:
    prompt, warnings = _compiled(name, thinking=thinking, effort=effort)
    assert warnings == [("reasoning_unchanged", path)]
    assert prompt == _compiled(name)[0]


@pytest.mark.parametrize(("name", "thinking"), [("none", False), ("always", True), ("never off", True)])
def test_what_is_so_anyway_is_no_warning(name: str, thinking: bool) -> None:
    assert _compiled(name, thinking=thinking) == _compiled(name)


def test_variables_of_the_request_take_precedence() -> None:
    prompt, _ = _compiled("off by default", thinking=True, template_kwargs={"thinking": False})
    assert prompt.endswith(CLOSED)


def test_a_word_goes_to_the_end_of_the_system_message() -> None:
    messages = (Message(Role.SYSTEM, "Speak like a sailor."), ASK)
    prompt = compile_prompt(ChatRequest(messages, thinking=False), TEMPLATES["word"]).prompt
    assert prompt.startswith("<system>Speak like a sailor.\n\n/no_think<end>\n<user>")


def test_no_variable_is_set_that_the_template_would_print() -> None:
    assert thinking_switch(TEMPLATES["budget"]).on == Setting()


@pytest.mark.parametrize(
    ("wanted", "nearest"), [("minimal", "low"), ("low", "low"), ("medium", "high"), ("xhigh", "max"), ("deep", "deep")]
)
def test_an_effort_that_the_template_refuses_becomes_the_nearest(wanted: str, nearest: str) -> None:
    only = "{% if effort is defined and effort not in ['low', 'high', 'max'] %}{{ raise_exception('no') }}{% endif %}"
    assert thinking_switch(ChatTemplate(only + TEMPLATES["always"].source)).effort("effort", wanted) == nearest


def test_the_explanation_has_the_same_prompt() -> None:
    request = ChatRequest((ASK,), thinking=True, effort="high")
    compiled = compile_prompt(request, TEMPLATES["off by default"])
    parts = explain(request, TEMPLATES["off by default"], compiled).parts
    assert "".join(part.text for part in parts) == compiled.prompt


@pytest.mark.skipif(not CORPUS.is_dir(), reason="shared/corpus/templates is not here")
@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.jinja")) if CORPUS.is_dir() else [], ids=lambda path: path.stem)
def test_every_real_template_that_can_reason_does(path: Path) -> None:
    given = ChatTemplate(path.read_text(), "<s>", "</s>")
    found = profile(given)
    on, off = (compile_prompt(ChatRequest((ASK,), thinking=value), given) for value in (True, False))
    states = [thinking(found, compiled.prompt) for compiled in (on, off)]
    warned = [[warning.code for warning in compiled.warnings].count("reasoning_unchanged") for compiled in (on, off)]
    if found.reasoning:
        assert states[0] is not Thinking.CLOSED
        assert states[1] is Thinking.CLOSED or warned == [0, 1]
    else:
        assert on.prompt != off.prompt or warned == [1, 0]
