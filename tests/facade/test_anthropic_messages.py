"""`/v1/messages` with Anthropic's own client."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import jsonschema
import pytest

from tests.support.facade.weather_request import REQUEST
from tests.support.serving import Serving

TOOLS: list[Any] = [
    {
        "name": tool["function"]["name"],
        "description": tool["function"]["description"],
        "input_schema": tool["function"]["parameters"],
    }
    for tool in REQUEST["tools"]
]
SCHEMAS = {tool["name"]: {**tool["input_schema"], "additionalProperties": False} for tool in TOOLS}
USER: list[Any] = [{"role": "user", "content": "what is the weather in Glasgow?"}]
ANY: Any = {"type": "any"}


@pytest.fixture(scope="module")
def client(served: Serving) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=served.url.removesuffix("/v1"), api_key="none", max_retries=0) as found:
        yield found


def check_calls(message: anthropic.types.Message) -> list[Any]:
    calls = [block for block in message.content if block.type == "tool_use"]
    for call in calls:
        jsonschema.validate(call.input, SCHEMAS[call.name])
    return calls


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("stream", [False, True])
def test_calls_are_valid(client: anthropic.Anthropic, stream: bool, seed: int) -> None:
    asked: dict[str, Any] = {
        "model": "claude-x",
        "max_tokens": 1000,
        "messages": USER,
        "tools": TOOLS,
        "tool_choice": {**ANY, "disable_parallel_tool_use": True},
        "extra_body": {"seed": seed},
    }
    if stream:
        with client.messages.stream(**asked) as events:
            message = events.get_final_message()
    else:
        message = client.messages.create(**asked)
    if message.stop_reason == "max_tokens":
        return
    assert message.stop_reason == "tool_use"
    assert len(check_calls(message)) == 1
    assert message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0) > 100
    assert message.usage.output_tokens > 5


def test_the_events_of_a_stream(served: Serving) -> None:
    body = {"model": "claude-x", "max_tokens": 400, "messages": USER, "tools": TOOLS, "tool_choice": ANY, "stream": True}
    with httpx.stream("POST", f"{served.url}/messages", json=body, timeout=60) as response:
        lines = list(response.iter_lines())
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert [line.removeprefix("event: ") for line in lines if line.startswith("event: ")] == [
        event["type"] for event in events
    ]
    assert events[0]["type"] == "message_start"
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    open_block, index = False, -1
    for event in events[1:-2]:
        match event["type"]:
            case "content_block_start":
                assert not open_block
                open_block, index = True, index + 1
            case "content_block_stop":
                assert open_block
                open_block = False
            case kind:
                assert (kind, open_block) == ("content_block_delta", True)
        assert event["index"] == index
    assert not open_block
    assert index >= 0


def test_a_message_that_is_cut_says_so_and_gives_no_call(client: anthropic.Anthropic) -> None:
    message = client.messages.create(
        model="claude-x", max_tokens=1, messages=USER, tools=TOOLS, tool_choice={"type": "tool", "name": TOOLS[0]["name"]}
    )
    assert (message.stop_reason, message.content) == ("max_tokens", [])


def test_stop_sequences(client: anthropic.Anthropic, served: Serving) -> None:
    body = {
        "messages": USER,
        "max_tokens": 5,
        "stop_sequences": list("abcdefghijklmnopqrstuvwxyz"),
        "logit_bias": {"98": 50},
    }
    message = httpx.post(f"{served.url}/messages", json=body, timeout=60).json()
    assert message["stop_reason"] in ("stop_sequence", "max_tokens")
    assert (message["stop_sequence"] is None) == (message["stop_reason"] != "stop_sequence")


def test_a_whole_conversation_is_taken(client: anthropic.Anthropic) -> None:
    messages: list[Any] = [
        *USER,
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Let me see.", "signature": ""},
                {"type": "text", "text": "I look it up."},
                {"type": "tool_use", "id": "toolu_1", "name": TOOLS[0]["name"], "input": {"location": "Glasgow"}},
                {"type": "tool_use", "id": "toolu_2", "name": TOOLS[0]["name"], "input": {"location": "Perth"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "rain"}]},
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no such place", "is_error": True},
                {"type": "text", "text": "So?"},
            ],
        },
        {"role": "assistant", "content": "It will"},
    ]
    system: Any = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    message = client.messages.create(model="claude-x", max_tokens=5, messages=messages, tools=TOOLS, system=system)
    counted = client.messages.count_tokens(model="claude-x", messages=messages, tools=TOOLS, system=system)
    assert counted.input_tokens == message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0)


def test_what_nobody_here_can_read_is_left_out_and_said(served: Serving) -> None:
    blocks = [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "yes"}]
    body = {"messages": [*USER, {"role": "assistant", "content": blocks}, *USER], "max_tokens": 5}
    response = httpx.post(f"{served.url}/messages", json=body, timeout=60)
    paths = [warning["path"] for warning in response.json()["warnings"]]
    assert paths == ["/messages/1/content/0"]
    assert response.headers["x-promptweave-warnings"] == "1"


def test_structured_output(served: Serving) -> None:
    schema = {"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"], "additionalProperties": False}
    body = {
        "messages": USER,
        "max_tokens": 100,
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
        "thinking": {"type": "disabled"},
    }
    message = httpx.post(f"{served.url}/messages", json=body, timeout=60).json()
    assert message["stop_reason"] == "end_turn"
    jsonschema.validate(json.loads(message["content"][0]["text"]), schema)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"messages": [{"role": "system", "content": ""}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0].type"),
        ({"tools": [{"name": "a b", "input_schema": {}}]}, "tools[0].name"),
        ({"tools": [{"name": "a", "input_schema": {"type": "x"}}]}, "tools[0].input_schema.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tool_choice": ANY}, "tool_choice"),
        ({"temperature": -1}, "temperature"),
        ({"stop_sequences": [""]}, "stop_sequences[0]"),
        ({"mcp_servers": [{}]}, "mcp_servers"),
    ],
)
def test_errors_are_anthropics_and_name_the_place(served: Serving, fields: dict[str, Any], place: str) -> None:
    body = {"messages": USER, "max_tokens": 5, **fields}
    response = httpx.post(f"{served.url}/messages", json=body, timeout=60)
    assert response.status_code == 400, response.text
    told = response.json()
    assert (told["type"], told["error"]["type"]) == ("error", "invalid_request_error")
    assert place in told["error"]["message"]
    assert told["request_id"] == response.headers["x-request-id"]


def test_errors_are_the_clients_exceptions(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as raised:
        client.messages.create(model="other", max_tokens=5, messages=USER)
    assert raised.value.body["error"]["type"] == "not_found_error"  # type: ignore[index]
