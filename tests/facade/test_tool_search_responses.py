"""The search for tools in the Responses API: as items of the output, with OpenAI's own client."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from promptweave.facade.openai.responses.response.search_items import search_items
from promptweave.facade.tool_search.history import Search
from promptweave.v1 import chat_pb2
from tests.support.facade.many_tools import deferred, many_functions
from tests.support.serving import Serving

QUESTION = "Create a calendar event for my meeting."
TOOLS: list[dict[str, Any]] = [{"type": "function", **each, "defer_loading": True} for each in many_functions(50)]
NAMES = {tool["name"] for tool in TOOLS}
FIELDS: dict[str, Any] = {
    "model": "gpt-4o",
    "input": QUESTION,
    "tools": TOOLS,
    "tool_choice": "required",
    "temperature": 0,
    "max_output_tokens": 400,
}


@pytest.fixture(scope="module")
def client(default_served: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=default_served.url, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def response(client: openai.OpenAI) -> dict[str, Any]:
    return client.responses.create(**FIELDS).to_dict()


def results_of(output: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "ok"}
        for item in output
        if item["type"] == "function_call"
    ]


def without_ids(output: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in item.items() if key not in ("id", "call_id")} for item in output]


def test_the_search_is_two_items(response: dict[str, Any]) -> None:
    call, found, *calls = response["output"]
    assert (call["type"], call["execution"], call["status"]) == ("tool_search_call", "server", "completed")
    assert [*call["arguments"]] == ["query"]
    assert (found["type"], found["execution"]) == ("tool_search_output", "server")
    assert found["call_id"] == call["call_id"]
    names = [tool["name"] for tool in found["tools"]]
    assert 0 < len(names) <= 5
    # As in the request: clients compare them.
    given = {tool["name"]: tool for tool in TOOLS}
    assert all({**given[tool["name"]], "strict": False} == tool for tool in found["tools"])
    assert calls
    assert {item["type"] for item in calls} == {"function_call"}
    assert {item["name"] for item in calls} <= set(names)
    assert "warnings" not in response


def test_a_stream_has_the_same_items(client: openai.OpenAI, response: dict[str, Any]) -> None:
    events = [event.to_dict() for event in client.responses.create(**FIELDS, stream=True)]
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert without_ids(done) == without_ids(response["output"])
    assert without_ids(events[-1]["response"]["output"]) == without_ids(response["output"])
    assert [event["sequence_number"] for event in events] == [*range(len(events))]
    assert [event["output_index"] for event in events if event["type"] == "response.output_item.added"] == [
        *range(len(done))
    ]


@pytest.mark.parametrize("stored", [False, True], ids=["items", "previous response"])
def test_the_items_are_sent_back(client: openai.OpenAI, response: dict[str, Any], stored: bool) -> None:
    results = results_of(response["output"])
    more: dict[str, Any] = {"input": [{"role": "user", "content": QUESTION}, *response["output"], *results]}
    if stored:
        more = {"input": results, "previous_response_id": response["id"]}
    answered = client.responses.create(**{**FIELDS, **more, "tool_choice": "auto", "max_output_tokens": 16})
    assert not (answered.model_extra or {}).get("warnings")
    assert answered.usage
    # Everything before the results is in the engine's cache: the definitions stand where they stood.
    assert answered.usage.input_tokens_details.cached_tokens >= response["usage"]["input_tokens"]


def test_tools_of_a_namespace_are_found(client: openai.OpenAI) -> None:
    members = [{**tool, "name": tool["name"].rpartition("__")[2]} for tool in TOOLS[:25]]
    namespace = {"type": "namespace", "name": "mcp__calendar", "description": "Calendars of the company", "tools": members}
    output = client.responses.create(**{**FIELDS, "tools": [namespace]}).to_dict()["output"]
    (found,) = output[1]["tools"]
    assert (found["type"], found["name"]) == ("namespace", "mcp__calendar")
    calls = [item for item in output if item["type"] == "function_call"]
    assert calls
    assert {call["namespace"] for call in calls} == {"mcp__calendar"}
    assert {call["name"] for call in calls} <= {tool["name"] for tool in found["tools"]}
    answered = client.responses.create(
        **{
            **FIELDS,
            "tools": [namespace],
            "input": [{"role": "user", "content": QUESTION}, *output, *results_of(output)],
            "tool_choice": "auto",
            "max_output_tokens": 16,
        }
    )
    assert not (answered.model_extra or {}).get("warnings")


def test_the_search_can_be_named(client: openai.OpenAI) -> None:
    tools = [{"type": "tool_search"}, *TOOLS]
    given = {**FIELDS, "tools": tools, "tool_choice": {"type": "tool_search"}, "max_output_tokens": 100}
    call = client.responses.create(**given).output[0]
    assert call.type == "tool_search_call"
    assert call.execution == "server"


def test_the_clients_own_search_is_its_own(client: openai.OpenAI) -> None:
    own = {"type": "tool_search", "execution": "client"}
    response = client.responses.create(**{**FIELDS, "tools": [own, *TOOLS], "parallel_tool_calls": False}).to_dict()
    assert [(item["type"], item["execution"]) for item in response["output"]] == [("tool_search_call", "client")]


def test_items_of_several_searches() -> None:
    custom = chat_pb2.Tool(
        custom=chat_pb2.CustomTool(
            name="patch",
            grammar=chat_pb2.TextGrammar(syntax=chat_pb2.TextGrammar.SYNTAX_LARK, definition='start: "a"'),
        ),
        defer_loading=True,
    )
    searches = [
        Search("c1", "stars", [deferred("see", namespace="sky"), deferred("look"), deferred("watch", namespace="sky")]),
        Search("c2", "patch", [custom, deferred("any", parameters="true")]),
    ]
    items = [*search_items(searches)]
    assert [(item["type"], item["call_id"]) for item in items] == [
        ("tool_search_call", "c1"),
        ("tool_search_call", "c2"),
        ("tool_search_output", "c1"),
        ("tool_search_output", "c2"),
    ]
    assert len({item["id"] for item in items}) == 4
    sky, look = items[2]["tools"]
    assert (sky["name"], [tool["name"] for tool in sky["tools"]]) == ("sky", ["see", "watch"])
    assert (look["name"], look["parameters"]) == ("look", None)
    assert items[3]["tools"] == [
        {
            "type": "custom",
            "name": "patch",
            "description": "",
            "defer_loading": True,
            "format": {"type": "grammar", "syntax": "lark", "definition": 'start: "a"'},
        },
        {
            "type": "function",
            "name": "any",
            "description": "",
            "parameters": True,
            "strict": False,
            "defer_loading": True,
        },
    ]
