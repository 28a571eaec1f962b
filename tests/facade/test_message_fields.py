"""Fields of messages and tools that chat completions do not have: none is lost in silence."""

from typing import Any

import pytest

from promptweave.facade.openai.chat.request.body import read_chat_body
from promptweave.facade.openai.chat.request.translate import translate_chat
from promptweave.facade.openai.chat.request.translated import Translation

USER = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}


def translated(*messages: dict[str, Any], **fields: Any) -> Translation:
    return translate_chat(read_chat_body({"messages": [USER, *messages], **fields}))


def warnings_of(made: Translation) -> list[tuple[str, str]]:
    return [(warning.code, warning.path) for warning in made.warnings]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        pytest.param({"reasoning": "Why."}, "reasoning", id="vllm"),
        pytest.param({"reasoning_details": [{"type": "reasoning.text", "text": "Why."}]}, "reasoning_details", id="parts"),
        pytest.param({"thinking_blocks": [{"thinking": "Why.", "signature": "x"}]}, "thinking_blocks", id="blocks"),
        pytest.param({"thinking": "Why."}, "thinking", id="ollama"),
        pytest.param({"reasoning": "Why.", "reasoning_details": [{"data": "x"}]}, "reasoning", id="both"),
    ],
)
def test_reasoning_by_another_name(fields: dict[str, Any], named: str) -> None:
    made = translated({"role": "assistant", "content": "Yes.", **fields})
    assert made.body.messages[1].reasoning_content == "Why."
    assert made.places.original("/messages/1/reasoning_content") == f"/messages/1/{named}"
    assert warnings_of(made) == []


def test_the_usual_name_counts() -> None:
    made = translated({"role": "assistant", "content": "Yes.", "reasoning_content": "Why.", "reasoning": "Other."})
    assert made.body.messages[1].reasoning_content == "Why."
    assert warnings_of(made) == []


@pytest.mark.parametrize("value", [[{"type": "reasoning.encrypted"}], 5, [5]], ids=["encrypted", "number", "list"])
def test_reasoning_without_a_text_is_a_warning(value: Any) -> None:
    made = translated({"role": "assistant", "content": "Yes.", "reasoning_details": value})
    assert warnings_of(made) == [("unknown_field", "/messages/1/reasoning_details")]


@pytest.mark.parametrize(
    ("message", "path"),
    [
        pytest.param({"role": "tool", "tool_call_id": "c", "content": "x", "is_error": True}, "is_error", id="message"),
        pytest.param({"role": "user", "content": [{"type": "text", "text": "x", "txt": "y"}]}, "content/0/txt", id="part"),
        pytest.param(
            {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f"}, "output": "x"}]},
            "tool_calls/0/output",
            id="call",
        ),
        pytest.param(
            {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "input": {}}}]},
            "tool_calls/0/function/input",
            id="function",
        ),
    ],
)
def test_an_unknown_field_of_a_message(message: dict[str, Any], path: str) -> None:
    assert warnings_of(translated(message)) == [("unknown_field", f"/messages/1/{path}")]


def test_an_unknown_field_of_a_tool_names_the_known_one() -> None:
    tool = {"type": "function", "function": {"name": "f", "descripton": "Add."}, "strict": True}
    made = translated(tools=[TOOL, tool])
    assert warnings_of(made) == [("unknown_field", "/tools/1/strict"), ("unknown_field", "/tools/1/function/descripton")]
    assert "did you mean 'description'?" in made.warnings[1].message


def test_a_field_of_every_message_is_one_warning() -> None:
    made = translated(*({**USER, "sent_at": number, "other": None} for number in range(5)), {**USER, "seen": 1})
    assert warnings_of(made) == [("unknown_field", "/messages/1/sent_at"), ("unknown_field", "/messages/6/seen")]


def test_what_clients_add_for_their_own_records_is_no_warning() -> None:
    made = translated(
        {"role": "assistant", "content": "x", "id": "m", "annotations": [], "cache_control": {"type": "ephemeral"}},
        {"role": "assistant", "tool_calls": [{"id": "c", "index": 0, "type": "function", "function": {"name": "f"}}]},
        tools=[{**TOOL, "cache_control": {"type": "ephemeral"}}],
    )
    assert warnings_of(made) == []
