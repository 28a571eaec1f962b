"""The incremental parser: what it reads, in one piece and in any pieces, whole, cut and wrong."""

import time
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.output.deltas import CallEnd, CallFragment, CallHeader, ContentDelta, SyntaxMismatch
from promptweave.output.message import FinishReason, ParsedCall, ParsedMessage
from promptweave.output.parse.parser import OutputParser
from promptweave.output.tree import (
    EMPTY,
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
from tests.support.output.random_trees import PLAIN, TEXTS, trees
from tests.support.output.sample_trees import ENVELOPE, LISTED, RAW, TAGGED, THINKING


def read(root: Node, pieces: list[str], prefix: str = "") -> tuple[ParsedMessage, bool]:
    ids = count()
    parser = OutputParser(Syntax(root, prefix), new_id=lambda: f"id{next(ids)}")
    message = ParsedMessage()
    message.extend(parser.start())
    for piece in pieces:
        message.extend(parser.feed(piece))
    message.extend(parser.finish())
    return message, parser.complete


def call(name: str, arguments: str, number: int = 0, *, complete: bool = True) -> ParsedCall:
    return ParsedCall(f"id{number}", name, arguments, complete=complete)


GET = '<tool_call>{"name": "get", "arguments": {"a": "}</tool_call>"}}</tool_call>'
GET_ARGUMENTS = '{"a": "}</tool_call>"}'
MORE = '<tool_call>{"name": "get_more", "arguments": {}}</tool_call>'

CASES = [
    pytest.param(TAGGED, "just text", ParsedMessage("just text"), True, id="text"),
    pytest.param(TAGGED, "", ParsedMessage(), True, id="nothing"),
    pytest.param(TAGGED, "a <tool_ b\n", ParsedMessage("a <tool_ b\n"), True, id="almost-a-marker"),
    pytest.param(TAGGED, "a\n\n" + GET, ParsedMessage("a\n", None, [call("get", GET_ARGUMENTS)]), True, id="text-and-call"),
    pytest.param(
        TAGGED,
        GET + MORE,
        ParsedMessage(None, None, [call("get", GET_ARGUMENTS), call("get_more", "{}", 1)]),
        True,
        id="two-calls",
    ),
    pytest.param(
        TAGGED, GET + "<tool_c", ParsedMessage(None, None, [call("get", GET_ARGUMENTS)]), False, id="cut-before-another-call"
    ),
    pytest.param(TAGGED, GET + "\n", ParsedMessage(None, None, [call("get", GET_ARGUMENTS)]), True, id="white-space-after"),
    pytest.param(
        TAGGED,
        GET + "x",
        ParsedMessage("x", None, [call("get", GET_ARGUMENTS)], [SyntaxMismatch(len(GET), "expected the end of the output")]),
        False,
        id="text-after",
    ),
    pytest.param(
        TAGGED,
        '<tool_call>{"name": "get", "arguments": {"a": "b\\u00',
        ParsedMessage(None, None, [call("get", '{"a": "b\\u00', complete=False)]),
        False,
        id="cut-in-an-escape",
    ),
    pytest.param(TAGGED, '<tool_call>{"name": "ge', ParsedMessage(), False, id="cut-in-a-name"),
    pytest.param(
        TAGGED,
        'so <tool_call>{"name": "put", "arguments": {}}',
        ParsedMessage(
            'so <tool_call>{"name": "put", "arguments": {}}',
            warnings=[
                SyntaxMismatch(
                    24, """expected 'get", "arguments": {' or 'get_more", "arguments": {' or 'set", "arguments": {'"""
                )
            ],
        ),
        False,
        id="unknown-name-is-text",
    ),
    pytest.param(
        TAGGED,
        '<tool_call>{"name": "get", "arguments": {"a" 1}}',
        ParsedMessage("1}}", None, [call("get", '{"a" ', complete=False)], [SyntaxMismatch(45, "expected JSON")]),
        False,
        id="arguments-that-are-no-json",
    ),
    pytest.param(
        LISTED,
        '[TOOL_CALLS][{"name": "set", "arguments": {"x": [1, {}]}}, {"name": "get", "arguments": {}}]',
        ParsedMessage(None, None, [call("set", '{"x": [1, {}]}'), call("get", "{}", 1)]),
        True,
        id="list",
    ),
    pytest.param(
        ENVELOPE,
        '{"thought": "a\\"b \\ud83d\\ude00", "next": {"result": "line\\n\\u00e9\\\\"}}',
        ParsedMessage("line\né\\", 'a"b 😀'),
        True,
        id="envelope-result",
    ),
    pytest.param(ENVELOPE, '{"thought": "a\\u00', ParsedMessage(None, "a"), False, id="envelope-cut-in-an-escape"),
    pytest.param(ENVELOPE, '{"thought": "a\\ud83d\\ud', ParsedMessage(None, "a"), False, id="envelope-cut-in-a-pair"),
    pytest.param(
        ENVELOPE,
        '{"thought": 12',
        ParsedMessage('{"thought": 12', warnings=[SyntaxMismatch(12, "expected JSON")]),
        False,
        id="envelope-with-another-kind-of-json",
    ),
    pytest.param(
        ENVELOPE,
        '{"thought": "", "next": {"calls": [{"name": "get", "arguments": {}}]}}',
        ParsedMessage(None, None, [call("get", "{}")]),
        True,
        id="envelope-call",
    ),
    pytest.param(
        RAW,
        '<function=get><p=a>say "hi"\n</q></p></function>',
        ParsedMessage(None, None, [call("get", '{"a": "say \\"hi\\"\\n</q>"}')]),
        True,
        id="raw-arguments",
    ),
    pytest.param(THINKING, "<think>hm</think>yes", ParsedMessage("yes", "hm"), True, id="thinking"),
    pytest.param(THINKING, "yes <think>", ParsedMessage("yes <think>"), True, id="no-thinking"),
    pytest.param(THINKING, "<think>hm", ParsedMessage(None, "hm"), False, id="cut-in-thinking"),
    pytest.param(RegionNode(Region.CONTENT, JsonNode()), "-12.5e3", ParsedMessage("-12.5e3"), True, id="number"),
    pytest.param(RegionNode(Region.CONTENT, JsonNode()), "-12.", ParsedMessage("-12."), False, id="half-a-number"),
    pytest.param(TextNode(Region.CONTENT), "any\ntext", ParsedMessage("any\ntext"), True, id="free-text"),
]


@pytest.mark.parametrize(("root", "text", "expected", "complete"), CASES)
def test_reads(root: Node, text: str, expected: ParsedMessage, complete: bool) -> None:
    assert read(root, [text]) == (expected, complete)


@pytest.mark.parametrize(("root", "text", "expected", "complete"), CASES)
def test_reads_the_same_character_by_character(root: Node, text: str, expected: ParsedMessage, complete: bool) -> None:
    message, whole = read(root, list(text))
    # How far a literal was followed before it failed depends on the pieces; that nothing is lost does not.
    assert (message.content, message.tool_calls, whole) == (expected.content, expected.tool_calls, complete)


@given(st.sampled_from(CASES), st.data())
def test_reads_the_same_in_any_pieces(case: object, data: st.DataObject) -> None:
    root, text, expected, complete = case.values  # type: ignore[attr-defined]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[low:high] for low, high in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    message, whole = read(root, pieces)
    assert (message.content, message.reasoning_content, message.tool_calls, whole) == (
        expected.content,
        expected.reasoning_content,
        expected.tool_calls,
        complete,
    )


@given(st.text(), st.lists(st.integers(0, 20)))
def test_loses_no_character_of_any_text(text: str, cuts: list[int]) -> None:
    pieces, rest = [], text
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    message, _ = read(TAGGED, [*pieces, rest])
    assert (message.content or "") == text


@given(st.sampled_from(CASES), st.integers(0, 200), st.booleans())
def test_reads_whatever_was_cut(case: object, length: int, by_characters: bool) -> None:
    root, text, expected, _ = case.values  # type: ignore[attr-defined]
    cut = text[: length % (len(text) + 1)]
    message, _ = read(root, list(cut) if by_characters else [cut])
    for number, got in enumerate(message.tool_calls):
        whole = expected.tool_calls[number]
        assert got.name == whole.name
        # A raw value that was cut may hold the beginning of its closing tag: nobody can tell.
        assert whole.arguments.startswith(got.arguments) or root is RAW
        assert got.complete <= whole.complete


@given(st.builds(Syntax, trees(PLAIN), TEXTS), st.lists(TEXTS | st.sampled_from(['"a\\u00', '{"a": 1}', "<a>", "[b]"])))
def test_no_tree_and_no_text_make_it_fail(syntax: Syntax, pieces: list[str]) -> None:
    parser = OutputParser(syntax)
    message = ParsedMessage()
    message.extend(parser.start())
    for piece in pieces:
        message.extend(parser.feed(piece))
    message.extend(parser.finish())
    assert len(message.warnings) <= 1
    assert not (parser.complete and message.warnings)


def test_gives_a_call_as_early_as_it_is_certain() -> None:
    parser = OutputParser(Syntax(TAGGED), new_id=lambda: "id")
    assert parser.start() == []
    assert parser.feed("hi <") == [ContentDelta("hi ")]
    assert parser.feed('tool_call>{"name": "get", "arg') == []
    assert parser.feed('uments": {"a"') == [CallHeader(0, "id", "get"), CallFragment(0, '{"a"')]
    assert parser.feed(": 1}}") == [CallFragment(0, ": 1}"), CallEnd(0)]


def test_begins_with_what_stands_in_the_prompt() -> None:
    text = "{}}]"
    message, complete = read(LISTED, [text], '[TOOL_CALLS][{"name": "get", "arguments":')
    assert (message.tool_calls, complete) == ([], False)
    message, complete = read(LISTED, [" " + text], '[TOOL_CALLS][{"name": "get", "arguments":')
    assert (message.tool_calls, complete) == ([call("get", "{}")], True)


def test_finish_reasons() -> None:
    whole, cut = ParsedMessage(tool_calls=[call("f", "{}")]), ParsedMessage(tool_calls=[call("f", "{", complete=False)])
    assert whole.finish_reason(ended=True) is FinishReason.TOOL_CALLS
    assert cut.finish_reason(ended=True) is FinishReason.STOP
    assert whole.finish_reason(ended=False) is FinishReason.LENGTH


def test_a_long_output_in_one_piece_is_read_in_linear_time() -> None:
    # Quadratic reading of 20,000 calls (1.2 MB) would copy some ten gigabytes.
    began = time.monotonic()
    message, complete = read(TAGGED, [MORE * 20_000])
    assert (len(message.tool_calls), complete) == (20_000, True)
    assert time.monotonic() - began < 30


def test_what_may_be_empty_is_not_repeated_without_end() -> None:
    assert read(RepeatNode(EMPTY, min=10**9), ["x"]) == (
        ParsedMessage("x", None, [], [SyntaxMismatch(0, "expected the end of the output")]),
        False,
    )
    assert read(RepeatNode(TextNode(Region.CONTENT), min=10**9), ["x"]) == (ParsedMessage("x"), True)


def _part(header: str, kind: Region) -> Node:
    apart = RegionNode(kind, EmitNode(" | ", between=True))
    return SequenceNode((LiteralNode(header), apart, TextNode(kind, (Branch((";",), EMPTY),))))


PARTS = RepeatNode(ChoiceNode((_part("say:", Region.CONTENT), _part("think:", Region.REASONING))))


@pytest.mark.parametrize(
    ("text", "content", "reasoning"),
    [
        pytest.param("say:a;", "a", None, id="one"),
        pytest.param("say:a;say:b;", "a | b", None, id="two"),
        pytest.param("think:x;say:a;", "a", "x", id="of-two-regions"),
        pytest.param("say:a;think:x;think:y;say:b;", "a | b", "x | y", id="both"),
        pytest.param("say:;say:b;", "b", None, id="nothing-before"),
    ],
)
def test_text_between_is_added_between_texts_of_a_region(text: str, content: str, reasoning: str | None) -> None:
    for pieces in ([text], list(text)):
        message, complete = read(PARTS, pieces)
        assert (message.content, message.reasoning_content, complete) == (content, reasoning, True)
