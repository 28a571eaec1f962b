"""Tree → grammar. The parser reads along the same tree, so the two are asked the same questions here."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.output.grammar.expr import EMPTY, Alt, Chars, Grammar, Lit, Rules
from promptweave.output.parse.parser import OutputParser
from promptweave.output.tree import (
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
    Syntax,
    TextNode,
)
from promptweave.output.tree_grammar import tree_expr
from tests.support.output.grammar_matcher import accepts
from tests.support.output.sample_trees import TAGGED


def grammar_of(node: Node) -> Grammar:
    rules = Rules()
    return rules.grammar(tree_expr(node, rules))


def read_to_the_end(node: Node, text: str) -> bool:
    parser = OutputParser(Syntax(node))
    parser.start()
    parser.feed(text)
    parser.finish()
    return parser.complete


@st.composite
def texts_with_markers(draw: st.DrawFn) -> TextNode:
    """A text with up to three markers, each of which leads to a literal of its own."""
    wanted = draw(st.lists(st.text("ab<", min_size=1, max_size=4), max_size=3, unique=True))
    branches: list[Branch] = []
    for place, marker in enumerate(wanted):
        branch = Branch((marker,), LiteralNode(str(place)))
        try:
            TextNode(None, (*branches, branch))
        except ValueError:
            continue
        branches.append(branch)
    if branches and draw(st.booleans()):
        # A second marker of one branch, that ends like its first.
        first = branches[0]
        longer = Branch((first.markers[0], f"\n{first.markers[0]}"), first.then)
        return TextNode(None, (longer, *branches[1:]), draw(st.booleans()))
    return TextNode(None, tuple(branches), not branches or draw(st.booleans()))


def expected(node: TextNode, text: str) -> bool:
    """Found the plain way: the first marker ends the text, and what it leads to must be all that follows."""
    markers = {marker: branch.then for branch in node.branches for marker in branch.markers}
    found = re.search("|".join(map(re.escape, sorted(markers, key=len, reverse=True))) or r"(?!)", text)
    if not found:
        return node.may_end
    then = markers[found.group()]
    assert isinstance(then, LiteralNode)
    return text[found.end() :] == then.text


@given(texts_with_markers(), st.text("ab<\n012", max_size=12), st.data())
def test_text_is_all_that_holds_no_marker(node: TextNode, text: str, data: st.DataObject) -> None:
    if node.branches and data.draw(st.booleans()):
        branch = data.draw(st.sampled_from(node.branches))
        assert isinstance(branch.then, LiteralNode)
        text += data.draw(st.sampled_from(branch.markers)) + branch.then.text
    right = expected(node, text)
    assert accepts(grammar_of(node), text) == right
    # White space after the turn means nothing to a reader, but only the text's own is in its grammar.
    assert read_to_the_end(node, text) == right or text != text.rstrip()


def test_the_automaton_is_deterministic() -> None:
    """One stack for the engine: in each state, each character leads to one place only."""
    node = TextNode(None, (Branch(("<tool>", "\n<tool>"), LiteralNode("x")), Branch(("<think>",), LiteralNode("y"))))
    grammar = grammar_of(node)
    for body in grammar.rules.values():
        if body == Lit("x") or body == Lit("y"):
            continue
        seen: set[int] = set()
        for step in getattr(body, "items", ()):
            if step == EMPTY:
                continue
            first = step.items[0] if hasattr(step, "items") else step
            ranges = [(ord(first.text[0]),) * 2] if isinstance(first, Lit) else first.ranges
            codes = {code for low, high in ranges for code in range(low, min(high, 0x100) + 1)}
            assert not codes & seen
            seen |= codes
        assert seen == set(range(0x101)) - set(range(0xD800, 0xE000))


@pytest.mark.parametrize("separator", ["", ","])
@pytest.mark.parametrize(
    ("low", "high"), [(0, 0), (0, 1), (1, 1), (0, 3), (1, 3), (2, 2), (2, 4), (0, None), (1, None), (3, None)]
)
def test_repeats_as_often_as_said(separator: str, low: int, high: int | None) -> None:
    node = RepeatNode(LiteralNode("ab"), separator, low, high)
    for number in range(8):
        text = separator.join(["ab"] * number)
        right = low <= number <= (8 if high is None else high)
        assert accepts(grammar_of(node), text) == right
        assert read_to_the_end(node, text) == right
    assert not accepts(grammar_of(node), "abab,")


@pytest.mark.parametrize(
    ("node", "right", "wrong"),
    [
        pytest.param(LiteralNode("ab"), ["ab"], ["", "a", "abc"], id="literal"),
        pytest.param(EmitNode("ab"), [""], ["ab"], id="emit"),
        pytest.param(ChoiceNode((LiteralNode("a"), LiteralNode("ab"))), ["a", "ab"], ["", "b"], id="choice"),
        pytest.param(SequenceNode((LiteralNode("a"), EmitNode("x"), LiteralNode("b"))), ["ab"], ["axb", "a"], id="sequence"),
        pytest.param(RegionNode(Region.DISCARD, LiteralNode("a")), ["a"], ["", "aa"], id="part"),
        pytest.param(JsonNode("{", Lit("{}")), ["{}"], ["[]", ""], id="json"),
        pytest.param(TextNode(None), ["", "any\n\ud7ff\U0010ffff"], [], id="text"),
    ],
)
def test_languages(node: Node, right: list[str], wrong: list[str]) -> None:
    grammar = grammar_of(node)
    for text in right:
        assert accepts(grammar, text)
        assert read_to_the_end(node, text)
    for text in wrong:
        assert not accepts(grammar, text)
        assert not read_to_the_end(node, text)


def test_json_without_a_rule_has_no_grammar() -> None:
    with pytest.raises(ValueError, match="without a rule"):
        grammar_of(TAGGED)


def test_a_choice_of_letters_is_one_class() -> None:
    """The engine holds a stack for each alternative, so 62 letters of an id would cost 62 times as much as one."""
    assert tree_expr(ChoiceNode(tuple(map(LiteralNode, "cab"))), Rules()) == Chars(((0x61, 0x63),))
    assert tree_expr(ChoiceNode((LiteralNode("a"), LiteralNode("bc"))), Rules()) == Alt((Lit("a"), Lit("bc")))
