"""Calls in content: what is noticed, and what is not."""

import pytest

from promptweave.output.calls_in_text import call_in_text, tool_names, written_call
from promptweave.output.tree import (
    Branch,
    ChoiceNode,
    EmitNode,
    LiteralNode,
    NamedBranch,
    Region,
    RegionNode,
    SequenceNode,
    Syntax,
    TextNode,
    ToolAlias,
    Wrapper,
)

NAMES = {"get_stock", "get_stock_price", "a.b"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('Well: {"name": "get_stock", "arguments": {"symbol": "X"}}', "get_stock"),
        ('```\n{ "tool" : "get_stock_price",\n"args": {}}\n```', "get_stock_price"),
        ('{"arguments": {"symbol": "X"}, "name": "get_stock"}', "get_stock"),
        ("I will look: <function=get_stock>", "get_stock"),
        ('Now <invoke name="get_stock">', "get_stock"),
        ('get_stock(symbol="X")', "get_stock"),
        ('Sure.\n```python\nget_stock(symbol="X")\n```', "get_stock"),
        ("[get_stock(symbol='X')]", "get_stock"),
        ("print(get_stock('X'))", "get_stock"),
        ("a.b()", "a.b"),
        ("axb()", None),
        ("Use get_stock(symbol) for this.", None),
        ("price = get_stock('X') + 1", None),
        ('{"name": "get_stock", "description": "Gets it"}', None),
        ('{"name": "Bob", "arguments": {}}', None),
        ("def get_stock(symbol):", None),
        ("get_stock", None),
        ("", None),
    ],
)
def test_notices(text: str, name: str | None) -> None:
    assert call_in_text(text, NAMES) == name


def test_nothing_is_noticed_without_tools() -> None:
    assert call_in_text("get_stock()", set()) is None


@pytest.mark.parametrize(
    "text",
    [")" * 200_000, "get_stock(" * 20_000, " " * 200_000, '"arguments": {' * 20_000, "get_stock(" + ")" * 200_000 + "x"],
)
def test_long_texts_are_searched_in_linear_time(text: str) -> None:
    # Quadratic time would be hours: the test's timeout would end it.
    assert call_in_text(text, NAMES) is None


def test_names_are_those_of_the_whole_tree() -> None:
    def call(name: str) -> RegionNode:
        return RegionNode(Region.TOOL_CALL, RegionNode(Region.TOOL_NAME, EmitNode(name)))

    literal = RegionNode(Region.TOOL_CALL, SequenceNode((RegionNode(Region.CUSTOM_TOOL_NAME, LiteralNode("own")),)))
    named = NamedBranch((Wrapper(""),), ("<",), (">",), (("loose", call("loose")),), LiteralNode(""))
    root = TextNode(Region.CONTENT, (Branch(("<c>",), ChoiceNode((literal, call("other")))),), named=named)
    assert tool_names(root) == {"own", "other", "loose"}
    syntax = Syntax(root, aliases=(ToolAlias("other", "other.tool"),))
    assert written_call(syntax, "other()") == "other.tool"
    assert written_call(syntax, "own()") == "own"
    assert written_call(syntax, "") == ""
