"""Spans of prompts that are run, by OpenTelemetry's conventions for generative AI.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/. Text of prompts and answers is included only if requested.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.common.tracing import AttributeValue, Span, begin_span, captures_content, kind_of, tracing_on
from promptweave.facade.finish_reasons import FINISH_REASONS
from promptweave.v1 import inference_pb2, output_pb2

_SAMPLING = ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty")


@dataclass(frozen=True)
class Operation:
    """The request that a prompt is run for. `content`: the attributes that hold the prompt's text."""

    name: str = "chat"
    model: str = ""
    """The name that the client uses."""
    response_model: str = ""
    json: bool = False
    content: Callable[[], Mapping[str, Any]] = dict


class OperationSpan:
    """The span of one operation: starts with it, records its responses, ends."""

    def __init__(self, operation: Operation, request: inference_pb2.GenerateRequest, server: str) -> None:
        """Start the span. `server`: the address that is called."""
        self.span = Span()
        """The parent span of the call."""
        self._traced = tracing_on()
        self._finished: dict[int, inference_pb2.Finish] = {}
        self._messages: dict[int, list[JsonObject]] | None = None
        if not self._traced:
            return
        attributes = _request_attributes(operation, request, server)
        if captures_content():
            self._messages = {}
            attributes |= {name: _json(value) for name, value in operation.content().items()}
            if request.stop:
                attributes["gen_ai.request.stop_sequences"] = [*request.stop]
        self.span = begin_span(f"{operation.name} {operation.model}".strip(), "client", attributes)

    def on_response(self, response: inference_pb2.GenerateResponse) -> None:
        """Record a response."""
        if not self._traced:
            return
        for event in response.events:
            if event.HasField("finish"):
                self._finished[event.index] = event.finish
            elif self._messages is not None and event.HasField("delta"):
                _append(self._messages.setdefault(event.index, []), event.delta)

    def on_error(self, error: BaseException) -> None:
        """Mark the operation as failed."""
        self.span.fail(kind_of(error))

    def end(self) -> None:
        """End the operation."""
        if not self._traced:
            return
        finished = [self._finished[index] for index in sorted(self._finished)]
        if finished:
            usages = [finish.usage for finish in finished]
            self.span.set(
                {
                    "gen_ai.response.finish_reasons": [*map(self._finish_reason, sorted(self._finished))],
                    # All answers share one prompt.
                    "gen_ai.usage.input_tokens": max(usage.prompt_tokens for usage in usages),
                    "gen_ai.usage.cache_read.input_tokens": max(usage.cached_tokens for usage in usages),
                    "gen_ai.usage.output_tokens": sum(usage.completion_tokens for usage in usages),
                    "gen_ai.usage.reasoning.output_tokens": sum(usage.reasoning_tokens for usage in usages),
                }
            )
        if self._messages is not None:
            written = [
                {
                    "role": "assistant",
                    "parts": parts,
                    "finish_reason": self._finish_reason(index),
                }
                for index, parts in sorted(self._messages.items())
            ]
            self.span.set({"gen_ai.output.messages": _json(written)})
        self.span.end()

    def _finish_reason(self, index: int) -> str:
        """Return why the answer ended: an error, if it did not finish."""
        return FINISH_REASONS.get(self._finished[index].reason, "") if index in self._finished else "error"


def _request_attributes(
    operation: Operation, request: inference_pb2.GenerateRequest, server: str
) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "gen_ai.operation.name": operation.name,
        "gen_ai.provider.name": "promptweave",
        "gen_ai.request.model": operation.model,
        "gen_ai.response.model": operation.response_model,
        "gen_ai.output.type": "json" if operation.json else "text",
        "server.address": server,
    }
    for field, value in request.sampling.ListFields():
        if field.name in _SAMPLING:
            # The value that was given, and not the nearest 32-bit float.
            attributes[f"gen_ai.request.{field.name}"] = round(value, 6) if isinstance(value, float) else value
    if request.HasField("max_tokens"):
        attributes["gen_ai.request.max_tokens"] = request.max_tokens
    if request.HasField("n"):
        attributes["gen_ai.request.choice.count"] = request.n
    return attributes


def _append(parts: list[JsonObject], delta: output_pb2.OutputDelta) -> None:
    match delta.WhichOneof("delta"):
        case "content":
            _append_text(parts, "text", delta.content)
        case "reasoning":
            _append_text(parts, "reasoning", delta.reasoning)
        case "tool_call":
            parts.append({"type": "tool_call", "id": delta.tool_call.id, "name": delta.tool_call.name, "arguments": ""})
        case "tool_call_fragment":
            # It belongs to the last call: one ends before the next begins.
            calls = [part for part in parts if part["type"] == "tool_call"]
            if calls:
                calls[-1]["arguments"] += delta.tool_call_fragment.text


def _append_text(parts: list[JsonObject], kind: str, text: str) -> None:
    if parts and parts[-1]["type"] == kind:
        parts[-1]["content"] += text
    else:
        parts.append({"type": kind, "content": text})


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
