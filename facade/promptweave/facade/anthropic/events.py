"""Generate events → the events of a streamed message, and the message that they build.

Complete messages are built from the same events, so both forms agree. The order, as in Anthropic's API:

    message_start
    for each block: content_block_start, content_block_delta*, content_block_stop
    message_delta (stop reason, usage), message_stop
"""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence

from promptweave.facade.anthropic.objects import (
    BlockDelta,
    ContentBlock,
    ContentBlockDelta,
    MessageEvent,
    MessageObject,
    MessageUsage,
    StopDelta,
    StopReason,
)
from promptweave.facade.openai.chat.from_grpc import refusal_text, warning_objects
from promptweave.v1 import inference_pb2, output_pb2, prompt_compiler_pb2

_STOP_REASONS: Mapping[output_pb2.FinishReason.ValueType, StopReason] = {
    output_pb2.FINISH_REASON_STOP: "end_turn",
    output_pb2.FINISH_REASON_LENGTH: "max_tokens",
    output_pb2.FINISH_REASON_TOOL_CALLS: "tool_use",
}


class _Block:
    """A content block that is being generated."""

    def __init__(self, start: ContentBlock) -> None:
        self.start = start
        self._texts: list[str] = []

    def write(self, text: str) -> BlockDelta:
        """Append text; returns the delta."""
        self._texts.append(text)
        match self.start["type"]:
            case "text":
                return {"type": "text_delta", "text": text}
            case "thinking":
                return {"type": "thinking_delta", "thinking": text}
            case "tool_use":
                return {"type": "input_json_delta", "partial_json": text}

    def whole(self) -> ContentBlock | None:
        """Return the finished block; None for a truncated call, whose input is not an object."""
        text, start = "".join(self._texts), self.start
        if start["type"] == "text":
            return {**start, "text": text}
        if start["type"] == "thinking":
            return {**start, "thinking": text}
        try:
            return {**start, "input": json.loads(text or "{}")}
        except ValueError:
            return None


def _text() -> _Block:
    return _Block({"type": "text", "text": "", "citations": None})


def _thinking() -> _Block:
    # Nothing is signed here; clients expect a string.
    return _Block({"type": "thinking", "thinking": "", "signature": ""})


def _call(header: output_pb2.ToolCallHeader) -> _Block:
    return _Block({"type": "tool_use", "id": header.id, "name": header.name, "input": {}})


class MessageEvents:
    """One message that is being generated. `message` is its state after the events so far."""

    def __init__(self, model: str, warnings: Sequence[prompt_compiler_pb2.Warning]) -> None:
        self.message: MessageObject = {
            "id": f"msg_{secrets.token_hex(12)}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": message_usage(inference_pb2.Usage()),
        }
        if warnings:
            self.message["warnings"] = warning_objects(warnings)
        self._block: _Block | None = None
        self._index = -1
        self._refused = False

    def first(self) -> Iterator[MessageEvent]:
        """Yield the initial events."""
        yield {"type": "message_start", "message": {**self.message, "content": []}}

    def of(self, events: Iterable[inference_pb2.GenerateEvent]) -> Iterator[MessageEvent]:
        """Yield the events that these Generate events result in."""
        for event in events:
            if event.HasField("finish"):
                yield from self._finish(event.finish)
            else:
                yield from self._written(event.delta)

    def _written(self, delta: output_pb2.OutputDelta) -> Iterator[MessageEvent]:
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

    def _write(self, block: _Block, text: str) -> Iterator[MessageEvent]:
        if self._block is None or self._block.start["type"] != block.start["type"]:
            yield from self._begin(block)
        assert self._block is not None
        yield self._delta(self._block.write(text))

    def _begin(self, block: _Block) -> Iterator[MessageEvent]:
        yield from self._end()
        self._block = block
        self._index += 1
        yield {"type": "content_block_start", "index": self._index, "content_block": block.start}

    def _delta(self, delta: BlockDelta) -> ContentBlockDelta:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _end(self, *, kept: bool = True) -> Iterator[MessageEvent]:
        if self._block is None:
            return
        whole = self._block.whole()
        if kept and whole is not None:
            self.message["content"].append(whole)
        self._block = None
        yield {"type": "content_block_stop", "index": self._index}

    def _finish(self, finish: inference_pb2.Finish) -> Iterator[MessageEvent]:
        # A call that is still open was truncated, and is not part of the message.
        yield from self._end(kept=self._block is None or self._block.start["type"] != "tool_use")
        reason: StopReason = _STOP_REASONS.get(finish.reason, "end_turn")
        if self._refused:
            reason = "refusal"
        elif finish.HasField("matched_stop"):
            reason = "stop_sequence"
        stopped: StopDelta = {
            "stop_reason": reason,
            "stop_sequence": finish.matched_stop if finish.HasField("matched_stop") else None,
        }
        self.message = {**self.message, **stopped, "usage": message_usage(finish.usage)}
        yield {"type": "message_delta", "delta": stopped, "usage": self.message["usage"]}
        yield {"type": "message_stop"}


def message_usage(usage: inference_pb2.Usage) -> MessageUsage:
    """Return the token counts. Cached tokens do not count as `input_tokens`."""
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    }
