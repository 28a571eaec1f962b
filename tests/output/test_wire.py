"""Trees, deltas and messages as protobuf."""

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from hypothesis import given
from hypothesis import strategies as st

from promptweave.output.deltas import CallEnd, CallFragment, CallHeader, ContentDelta, Delta, ReasoningDelta, SyntaxMismatch
from promptweave.output.message import FinishReason, ParsedCall, ParsedMessage
from promptweave.output.tree import (
    EMPTY,
    VERSION,
    Branch,
    ChoiceNode,
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
from promptweave.output.wire import (
    SyntaxUnreadableError,
    delta_to_wire,
    finish_reason_to_wire,
    message_to_wire,
    syntax_from_wire,
    syntax_to_wire,
)
from promptweave.v1 import output_pb2
from tests.support.output.random_trees import PLAIN, TEXTS, trees

SYNTAXES = st.builds(Syntax, trees(PLAIN), TEXTS)


@given(SYNTAXES)
def test_trees_come_back_as_they_were(syntax: Syntax) -> None:
    wire = syntax_to_wire(syntax)
    assert syntax_from_wire(wire) == syntax
    assert syntax_from_wire(output_pb2.OutputSyntax.FromString(wire.SerializeToString())) == syntax
    # As `promptweave compile` prints it and `promptweave parse` reads it.
    assert syntax_from_wire(ParseDict(MessageToDict(wire), output_pb2.OutputSyntax())) == syntax


def node(**fields: object) -> output_pb2.OutputNode:
    return output_pb2.OutputNode(**fields)  # type: ignore[arg-type]


LITERAL = node(literal=output_pb2.LiteralNode(text="a"))


@pytest.mark.parametrize("version", [0, VERSION - 1, VERSION + 1, 2**32 - 1])
def test_refuses_other_versions(version: int) -> None:
    with pytest.raises(SyntaxUnreadableError, match=f"version {version}; this release supports version {VERSION}"):
        syntax_from_wire(output_pb2.OutputSyntax(version=version, root=LITERAL))


@pytest.mark.parametrize(
    ("root", "why"),
    [
        pytest.param(None, "a node is empty", id="none"),
        pytest.param(node(), "a node is empty", id="empty"),
        pytest.param(node(sequence=output_pb2.SequenceNode(items=[LITERAL, node()])), "a node is empty", id="empty-inside"),
        pytest.param(node(repeat=output_pb2.RepeatNode()), "a node is empty", id="empty-item"),
        pytest.param(node(region=output_pb2.RegionNode(kind=99, body=LITERAL)), "unknown number 99", id="region"),  # type: ignore[arg-type]
        pytest.param(node(region=output_pb2.RegionNode(body=LITERAL)), "unknown number 0", id="no-region"),
        pytest.param(node(text=output_pb2.TextNode(kind=99, may_end=True)), "unknown number 99", id="kind"),  # type: ignore[arg-type]
        pytest.param(
            node(region=output_pb2.RegionNode(kind=output_pb2.REGION_KIND_CONTENT, transform=99, body=LITERAL)),  # type: ignore[arg-type]
            "unknown number 99",
            id="transform",
        ),
        pytest.param(node(text=output_pb2.TextNode()), "no end marker", id="text"),
        pytest.param(
            node(text=output_pb2.TextNode(branches=[output_pb2.TextNode.Branch(markers=[""], then=LITERAL)])),
            "a marker is empty",
            id="marker",
        ),
    ],
)
def test_refuses_what_is_no_tree(root: output_pb2.OutputNode | None, why: str) -> None:
    with pytest.raises(SyntaxUnreadableError, match=f"invalid output syntax: .*{why}"):
        syntax_from_wire(output_pb2.OutputSyntax(version=VERSION, root=root))


NAME, INPUT = RegionNode(Region.TOOL_NAME, LiteralNode("f")), RegionNode(Region.TOOL_INPUT, TextNode(None))
CUSTOM = RegionNode(Region.CUSTOM_TOOL_NAME, LiteralNode("f"))
ARGUMENTS = RegionNode(Region.TOOL_ARGUMENTS, JsonNode("{"))


def a_call(*items: Node) -> Node:
    return RegionNode(Region.TOOL_CALL, SequenceNode(items))


@pytest.mark.parametrize(
    "root",
    [
        pytest.param(a_call(NAME, ARGUMENTS), id="name-first"),
        pytest.param(a_call(ARGUMENTS, NAME), id="name-last"),
        pytest.param(a_call(ChoiceNode((SequenceNode((NAME, ARGUMENTS)), SequenceNode((CUSTOM, INPUT))))), id="either"),
        pytest.param(a_call(NAME, RepeatNode(ARGUMENTS)), id="several-arguments"),
        pytest.param(a_call(RegionNode(Region.DISCARD, NAME), RepeatNode(NAME, "", 0, 0)), id="inside-another"),
        pytest.param(a_call(TextNode(Region.TOOL_ARGUMENTS, (Branch(("<",), NAME),), may_end=False)), id="after-text"),
        pytest.param(TextNode(None, (Branch(("<",), RepeatNode(a_call(NAME), ",", 1)),)), id="several"),
    ],
)
def test_reads_calls_that_name_one_tool(root: Node) -> None:
    assert syntax_from_wire(syntax_to_wire(Syntax(root))) == Syntax(root)


@pytest.mark.parametrize(
    ("root", "why"),
    [
        pytest.param(a_call(ARGUMENTS), "must name exactly one tool", id="no-name"),
        pytest.param(a_call(NAME, NAME), "must name exactly one tool", id="two-names"),
        pytest.param(a_call(ChoiceNode((NAME, EMPTY))), "must name exactly one tool", id="perhaps-a-name"),
        pytest.param(a_call(RepeatNode(NAME, "", 1)), "must name exactly one tool", id="names"),
        pytest.param(
            a_call(TextNode(None, (Branch(("<",), NAME),))), "must name exactly one tool", id="a-text-may-end-before"
        ),
        pytest.param(a_call(a_call(NAME), NAME), "a call is nested in a call", id="call-in-a-call"),
        pytest.param(a_call(RegionNode(Region.TOOL_NAME, NAME)), "a name is nested in a name", id="name-in-a-name"),
        pytest.param(NAME, "TOOL_NAME is outside of a call", id="name-outside"),
        pytest.param(ChoiceNode((ARGUMENTS, EMPTY)), "TOOL_ARGUMENTS is outside of a call", id="arguments-outside"),
        pytest.param(TextNode(Region.TOOL_INPUT), "free text cannot be TOOL_INPUT", id="text-outside"),
        pytest.param(TextNode(Region.TOOL_CALL), "free text cannot be TOOL_CALL", id="text-as-a-call"),
        pytest.param(a_call(TextNode(Region.TOOL_NAME)), "free text cannot be TOOL_NAME", id="text-as-a-name"),
    ],
)
def test_refuses_calls_that_make_no_sense(root: Node, why: str) -> None:
    with pytest.raises(SyntaxUnreadableError, match=f"invalid output syntax: .*{why}"):
        syntax_from_wire(syntax_to_wire(Syntax(root)))


@pytest.mark.parametrize(
    ("delta", "wire"),
    [
        (ContentDelta("a"), {"content": "a"}),
        (ReasoningDelta("a"), {"reasoning": "a"}),
        (CallHeader(0, "c", "f"), {"tool_call": {"id": "c", "name": "f"}}),
        (CallHeader(1, "c", "f", custom=True), {"tool_call": {"index": 1, "id": "c", "name": "f", "custom": True}}),
        (CallFragment(1, "{"), {"tool_call_fragment": {"index": 1, "text": "{"}}),
        (CallEnd(1), {"tool_call_end": {"index": 1}}),
        (CallEnd(0), {"tool_call_end": {}}),
        (SyntaxMismatch(3, "expected x"), {"warning": {"offset": "3", "message": "expected x"}}),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, dict) else "",
)
def test_deltas(delta: Delta, wire: dict[str, object]) -> None:
    assert MessageToDict(delta_to_wire(delta), preserving_proto_field_name=True) == wire


def test_every_finish_reason_has_its_number() -> None:
    assert {finish_reason_to_wire(reason) for reason in FinishReason} == set(output_pb2.FinishReason.values()) - {0}


def test_messages() -> None:
    calls = [ParsedCall("c1", "f", "{}", complete=True), ParsedCall("c2", "run", "ls", custom=True)]
    message = ParsedMessage("", None, calls, [SyntaxMismatch(2, "expected x")])
    wire = message_to_wire(message, ended=True, complete=False)
    assert MessageToDict(wire, preserving_proto_field_name=True) == {
        "content": "",
        "tool_calls": [
            {"call": {"id": "c1", "function": {"name": "f", "arguments": "{}"}}, "complete": True},
            {"call": {"id": "c2", "custom": {"name": "run", "input": "ls"}}},
        ],
        "finish_reason": "FINISH_REASON_TOOL_CALLS",
        "warnings": [{"offset": "2", "message": "expected x"}],
    }
    assert message_to_wire(ParsedMessage(), ended=False, complete=True).finish_reason == output_pb2.FINISH_REASON_LENGTH
