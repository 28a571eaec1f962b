"""The events of `/v1/messages`, accumulated as Anthropic's SDK does, are the complete message."""

from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from anthropic.lib.streaming._beta_messages import accumulate_event
from anthropic.types.beta import BetaMessage, BetaRawMessageStreamEvent
from pydantic import TypeAdapter

from promptweave.facade.anthropic.events import AnswerOptions, MessageEvents
from promptweave.facade.anthropic.signatures import omitted_thinking
from promptweave.v1.inference_pb2 import Finish, GenerateEvent, Usage
from promptweave.v1.output_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
    FinishReason,
    OutputDelta,
    SchemaViolation,
    ToolCallEnd,
    ToolCallFragment,
    ToolCallHeader,
)

JsonObject = dict[str, Any]

EVENT: TypeAdapter[Any] = TypeAdapter(BetaRawMessageStreamEvent)

THOUGHT = [OutputDelta(reasoning="hm"), OutputDelta(reasoning=", so")]
TEXT = [OutputDelta(content="Let "), OutputDelta(content="me see.")]
CALL = [
    OutputDelta(tool_call=ToolCallHeader(index=0, id="c1", name="look")),
    OutputDelta(tool_call_fragment=ToolCallFragment(index=0, text='{"a"')),
    OutputDelta(tool_call_fragment=ToolCallFragment(index=0, text=": 1}")),
]
CALL_END = [OutputDelta(tool_call_end=ToolCallEnd(index=0))]


def generated(
    *deltas: OutputDelta,
    reason: FinishReason.ValueType = FINISH_REASON_STOP,
    options: AnswerOptions | None = None,
    matched_stop: str | None = None,
) -> tuple[list[JsonObject], JsonObject]:
    """The events of a stream, and the complete message."""
    usage = Usage(prompt_tokens=5, cached_tokens=2, completion_tokens=3, reasoning_tokens=1)
    events = [GenerateEvent(delta=delta) for delta in deltas]
    events.append(GenerateEvent(finish=Finish(reason=reason, usage=usage, matched_stop=matched_stop)))
    message = MessageEvents("demo", (), options or AnswerOptions())
    stream: list[Any] = [*message.first(), *message.of(events)]
    return stream, dict(message.message)


def accumulated(stream: Iterable[JsonObject]) -> BetaMessage:
    """What Anthropic's SDK makes of the events."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in stream:
        parsed = EVENT.validate_python(event)
        snapshot = accumulate_event(
            event=parsed,
            current_snapshot=snapshot,
            json_bufs=buffers,
            request_headers=httpx.Headers(),  # type: ignore[arg-type]
        )
    return BetaMessage.model_validate(snapshot.model_dump())


CASES = {
    "text": (TEXT, FINISH_REASON_STOP, None),
    "thinking": ([*THOUGHT, *TEXT], FINISH_REASON_STOP, None),
    "thinking-omitted": ([*THOUGHT, *TEXT], FINISH_REASON_STOP, AnswerOptions(thinking_omitted=True)),
    "thinking-truncated": (THOUGHT, FINISH_REASON_LENGTH, None),
    "call": ([*THOUGHT, *TEXT, *CALL, *CALL_END], FINISH_REASON_TOOL_CALLS, None),
    "nothing": ([], FINISH_REASON_STOP, None),
    "edits": (
        TEXT,
        FINISH_REASON_STOP,
        AnswerOptions(
            edits=[
                {"type": "clear_thinking_20251015", "cleared_thinking_turns": 1, "cleared_input_tokens": 9},
                {"type": "clear_tool_uses_20250919", "cleared_tool_uses": 2, "cleared_input_tokens": 9},
            ]
        ),
    ),
    "no-edits": (TEXT, FINISH_REASON_STOP, AnswerOptions(edits=[])),
}


@pytest.mark.parametrize(("deltas", "reason", "options"), CASES.values(), ids=CASES)
def test_the_sdk_makes_the_complete_message_of_a_stream(
    deltas: list[OutputDelta], reason: FinishReason.ValueType, options: AnswerOptions | None
) -> None:
    stream, message = generated(*deltas, reason=reason, options=options)
    assert accumulated(stream) == BetaMessage.model_validate(message)


def test_a_truncated_call_is_not_in_the_message() -> None:
    stream, message = generated(*TEXT, *CALL[:2], reason=FINISH_REASON_LENGTH)
    assert [block["type"] for block in message["content"]] == ["text"]
    assert [block.type for block in accumulated(stream).content] == ["text", "tool_use"]
    assert message["stop_reason"] == "max_tokens"


def test_a_violation_is_a_refusal() -> None:
    stream, message = generated(*TEXT, OutputDelta(violation=SchemaViolation(message="too long")))
    assert accumulated(stream).stop_reason == message["stop_reason"] == "refusal"


def test_the_signature_is_at_the_end_of_thinking() -> None:
    stream, message = generated(*THOUGHT, *TEXT)
    kinds = [event.get("delta", {}).get("type", event["type"]) for event in stream]
    at = kinds.index("signature_delta")
    assert kinds[at - 2 : at + 2] == ["thinking_delta", "thinking_delta", "signature_delta", "content_block_stop"]
    assert message["content"][0]["signature"] == stream[at]["delta"]["signature"]


def test_omitted_thinking_has_a_signature_only() -> None:
    stream, message = generated(*THOUGHT, *TEXT, options=AnswerOptions(thinking_omitted=True))
    assert "hm" not in str(stream)
    assert not any("thinking" in event.get("delta", {}) for event in stream)
    block = message["content"][0]
    assert (block["type"], block["thinking"]) == ("thinking", "")
    assert omitted_thinking(block["signature"]) == "hm, so"


def test_a_message_without_content() -> None:
    stream, message = generated(*TEXT, reason=FINISH_REASON_LENGTH, options=AnswerOptions(content_omitted=True))
    assert (message["content"], message["stop_reason"]) == ([], "max_tokens")
    assert [event["type"] for event in stream] == ["message_start", "message_delta", "message_stop"]


def test_usage() -> None:
    _, message = generated(*TEXT)
    assert message["usage"] == {
        "input_tokens": 3,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 2,
        "output_tokens": 3,
        "output_tokens_details": {"thinking_tokens": 1},
    }
