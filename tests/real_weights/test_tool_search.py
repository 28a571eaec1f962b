"""A small real model among 263 tools: what the prompt costs with the search, and whether the model finds the right tool."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.facade.many_tools import MANY, many_functions, many_tools
from tests.support.models.real_models import QWEN_CODER, real_model
from tests.support.serving import Serving, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TASKS = [
    ("Create a calendar event named 'standup' in workspace w1.", "mcp__calendar__create_event"),
    ("Delete the playlist 'old' in workspace w1.", "mcp__music__delete_playlist"),
    ("Update the coupon 'SPRING' in the workspace acme.", "mcp__shop__update_coupon"),
]


@pytest.fixture(scope="module")
def qwen() -> Iterator[Serving]:
    with serving("--model", str(real_model(QWEN_CODER)), "--ctx-size", "8192", "--parallel", "1") as server:
        yield server


def ask(server: Serving, path: str, **body: Any) -> Any:
    response = httpx.post(f"{server.url}/{path}", json={"temperature": 0, "max_tokens": 300, **body}, timeout=600)
    assert response.status_code == 200, response.text
    return response.json()


def test_the_prompt_costs_a_few_hundred_tokens(qwen: Serving) -> None:
    question = [{"role": "user", "content": TASKS[0][0]}]
    tools = [
        {"name": each["name"], "description": each["description"], "input_schema": each["parameters"]}
        for each in many_functions()
    ]
    assert len(tools) == MANY
    without = ask(qwen, "messages/count_tokens", messages=question, tools=tools)["input_tokens"]
    searching = ask(qwen, "chat/completions", messages=question, tools=many_tools(defer_loading=True), max_tokens=1)
    assert without > 40_000
    assert searching["usage"]["prompt_tokens"] < 350


@pytest.mark.parametrize(("task", "tool"), TASKS)
def test_the_right_tool_is_found_and_called(qwen: Serving, task: str, tool: str) -> None:
    messages = [{"role": "user", "content": task}]
    answer = ask(
        qwen,
        "chat/completions",
        messages=messages,
        tools=many_tools(defer_loading=True),
        tool_choice="required",
        parallel_tool_calls=False,
    )
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == tool
    assert "warnings" not in answer
    # The definitions of five tools.
    assert answer["usage"]["prompt_tokens"] < 1500
