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
    Choice,
    Emit,
    Json,
    Literal,
    Node,
    Part,
    Region,
    Repeat,
    Sequence,
    Text,
    starts,
)
from promptweave.output.tree_grammar import tree_expr

from ..grammars import sample

A, B = Literal("a"), Literal("b")


@pytest.mark.parametrize(
    ("branches", "why"),
    [
        pytest.param([("",)], "an empty marker", id="empty"),
        pytest.param([("<a>",), ("<a>",)], "the same marker twice", id="twice"),
        pytest.param([("<a>", "x<a>y")], "'x<a>y' holds the marker '<a>'", id="inside"),
        pytest.param([("<a>",), ("\n<a>",)], "holds the marker", id="at-the-end-but-elsewhere"),
        pytest.param([("aa", "aaa")], "holds the marker", id="at-the-end-and-before"),
        pytest.param([("<a",), ("<a>",)], "holds the marker", id="beginning"),
    ],
)
def test_refuses_markers_that_readers_could_find_in_two_ways(branches: list[tuple[str, ...]], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Text(None, tuple(Branch(markers, Literal(str(place))) for place, markers in enumerate(branches)))


def test_a_marker_may_end_like_another_of_its_branch() -> None:
    Text(None, (Branch(("\n<a>", "<a>"), EMPTY),))


def test_refuses_a_text_that_nothing_ends() -> None:
    with pytest.raises(ValueError, match="nothing ends"):
        Text(None, (), may_end=False)


@pytest.mark.parametrize(
    ("node", "texts", "opens"),
    [
        pytest.param(A, {"a"}, False, id="literal"),
        pytest.param(Literal(""), set(), True, id="empty-literal"),
        pytest.param(Json(), set(JSON_FIRST), False, id="json"),
        pytest.param(Json("{["), {"{", "["}, False, id="json-of-some-kinds"),
        pytest.param(Text(None), set(), True, id="text"),
        pytest.param(Emit("x"), set(), True, id="emit"),
        pytest.param(EMPTY, set(), True, id="empty"),
        pytest.param(Choice((A, B)), {"a", "b"}, False, id="choice"),
        pytest.param(Choice((A, EMPTY)), {"a"}, True, id="choice-with-empty"),
        pytest.param(Repeat(A, ",", 1, None), {"a"}, False, id="repeat"),
        pytest.param(Repeat(A, ",", 0, None), {"a"}, True, id="repeat-of-none"),
        pytest.param(Part(Region.CONTENT, A), {"a"}, False, id="part"),
        pytest.param(Sequence((A, B)), {"ab"}, False, id="literals-join"),
        pytest.param(Sequence((A, Emit("x"), Part(Region.CONTENT, B), Json("{"))), {"ab{"}, False, id="sharpened"),
        pytest.param(Sequence((A, Choice((A, B)))), {"aa", "ab"}, False, id="by-a-choice"),
        pytest.param(Sequence((A, Text(None))), {"a"}, False, id="not-by-text"),
        pytest.param(Sequence((Text(None), A)), set(), True, id="text-then"),
        pytest.param(Sequence((Repeat(Emit("x"), ",", 1, None), A)), set(), True, id="repeat-of-empty-then"),
        pytest.param(Sequence((Choice((A, EMPTY)), B)), {"a", "b"}, False, id="perhaps-then"),
        pytest.param(Sequence((Choice((A, EMPTY)), Choice((B, EMPTY)))), {"a", "b"}, True, id="perhaps-perhaps"),
    ],
)
def test_how_nodes_begin(node: Node, texts: set[str], opens: bool) -> None:
    assert starts(node) == (texts, opens)


NODES: st.SearchStrategy[Node] = st.recursive(
    st.one_of(st.builds(Literal, st.text("ab", max_size=2)), st.just(Emit("x"))),
    lambda nodes: st.one_of(
        st.builds(lambda items: Sequence(tuple(items)), st.lists(nodes, max_size=3)),
        st.builds(lambda items: Choice(tuple(items)), st.lists(nodes, min_size=1, max_size=3)),
        st.builds(Repeat, nodes, st.text("c", min_size=1, max_size=1), st.integers(0, 2), st.none()),
        st.builds(Part, st.just(Region.CONTENT), nodes),
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
