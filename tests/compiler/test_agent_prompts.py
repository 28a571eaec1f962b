"""Prompts that agents send in a loop: calls stay calls, and a text that would be lost is moved instead."""

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.request import ChatRequest, Message
from tests.support.compiler.conversations import ASK, ASK2, ONE, SAID, TOOLS, TWO, assistant, result, system
from tests.support.compiler.templates import template

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
