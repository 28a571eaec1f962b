"""The search for tools in Anthropic's API: as blocks of the message, with Anthropic's own client."""

from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import pytest

from tests.support.facade.many_tools import many_functions
from tests.support.serving import Serving

TOOLS: list[dict[str, Any]] = [
    {"name": each["name"], "description": each["description"], "input_schema": each["parameters"], "defer_loading": True}
    for each in many_functions(50)
]
NAMES = {tool["name"] for tool in TOOLS}
SEARCH = {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}
FIELDS: dict[str, Any] = {
    "model": "claude-any",
    "max_tokens": 300,
    "messages": [{"role": "user", "content": "Create a calendar event for my meeting."}],
    "tools": [SEARCH, *TOOLS],
    "tool_choice": {"type": "any"},
}
GREEDY = {"temperature": 0}


@pytest.fixture(scope="module")
def client(default_served: Serving) -> Iterator[anthropic.Anthropic]:
    url = default_served.url.removesuffix("/v1")
    with anthropic.Anthropic(base_url=url, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def message(client: anthropic.Anthropic) -> dict[str, Any]:
    return client.messages.create(**FIELDS, extra_body=GREEDY).model_dump(exclude_none=True)


def without_ids(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in block.items() if key not in ("id", "tool_use_id")} for block in content]


def test_the_search_is_two_blocks(message: dict[str, Any]) -> None:
    call, result, *calls = message["content"]
    assert (call["type"], call["name"]) == ("server_tool_use", "tool_search_tool_bm25")
    assert [*call["input"]] == ["query"]
    assert result["type"] == "tool_search_tool_result"
    assert result["tool_use_id"] == call["id"]
    found = {reference["tool_name"] for reference in result["content"]["tool_references"]}
    assert 0 < len(found) <= 5
    assert found < NAMES
    assert calls
    assert {block["type"] for block in calls} == {"tool_use"}
    assert {block["name"] for block in calls} <= found
    assert message["stop_reason"] == "tool_use"
    assert "warnings" not in message


def test_a_stream_has_the_same_blocks(client: anthropic.Anthropic, message: dict[str, Any]) -> None:
    with client.messages.stream(**FIELDS, extra_body=GREEDY) as stream:
        streamed = stream.get_final_message().model_dump(exclude_none=True)
    assert without_ids(streamed["content"]) == without_ids(message["content"])
    assert streamed["stop_reason"] == message["stop_reason"]


def test_the_blocks_are_sent_back(client: anthropic.Anthropic, message: dict[str, Any]) -> None:
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "ok"}
        for block in message["content"]
        if block["type"] == "tool_use"
    ]
    conversation = [
        *FIELDS["messages"],
        {"role": "assistant", "content": message["content"]},
        {"role": "user", "content": results},
    ]
    given = {**FIELDS, "messages": conversation, "tool_choice": {"type": "auto"}, "max_tokens": 5}
    answered = client.messages.create(**given)
    assert not (answered.model_extra or {}).get("warnings")
    # Everything before the results is in the engine's cache: the definitions stand where they stood.
    before = message["usage"]["input_tokens"] + message["usage"]["cache_read_input_tokens"]
    assert answered.usage.cache_read_input_tokens is not None
    assert answered.usage.cache_read_input_tokens >= before
    counted = client.messages.count_tokens(**{key: value for key, value in given.items() if key != "max_tokens"})
    assert counted.input_tokens == answered.usage.input_tokens + answered.usage.cache_read_input_tokens


@pytest.mark.parametrize("name", ["tool_search_tool_bm25", "tool_search_tool_regex"])
def test_the_search_can_be_named(default_served: Serving, name: str) -> None:
    search = {"type": f"{name}_20251119", "name": name}
    given = {**FIELDS, "tools": [search, *TOOLS], "tool_choice": {"type": "tool", "name": name}, "max_tokens": 100}
    answer = httpx.post(f"{default_served.url}/messages", json=given, timeout=60).json()
    assert answer["content"][0]["type"] == "server_tool_use"
    assert "warnings" not in answer


def test_without_deferred_tools_there_is_no_search(client: anthropic.Anthropic) -> None:
    tools = [{key: value for key, value in tool.items() if key != "defer_loading"} for tool in TOOLS[:3]]
    answered = client.messages.create(**{**FIELDS, "tools": [SEARCH, *tools]})
    assert {block.type for block in answered.content} == {"tool_use"}
