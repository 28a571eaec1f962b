"""Values whose grammar is looser than their schema: held back, validated, and never passed off as valid."""

import json
from typing import Any

import pytest

from promptweave.output.deltas import CallEnd, CallFragment, CallHeader, ContentDelta, Delta, SchemaViolation
from promptweave.output.parse.parser import OutputParser
from promptweave.output.parse.schema_check import find_violation
from promptweave.output.tree import (
    ChoiceNode,
    JsonNode,
    LiteralNode,
    Node,
    Region,
    RegionNode,
    RepeatNode,
    SequenceNode,
    Syntax,
)
from promptweave.output.wire import syntax_from_wire, syntax_to_wire

SCHEMA = json.dumps({"properties": {"n": {"multipleOf": 7}}, "required": ["n"]})


def call(name: str, schema: str) -> Node:
    arguments = RegionNode(Region.TOOL_ARGUMENTS, JsonNode("{"), schema=schema)
    return RegionNode(
        Region.TOOL_CALL, SequenceNode((RegionNode(Region.TOOL_NAME, LiteralNode(name)), LiteralNode(":"), arguments))
    )


CALLS = RepeatNode(ChoiceNode((call("checked", SCHEMA), call("exact", ""))), ";", 1)
CONTENT = RegionNode(Region.CONTENT, JsonNode(), schema=SCHEMA)


def read(root: Node, *pieces: str) -> tuple[list[list[Delta]], bool]:
    parser = OutputParser(syntax_from_wire(syntax_to_wire(Syntax(root))), new_id=lambda: "id")
    return [parser.start(), *(parser.feed(piece) for piece in pieces), parser.finish()], parser.complete


def test_a_valid_call_comes_when_it_is_whole() -> None:
    deltas, complete = read(CALLS, 'checked:{"n": ', "14", "}", ";exact:{}")
    assert deltas[1:3] == [[], []]
    assert deltas[3] == [
        CallHeader(0, "id", "checked"),
        CallFragment(0, '{"n": '),
        CallFragment(0, "14"),
        CallFragment(0, "}"),
        CallEnd(0),
    ]
    assert deltas[4][0] == CallHeader(1, "id", "exact")
    assert complete


def test_a_call_that_violates_its_schema_is_none() -> None:
    deltas, complete = read(CALLS, 'exact:{"n": 1};checked:{"n": 15};exact:{}')
    (violation,) = [delta for delta in deltas[1] if isinstance(delta, SchemaViolation)]
    assert (violation.name, violation.text, violation.path) == ("checked", '{"n": 15}', "/n")
    assert "15 is not a multiple of 7" in violation.message
    # The calls around it are numbered without it.
    assert [delta for delta in deltas[1] if isinstance(delta, CallHeader | CallEnd)] == [
        CallHeader(0, "id", "exact"),
        CallEnd(0),
        CallHeader(1, "id", "exact"),
        CallEnd(1),
    ]
    assert not complete


def test_a_call_that_was_cut_is_given_as_cut() -> None:
    deltas, complete = read(CALLS, 'checked:{"n": 1')
    assert deltas[-1] == [CallHeader(0, "id", "checked"), CallFragment(0, '{"n": 1')]
    assert not complete


def test_text_that_leaves_the_syntax_is_not_lost() -> None:
    deltas, _ = read(CALLS, 'checked:{"n": 1, oops')
    assert "".join(delta.text for delta in deltas[1] if isinstance(delta, CallFragment | ContentDelta)) == '{"n": 1, oops'


@pytest.mark.parametrize(("text", "valid"), [('{"n": 21}', True), ('{"n": 22}', False), ("{}", False), ("[]", True)])
def test_content(text: str, valid: bool) -> None:
    deltas, complete = read(CONTENT, *text)
    flat = [delta for some in deltas for delta in some]
    assert complete == valid
    assert [type(delta) for delta in flat] == [ContentDelta] * len(flat) if valid else [SchemaViolation]
    assert "".join(getattr(delta, "text", "") for delta in flat) == text


@pytest.mark.parametrize(
    ("value", "schema", "pointer"),
    [
        pytest.param({"a/b": ["x"]}, {"properties": {"a/b": {"items": {"type": "null"}}}}, "/a~1b/0", id="pointer"),
        pytest.param(1, {"$schema": "http://json-schema.org/draft-07/schema#", "contains": {}}, None, id="draft-7"),
        pytest.param(1, {"$ref": "https://example.com/elsewhere.json"}, "", id="never-fetched"),
        pytest.param("x", {"pattern": "("}, "", id="no-regular-expression"),
        pytest.param(2**70, {"maximum": 2**70}, None, id="big"),
    ],
)
def test_find_violation(value: Any, schema: Any, pointer: str | None) -> None:
    found = find_violation(json.dumps(value), json.dumps(schema))
    assert (found and found[0]) == pointer


SHORT = json.dumps({"properties": {"s": {"maxLength": 2}}})


def exact_call(name: str) -> Node:
    arguments = RegionNode(Region.TOOL_ARGUMENTS, JsonNode("{"), schema=SHORT, exact=True)
    return RegionNode(
        Region.TOOL_CALL, SequenceNode((RegionNode(Region.TOOL_NAME, LiteralNode(name)), LiteralNode(":"), arguments))
    )


def test_what_the_grammar_enforces_is_given_as_it_comes() -> None:
    deltas, complete = read(exact_call("f"), 'f:{"s": "a', '\ufffd"}')
    assert deltas[1] == [CallHeader(0, "id", "f"), CallFragment(0, '{"s": "a')]
    assert deltas[2] == [CallFragment(0, '\ufffd"}'), CallEnd(0)]
    assert complete


def test_bytes_that_were_no_text_may_break_a_limit_and_then_the_call_has_no_end() -> None:
    deltas, complete = read(exact_call("f"), 'f:{"s": "a\ufffd\ufffd"}')
    *given, violation = deltas[1]
    assert given == [CallHeader(0, "id", "f"), CallFragment(0, '{"s": "a\ufffd\ufffd"}')]
    assert isinstance(violation, SchemaViolation)
    assert (violation.name, violation.path, complete) == ("f", "/s", False)


def test_bytes_that_were_no_text_in_content() -> None:
    content = RegionNode(Region.CONTENT, JsonNode(), schema=SHORT, exact=True)
    deltas, complete = read(content, '{"s": "\ufffd\ufffd\ufffd"}')
    assert isinstance(deltas[1][-1], SchemaViolation)
    assert not complete


def test_ids_that_the_model_writes_twice_are_told_apart() -> None:
    numbered = RegionNode(
        Region.TOOL_CALL,
        SequenceNode(
            (
                RegionNode(Region.TOOL_CALL_ID, LiteralNode("7")),
                LiteralNode(":"),
                RegionNode(Region.TOOL_NAME, LiteralNode("f")),
            )
        ),
    )
    deltas, _ = read(RepeatNode(numbered, ";", 1), "7:f;7:f")
    assert [delta.id for delta in deltas[1] if isinstance(delta, CallHeader)] == ["7", "id"]


def test_a_pattern_that_takes_for_ever_holds_nobody_up() -> None:
    schema = json.dumps({"propertyNames": {"pattern": "^(a+)+$"}})
    assert find_violation('{"aaa": 1}', schema) is None
    assert find_violation(f'{{"{"a" * 50}!": 1}}', schema) == ("", "the value cannot be validated within 1 s")


def test_a_recursion_that_takes_for_ever_holds_nobody_up() -> None:
    twice = [{"properties": {"a": {"$ref": "#"}}}, {"properties": {"a": {"$ref": "#"}}}]
    found = find_violation('{"a":' * 60 + "1" + "}" * 60, json.dumps({"allOf": twice}))
    assert found
    assert "within 1 s" in found[1]
