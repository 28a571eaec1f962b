"""Context edits: what they remove from a conversation."""

from typing import Any

import pytest

from promptweave.facade.anthropic.body import ContextEdit, MessageBody
from promptweave.facade.anthropic.context_edits import PLACEHOLDER, clear_thinking, clear_tool_uses
from promptweave.facade.bodies.body import read_body

JsonObject = dict[str, Any]


def message(role: str, *blocks: JsonObject) -> MessageBody:
    return read_body(MessageBody, {"role": role, "content": [*blocks]})


def asked(text: str) -> MessageBody:
    return read_body(MessageBody, {"role": "user", "content": text})


def thought(text: str) -> JsonObject:
    return {"type": "thinking", "thinking": text, "signature": "s"}


def call(name: str, number: int) -> JsonObject:
    return {"type": "tool_use", "id": f"c{number}", "name": name, "input": {"n": number}}


def result(number: int) -> JsonObject:
    return {"type": "tool_result", "tool_use_id": f"c{number}", "content": [{"type": "text", "text": f"r{number}"}]}


def edit(kind: str, **fields: Any) -> ContextEdit:
    return read_body(ContextEdit, {"type": kind, **fields})


CONVERSATION = [
    asked("one"),
    message("assistant", thought("a"), call("read", 1)),
    message("user", result(1)),
    message("assistant", thought("b"), call("write", 2), call("read", 3)),
    message("user", result(2), result(3)),
    message("assistant", {"type": "text", "text": "done"}),
    asked("two"),
    message("assistant", {"type": "redacted_thinking", "data": "x"}, call("read", 4)),
    message("user", result(4), {"type": "text", "text": "three"}),
    message("assistant", thought("c"), call("list", 5)),
    message("user", result(5)),
]


def thoughts(messages: Any) -> list[str]:
    blocks = [block for each in messages if isinstance(each.content, list) for block in each.content]
    return [block.get("thinking") or block.get("data", "") for block in blocks if "thinking" in block["type"]]


@pytest.mark.parametrize(
    ("keep", "remaining", "count"),
    [
        ("all", ["a", "b", "x", "c"], 0),
        ({"type": "all"}, ["a", "b", "x", "c"], 0),
        ({"type": "thinking_turns", "value": 3}, ["a", "b", "x", "c"], 0),
        ({"type": "thinking_turns", "value": 2}, ["", "", "x", "c"], 1),
        ({"type": "thinking_turns", "value": 1}, ["", "", "", "c"], 2),
        (None, ["", "", "", "c"], 2),
    ],
)
def test_thinking_of_old_turns(keep: Any, remaining: list[str], count: int) -> None:
    cleared = clear_thinking(CONVERSATION, edit("clear_thinking_20251015", keep=keep))
    assert (thoughts(cleared.messages), cleared.count) == (remaining, count)
    # What was removed is not removed again.
    again = clear_thinking(cleared.messages, edit("clear_thinking_20251015", keep=keep))
    assert (thoughts(again.messages), again.count) == (remaining, 0)


def results(messages: Any) -> list[str]:
    blocks = [block for each in messages if isinstance(each.content, list) for block in each.content]
    return [
        block["content"] if isinstance(block["content"], str) else block["content"][0]["text"]
        for block in blocks
        if block["type"] == "tool_result"
    ]


def inputs(messages: Any) -> list[int]:
    blocks = [block for each in messages if isinstance(each.content, list) for block in each.content]
    return [block["input"].get("n", 0) for block in blocks if block["type"] == "tool_use"]


@pytest.mark.parametrize(
    ("fields", "gone", "inputs_gone"),
    [
        ({}, {1, 2}, set()),
        ({"keep": {"type": "tool_uses", "value": 1}}, {1, 2, 3, 4}, set()),
        ({"keep": {"type": "tool_uses", "value": 0}}, {1, 2, 3, 4, 5}, set()),
        ({"keep": {"type": "tool_uses", "value": 5}}, set(), set()),
        ({"keep": {"type": "tool_uses", "value": 1}, "exclude_tools": ["read"]}, {2}, set()),
        ({"clear_tool_inputs": True}, {1, 2}, {1, 2}),
        ({"clear_tool_inputs": ["write"]}, {1, 2}, {2}),
    ],
)
def test_results_of_old_calls(fields: JsonObject, gone: set[int], inputs_gone: set[int]) -> None:
    cleared = clear_tool_uses(CONVERSATION, edit("clear_tool_uses_20250919", **fields))
    assert results(cleared.messages) == [PLACEHOLDER if n in gone else f"r{n}" for n in range(1, 6)]
    assert inputs(cleared.messages) == [0 if n in inputs_gone else n for n in range(1, 6)]
    assert cleared.count == len(gone)
    assert clear_tool_uses(cleared.messages, edit("clear_tool_uses_20250919", **fields)).count == 0


def test_an_id_that_a_newer_call_has_is_kept() -> None:
    messages = [message("assistant", call("read", 1)), message("user", result(1)), message("assistant", call("read", 1))]
    cleared = clear_tool_uses(messages, edit("clear_tool_uses_20250919", keep={"type": "tool_uses", "value": 1}))
    assert (results(cleared.messages), cleared.count) == (["r1"], 0)


def test_positions_stay_the_same() -> None:
    for cleared in (
        clear_thinking(CONVERSATION, edit("clear_thinking_20251015")),
        clear_tool_uses(CONVERSATION, edit("clear_tool_uses_20250919")),
    ):
        assert [len(each.content) for each in cleared.messages] == [len(each.content) for each in CONVERSATION]
