"""The services' responses → OpenAI's chat completion, complete or in chunks."""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptweave.facade.openai.chat.logprobs import all_tokens, content_tokens, logprobs_object
from promptweave.v1 import inference_pb2, output_pb2, prompt_compiler_pb2

_FINISH_REASONS = {
    output_pb2.FINISH_REASON_STOP: "stop",
    output_pb2.FINISH_REASON_LENGTH: "length",
    output_pb2.FINISH_REASON_TOOL_CALLS: "tool_calls",
}

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Head:
    """Fields that all parts of a response have in common."""

    model: str
    created: int
    """Seconds of the UNIX epoch."""
    warnings: Sequence[prompt_compiler_pb2.Warning] = ()
    extra: JsonObject = field(default_factory=dict)
    """Additional fields that the request requires."""
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")

    def of(self, kind: str) -> JsonObject:
        """Return the common fields of an object of this kind."""
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model, **self.extra}

    def warned(self) -> JsonObject:
        """Return the field `warnings`, promptweave's addition, if there are any."""
        return {"warnings": [warning_object(item) for item in self.warnings]} if self.warnings else {}


def warning_object(warning: prompt_compiler_pb2.Warning) -> JsonObject:
    """Convert a warning to JSON."""
    return {"code": warning.code, "path": warning.path, "message": warning.message}


def usage_object(usage: inference_pb2.Usage) -> JsonObject:
    """Convert token counts to JSON."""
    counts: JsonObject = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
    if usage.HasField("reasoning_tokens"):
        counts["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return counts


def timings_object(finish: inference_pb2.Finish) -> JsonObject:
    """Return a message's timings, in milliseconds; the names are llama.cpp's."""
    return {
        "cache_n": finish.usage.cached_tokens,
        "prompt_n": finish.usage.prompt_tokens - finish.usage.cached_tokens,
        "prompt_ms": finish.timings.prompt_ms,
        "predicted_n": finish.usage.completion_tokens,
        "predicted_ms": finish.timings.predicted_ms,
    }


def total_usage(usages: Sequence[inference_pb2.Usage]) -> inference_pb2.Usage:
    """Add up the usage of all choices: their prompt is the same, and counts once. Its cached tokens are those of the
    first choice that was generated."""
    total = inference_pb2.Usage()
    if usages:
        total.CopyFrom(min(usages, key=lambda usage: usage.cached_tokens))
        total.completion_tokens = sum(usage.completion_tokens for usage in usages)
        total.reasoning_tokens = sum(usage.reasoning_tokens for usage in usages)
    return total


class _Choice:
    """Assembles one choice."""

    def __init__(self) -> None:
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._refusals: list[str] = []
        self._whole_calls = 0
        self._calls: list[tuple[output_pb2.ToolCallHeader, list[str]]] = []
        self._tokens: list[JsonObject] = []
        self._all_tokens: list[JsonObject] = []
        self.finish = inference_pb2.Finish()

    def add(self, event: inference_pb2.GenerateEvent) -> None:
        """Add an event."""
        match event.WhichOneof("event"):
            case "finish":
                self.finish = event.finish
            case "logprobs":
                self._tokens += content_tokens(event.logprobs.positions)
                self._all_tokens += all_tokens(event.logprobs.positions)
            case "delta":
                self._add(event.delta)

    def _add(self, delta: output_pb2.OutputDelta) -> None:
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
                    self._tokens.clear()
                elif len(self._calls) > self._whole_calls:
                    self._calls.pop()
            case "tool_call_end":
                self._whole_calls = delta.tool_call_end.index + 1
            case "tool_call_fragment":
                self._calls[delta.tool_call_fragment.index][1].append(delta.tool_call_fragment.text)

    def object(self, index: int, *, logprobs: bool, explain: bool) -> JsonObject:
        """Return the choice. `explain`: with all tokens and timings, promptweave's addition."""
        explained = {"tokens": self._all_tokens, "timings": timings_object(self.finish)} if explain else {}
        message: JsonObject = {"role": "assistant", "content": "".join(self._content), "refusal": None}
        if self._refusals:
            message["content"], message["refusal"] = message["content"] or None, "\n".join(self._refusals)
        if self._reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        if self._calls:
            message["content"] = message["content"] or None
            message["tool_calls"] = [_call_object(header, "".join(texts)) for header, texts in self._calls]
        return {
            "index": index,
            "message": message,
            "logprobs": logprobs_object(self._tokens) if logprobs else None,
            "finish_reason": _FINISH_REASONS.get(self.finish.reason, "stop"),
            **explained,
        }


class Completion:
    """Assembles a complete response."""

    def __init__(self, head: Head, *, n: int = 1, logprobs: bool = False, explain: bool = False) -> None:
        self._head = head
        self._scored = {"logprobs": logprobs, "explain": explain}
        self._choices = [_Choice() for _ in range(n)]

    def add(self, events: Iterable[inference_pb2.GenerateEvent]) -> None:
        """Add events."""
        for event in events:
            self._choices[event.index].add(event)

    def object(self) -> JsonObject:
        """Return the chat completion."""
        return {
            **self._head.of("chat.completion"),
            "choices": [choice.object(index, **self._scored) for index, choice in enumerate(self._choices)],
            "usage": usage_object(total_usage([choice.finish.usage for choice in self._choices])),
            **self._head.warned(),
        }


class Chunks:
    """Turns events into the chunks of a stream."""

    def __init__(self, head: Head, *, include_usage: bool, n: int = 1, logprobs: bool = True, explain: bool = False) -> None:
        self._head = head
        self._logprobs, self._explain = logprobs, explain
        self._include_usage = include_usage
        self._usages: list[inference_pb2.Usage] = []
        # Tokens whose text was, or will be, in another chunk than theirs.
        self._tokens: list[list[JsonObject]] = [[] for _ in range(n)]
        # Calls of custom tools, as (choice, index).
        self._custom: set[tuple[int, int]] = set()

    def first(self) -> Iterator[JsonObject]:
        """Yield the role for each choice. Clients concatenate repeated fields, so it is sent once."""
        warned = self._head.warned()
        for index in range(len(self._tokens)):
            yield {**self._chunk(index, {"role": "assistant", "content": "", "refusal": None}), **warned}
            warned = {}

    def of(self, events: Iterable[inference_pb2.GenerateEvent]) -> list[JsonObject]:
        """Return the chunks of some events. Log-probabilities come with the text of their tokens, if possible."""
        chunks: list[JsonObject] = []
        for event in events:
            tokens = self._tokens[event.index]
            match event.WhichOneof("event"):
                case "finish":
                    self._usages.append(event.finish.usage)
                    chunks.append(self._chunk(event.index, {}, _FINISH_REASONS.get(event.finish.reason, "stop")))
                    if self._explain:
                        chunks[-1]["choices"][0]["timings"] = timings_object(event.finish)
                case "logprobs":
                    if self._explain:
                        chunks.append(self._chunk(event.index, {}))
                        chunks[-1]["choices"][0]["tokens"] = all_tokens(event.logprobs.positions)
                    if self._logprobs:
                        tokens += content_tokens(event.logprobs.positions)
                case "delta" if (delta := self._delta(event.index, event.delta)) is not None:
                    chunks.append(self._chunk(event.index, delta))
            if tokens and chunks and _may_score(choice := chunks[-1]["choices"][0], event.index):
                choice["logprobs"] = logprobs_object([*tokens])
                tokens.clear()
        return chunks

    def last(self) -> Iterator[JsonObject]:
        """Yield the usage, if requested."""
        if self._include_usage:
            usage = usage_object(total_usage(self._usages))
            yield {**self._head.of("chat.completion.chunk"), "choices": [], "usage": usage}

    def _delta(self, index: int, delta: output_pb2.OutputDelta) -> JsonObject | None:
        if delta.HasField("tool_call") and delta.tool_call.custom:
            self._custom.add((index, delta.tool_call.index))
        fragment = delta.tool_call_fragment
        if delta.HasField("tool_call_fragment") and (index, fragment.index) in self._custom:
            return {"tool_calls": [{"index": fragment.index, "custom": {"input": fragment.text}}]}
        return _delta_object(delta)

    def _chunk(self, index: int, delta: JsonObject, finish_reason: str | None = None) -> JsonObject:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        usage = {"usage": None} if self._include_usage else {}
        return {**self._head.of("chat.completion.chunk"), "choices": [choice], **usage}


def _may_score(choice: JsonObject, index: int) -> bool:
    """Return whether tokens of choice `index` may come with this one: it has content, or is the last."""
    fits = choice["index"] == index and choice["logprobs"] is None
    return fits and ("content" in choice["delta"] or choice["finish_reason"] is not None)


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
    """Return the text of OpenAI's `refusal` field, for an answer that violates its schema."""
    what = f"a call of {violation.name!r}" if violation.name else "the answer"
    at = f" at {violation.path}" if violation.path else ""
    return f"{what} did not comply with its schema{at}: {violation.message}"


def _call_object(header: output_pb2.ToolCallHeader, arguments: str) -> JsonObject:
    if header.custom:
        return {"id": header.id, "type": "custom", "custom": {"name": header.name, "input": arguments}}
    return {"id": header.id, "type": "function", "function": {"name": header.name, "arguments": arguments}}
