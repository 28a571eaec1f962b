"""`functions` and `function_call`, as clients used them before there were tools."""

from typing import Any

import httpx
import openai
import pytest

from promptweave.facade.openai.chat.request.body import read_chat_body
from promptweave.facade.openai.chat.request.translate import translate_chat
from tests.support.serving import Serving

FUNCTION = {"name": "pick", "parameters": {"type": "object", "properties": {"a": {"enum": ["x"]}}, "required": ["a"]}}
BODY: dict[str, Any] = {
    "model": "gpt-3.5-turbo",
    "messages": [{"role": "user", "content": "pick"}],
    "functions": [FUNCTION, {"name": "stay"}],
    "function_call": {"name": "pick"},
}
HISTORY = [
    {"role": "user", "content": "pick"},
    {"role": "assistant", "content": None, "function_call": {"name": "pick", "arguments": '{"a": "x"}'}},
    {"role": "function", "name": "pick", "content": "picked"},
]


def test_whole(served: Serving) -> None:
    choice = httpx.post(f"{served.url}/chat/completions", json=BODY, timeout=60).json()["choices"][0]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "function_call": {"name": "pick", "arguments": '{"a": "x"}'},
    }


def test_streamed(served: Serving) -> None:
    called: dict[str, str] = {"name": "", "arguments": ""}
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as client:
        for chunk in client.chat.completions.create(**BODY, stream=True):
            delta = chunk.choices[0].delta
            assert delta.tool_calls is None
            if delta.function_call:
                called["name"] += delta.function_call.name or ""
                called["arguments"] += delta.function_call.arguments or ""
    assert called == {"name": "pick", "arguments": '{"a": "x"}'}
    assert chunk.choices[0].finish_reason == "function_call"


def test_the_result_of_a_function(served: Serving) -> None:
    body = {**BODY, "messages": HISTORY, "function_call": "none", "max_tokens": 4}
    choice = httpx.post(f"{served.url}/chat/completions", json=body, timeout=60).json()["choices"][0]
    assert "function_call" not in choice["message"]
    assert choice["finish_reason"] in ("stop", "length")


def test_a_call_and_its_result_are_those_of_a_tool() -> None:
    body = translate_chat(read_chat_body({**BODY, "messages": HISTORY})).body
    call, result = body.messages[1:]
    assert (result.role, result.tool_call_id) == ("tool", call.tool_calls[0].id)
    assert body.parallel_tool_calls is False


WRONG = [
    pytest.param({"functions": [{**FUNCTION, "parameters": {"type": "nothing"}}]}, "functions[0].parameters", id="schema"),
    pytest.param({"function_call": {"name": "other"}}, "function_call", id="choice"),
    pytest.param({"tools": [{"type": "function", "function": FUNCTION}]}, "tools", id="both"),
    pytest.param({"functions": None}, "function_call", id="choice alone"),
]


@pytest.mark.parametrize(("change", "place"), WRONG)
def test_errors_name_the_older_fields(served: Serving, change: dict[str, Any], place: str) -> None:
    response = httpx.post(f"{served.url}/chat/completions", json={**BODY, **change}, timeout=60)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"].startswith(place)


def test_broken_arguments_are_a_warning_about_the_older_field(served: Serving) -> None:
    call = {**HISTORY[1], "function_call": {"name": "pick", "arguments": "{"}}
    body = {**BODY, "messages": [HISTORY[0], call, HISTORY[2]]}
    answer = httpx.post(f"{served.url}/chat/completions", json=body, timeout=60).json()
    assert [warning["path"] for warning in answer["warnings"]] == ["/messages/1/function_call/arguments"]


def test_a_result_without_a_call(served: Serving) -> None:
    body = {**BODY, "messages": [HISTORY[0], HISTORY[2]]}
    assert httpx.post(f"{served.url}/chat/completions", json=body, timeout=60).status_code == 200


def test_tool_calls_beside_a_function_call() -> None:
    both = {**HISTORY[1], "tool_calls": [{"id": "a", "function": {"name": "pick"}}]}
    asked = translate_chat(read_chat_body({**BODY, "messages": [both, HISTORY[2]]}))
    calls = asked.body.messages[0].tool_calls
    assert [call.id for call in calls] == ["a", "call_0"]
    assert asked.body.messages[1].tool_call_id == "call_0"
    assert asked.places.original("/messages/0/tool_calls/1/function/name") == "/messages/0/function_call/name"
    assert asked.places.original("/messages/0/tool_calls/0/function/name") == "/messages/0/tool_calls/0/function/name"
