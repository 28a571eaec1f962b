"""The search for tools over a real engine: the model calls it, and the client receives only calls of its own tools."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.facade.test_streaming import streamed, whole
from tests.support.facade.many_tools import many_tools
from tests.support.serving import Serving, serving

QUESTION = {"role": "user", "content": "Create a calendar event for my meeting."}
SEARCH = {"type": "function", "function": {"name": "tool_search"}}
TOOLS = many_tools(50, defer_loading=True)
NAMES = {tool["function"]["name"] for tool in TOOLS}
FIELDS: dict[str, Any] = {"model": "gpt-4o", "messages": [QUESTION], "tools": TOOLS, "temperature": 0, "max_tokens": 400}


@pytest.fixture(scope="module")
def client(default_served: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=default_served.url, api_key="none", max_retries=0) as client:
        yield client


def test_a_required_call_is_one_of_the_clients_tools(client: openai.OpenAI) -> None:
    """At first only the search can be called; the tools that it finds are then in the prompt."""
    raw = client.chat.completions.with_raw_response.create(**FIELDS, tool_choice="required")
    completion = raw.parse()
    calls = completion.choices[0].message.tool_calls
    assert calls
    assert {call.function.name for call in calls} <= NAMES
    assert "x-promptweave-warnings" not in raw.headers
    first = client.chat.completions.create(**{**FIELDS, "max_tokens": 1})
    assert completion.usage
    assert first.usage
    # Definitions of five tools, of fifty.
    assert completion.usage.prompt_tokens > 2 * first.usage.prompt_tokens


def test_the_prompt_has_the_search_instead_of_the_tools(client: openai.OpenAI) -> None:
    few, many = (
        client.chat.completions.create(**{**FIELDS, "tools": TOOLS[:number], "max_tokens": 1}).usage for number in (25, 50)
    )
    assert few
    assert many
    # One more server in the description of the search.
    assert many.prompt_tokens - few.prompt_tokens < 20


def test_the_client_sees_no_call_of_the_search(client: openai.OpenAI) -> None:
    given = {**FIELDS, "tool_choice": SEARCH, "max_tokens": 150}
    completion = client.chat.completions.create(**given)
    assert {call.function.name for call in completion.choices[0].message.tool_calls or []} <= NAMES
    first = client.chat.completions.create(**{**FIELDS, "max_tokens": 1}).usage
    assert completion.usage
    assert first
    assert completion.usage.prompt_tokens > first.prompt_tokens


@pytest.mark.parametrize("choice", ["auto", "required", SEARCH], ids=["auto", "required", "named"])
def test_a_stream_has_the_same_answer(client: openai.OpenAI, choice: Any) -> None:
    given = {**FIELDS, "tool_choice": choice, "max_tokens": 200}
    assert streamed(client, given) == whole(client, given)


def test_the_usage_of_a_stream_is_that_of_all_rounds(client: openai.OpenAI) -> None:
    given = {**FIELDS, "tool_choice": "required"}
    usages = [
        chunk.usage
        for chunk in client.chat.completions.create(**given, stream=True, stream_options={"include_usage": True})
        if chunk.usage
    ]
    complete = client.chat.completions.create(**given).usage
    assert complete
    assert [(usage.prompt_tokens, usage.completion_tokens) for usage in usages] == [
        (complete.prompt_tokens, complete.completion_tokens)
    ]


def test_the_next_turn_knows_the_tool(client: openai.OpenAI) -> None:
    answered = client.chat.completions.create(**FIELDS, tool_choice="required").choices[0].message
    assert answered.tool_calls
    results = [{"role": "tool", "tool_call_id": call.id, "content": "done"} for call in answered.tool_calls]
    raw = client.chat.completions.with_raw_response.create(
        **{**FIELDS, "messages": [QUESTION, answered.model_dump(exclude_none=True), *results], "max_tokens": 20}
    )
    assert "x-promptweave-warnings" not in raw.headers
    usage, first = raw.parse().usage, client.chat.completions.create(**{**FIELDS, "max_tokens": 1}).usage
    assert usage
    assert first
    # The definition of each tool that was called, and not that of the others.
    assert first.prompt_tokens < usage.prompt_tokens < 4 * first.prompt_tokens


def test_several_answers_have_all_tools_in_the_prompt(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(**{**FIELDS, "tools": TOOLS[:5], "n": 2, "max_tokens": 1})
    usage = raw.parse().usage
    without = client.chat.completions.create(**{**FIELDS, "tools": many_tools(5), "max_tokens": 1}).usage
    assert raw.headers["x-promptweave-warnings"] == "1"
    assert usage
    assert without
    assert usage.prompt_tokens == without.prompt_tokens


def test_a_named_tool_needs_no_search(client: openai.OpenAI) -> None:
    name = TOOLS[7]["function"]["name"]
    completion = client.chat.completions.create(**FIELDS, tool_choice={"type": "function", "function": {"name": name}})
    calls = completion.choices[0].message.tool_calls
    assert calls
    assert [call.function.name for call in calls] == [name]


def test_a_client_with_a_search_of_its_own_gets_its_calls(client: openai.OpenAI) -> None:
    own = {"type": "function", "function": {"name": "ToolSearch", "parameters": {"type": "object", "properties": {}}}}
    completion = client.chat.completions.create(**{**FIELDS, "tools": [own, *TOOLS]}, tool_choice="required")
    calls = completion.choices[0].message.tool_calls
    assert calls
    assert {call.function.name for call in calls} == {"ToolSearch"}


def test_a_search_of_the_history_with_arguments_that_are_nested_too_deeply(client: openai.OpenAI) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "tool_search", "arguments": "[" * 2000}}
    messages = [*FIELDS["messages"], {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "1"}]
    assert client.chat.completions.create(**{**FIELDS, "messages": messages, "max_tokens": 1}).choices


def test_errors_of_a_later_round_are_errors_of_the_request(client: openai.OpenAI) -> None:
    long = [
        {**tool, "function": {**tool["function"], "description": tool["function"]["description"] + " Very long." * 500}}
        for tool in TOOLS
    ]
    given = {**FIELDS, "tools": long, "tool_choice": "required"}
    with pytest.raises(openai.BadRequestError) as whole_error:
        client.chat.completions.create(**given)
    assert whole_error.value.code == "context_length_exceeded"
    with pytest.raises(openai.APIError, match="context"):
        [*client.chat.completions.create(**given, stream=True)]


def test_the_prompt_of_apply_template_is_the_one_that_is_used(default_served: Serving, client: openai.OpenAI) -> None:
    root = default_served.url.removesuffix("/v1")
    compiled = httpx.post(f"{root}/apply-template", json={"messages": [QUESTION], "tools": TOOLS}).json()
    assert "tool_search" in compiled["prompt"]
    assert TOOLS[0]["function"]["name"] not in compiled["prompt"]
    counted = httpx.post(f"{root}/tokenize", json={"content": compiled["prompt"], "parse_special": True}).json()
    usage = client.chat.completions.create(**{**FIELDS, "max_tokens": 1}).usage
    assert usage
    assert abs(len(counted["tokens"]) - usage.prompt_tokens) <= 1


# -- repeated calls --

CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}
LOOP: dict[str, Any] = {
    "messages": [
        QUESTION,
        *[{"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "c1", "content": "nothing"}] * 3,
    ],
    "tools": [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("look", "ask")],
    "tool_choice": "required",
}


@pytest.mark.parametrize(
    ("option", "names"),
    [(None, {"look", "ask"}), ("warn", {"look", "ask"}), ("prevent", {"ask"})],
    ids=["default", "warn", "prevent"],
)
def test_repeated_calls(default_served: Serving, option: str | None, names: set[str]) -> None:
    given = {**LOOP, "repeated_calls": option, "max_tokens": 100}
    response = httpx.post(f"{default_served.url}/chat/completions", json=given).json()
    assert {call["function"]["name"] for call in response["choices"][0]["message"]["tool_calls"]} <= names
    assert [(each["code"], each["path"]) for each in response["warnings"]] == [("repeated_call", "/messages/5/tool_calls/0")]


def test_the_default_for_repeated_calls_is_an_option(demo_model: Path) -> None:
    with serving("--model", str(demo_model), "--repeated-calls", "prevent") as server:
        for option, names in ((None, {"ask"}), ("warn", {"look", "ask"})):
            response = httpx.post(
                f"{server.url}/chat/completions", json={**LOOP, "repeated_calls": option, "max_tokens": 400}
            ).json()
            called = {call["function"]["name"] for call in response["choices"][0]["message"]["tool_calls"]}
            assert called <= names
            assert ("cannot be called" in response["warnings"][0]["message"]) == (option is None)
