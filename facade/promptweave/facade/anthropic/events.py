"""Generate events → the events of a streamed message, and the message that they build.

Complete messages are built from the same events, so both forms agree. The order, as in Anthropic's API:

    message_start
    for each block: content_block_start, content_block_delta*, content_block_stop
    message_delta (stop reason, usage), message_stop
"""

import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from promptweave.facade.openai.chat.from_grpc import refusal_text, warning_object
from promptweave.v1 import inference_pb2, output_pb2, prompt_compiler_pb2

JsonObject = dict[str, Any]

_STOP_REASONS = {
    output_pb2.FINISH_REASON_STOP: "end_turn",
    output_pb2.FINISH_REASON_LENGTH: "max_tokens",
    output_pb2.FINISH_REASON_TOOL_CALLS: "tool_use",
}


class _Block:
    """A content block that is being generated. Deltas are text, in the field that its kind uses."""

    def __init__(self, start: JsonObject, delta: str, field: str) -> None:
        self.start = start
        self._delta, self._field = delta, field
        self._texts: list[str] = []

    def write(self, text: str) -> JsonObject:
        """Append text; returns the delta."""
        self._texts.append(text)
        return {"type": self._delta, self._field: text}

    def whole(self) -> JsonObject | None:
        """Return the finished block; None for a truncated call, whose input is not an object."""
        text = "".join(self._texts)
        if self.start["type"] != "tool_use":
            return {**self.start, self._field: text}
        try:
            return {**self.start, "input": json.loads(text or "{}")}
        except ValueError:
            return None


def _text() -> _Block:
    return _Block({"type": "text", "text": "", "citations": None}, "text_delta", "text")


def _thinking() -> _Block:
    # Nothing is signed here; clients expect a string.
    return _Block({"type": "thinking", "thinking": "", "signature": ""}, "thinking_delta", "thinking")


def _call(header: output_pb2.ToolCallHeader) -> _Block:
    start = {"type": "tool_use", "id": header.id, "name": header.name, "input": {}}
    return _Block(start, "input_json_delta", "partial_json")


class MessageEvents:
    """One message that is being generated. `message` is its state after the events so far."""

    def __init__(self, model: str, warnings: Sequence[prompt_compiler_pb2.Warning]) -> None:
        self.message: JsonObject = {
            "id": f"msg_{secrets.token_hex(12)}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_object(inference_pb2.Usage()),
            **({"warnings": [warning_object(item) for item in warnings]} if warnings else {}),
        }
        self._block: _Block | None = None
        self._index = -1
        self._refused = False

    def first(self) -> Iterator[JsonObject]:
        """Yield the initial events."""
        yield {"type": "message_start", "message": {**self.message, "content": []}}

    def of(self, events: Iterable[inference_pb2.GenerateEvent]) -> Iterator[JsonObject]:
        """Yield the events that these Generate events result in."""
        for event in events:
            if event.HasField("finish"):
                yield from self._finish(event.finish)
            else:
                yield from self._written(event.delta)

    def _written(self, delta: output_pb2.OutputDelta) -> Iterator[JsonObject]:
        match delta.WhichOneof("delta"):
            case "content":
                yield from self._write(_text(), delta.content)
            case "reasoning":
                yield from self._write(_thinking(), delta.reasoning)
            case "tool_call":
                yield from self._begin(_call(delta.tool_call))
            case "tool_call_fragment":
                assert self._block is not None
                yield self._delta(self._block.write(delta.tool_call_fragment.text))
            case "tool_call_end":
                yield from self._end()
            case "violation":
                # The block that was started is not part of the message.
                yield from self._end(kept=False)
                self._refused = True
                yield from self._write(_text(), refusal_text(delta.violation))
                yield from self._end()

    def _write(self, block: _Block, text: str) -> Iterator[JsonObject]:
        if self._block is None or self._block.start["type"] != block.start["type"]:
            yield from self._begin(block)
        assert self._block is not None
        yield self._delta(self._block.write(text))

    def _begin(self, block: _Block) -> Iterator[JsonObject]:
        yield from self._end()
        self._block = block
        self._index += 1
        yield {"type": "content_block_start", "index": self._index, "content_block": block.start}

    def _delta(self, delta: JsonObject) -> JsonObject:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _end(self, *, kept: bool = True) -> Iterator[JsonObject]:
        if self._block is None:
            return
        whole = self._block.whole()
        if kept and whole is not None:
            self.message["content"].append(whole)
        self._block = None
        yield {"type": "content_block_stop", "index": self._index}

    def _finish(self, finish: inference_pb2.Finish) -> Iterator[JsonObject]:
        # A call that is still open was truncated, and is not part of the message.
        yield from self._end(kept=self._block is None or self._block.start["type"] != "tool_use")
        reason = _STOP_REASONS.get(finish.reason, "end_turn")
        if self._refused:
            reason = "refusal"
        elif finish.HasField("matched_stop"):
            reason = "stop_sequence"
        stopped = {
            "stop_reason": reason,
            "stop_sequence": finish.matched_stop if finish.HasField("matched_stop") else None,
        }
        self.message.update(stopped, usage=usage_object(finish.usage))
        yield {"type": "message_delta", "delta": stopped, "usage": self.message["usage"]}
        yield {"type": "message_stop"}


def usage_object(usage: inference_pb2.Usage) -> JsonObject:
    """Return the token counts. Cached tokens do not count as `input_tokens`."""
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    }
