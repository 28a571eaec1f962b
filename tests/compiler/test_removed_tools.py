"""Tools that a conversation removed: in the prompt, but not callable."""

from dataclasses import replace
from pathlib import Path

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.errors import RequestError
from promptweave.compiler.request import ChatRequest, Message, Role, Tool, ToolChoice
from promptweave.compiler.template.chat_template import ChatTemplate

CHATML = ChatTemplate((Path(__file__).parents[1] / "pinned" / "chat.jinja").read_text(), "", "<|im_end|>")
TOOLS = (Tool("look_around"), Tool("mail.send"), Tool("walk"))
REQUEST = ChatRequest((Message(Role.USER, "hi"),), TOOLS, tool_choice=ToolChoice(required=True))


@pytest.mark.parametrize("removed", ["look_around", "mail.send"])
def test_a_removed_tool_stays_in_the_prompt_and_cannot_be_called(removed: str) -> None:
    before = compile_prompt(REQUEST, CHATML)
    after = compile_prompt(replace(REQUEST, removed_tools=(removed, "unknown")), CHATML)
    assert [part.text for part in after.segments] == [part.text for part in before.segments]
    name = removed.replace(".", "_")
    assert before.grammar
    assert after.grammar
    assert name in before.grammar
    assert name not in after.grammar
    assert "walk" in after.grammar


def test_without_any_tool_left_there_are_no_calls() -> None:
    names = tuple(tool.name for tool in TOOLS)
    free = replace(REQUEST, tool_choice=ToolChoice(), removed_tools=names)
    compiled = compile_prompt(free, CHATML)
    assert all(name not in str(compiled.grammar) for name in names)
    for choice in (ToolChoice(required=True), ToolChoice(required=True, names=("walk",), once=True)):
        with pytest.raises(RequestError, match="removed") as raised:
            compile_prompt(replace(free, tool_choice=choice), CHATML)
        assert raised.value.path == "/tool_choice"
