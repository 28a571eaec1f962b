"""`/v1/messages` with Anthropic's own client."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import jsonschema
import pytest

from promptweave.demo.model import write_demo_model
from tests.support.facade.weather_request import REQUEST
from tests.support.serving import Serving, running, serving

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


@pytest.mark.parametrize("block", [{"type": "redacted_thinking", "data": "x"}, {"type": "of_next_year"}])
def test_what_nobody_here_can_read_is_left_out_and_said(served: Serving, block: dict[str, Any]) -> None:
    blocks = [block, {"type": "text", "text": "yes"}]
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
        ({"messages": [{"role": 3, "content": ""}]}, "messages[0].role"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": [{"text": "a"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        (
            {"tools": [{"type": "web_search_20250305", "name": "a"}], "tool_choice": {"type": "tool", "name": "a"}},
            "tool_choice.name",
        ),
        ({"tools": [{"name": "", "input_schema": {}}]}, "tools[0].name"),
        ({"tools": [{"name": "a", "input_schema": {"type": "x"}}]}, "tools[0].input_schema.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tool_choice": ANY}, "tool_choice"),
        ({"temperature": -1}, "temperature"),
        ({"stop_sequences": [""]}, "stop_sequences[0]"),
        ({"thread": {"type": "continue", "previous_message_id": "x"}}, "thread.previous_message_id"),
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


def test_a_prompt_that_is_too_long_is_an_error_in_anthropics_words(client: anthropic.Anthropic) -> None:
    long: list[Any] = [{"role": "user", "content": "word " * 2000}]
    counted = client.messages.count_tokens(model="claude-x", messages=long).input_tokens
    with pytest.raises(anthropic.BadRequestError) as raised:
        client.messages.create(model="claude-x", max_tokens=5, messages=long)
    error = raised.value.body["error"]  # type: ignore[index]
    assert error == {"type": "invalid_request_error", "message": f"prompt is too long: {counted} tokens > 2048 maximum"}


def test_a_wrong_key_is_an_error_in_anthropics_words(served: Serving) -> None:
    services = ("--compiler", served.compiler, "--inference", served.inference)
    with running("facade", "--port", "0", *services, "--api-key", "right", until="listening") as (_, screen):
        url = f"http://{screen.split()[-1]}"
        for headers, words in (({}, "x-api-key header is required"), ({"x-api-key": "wrong"}, "invalid x-api-key")):
            error = httpx.post(f"{url}/v1/messages", json={}, headers=headers, timeout=60).json()["error"]
            assert error["type"] == "authentication_error"
            assert error["message"].startswith(words)
        with (
            anthropic.Anthropic(base_url=url, api_key="wrong", max_retries=0) as stranger,
            pytest.raises(anthropic.AuthenticationError),
        ):
            stranger.messages.create(model="claude-x", max_tokens=1, messages=USER)
        with anthropic.Anthropic(base_url=url, api_key="right", max_retries=0) as friend:
            friend.messages.create(model="claude-x", max_tokens=1, messages=USER)


# -- what agents send --

EDITS: Any = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}


def test_the_request_of_an_agent(client: anthropic.Anthropic) -> None:
    """All that Claude Code sends by default, with the query `beta=true` and headers that nobody here knows."""
    asked: dict[str, Any] = {
        "model": "claude-x",
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.9; cch=a1b2c;"},
            {"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}},
        ],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]},
            {"role": "system", "content": "The date is today."},
        ],
        "tools": [
            *TOOLS,
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
            {"name": f"mcp__plugin__{'x' * 90}", "input_schema": {"type": "object"}, "defer_loading": True},
            {"name": "files/read.it", "input_schema": {"type": "object"}, "input_examples": [{}]},
        ],
        "thinking": {"type": "adaptive", "display": "omitted"},
        "context_management": EDITS,
        "output_config": {"effort": "high"},
        "metadata": {"user_id": "x"},
        "betas": ["context-management-2025-06-27", "of-next-year-2030-01-01"],
    }
    counted = client.beta.messages.count_tokens(**{name: value for name, value in asked.items() if name != "metadata"})
    with client.beta.messages.stream(**asked, max_tokens=5) as events:
        message = events.get_final_message()
    assert message.context_management is not None
    assert message.context_management.applied_edits == []
    assert message.model_extra is not None
    paths = [warning["path"] for warning in message.model_extra["warnings"] if warning["path"] != "/messages/1"]
    assert paths == [f"/tools/{len(TOOLS)}", "/output_config/effort"]
    usage = message.usage
    assert counted.input_tokens == usage.input_tokens + (usage.cache_read_input_tokens or 0)


def test_a_header_that_changes_keeps_the_cache(client: anthropic.Anthropic) -> None:
    cached = []
    for number in range(3):
        header = {"type": "text", "text": f"x-anthropic-billing-header: cch={number};"}
        system: Any = [header, {"type": "text", "text": "You are an agent. " * 20}]
        usage = client.messages.create(model="claude-x", max_tokens=1, messages=USER, system=system).usage
        cached.append((usage.input_tokens, usage.cache_read_input_tokens or 0))
    assert cached[1] == cached[2]
    assert cached[2][1] > 10 * cached[2][0]


def test_a_system_message_keeps_the_cache_before_it(client: anthropic.Anthropic) -> None:
    history: list[Any] = [{"role": "user", "content": "hello " * 30}, {"role": "assistant", "content": "hello " * 30}]
    client.messages.create(model="claude-x", max_tokens=1, messages=[*history, *USER])
    later: Any = [*history, *USER, {"role": "system", "content": "Be brief."}]
    usage = client.messages.create(model="claude-x", max_tokens=1, messages=later).usage
    assert (usage.cache_read_input_tokens or 0) > 10 * usage.input_tokens


def test_evaluating_a_prompt_without_an_answer(client: anthropic.Anthropic) -> None:
    message = client.messages.create(model="claude-x", max_tokens=0, messages=USER)
    assert (message.content, message.stop_reason) == ([], "max_tokens")


def test_thinking(tmp_path: Path) -> None:
    model = tmp_path / "thinker.gguf"
    thought = "{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}"
    write_demo_model(
        model,
        template="{% for m in messages %}<|im_start|>{{ m.role }}\n" + thought + "{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}",
    )
    # It must not end its reasoning, or its turn, by chance.
    unended = {"logit_bias": {"<": -100, **{str(token): -100 for token in range(257, 264)}}, "seed": 1}
    with (
        serving("--model", str(model), "--ctx-size", "2048") as served,
        anthropic.Anthropic(base_url=served.url.removesuffix("/v1"), api_key="none", max_retries=0) as client,
    ):
        prompts, texts = [], []
        for display in ("summarized", "omitted"):
            asked: dict[str, Any] = {"model": "claude-x", "messages": USER, "extra_body": unended}
            asked["thinking"] = {"type": "adaptive", "display": display}
            with client.messages.stream(**asked, max_tokens=20) as events:
                kinds = [event.type for event in events]
                streamed = events.get_final_message()
            whole = client.messages.create(**asked, max_tokens=20)
            assert [block.model_dump() for block in streamed.content] == [block.model_dump() for block in whole.content]
            assert ("thinking" in kinds) is (display == "summarized")
            assert kinds.index("signature") == kinds.index("content_block_stop") - 1
            (block,) = whole.content
            assert block.type == "thinking"
            texts.append(block.thinking)
            # In the next request it has the same text, whether the client has seen it or not.
            answer: Any = {"role": "assistant", "content": [block.model_dump(), {"type": "text", "text": "So."}]}
            later = client.messages.count_tokens(model="claude-x", messages=[*USER, answer, *USER])
            prompts.append(later.input_tokens)
        assert texts[0]
        assert not texts[1]
        assert prompts[0] == prompts[1] > len(texts[0].encode())


def test_an_image_in_a_result_for_a_model_without_a_projector(served: Serving) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    blocks = [{"type": "text", "text": "a screenshot: "}, image]
    call = {"type": "tool_use", "id": "c1", "name": TOOLS[0]["name"], "input": {"location": "Oslo"}}
    messages: list[Any] = [
        *USER,
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": blocks}]},
    ]
    body = {"messages": messages, "tools": TOOLS, "max_tokens": 5}
    refused = httpx.post(f"{served.url}/messages", json=body, timeout=60).json()
    assert refused["error"]["message"].startswith("messages[2].content[0].content[1]")
    services = ("--port", "0", "--compiler", served.compiler, "--inference", served.inference)
    with running("facade", *services, "--unusable-images", "placeholder", until="listening") as (_, screen):
        answer = httpx.post(f"http://{screen.split()[-1]}/v1/messages", json=body, timeout=60).json()
    paths = [warning["path"] for warning in answer["warnings"] if warning["code"] == "image_left_out"]
    assert paths == ["/messages/2/content/0/content/1"]


# -- context edits --

LONG = "a result " * 12


def loop(calls: int) -> list[Any]:
    """A conversation of an agent."""
    messages: list[Any] = [*USER]
    for number in range(calls):
        call = {"type": "tool_use", "id": f"c{number}", "name": TOOLS[0]["name"], "input": {"location": "Oslo"}}
        messages.append(
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm " * 9, "signature": ""}, call]}
        )
        messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"c{number}", "content": LONG}]})
    return messages


def clear(**fields: Any) -> Any:
    return {"edits": [{"type": "clear_tool_uses_20250919", **fields}]}


@pytest.mark.parametrize(
    ("management", "cleared"),
    [
        (clear(trigger={"type": "tool_uses", "value": 3}), 1),
        (clear(trigger={"type": "tool_uses", "value": 4}), None),
        (clear(trigger={"type": "input_tokens", "value": 100}, keep={"type": "tool_uses", "value": 1}), 3),
        (clear(trigger={"type": "input_tokens", "value": 100_000}), None),
        (clear(), None),
        (clear(trigger={"type": "tool_uses", "value": 1}, clear_at_least={"type": "input_tokens", "value": 50}), 1),
        (clear(trigger={"type": "tool_uses", "value": 1}, clear_at_least={"type": "input_tokens", "value": 5000}), None),
        (clear(trigger={"type": "tool_uses", "value": 1}, exclude_tools=[TOOLS[0]["name"]]), None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_old_results_are_cleared(client: anthropic.Anthropic, management: Any, cleared: int | None, stream: bool) -> None:
    asked: dict[str, Any] = {
        "model": "claude-x",
        "messages": loop(4),
        "tools": TOOLS,
        "context_management": management,
        "betas": ["context-management-2025-06-27"],
    }
    counted = client.beta.messages.count_tokens(**asked)
    if stream:
        with client.beta.messages.stream(**asked, max_tokens=3) as events:
            message = events.get_final_message()
    else:
        message = client.beta.messages.create(**asked, max_tokens=3)
    assert counted.context_management is not None
    assert message.context_management is not None
    removed = counted.context_management.original_input_tokens - counted.input_tokens
    assert counted.input_tokens == message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0)
    assert [edit.model_dump() for edit in message.context_management.applied_edits] == (
        []
        if cleared is None
        else [{"type": "clear_tool_uses_20250919", "cleared_tool_uses": cleared, "cleared_input_tokens": removed}]
    )
    assert (removed > 0) is (cleared is not None)
