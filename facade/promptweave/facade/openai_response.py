"""What the services answer → OpenAI's chat completion, whole or in chunks."""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptweave.v1 import inference_pb2, output_pb2, prompt_compiler_pb2

_FINISH_REASONS = {
    output_pb2.FINISH_REASON_STOP: "stop",
    output_pb2.FINISH_REASON_LENGTH: "length",
    output_pb2.FINISH_REASON_TOOL_CALLS: "tool_calls",
}

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Head:
    """What all parts of an answer have in common."""

    model: str
    created: int
    """Seconds of the UNIX epoch."""
    warnings: Sequence[prompt_compiler_pb2.Warning] = ()
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")

    def of(self, kind: str) -> JsonObject:
        """The beginning of an object of this kind."""
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def warned(self) -> JsonObject:
        """The field `warnings`, ours in addition to OpenAI's, where there are any."""
        return {"warnings": [warning_object(item) for item in self.warnings]} if self.warnings else {}


def warning_object(warning: prompt_compiler_pb2.Warning) -> JsonObject:
    """Something that the client should know."""
    return {"code": warning.code, "path": warning.path, "message": warning.message}


def usage_object(usage: inference_pb2.Usage) -> JsonObject:
    """Counts of tokens."""
    counts: JsonObject = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
    if usage.HasField("reasoning_tokens"):
        counts["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return counts


class Completion:
    """Puts a whole answer together."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._refusals: list[str] = []
        self._whole_calls = 0
        self._calls: list[tuple[output_pb2.ToolCallHeader, list[str]]] = []
        self._finish = inference_pb2.Finish()

    def add(self, events: Iterable[inference_pb2.GenerateEvent]) -> None:
        """More of the answer."""
        for event in events:
            if event.HasField("finish"):
                self._finish = event.finish
                continue
            delta = event.delta
            match delta.WhichOneof("delta"):
                case "content":
                    self._content.append(delta.content)
                case "reasoning":
                    self._reasoning.append(delta.reasoning)
                case "tool_call":
                    self._calls.append((delta.tool_call, []))
                case "violation":
                    self._refusals.append(refusal_text(delta.violation))
                    if not delta.violation.name:
                        self._content.clear()
                    elif len(self._calls) > self._whole_calls:
                        self._calls.pop()
                case "tool_call_end":
                    self._whole_calls = delta.tool_call_end.index + 1
                case "tool_call_fragment":
                    self._calls[delta.tool_call_fragment.index][1].append(delta.tool_call_fragment.text)

    def object(self) -> JsonObject:
        """The chat completion."""
        message: JsonObject = {"role": "assistant", "content": "".join(self._content), "refusal": None}
        if self._refusals:
            message["content"], message["refusal"] = message["content"] or None, "\n".join(self._refusals)
        if self._reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        if self._calls:
            message["content"] = message["content"] or None
            message["tool_calls"] = [_call_object(header, "".join(texts)) for header, texts in self._calls]
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": _FINISH_REASONS.get(self._finish.reason, "stop"),
        }
        return {
            **self._head.of("chat.completion"),
            "choices": [choice],
            "usage": usage_object(self._finish.usage),
            **self._head.warned(),
        }


class Chunks:
    """Turns events into the chunks of a stream."""

    def __init__(self, head: Head, *, include_usage: bool) -> None:
        self._head = head
        self._include_usage = include_usage
        self._usage: JsonObject | None = None

    def first(self) -> JsonObject:
        """Says who speaks. Clients concatenate what is repeated, so it comes once."""
        return {**self._chunk({"role": "assistant", "content": "", "refusal": None}), **self._head.warned()}

    def of(self, events: Iterable[inference_pb2.GenerateEvent]) -> Iterator[JsonObject]:
        """The chunks of some events."""
        for event in events:
            if event.HasField("finish"):
                self._usage = usage_object(event.finish.usage)
                yield self._chunk({}, _FINISH_REASONS.get(event.finish.reason, "stop"))
            elif (delta := _delta_object(event.delta)) is not None:
                yield self._chunk(delta)

    def last(self) -> Iterator[JsonObject]:
        """The usage, where it is wanted."""
        if self._include_usage:
            yield {**self._head.of("chat.completion.chunk"), "choices": [], "usage": self._usage}

    def _chunk(self, delta: JsonObject, finish_reason: str | None = None) -> JsonObject:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        usage = {"usage": None} if self._include_usage else {}
        return {**self._head.of("chat.completion.chunk"), "choices": [choice], **usage}


def _delta_object(delta: output_pb2.OutputDelta) -> JsonObject | None:
    match delta.WhichOneof("delta"):
        case "content":
            return {"content": delta.content}
        case "reasoning":
            return {"reasoning_content": delta.reasoning}
        case "violation":
            return {"refusal": refusal_text(delta.violation)}
        case "tool_call":
            return {"tool_calls": [{"index": delta.tool_call.index, **_call_object(delta.tool_call, "")}]}
        case "tool_call_fragment":
            fragment = delta.tool_call_fragment
            return {"tool_calls": [{"index": fragment.index, "function": {"arguments": fragment.text}}]}
    return None


def refusal_text(violation: output_pb2.SchemaViolation) -> str:
    """OpenAI's word for an answer that is not what was asked for."""
    what = f"a call of {violation.name!r}" if violation.name else "the answer"
    at = f" at {violation.path}" if violation.path else ""
    return f"{what} did not comply with its schema{at}: {violation.message}"


def _call_object(header: output_pb2.ToolCallHeader, arguments: str) -> JsonObject:
    return {"id": header.id, "type": "function", "function": {"name": header.name, "arguments": arguments}}
