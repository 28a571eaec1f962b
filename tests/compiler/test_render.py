"""A renderer holds a template and a style, and nothing of the requests that it renders."""

from dataclasses import replace

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.render.prompt import PromptRenderer
from promptweave.compiler.request import ChatRequest, Message, Role, ToolCall
from promptweave.compiler.styles.registry import STYLES
from tests.support.compiler.conversations import SHAPES
from tests.support.compiler.templates import template

NAMES = ("whole exchange", "unknown id", "user", "results swapped", "old reasoning", "unknown id", "whole exchange")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["tagged", "listed", "bare"])
def test_one_renderer_serves_many_requests(name: str, style: str) -> None:
    chat, way = template(name), STYLES[style]
    renderer = PromptRenderer(chat, way)
    requests = [SHAPES[shape].request() for shape in NAMES]
    fresh = [PromptRenderer(chat, way).render(request) for request in requests]
    assert [renderer.render(request) for request in requests] == fresh
    assert fresh[0] == fresh[-1]
    assert [warning.code for warning in fresh[1].warnings].count("result_unmatched") == 1


def test_requests_and_their_warnings_stay_as_they_are() -> None:
    thinking = Message(Role.ASSISTANT, "<think>hm</think>said", tool_calls=(ToolCall("c1", "f", "{}"),))
    request = ChatRequest((Message(Role.USER, "go"), thinking, Message(Role.TOOL, "x", tool_call_id="other")))
    before = repr(request)
    first, second = (compile_prompt(request, template("tagged")) for _ in range(2))
    assert repr(request) == before
    assert first.warnings == second.warnings
    assert first.prompt == second.prompt
    assert compile_prompt(replace(request, messages=request.messages[:1]), template("tagged")).warnings == ()
