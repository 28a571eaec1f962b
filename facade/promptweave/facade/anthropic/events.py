"""Generate events → the events of a streamed message, and the message that they build.

Complete messages are built from the same events, so both forms agree. The order, as in Anthropic's API:

    message_start
    for each block: content_block_start, content_block_delta*, content_block_stop (before it, of thinking: signature_delta)
    message_delta (stop reason, usage), message_stop
"""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from promptweave.facade.anthropic.objects import (
    AppliedContextManagement,
    AppliedEdit,
    BlockDelta,
    GeneratedBlock,
    MessageDeltaEvent,
    MessageEvent,
    MessageObject,
    MessageUsage,
    StopDelta,
    StopReason,
)
from promptweave.facade.anthropic.search_blocks import block_events, search_blocks
from promptweave.facade.anthropic.signatures import signature_of
from promptweave.facade.openai.chat.response.from_grpc import finish_warnings, refusal_text, warning_objects
from promptweave.facade.openai.chat.response.repeated_calls import MadeCall, repeated_calls
from promptweave.facade.tool_search.history import SearchRound
from promptweave.v1 import inference_pb2, output_pb2, prompt_compiler_pb2

_STOP_REASONS: Mapping[output_pb2.FinishReason.ValueType, StopReason] = {
    output_pb2.FINISH_REASON_STOP: "end_turn",
    output_pb2.FINISH_REASON_LENGTH: "max_tokens",
    output_pb2.FINISH_REASON_TOOL_CALLS: "tool_use",
}


class _Block:
    """A content block that is being generated. `omitted`: the client does not get its text."""

    def __init__(self, start: GeneratedBlock, *, omitted: bool = False) -> None:
        self.start = start
        self._omitted = omitted
        self._texts: list[str] = []

    def write(self, text: str) -> Iterator[BlockDelta]:
        """Append text; yields the delta."""
        self._texts.append(text)
        match self.start["type"]:
            case "text":
                yield {"type": "text_delta", "text": text}
            case "thinking" if not self._omitted:
                yield {"type": "thinking_delta", "thinking": text}
            case "tool_use":
                yield {"type": "input_json_delta", "partial_json": text}

    def end(self) -> Iterator[BlockDelta]:
        """Yield the last delta."""
        if self.start["type"] == "thinking":
            yield {"type": "signature_delta", "signature": self._signature()}

    def whole(self) -> GeneratedBlock | None:
        """Return the finished block; None for a truncated call, whose input is not an object."""
        text, start = "".join(self._texts), self.start
        if start["type"] == "text":
            return {**start, "text": text}
        if start["type"] == "thinking":
            return {**start, "thinking": "" if self._omitted else text, "signature": self._signature()}
        try:
            return {**start, "input": json.loads(text or "{}")}
        except ValueError:
            return None

    def _signature(self) -> str:
        return signature_of("".join(self._texts), omitted=self._omitted)


def _text() -> _Block:
    return _Block({"type": "text", "text": "", "citations": None})


def _thinking(*, omitted: bool) -> _Block:
    return _Block({"type": "thinking", "thinking": "", "signature": ""}, omitted=omitted)


def _call(header: output_pb2.ToolCallHeader) -> _Block:
    return _Block({"type": "tool_use", "id": header.id, "name": header.name, "input": {}})


@dataclass(frozen=True)
class AnswerOptions:
    """What a request wants of the answer's form."""

    thinking_omitted: bool = False
    """Whether thinking has a signature in place of its text."""
    content_omitted: bool = False
    """Whether the message has no content: the prompt was to be evaluated only."""
    edits: Sequence[AppliedEdit] | None = None
    """The context edits that were applied; None: the request has no `context_management`."""


class MessageEvents:
    """One message that is being generated. `message` is its state after the events so far."""

    def __init__(
        self, model: str, warnings: Sequence[prompt_compiler_pb2.Warning], options: AnswerOptions = AnswerOptions()
    ) -> None:
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
        self._options = options
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
            elif not self._options.content_omitted:
                yield from self._written(event.delta)

    def of_answer(self, answer: inference_pb2.GenerateResponse | SearchRound) -> Iterator[MessageEvent]:
        """Yield the events that a part of the answer, or searches within it, results in."""
        if isinstance(answer, SearchRound):
            yield from self._searched(answer)
        else:
            yield from self.of(answer.events)

    def _searched(self, done: SearchRound) -> Iterator[MessageEvent]:
        yield from self._end()
        for block in search_blocks(done.searches):
            self._index += 1
            self.message["content"].append(block)
            yield from block_events(block, self._index)

    def _written(self, delta: output_pb2.OutputDelta) -> Iterator[MessageEvent]:
        match delta.WhichOneof("delta"):
            case "content":
                yield from self._write(_text(), delta.content)
            case "reasoning":
                yield from self._write(_thinking(omitted=self._options.thinking_omitted), delta.reasoning)
            case "tool_call":
                yield from self._begin(_call(delta.tool_call))
            case "tool_call_fragment":
                assert self._block is not None
                yield from self._deltas(self._block.write(delta.tool_call_fragment.text))
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
        yield from self._deltas(self._block.write(text))

    def _begin(self, block: _Block) -> Iterator[MessageEvent]:
        yield from self._end()
        self._block = block
        self._index += 1
        yield {"type": "content_block_start", "index": self._index, "content_block": block.start}

    def _deltas(self, deltas: Iterable[BlockDelta]) -> Iterator[MessageEvent]:
        for delta in deltas:
            yield {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _end(self, *, kept: bool = True) -> Iterator[MessageEvent]:
        if self._block is None:
            return
        yield from self._deltas(self._block.end())
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
        last: MessageDeltaEvent = {"type": "message_delta", "delta": stopped, "usage": self.message["usage"]}
        if self._options.edits is not None:
            applied: AppliedContextManagement = {"applied_edits": [*self._options.edits]}
            self.message["context_management"] = last["context_management"] = applied
        if warnings := [*repeated_calls(self._made_calls()), *finish_warnings(finish)]:
            last["warnings"] = warnings
            self.message["warnings"] = [*self.message.get("warnings", []), *warnings]
        yield last
        yield {"type": "message_stop"}

    def _made_calls(self) -> Iterator[MadeCall]:
        for place, block in enumerate(self.message["content"]):
            if block["type"] == "tool_use":
                yield MadeCall(f"/content/{place}", block["name"], json.dumps(block["input"]))


def message_usage(usage: inference_pb2.Usage) -> MessageUsage:
    """Return the token counts. Cached tokens do not count as `input_tokens`."""
    counts: MessageUsage = {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    }
    if usage.HasField("reasoning_tokens"):
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return counts
