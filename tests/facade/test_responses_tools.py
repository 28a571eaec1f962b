"""Namespaces, searches for tools and additional tools in `/v1/responses`, with OpenAI's own client."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.support.serving import Serving

CITY = {
    "type": "object",
    "properties": {"city": {"enum": ["Oslo"]}},
    "required": ["city"],
    "additionalProperties": False,
}
LOOK = {"type": "function", "name": "look", "parameters": CITY, "strict": True}
SKY = {"type": "namespace", "name": "sky", "description": "What is above", "tools": [LOOK]}
SEARCH = {"type": "tool_search", "execution": "client", "description": "Finds tools", "parameters": CITY}
MORE = {"type": "additional_tools", "role": "developer", "tools": [SKY]}
CHOICES: dict[str, dict[str, Any]] = {
    "namespace": {"tools": [SKY], "tool_choice": {"type": "function", "name": "look", "namespace": "sky"}},
    "joined-name": {"tools": [SKY], "tool_choice": {"type": "function", "name": "sky__look"}},
    "additional": {
        "input": [MORE, {"role": "user", "content": "Look"}],
        "tool_choice": {"type": "function", "name": "look", "namespace": "sky"},
    },
    "additional-later": {
        "input": [{"role": "user", "content": "Look"}, MORE, {"role": "user", "content": "Look"}],
        "tool_choice": {"type": "function", "name": "look", "namespace": "sky"},
    },
}


@pytest.fixture(scope="module")
def client(served: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as found:
        yield found


def answer(client: openai.OpenAI, stream: bool, **body: Any) -> openai.types.responses.Response:
    """A response, complete or as OpenAI's client puts it together of a stream."""
    request: dict[str, Any] = {"model": "demo", "input": "Look", "max_output_tokens": 400, **body}
    if not stream:
        return client.responses.create(**request)
    with client.responses.stream(**request) as events:
        return events.get_final_response()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("kind", CHOICES)
def test_a_tool_of_a_namespace_is_called_by_both_names(client: openai.OpenAI, kind: str, stream: bool) -> None:
    response = answer(client, stream, **CHOICES[kind])
    (call,) = response.output
    assert call.type == "function_call"
    assert (call.name, call.namespace, call.arguments) == ("look", "sky", '{"city": "Oslo"}')
    # It is taken back.
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "stars"}
    items = [{"role": "user", "content": "Look"}, call.model_dump(exclude_none=True), output]
    again = answer(client, False, tools=[SKY], input=items, max_output_tokens=4)
    assert "warnings" not in (again.model_extra or {})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_client_searches_for_tools(client: openai.OpenAI, stream: bool) -> None:
    choice = {"type": "function", "name": "tool_search"}
    response = answer(client, stream, tools=[SEARCH], tool_choice=choice)
    (search,) = response.output
    assert search.type == "tool_search_call"
    assert (search.execution, search.arguments, search.status) == ("client", {"city": "Oslo"}, "completed")
    found = {"type": "tool_search_output", "call_id": search.call_id, "execution": "client", "tools": [SKY]}
    items = [{"role": "user", "content": "Look"}, search.model_dump(exclude_none=True), found]
    named = {"type": "function", "name": "look", "namespace": "sky"}
    response = answer(client, stream, tools=[SEARCH], input=items, tool_choice=named)
    (call,) = response.output
    assert call.type == "function_call"
    assert (call.name, call.namespace) == ("look", "sky")
    # It goes on with what is stored, too.
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "stars"}
    last = answer(client, False, tools=[SEARCH], input=[output], previous_response_id=response.id, max_output_tokens=4)
    assert "warnings" not in (last.model_extra or {})
    kinds = {item.type for item in client.responses.input_items.list(last.id)}
    assert {"tool_search_call", "tool_search_output", "function_call", "function_call_output"} < kinds


def test_a_deferred_tool_is_not_shown_before_a_search(client: openai.OpenAI) -> None:
    def tokens(*tools: Any) -> int:
        return client.responses.input_tokens.count(model="demo", input="Look", tools=[SEARCH, *tools]).input_tokens

    deferred = {**SKY, "tools": [{**LOOK, "defer_loading": True}]}
    assert tokens() == tokens(deferred) < tokens(SKY)
