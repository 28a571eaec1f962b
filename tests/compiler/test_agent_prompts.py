"""Prompts that agents send in a loop: calls stay calls, and a text that would be lost is moved instead."""

from pathlib import Path

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.errors import TemplateError
from promptweave.compiler.request import ChatRequest, Message, Tool
from promptweave.compiler.template.chat_template import ChatTemplate
from tests.support.compiler.conversations import ASK, ASK2, ONE, SAID, TOOLS, TWO, assistant, rendered, result, system, user
from tests.support.compiler.templates import CORPUS, template

SAILOR = system("Speak like a sailor.")
CALL, RESULT = assistant(None, ONE), result("17 degrees, drizzle", ONE.id)


def _compiled(*messages: Message) -> tuple[str, list[str]]:
    compiled = compile_prompt(ChatRequest(messages, TOOLS), template("nine"))
    return compiled.prompt, [warning.code for warning in compiled.warnings]


def test_calls_stay_calls_where_a_template_shows_the_system_text_only_with_a_last_user_message() -> None:
    prompt, warnings = _compiled(SAILOR, ASK, CALL, RESULT)
    assert '[CALL]abcdefgh1=get_weather{"city": "Vaduz"}</s>[RESULT]abcdefgh1=17 degrees, drizzle[/RESULT]' in prompt
    assert f"[ASK]{SAILOR.content}\n\n{ASK.content}[/ASK]" in prompt
    assert warnings == ["system_moved"]


def test_a_loop_keeps_its_beginning() -> None:
    first, _ = _compiled(SAILOR, ASK, CALL, RESULT)
    second, _ = _compiled(SAILOR, ASK, CALL, RESULT, assistant(None, TWO[1]), result("25 sun", TWO[1].id))
    assert second.startswith(first)


def test_the_system_text_stays_where_the_template_has_it_if_the_user_is_last() -> None:
    prompt, warnings = _compiled(SAILOR, ASK, CALL, RESULT, SAID, ASK2)
    assert f"[ASK]{SAILOR.content} / {ASK2.content}[/ASK]" in prompt
    assert warnings == []


# -- the last question --

_FIRST_ONLY = (
    "{% for message in messages if message.role != 'user' or message == messages[0] %}<{{ message.content }}>{% endfor %}"
)


@pytest.mark.parametrize("tools", [(), TOOLS])
@pytest.mark.parametrize("source", ["", "{{ bos_token }}", "{% for message in messages %}{% endfor %}fixed"])
def test_a_prompt_without_the_last_question_is_an_error(source: str, tools: tuple[Tool, ...]) -> None:
    with pytest.raises(TemplateError, match=r"omits the last user message .*--chat-template") as raised:
        compile_prompt(ChatRequest((SAILOR, ASK), tools), ChatTemplate(source))
    assert raised.value.path == "/messages/1/content"


def test_the_last_question_is_kept_in_another_form_if_one_has_it() -> None:
    compiled = compile_prompt(ChatRequest((ASK, SAID, ASK2)), ChatTemplate(_FIRST_ONLY))
    assert ASK2.content in compiled.prompt


def test_a_question_that_the_template_changes_is_not_lost() -> None:
    template = ChatTemplate("{% for message in messages %}<{{ message.content | replace('/now', '') }}>{% endfor %}")
    compiled = compile_prompt(ChatRequest((user("Tell me more /now"),)), template)
    assert "Tell me more" in compiled.prompt


# -- tools without a description --

_PING = Tool("ping", "", {"type": "object", "properties": {}})
_SHOWN = "{% for message in messages %}<{{ message.content }}>{% endfor %}{% for tool in tools or [] %}@@{% endfor %}"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{{ tool.function | tojson }}", '{"name": "ping", "parameters": {"type": "object", "properties": {}}}'),
        ("{{ tool.function.name }}: {{ tool.function.description }}", "ping: "),
        ("{{ tool.function.name }}{{ ' (' + tool.function.description + ')' }}", "ping ()"),
        ("{{ tool.function.name }}: {{ tool.function.get('description') }}", "ping: "),
    ],
)
def test_a_tool_without_a_description_is_shown_without_one_if_the_template_can(written: str, expected: str) -> None:
    shown, _ = rendered(ChatRequest((ASK,), (_PING,)), ChatTemplate(_SHOWN.replace("@@", written)))
    assert shown.endswith(f">{expected}")


@pytest.mark.parametrize("style", ["hermes", "generic", "functionary_v2"])
def test_no_style_writes_an_empty_description(style: str) -> None:
    prompt = compile_prompt(ChatRequest((ASK,), (_PING,), style=style), template("bare")).prompt
    assert "description" not in prompt


@pytest.mark.skipif(not CORPUS.is_dir(), reason="shared/corpus/templates is not here")
@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.jinja")) if CORPUS.is_dir() else [], ids=lambda path: path.stem)
def test_no_real_template_invents_a_description(path: Path) -> None:
    given = ChatTemplate(path.read_text(), "<s>", "</s>")

    def words(tool: Tool) -> int:
        prompt = compile_prompt(ChatRequest((ASK,), (tool,)), given).prompt
        assert "ping" in prompt
        return prompt.lower().count("none") + prompt.lower().count("undefined")

    assert words(_PING) == words(Tool("ping", "Answers.", _PING.parameters))


# -- a system message in the middle --


def test_a_template_that_moves_system_messages_to_the_beginning_keeps_a_later_one_in_its_place() -> None:
    hoisting = ChatTemplate(
        "{% for message in messages if message.role == 'system' %}{{ message.content }}\n{% endfor %}"
        "{% for message in messages if message.role != 'system' %}<{{ message.role }}>{{ message.content }}\n{% endfor %}"
    )
    compiled = compile_prompt(ChatRequest((SAILOR, ASK, SAID, system("Be brief now."), ASK2)), hoisting)
    assert compiled.prompt.startswith(
        f"{SAILOR.content}\n<user>{ASK.content}\n<assistant>{SAID.content}\n<user>Be brief now."
    )
    assert [(warning.code, warning.path) for warning in compiled.warnings] == [("system_moved", "/messages/3")]
