"""The tree itself: what it refuses, and how its nodes may begin."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.output.grammar.expr import NOTHING, Grammar, Rules
from promptweave.output.tree import (
    EMPTY,
    JSON_FIRST,
    Branch,
    ChoiceNode,
    EmitNode,
    JsonNode,
    LiteralNode,
    Node,
    Region,
    RegionNode,
    RepeatNode,
    SequenceNode,
    TextNode,
    starts,
)
from promptweave.output.tree_grammar import tree_expr
from tests.support.output.grammar_matcher import sample

A, B = LiteralNode("a"), LiteralNode("b")


@pytest.mark.parametrize(
    ("branches", "why"),
    [
        pytest.param([("",)], "a marker is empty", id="empty"),
        pytest.param([("<a>",), ("<a>",)], "two markers are equal", id="twice"),
        pytest.param([("<a>", "x<a>y")], "'x<a>y' contains the marker '<a>'", id="inside"),
        pytest.param([("<a>",), ("\n<a>",)], "contains the marker", id="at-the-end-but-elsewhere"),
        pytest.param([("aa", "aaa")], "contains the marker", id="at-the-end-and-before"),
        pytest.param([("<a",), ("<a>",)], "contains the marker", id="beginning"),
    ],
)
def test_refuses_markers_that_readers_could_find_in_two_ways(branches: list[tuple[str, ...]], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        TextNode(None, tuple(Branch(markers, LiteralNode(str(place))) for place, markers in enumerate(branches)))


def test_a_marker_may_end_like_another_of_its_branch() -> None:
    TextNode(None, (Branch(("\n<a>", "<a>"), EMPTY),))


def test_refuses_a_text_that_nothing_ends() -> None:
    with pytest.raises(ValueError, match="no end marker"):
        TextNode(None, (), may_end=False)


@pytest.mark.parametrize(
    ("node", "texts", "opens"),
    [
        pytest.param(A, {"a"}, False, id="literal"),
        pytest.param(LiteralNode(""), set(), True, id="empty-literal"),
        pytest.param(JsonNode(), set(JSON_FIRST), False, id="json"),
        pytest.param(JsonNode("{["), {"{", "["}, False, id="json-of-some-kinds"),
        pytest.param(TextNode(None), set(), True, id="text"),
        pytest.param(EmitNode("x"), set(), True, id="emit"),
        pytest.param(EMPTY, set(), True, id="empty"),
        pytest.param(ChoiceNode((A, B)), {"a", "b"}, False, id="choice"),
        pytest.param(ChoiceNode((A, EMPTY)), {"a"}, True, id="choice-with-empty"),
        pytest.param(RepeatNode(A, ",", 1, None), {"a"}, False, id="repeat"),
        pytest.param(RepeatNode(A, ",", 0, None), {"a"}, True, id="repeat-of-none"),
        pytest.param(RegionNode(Region.CONTENT, A), {"a"}, False, id="part"),
        pytest.param(SequenceNode((A, B)), {"ab"}, False, id="literals-join"),
        pytest.param(
            SequenceNode((A, EmitNode("x"), RegionNode(Region.CONTENT, B), JsonNode("{"))), {"ab{"}, False, id="sharpened"
        ),
        pytest.param(SequenceNode((A, ChoiceNode((A, B)))), {"aa", "ab"}, False, id="by-a-choice"),
        pytest.param(SequenceNode((A, TextNode(None))), {"a"}, False, id="not-by-text"),
        pytest.param(SequenceNode((TextNode(None), A)), set(), True, id="text-then"),
        pytest.param(SequenceNode((RepeatNode(EmitNode("x"), ",", 1, None), A)), set(), True, id="repeat-of-empty-then"),
        pytest.param(SequenceNode((ChoiceNode((A, EMPTY)), B)), {"a", "b"}, False, id="perhaps-then"),
        pytest.param(SequenceNode((ChoiceNode((A, EMPTY)), ChoiceNode((B, EMPTY)))), {"a", "b"}, True, id="perhaps-perhaps"),
    ],
)
def test_how_nodes_begin(node: Node, texts: set[str], opens: bool) -> None:
    assert starts(node) == (texts, opens)


NODES: st.SearchStrategy[Node] = st.recursive(
    st.one_of(st.builds(LiteralNode, st.text("ab", max_size=2)), st.just(EmitNode("x"))),
    lambda nodes: st.one_of(
        st.builds(lambda items: SequenceNode(tuple(items)), st.lists(nodes, max_size=3)),
        st.builds(lambda items: ChoiceNode(tuple(items)), st.lists(nodes, min_size=1, max_size=3)),
        st.builds(RepeatNode, nodes, st.text("c", min_size=1, max_size=1), st.integers(0, 2), st.none()),
        st.builds(RegionNode, st.just(Region.CONTENT), nodes),
    ),
    max_leaves=8,
)


@given(NODES, st.integers())
def test_every_sentence_begins_as_said(node: Node, seed: int) -> None:
    texts, opens = starts(node)
    rules = Rules()
    grammar = rules.grammar(tree_expr(node, rules))
    assert grammar != Grammar(NOTHING, {})
    sentence = sample(grammar, random.Random(seed), budget=30)
    assert opens or sentence.startswith(tuple(texts))
