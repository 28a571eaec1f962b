"""When the search for tools is offered, and what becomes of earlier searches in a conversation."""

from typing import Any

import pytest

from promptweave.facade.tool_search.history import NOTHING_FOUND
from promptweave.facade.tool_search.offer import TOOL_NAME, offers_search, search_tool
from promptweave.facade.tool_search.searchable import SearchableRequest
from promptweave.v1 import chat_pb2, prompt_compiler_pb2
from tests.support.facade.many_tools import deferred, many_functions

STARS, MOON = deferred("see_stars"), deferred("see_moon")
WEATHER = chat_pb2.Tool(function=chat_pb2.FunctionTool(name="get_weather"))
QUESTION = chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[chat_pb2.ContentPart(text="Are there stars?")])


def function(name: str) -> chat_pb2.Tool:
    return chat_pb2.Tool(function=chat_pb2.FunctionTool(name=name))


def called(name: str, arguments: str = "{}", id: str = "c1", namespace: str = "") -> chat_pb2.Message:
    call = chat_pb2.ToolCall(id=id, function=chat_pb2.FunctionCall(name=name, arguments=arguments), namespace=namespace)
    return chat_pb2.Message(role=chat_pb2.ROLE_ASSISTANT, tool_calls=[call])


def result(*references: str, id: str = "c1", text: str = "", tools: tuple[chat_pb2.Tool, ...] = ()) -> chat_pb2.Message:
    parts = [chat_pb2.ContentPart(text=text)] if text else []
    parts += [chat_pb2.ContentPart(tool_reference=chat_pb2.ToolReference(name=name)) for name in references]
    return chat_pb2.Message(role=chat_pb2.ROLE_TOOL, tool_call_id=id, content=parts, tools=tools)


def request(*messages: chat_pb2.Message, tools: tuple[chat_pb2.Tool, ...] = (WEATHER, STARS, MOON), **more: Any) -> Any:
    return prompt_compiler_pb2.CompileRequest(messages=[QUESTION, *messages], tools=tools, **more)


def texts(messages: Any) -> list[str]:
    """The messages in short: calls, references and text."""
    short = []
    for message in messages:
        calls = [f"{call.function.name}({call.function.arguments})" for call in message.tool_calls]
        parts = [part.text or f"<{part.tool_reference.name}>" for part in message.content]
        short.append(" ".join([*parts, *calls]))
    return short


@pytest.mark.parametrize(
    ("given", "offered"),
    [
        pytest.param(request(), True, id="deferred tools"),
        pytest.param(request(tools=(WEATHER,)), False, id="no deferred tools"),
        pytest.param(request(chat_pb2.Message(role=chat_pb2.ROLE_DEVELOPER, tools=[STARS]), tools=()), True,
                     id="deferred tools of a message"),
        pytest.param(request(tools=(STARS, function("ToolSearch"))), False, id="the client's search"),
        pytest.param(request(chat_pb2.Message(role=chat_pb2.ROLE_DEVELOPER, tools=[function("tool_search")])), False,
                     id="the client's search in a message"),
        pytest.param(request(tools=(STARS, deferred("mcp__x__tool_search"))), True, id="a deferred search of something"),
        pytest.param(request(tools=(STARS, deferred("tool_search"))), False, id="a deferred tool of the same name"),
        pytest.param(request(called("tool-search"), result("see_stars")), False, id="the client's search in the history"),
        pytest.param(request(called("find"), result("see_stars")), False, id="results of another tool have references"),
        pytest.param(request(called("find"), result(text="no")), True, id="results of another tool have none"),
        pytest.param(request(called("tool_search"), result("see_stars")), True, id="the server's search in the history"),
        pytest.param(request(called("tool_search_tool_bm25"), result("see_stars")), True, id="Anthropic's search"),
        pytest.param(request(called("tool_search"), result("see_stars", "see_moon")), True, id="all tools are loaded"),
    ],
)  # fmt: skip
def test_the_search_is_offered(given: prompt_compiler_pb2.CompileRequest, offered: bool) -> None:
    assert offers_search(given) is offered
    searchable = SearchableRequest(given)
    assert searchable.is_searchable is offered
    assert not searchable.warnings
    assert [tool.function.name for tool in searchable.request.tools[len(given.tools) :]] == [TOOL_NAME] * offered


def test_the_description_names_the_servers() -> None:
    many = tuple(deferred(each["name"]) for each in many_functions())
    more = (deferred("read", namespace="mcp__disk__"), deferred("lights.turn_on"), deferred("alone"))
    description = search_tool(request(tools=(WEATHER, *many, *more))).function.description
    assert "266 more tools" in description
    assert "calendar (25), mail (25), github (25)" in description
    assert "disk (1), lights (1)" in description
    assert "alone" not in description


def test_the_description_is_limited() -> None:
    tools = tuple(deferred("read", namespace=f"server{number}") for number in range(100))
    description = search_tool(request(tools=tools)).function.description
    assert "server23 (1), and others" in description
    assert len(description) < 800


def test_the_description_stays_when_tools_are_loaded() -> None:
    # It is at the beginning of the prompt, which the engine has in its cache.
    before = SearchableRequest(request())
    after = SearchableRequest(request(called("tool_search"), result("see_stars", tools=(STARS,))))
    assert before.request.tools == after.request.tools


# -- the conversation --


def test_searches_of_all_apis_become_what_the_model_wrote() -> None:
    given = request(
        called("tool_search_tool_regex", '{"pattern": "star.*", "limit": 3}'),
        result("see_stars", text="Found: ", tools=(STARS,)),
        called("tool_search", '{"query":"moon\\u00f6"}', id="c2"),
        result(text="No tool was found.", id="c2"),
    )
    searchable = SearchableRequest(given)
    assert texts(searchable.request.messages) == [
        "Are there stars?",
        'tool_search({"query": "star.*"})',
        "<see_stars>",
        'tool_search({"query": "moonö"})',
        NOTHING_FOUND,
    ]
    assert not searchable.request.messages[2].tools
    assert given.messages[2].tools


def test_results_keep_tools_that_the_request_lacks() -> None:
    given = request(called("tool_search"), result("see_sun", tools=(deferred("see_sun"),)))
    assert [tool.function.name for tool in SearchableRequest(given).request.messages[2].tools] == ["see_sun"]


def test_results_without_ids_are_told_by_their_references() -> None:
    given = request(
        called("tool_search", id=""), result("see_stars", id=""), called("see_stars", id=""), result(text="3", id="")
    )
    assert texts(SearchableRequest(given).request.messages)[2:] == ["<see_stars>", "see_stars({})", "3"]


def test_a_call_of_a_tool_that_nothing_loaded_gets_a_search() -> None:
    # Chat completions show no searches, so clients cannot send them back.
    given = request(called("see_stars"), result(text="12"), called("see_stars", id="c2"), result(text="13", id="c2"))
    searchable = SearchableRequest(given)
    assert texts(searchable.request.messages) == [
        "Are there stars?",
        'tool_search({"query": "see_stars"})',
        "<see_stars>",
        "see_stars({})",
        "12",
        "see_stars({})",
        "13",
    ]
    again = SearchableRequest(request(*given.messages[1:], called("see_moon", id="c3")))
    assert again.request.messages[:7] == searchable.request.messages[:7]


def test_a_tool_in_a_namespace_is_loaded_by_its_search() -> None:
    tools = (deferred("read", namespace="disk"), deferred("read", namespace="tape"))
    given = request(called("read", namespace="tape"), tools=tools)
    reference = SearchableRequest(given).request.messages[2].content[0].tool_reference
    assert (reference.namespace, reference.name) == ("tape", "read")


@pytest.mark.parametrize(
    ("made", "given"),
    [
        ("/messages/0/content/0", "/messages/0/content/0"),
        ("/messages/1/tool_calls/0", "/messages/1/tool_calls/0"),  # the search that was added before it
        ("/messages/3/tool_calls/0/function/name", "/messages/1/tool_calls/0/function/name"),
        ("/messages/4", "/messages/2"),
        ("/messages/5/content/0", "/messages"),  # of a later round
        ("/tools/1/function/parameters/type", "/tools/1/function/parameters/type"),
        ("/tools/3/function/name", "/tools"),
        ("/tool_choice", "/tool_choice"),
    ],
)
def test_positions(made: str, given: str) -> None:
    assert SearchableRequest(request(called("see_stars"), result(text="12"))).original(made) == given


def test_positions_without_a_search_are_the_same() -> None:
    assert SearchableRequest(request(tools=(WEATHER,))).original("/messages/7/content") == "/messages/7/content"


@pytest.mark.parametrize("name", ["tool_search", "tool_search_tool_bm25"])
def test_the_tool_choice_may_name_the_search(name: str) -> None:
    choice = chat_pb2.ToolChoice(named=chat_pb2.ToolChoice.Named(name=name))
    assert SearchableRequest(request(tool_choice=choice)).request.tool_choice.named.name == TOOL_NAME


def test_several_answers_have_all_tools() -> None:
    given = request()
    searchable = SearchableRequest(given, 2)
    assert not searchable.is_searchable
    assert not any(tool.defer_loading for tool in searchable.request.tools)
    assert len(searchable.request.tools) == 3
    assert [(warning.code, warning.path) for warning in searchable.warnings] == [("tools_loaded", "/n")]
    assert given.tools[1].defer_loading
