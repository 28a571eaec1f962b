"""Chat completions over a real engine, with OpenAI's own client."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import openai
import pytest

from tests.support.facade.weather_request import CHOICES, REQUEST, check_choice
from tests.support.serving import Serving


@pytest.fixture(scope="module")
def client(served: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as found:
        yield found


def ask(client: openai.OpenAI, **fields: Any) -> dict[str, Any]:
    completion = client.chat.completions.create(**{**REQUEST, "max_tokens": 600, **fields})
    whole: dict[str, Any] = completion.model_dump(exclude_unset=True)
    return whole


def ask_streamed(client: openai.OpenAI, **fields: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The choice that OpenAI's client puts together of a stream, and the chunks."""
    given = {**REQUEST, "max_tokens": 600, **fields, "stream_options": {"include_usage": True}}
    chunks = []
    message: dict[str, Any] = {"content": None, "tool_calls": []}
    reason = None
    for chunk in client.chat.completions.create(**given, stream=True):
        chunks.append(chunk.model_dump(exclude_unset=True))
        for choice in chunk.choices:
            reason = choice.finish_reason or reason
            if choice.delta.content:
                message["content"] = (message["content"] or "") + choice.delta.content
            for part in choice.delta.tool_calls or []:
                assert part.function
                if part.index == len(message["tool_calls"]):
                    assert (part.type, bool(part.id)) == ("function", True)
                    message["tool_calls"].append({"id": part.id, "function": {"name": part.function.name, "arguments": ""}})
                else:
                    assert (part.type, part.id, part.function.name) == (None, None, None)
                assert part.index == len(message["tool_calls"]) - 1
                message["tool_calls"][-1]["function"]["arguments"] += part.function.arguments or ""
    return {"message": message, "finish_reason": reason}, chunks


def seeds(slow: int) -> list[Any]:
    """A few seeds, and many more for the long sweep: `pytest -m slow`."""
    return [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, slow))]


@pytest.mark.parametrize("seed", seeds(100))
@pytest.mark.parametrize("kind", CHOICES)
def test_every_call_is_valid_streamed_or_not(client: openai.OpenAI, kind: str, seed: int) -> None:
    fields = {"tool_choice": CHOICES[kind], "seed": seed, "max_tokens": 3000 if seed < 3 else None}
    whole = ask(client, **fields)["choices"][0]
    check_choice(whole, kind)
    streamed, _ = ask_streamed(client, **fields)
    check_choice(streamed, kind)


def test_a_stream_has_openais_form(client: openai.OpenAI) -> None:
    _, chunks = ask_streamed(client, tool_choice="required", seed=1)
    first, *middle, finish, usage = chunks
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": None, "refusal": None}
    assert len({tuple(chunk[name] for name in ("id", "created", "model", "system_fingerprint")) for chunk in chunks}) == 1
    assert all(chunk["choices"][0]["finish_reason"] is None and chunk["usage"] is None for chunk in [first, *middle])
    assert (finish["choices"][0]["delta"], finish["choices"][0]["finish_reason"] is None) == ({}, False)
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] > 0
    assert usage["usage"]["total_tokens"] == usage["usage"]["prompt_tokens"] + usage["usage"]["completion_tokens"]


def test_no_usage_where_it_is_not_asked_for(client: openai.OpenAI) -> None:
    chunks = [
        chunk.model_dump(exclude_unset=True)
        for chunk in client.chat.completions.create(
            **{**REQUEST, "tools": openai.omit, "max_tokens": 5, "temperature": 0}, stream=True
        )
    ]
    assert not any("usage" in chunk for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"


def test_what_a_token_limit_cut_says_length(client: openai.OpenAI) -> None:
    # The call's header takes 60 of this model's tokens, each a character.
    whole = ask(client, tool_choice=CHOICES["named"], max_tokens=90, seed=3)["choices"][0]
    assert whole["finish_reason"] == "length"
    assert len(whole["message"]["tool_calls"]) == 1
    with pytest.raises(json.JSONDecodeError):
        json.loads(whole["message"]["tool_calls"][0]["function"]["arguments"])
    streamed, _ = ask_streamed(client, tool_choice=CHOICES["named"], max_tokens=90, seed=3)
    assert streamed["finish_reason"] == "length"


def test_one_call_where_calls_may_not_be_parallel(client: openai.OpenAI) -> None:
    for seed in range(3):
        choice = ask(client, tool_choice="required", parallel_tool_calls=False, seed=seed, max_tokens=1500)["choices"][0]
        check_choice(choice, "required")
        assert len(choice["message"]["tool_calls"]) == 1


def test_no_call_where_none_is_wanted(client: openai.OpenAI) -> None:
    choice = ask(client, tool_choice="none", max_tokens=50)["choices"][0]
    assert "tool_calls" not in choice["message"]
    assert choice["message"]["content"]


def test_a_stop_string_ends_free_text_and_is_left_out(client: openai.OpenAI) -> None:
    # Of some hundred random characters one is an x; two characters together are rarer than a test can wait for.
    fields = {"tools": openai.omit, "max_tokens": 2000, "stop": ["x", "never in it"]}
    for choice in (ask(client, **fields)["choices"][0], ask_streamed(client, **fields)[0]):
        assert choice["finish_reason"] == "stop"
        assert "x" not in (choice["message"]["content"] or "")


def test_a_stop_string_does_not_cut_arguments(client: openai.OpenAI) -> None:
    choice = ask(client, tool_choice=CHOICES["named"], seed=7, stop=['"'], max_tokens=3000)["choices"][0]
    check_choice(choice, "named")
    assert choice["finish_reason"] == "tool_calls"


def test_usage_tells_what_came_from_the_cache(client: openai.OpenAI) -> None:
    for _ in range(2):
        usage = ask(client, max_tokens=2, messages=[{"role": "user", "content": "say it again"}])["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] > usage["prompt_tokens"] // 2
    assert usage["completion_tokens"] == 2


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("tools", [True, False])
def test_an_answer_of_a_schema(client: openai.OpenAI, strict: bool, tools: bool) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"enum": ["Rome", "Oslo"]}, "warm": {"type": "boolean"}},
        "required": ["city", "warm"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": strict}}
    choice = ask(
        client,
        tools=REQUEST["tools"] if tools else openai.omit,
        tool_choice="none" if tools else openai.omit,
        response_format=wanted,
        seed=1,
    )["choices"][0]
    assert choice["finish_reason"] == "stop"
    jsonschema.validate(json.loads(choice["message"]["content"]), schema)


def test_any_json_object(client: openai.OpenAI) -> None:
    found = ask(client, tools=openai.omit, response_format={"type": "json_object"}, seed=2, max_tokens=1500)["choices"][0]
    assert found["finish_reason"] == "length" or isinstance(json.loads(found["message"]["content"]), dict)


def test_an_agents_loop(client: openai.OpenAI) -> None:
    asked = ask(client, tool_choice=CHOICES["named"], parallel_tool_calls=False, seed=9, max_tokens=3000)["choices"][0]
    call = asked["message"]["tool_calls"][0]
    messages = [
        *REQUEST["messages"],
        asked["message"],
        {"role": "tool", "tool_call_id": call["id"], "content": '{"forecast": "sunny"}'},
    ]
    answer = ask(client, messages=messages, max_tokens=40)
    assert answer["choices"][0]["finish_reason"] in ("length", "stop", "tool_calls")


def test_models(client: openai.OpenAI) -> None:
    listed = list(client.models.list())
    assert [model.id for model in listed] == ["demo"]
    assert listed[0].owned_by == "promptweave"
    assert client.models.retrieve("demo") == listed[0]
    assert client.models.retrieve("gpt-4o").created == listed[0].created
    assert client.models.retrieve("o3-mini").id == "o3-mini"
