"""Templates that take reasoning as a part of the content: output is read as reasoning, and history's is written back."""

from typing import Any

import pytest

from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.profile.probe_capabilities import template_capabilities
from promptweave.compiler.request import ChatRequest, Message, ToolChoice
from tests.support.compiler.conversations import ASK, ASK2, ONE, TOOLS, assistant, result, system, user
from tests.support.compiler.templates import template
from tests.support.compiler.tool_calls import QUESTION, check_samples, read

THOUGHTFUL = template("thoughtful")
THOUGHT = "It may be raining there."


def _compiled(*messages: Message, **fields: Any) -> Compiled:
    return compile_prompt(ChatRequest(messages, **fields), THOUGHTFUL)


def test_history_has_its_reasoning_where_the_template_writes_it() -> None:
    called = assistant("Let me look.", ONE, thought=THOUGHT)
    compiled = _compiled(ASK, called, result("17 degrees, drizzle", ONE.id), tools=TOOLS)
    assert f"[/ASK][DRAFT]{THOUGHT}[/DRAFT]Let me look.[CALL]get_weather[ARGS]" in compiled.prompt
    assert compiled.warnings == ()


def test_reasoning_beside_a_call_without_text_is_kept() -> None:
    called = assistant(None, ONE, thought=THOUGHT)
    compiled = _compiled(ASK, called, result("17 degrees, drizzle", ONE.id), tools=TOOLS)
    assert f"[/ASK][DRAFT]{THOUGHT}[/DRAFT][CALL]get_weather[ARGS]" in compiled.prompt
    assert compiled.warnings == ()


def test_a_template_that_prints_lists_takes_no_parts() -> None:
    for name in ("tagged", "bare", "listed"):
        assert template_capabilities(template(name)).reasoning_key != "content"


@pytest.mark.parametrize("choice", [ToolChoice(), ToolChoice(required=True), ToolChoice(names=())])
def test_output_begins_with_reasoning_or_without(choice: ToolChoice) -> None:
    compiled = _compiled(ASK, tools=TOOLS, tool_choice=choice)
    call = '[CALL]get_weather[ARGS]{"city": "Vaduz"}'
    for answer, content in (("It rains.", "It rains."), (call, None)):
        if content if choice.required else call == answer and choice.none:
            continue
        for thought in (None, THOUGHT):
            message, complete = read(compiled, (f"[DRAFT]{thought}[/DRAFT]" if thought else "") + answer)
            assert complete
            assert (message.reasoning_content, message.content) == (thought, content)
            assert bool(message.tool_calls) is (content is None)


def test_the_grammar_admits_reasoning_before_a_call() -> None:
    request = ChatRequest(QUESTION.messages, QUESTION.tools, ToolChoice(required=True))
    compiled = compile_prompt(request, THOUGHTFUL)
    assert compiled.grammar
    assert "DRAFT]" in compiled.grammar
    check_samples(request, compiled, 20)


@pytest.mark.parametrize("text", ["What is [DRAFT] for?", "What is [/DRAFT] for?"])
def test_tags_in_earlier_texts_open_and_close_nothing(text: str) -> None:
    for messages in ((user(text),), (system(text), ASK), (ASK, assistant(text), ASK2)):
        message, _ = read(_compiled(*messages, tools=TOOLS), f"[DRAFT]{THOUGHT}[/DRAFT]It rains.")
        assert (message.reasoning_content, message.content) == (THOUGHT, "It rains.")
