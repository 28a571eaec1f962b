"""Branches that a name selects: grammar and parser agree, other text is free, and any split reads alike."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from promptweave.output.deltas import CallHeader, ContentDelta, Delta
from promptweave.output.grammar.expr import Grammar, Rules
from promptweave.output.grammar.safety import check_safe
from promptweave.output.parse.parser import OutputParser
from promptweave.output.tree import (
    Branch,
    EmitNode,
    LiteralNode,
    NamedBranch,
    Node,
    Region,
    RegionNode,
    SequenceNode,
    Syntax,
    TextNode,
    Wrapper,
)
from promptweave.output.tree_grammar import tree_expr
from tests.support.output.grammar_matcher import accepts

WRAPPERS = (Wrapper(""), Wrapper("[ "), Wrapper("~j\n ", "~"), Wrapper("~j\n [ ", "~"), Wrapper("<t> "))


def call(name: str, then: str) -> Node:
    named = RegionNode(Region.TOOL_NAME, EmitNode(name))
    return RegionNode(Region.TOOL_CALL, SequenceNode((named, RegionNode(Region.TOOL_ARGUMENTS, LiteralNode(then)))))


def named(*, resumes: bool = True, anywhere: bool = False) -> NamedBranch:
    return NamedBranch(
        wrappers=WRAPPERS,
        openings=('{ "', "<f="),
        middles=('":', ">"),
        cases=(("a", call("a", "0")), ("ab", call("ab", "1"))),
        ending=LiteralNode("}"),
        skipped=("]", ",", "</t>"),
        resumes=resumes,
        anywhere=anywhere,
    )


def text(**options: bool) -> TextNode:
    return TextNode(Region.CONTENT, (Branch(("\n<n>", "<n>"), LiteralNode("!")),), named=named(**options))


KINDS = {
    "lines": text(),
    "once": text(resumes=False),
    "anywhere": text(anywhere=True),
    "cut": TextNode(Region.CONTENT, (Branch(("<n>",), LiteralNode("!")),), may_end=False, named=named()),
}
PIECES = [
    '{"',
    "{",
    '"',
    "a",
    "b",
    "ab",
    '":',
    ">",
    "0",
    "1",
    "}",
    "0}",
    "1}",
    "]",
    "[",
    ",",
    "~j\n",
    "~",
    "\n",
    " ",
    "<t>",
    "</t>",
]
PIECES += ["<f=", "<", "<n>", "<n>!", "!", "x", "j", '{"a":0}', '{ "ab":1}', "~j\n{\n"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=9).map("".join)


def grammar_of(node: Node) -> Grammar:
    rules = Rules()
    grammar = rules.grammar(tree_expr(node, rules))
    check_safe(grammar)
    return grammar


GRAMMARS = {kind: grammar_of(node) for kind, node in KINDS.items()}


def read(node: Node, pieces: list[str]) -> tuple[list[Delta], bool]:
    parser = OutputParser(Syntax(node), new_id=lambda: "id")
    deltas = parser.start()
    for piece in pieces:
        deltas += parser.feed(piece)
    return [*deltas, *parser.finish()], parser.complete


def content(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, ContentDelta))


def calls(deltas: list[Delta]) -> list[str]:
    return [delta.name for delta in deltas if isinstance(delta, CallHeader)]


@pytest.mark.parametrize("kind", KINDS)
@given(written=TEXTS)
@example(written='~j\n{"a":0}~x')
@example(written='{"a":0}~j\n{"ab":1}~')
@example(written='[{"a":0}, {"ab":1}]\nx')
@example(written='<t>[\n{\n"ab":1}]</t>\n{"a":2}')
def test_grammar_and_parser_read_the_same(kind: str, written: str) -> None:
    node = KINDS[kind]
    _, complete = read(node, [written])
    # White space after the turn means nothing to a parser.
    assert complete == accepts(GRAMMARS[kind], written) or written != written.rstrip()


@pytest.mark.parametrize("kind", KINDS)
@given(written=TEXTS, data=st.data())
def test_any_split_reads_alike(kind: str, written: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(written)), max_size=6)))
    split = [written[low:high] for low, high in pairwise([0, *cuts, len(written)])]
    whole, complete = read(KINDS[kind], [written])
    parts, also = read(KINDS[kind], split)
    assert (content(whole), calls(whole), complete) == (content(parts), calls(parts), also)


@given(written=st.text('{"a:~j\n <t>fnx[]}b', max_size=30))
def test_text_without_a_complete_beginning_is_content(written: str) -> None:
    if any(end in written for end in ('":', "a>", "b>", "<n>")):
        return
    deltas, complete = read(KINDS["lines"], list(written))
    assert (content(deltas), calls(deltas), complete) == (written, [], True)
    assert accepts(GRAMMARS["lines"], written)


@pytest.mark.parametrize(
    ("written", "names", "rest"),
    [
        ('{"a":0}', ["a"], ""),
        ('Hi\n\n  { "ab":1}\nBye', ["ab"], "HiBye"),
        ('Hi {"a":0}', [], 'Hi {"a":0}'),
        ('~j\n{"a":0}\n~\nBye', ["a"], "Bye"),
        ('~j\n{"a":0}\n~\n~\nBye', ["a"], "~\nBye"),
        ('{"a":0}\n~\nBye', ["a"], "~\nBye"),
        ('~j\n{"x":0}\n~', [], '~j\n{"x":0}\n~'),
        ('~j\n[{"a":0}, {"ab":1}]\n~', ["a", "ab"], ""),
        ('<t>{"a":0}</t>\n<t>{"a":0}</t>', ["a", "a"], ""),
        ('{"a":0}<n>!', ["a"], ""),
        ("<f=ab>1}", ["ab"], ""),
        ("\n ", [], "\n "),
        ('{"a":0}\n \n', ["a"], ""),
        ('{"b":0}', [], '{"b":0}'),
        ('{"a', [], '{"a'),
    ],
)
def test_reads(written: str, names: list[str], rest: str) -> None:
    for pieces in ([written], list(written)):
        deltas, complete = read(KINDS["lines"], pieces)
        assert (calls(deltas), content(deltas), complete) == (names, rest, True)


def test_text_is_output_as_soon_as_it_cannot_begin_anything() -> None:
    parser = OutputParser(Syntax(KINDS["lines"]))
    parser.start()
    assert [content(parser.feed(char)) for char in 'Hi\n{ "ax'] == ["H", "i", "", "", "", "", "", '\n{ "ax']
    assert content(parser.feed('~ { "a":')) == '~ { "a":'


def test_long_white_space_is_read_once() -> None:
    parser = OutputParser(Syntax(KINDS["lines"]))
    parser.start()
    for _ in range(5_000):
        assert parser.feed("\n") == []
    assert content(parser.feed("x")) == "\n" * 5_000 + "x"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cases": ()}, "no wrapper, opening, middle or case"),
        ({"cases": (("a", LiteralNode("")), ("a", LiteralNode("")))}, "two names are equal"),
        ({"openings": ("{ ",)}, "ends with a space"),
        ({"skipped": ("a b",)}, "contains white space"),
    ],
)
def test_refuses_branches_that_cannot_be_read(change: dict[str, object], message: str) -> None:
    fields = {field: getattr(named(), field) for field in NamedBranch.__dataclass_fields__}
    with pytest.raises(ValueError, match=message):
        NamedBranch(**(fields | change))


def test_refuses_a_marker_inside_of_a_named_branch() -> None:
    with pytest.raises(ValueError, match="contains the marker"):
        TextNode(None, (Branch(("<t>\n",), LiteralNode("")),), named=named())
