"""Finding tools by words."""

import json

import pytest

from promptweave.facade.tool_search.index import MAX_FOUND, ToolIndex, words
from promptweave.facade.tool_search.offer import plain_name
from promptweave.v1 import chat_pb2
from tests.support.facade.many_tools import deferred, many_functions


@pytest.fixture(scope="module")
def many() -> ToolIndex:
    return ToolIndex(
        [deferred(each["name"], each["description"], parameters=json.dumps(each["parameters"])) for each in many_functions()]
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("listOpenIssues", ["list", "open", "issue"]),
        ("mcp__git-hub.get_HTTPServer", ["mcp", "git", "hub", "get", "http", "server"]),
        ("The boxes and the classes of cities", ["box", "class", "city"]),
        ("status of the analysis", ["status", "analysis"]),
        ("天気 in Zürich", ["天", "気", "zürich"]),
        ("?!", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert [*words(text)] == found


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("create a calendar event", "mcp__calendar__create_event"),
        ("deleting is not what I want: export playlists", "mcp__music__export_playlist"),
        ("weather forecast list", "mcp__weather__list_forecast"),
        ("mcp__files__delete_symlink", "mcp__files__delete_symlink"),
        ("UPDATE STORAGE BUCKETS", "mcp__cloud__update_storage_bucket"),
    ],
)
def test_the_best_match_is_first(many: ToolIndex, query: str, best: str) -> None:
    found = [plain_name(tool) for tool in many.find(query)]
    assert found[0] == best
    assert len(found) <= MAX_FOUND


@pytest.mark.parametrize("query", ["", "the", "zebra", "\ud800"])
def test_nothing_is_found_without_a_shared_word(many: ToolIndex, query: str) -> None:
    assert many.find(query) == []


def test_names_count_more_than_descriptions() -> None:
    index = ToolIndex([deferred("a", "A note about stars and the moon"), deferred("stars", "Shows the sky of tonight")])
    assert [plain_name(tool) for tool in index.find("stars")] == ["stars", "a"]


def test_namespaces_and_parameters_are_searched() -> None:
    nested = {"type": "object", "properties": {"at": {"type": "array", "items": {"description": "A harbor of Norway"}}}}
    tools = [deferred("read", namespace="mcp__ships"), deferred("write", parameters=json.dumps(nested)), deferred("wipe")]
    index = ToolIndex(tools)
    assert index.find("ships") == [tools[0]]
    assert index.find("harbor") == [tools[1]]
    assert index.find("at") == []  # a stop word


def test_custom_tools_and_odd_schemas() -> None:
    custom = chat_pb2.Tool(custom=chat_pb2.CustomTool(name="patch", description="Changes files"), defer_loading=True)
    odd = [
        deferred("one", parameters="{broken"),
        deferred("two", parameters="true"),
        deferred("three", parameters='{"properties": 1}'),
    ]
    index = ToolIndex([custom, *odd])
    assert index.find("file") == [custom]
    assert index.find("two") == [odd[1]]


@pytest.mark.parametrize("tools", [[], [deferred("")]], ids=["none", "without words"])
def test_an_empty_index(tools: list[chat_pb2.Tool]) -> None:
    assert ToolIndex(tools).find("stars") == []
