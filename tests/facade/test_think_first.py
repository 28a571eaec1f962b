"""`think_first` through the APIs: the field of a request, and the default of a model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from promptweave.facade.backend.routes_file import read_routes
from tests.support.serving import Serving, serving

TOOL = {"name": "get_tide", "parameters": {"type": "object", "properties": {"high": {"type": "boolean"}}}}
CHAT = {
    "messages": [{"role": "user", "content": "How high is the tide?"}],
    "tools": [{"type": "function", "function": TOOL}],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "thinking_budget_tokens": 6,
    "max_tokens": 200,
    "temperature": 0,
}


@pytest.fixture(scope="module")
def thoughtful(demo_model: Path) -> Iterator[Serving]:
    with serving("--model", str(demo_model), "--think-first") as served:
        yield served


def _message(served: Serving, **fields: Any) -> dict[str, Any]:
    response = httpx.post(f"{served.url}/chat/completions", json={**CHAT, **fields}, timeout=60)
    assert response.status_code == 200, response.text
    message: dict[str, Any] = response.json()["choices"][0]["message"]
    return message


def test_the_option_is_the_default_and_the_request_decides(thoughtful: Serving, served: Serving) -> None:
    for server, field, thinks in (
        (thoughtful, None, True),
        (thoughtful, False, False),
        (served, None, False),
        (served, True, True),
    ):
        message = _message(server, think_first=field)
        assert bool(message.get("reasoning_content")) is thinks
        assert [call["function"]["name"] for call in message["tool_calls"]] == ["get_tide"]
        assert message.get("content") is None


def test_thoughts_leave_the_content_to_the_format(thoughtful: Serving) -> None:
    schema = {"type": "object", "properties": {"high": {"type": "boolean"}}, "required": ["high"]}
    form = {"type": "json_schema", "json_schema": {"name": "tide", "strict": True, "schema": schema}}
    message = _message(thoughtful, tools=[], tool_choice=None, parallel_tool_calls=None, response_format=form)
    assert message["reasoning_content"]
    assert message["content"] in ('{"high": true}', '{"high": false}')


def test_messages_have_it_as_thinking(served: Serving) -> None:
    body = {
        "messages": CHAT["messages"],
        "tools": [{"name": TOOL["name"], "input_schema": TOOL["parameters"]}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "thinking": {"type": "enabled", "budget_tokens": 6},
        "max_tokens": 200,
        "temperature": 0,
        "think_first": True,
    }
    blocks = httpx.post(f"{served.url}/messages", json=body, timeout=60).json()["content"]
    assert [block["type"] for block in blocks] == ["thinking", "tool_use"]


@pytest.mark.parametrize(("line", "value"), [("", None), ("think_first = true", True), ("think_first = false", False)])
def test_a_route_has_its_own_default(tmp_path: Path, line: str, value: bool | None) -> None:
    file = tmp_path / "routes.toml"
    file.write_text(f"[models.small]\n{line}\n")
    assert read_routes(file)[0].think_first is value
