"""The services' responses → OpenAI's chat completion. `chunks.py` makes a stream of it."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from promptweave.facade.finish_reasons import FINISH_REASONS
from promptweave.facade.openai.chat.response.logprobs import all_tokens, content_tokens, logprobs_object
from promptweave.facade.openai.chat.response.objects import (
    CalledTool,
    ChatChoice,
    ChatCompletion,
    ChatMessage,
    ExplainedToken,
    Timings,
    TokenLogprob,
    Usage,
    WarningObject,
)
from promptweave.facade.openai.chat.response.repeated_calls import MadeCall, repeated_calls
from promptweave.v1 import inference_pb2, output_pb2, prompt_compiler_pb2


@dataclass(frozen=True)
class Head:
    """Fields that all parts of a response have in common."""

    model: str
    created: int
    """Seconds of the UNIX epoch."""
    fingerprint: str
    """The field `system_fingerprint`."""
    warnings: Sequence[prompt_compiler_pb2.Warning] = ()
    service_tier: str | None = None
    """The field `service_tier`; None: the request does not have it."""
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")


def warning_objects(warnings: Iterable[prompt_compiler_pb2.Warning]) -> list[WarningObject]:
    """Convert warnings to JSON."""
    return [{"code": item.code, "path": item.path, "message": item.message} for item in warnings]


def finish_warnings(finish: inference_pb2.Finish) -> list[WarningObject]:
    """Return the warnings about a finished message: it reads like a call, and is none."""
    if not finish.call_as_text:
        return []
    why = (
        f"the answer reads like a call of {finish.call_as_text!r}, in a form that is not parsed as one; "
        "set tool_choice to 'required' to get a call"
    )
    return [{"code": "call_as_text", "path": "", "message": why}]


def usage_object(usage: inference_pb2.Usage) -> Usage:
    """Convert token counts to JSON."""
    counts: Usage = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
    if usage.HasField("reasoning_tokens"):
        counts["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return counts


def timings_object(finish: inference_pb2.Finish) -> Timings:
    """Return a message's token counts (`*_n`) and times in milliseconds (`*_ms`), under llama.cpp's names."""
    return {
        "cache_n": finish.usage.cached_tokens,
        "prompt_n": finish.usage.prompt_tokens - finish.usage.cached_tokens,
        "prompt_ms": finish.timings.prompt_ms,
        "predicted_n": finish.usage.completion_tokens,
        "predicted_ms": finish.timings.predicted_ms,
    }


def total_usage(usages: Sequence[inference_pb2.Usage]) -> inference_pb2.Usage:
    """Add up the usage of all choices. They share one prompt, which counts once, with the smallest number of cached tokens:
    the first choice evaluates the prompt, and the others find it in the cache."""
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
        self._tokens: list[TokenLogprob] = []
        self._all_tokens: list[ExplainedToken] = []
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

    def object(self, index: int, *, logprobs: bool, explain: bool) -> ChatChoice:
        """Return the choice. `explain`: with all tokens and timings, promptweave's addition."""
        choice: ChatChoice = {
            "index": index,
            "message": self._message(),
            "logprobs": logprobs_object(self._tokens) if logprobs else None,
            "finish_reason": FINISH_REASONS.get(self.finish.reason, "stop"),
        }
        if explain:
            choice["tokens"], choice["timings"] = self._all_tokens, timings_object(self.finish)
        return choice

    def repeated_calls(self, index: int) -> list[WarningObject]:
        """Return the warnings about calls that the choice repeats."""
        return repeated_calls(made_call(index, number, header, texts) for number, (header, texts) in enumerate(self._calls))

    def _message(self) -> ChatMessage:
        message: ChatMessage = {"role": "assistant", "content": "".join(self._content), "refusal": None}
        if self._refusals:
            message["content"], message["refusal"] = message["content"] or None, "\n".join(self._refusals)
        if self._reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        if self._calls:
            message["content"] = message["content"] or None
            message["tool_calls"] = [_header_object(header, "".join(texts)) for header, texts in self._calls]
        return message


def made_call(choice: int, number: int, header: output_pb2.ToolCallHeader, texts: Iterable[str]) -> MadeCall:
    """Return a call, with its JSON pointer in a chat completion."""
    tool = ".".join(filter(None, (header.namespace, header.name)))
    return MadeCall(f"/choices/{choice}/message/tool_calls/{number}", tool, "".join(texts))


class Completion:
    """Assembles a complete response."""

    def __init__(self, head: Head, *, n: int = 1, logprobs: bool = False, explain: bool = False) -> None:
        self._head = head
        self._logprobs, self._explain = logprobs, explain
        self._choices = [_Choice() for _ in range(n)]

    def add(self, events: Iterable[inference_pb2.GenerateEvent]) -> None:
        """Add events."""
        for event in events:
            self._choices[event.index].add(event)

    def object(self) -> ChatCompletion:
        """Return the chat completion."""
        head = self._head
        completion: ChatCompletion = {
            "id": head.id,
            "object": "chat.completion",
            "created": head.created,
            "model": head.model,
            "system_fingerprint": head.fingerprint,
            "choices": [
                choice.object(index, logprobs=self._logprobs, explain=self._explain)
                for index, choice in enumerate(self._choices)
            ],
            "usage": usage_object(total_usage([choice.finish.usage for choice in self._choices])),
        }
        if head.service_tier is not None:
            completion["service_tier"] = head.service_tier
        repeated = (call for index, choice in enumerate(self._choices) for call in choice.repeated_calls(index))
        written = (warning for choice in self._choices for warning in finish_warnings(choice.finish))
        if warnings := [*warning_objects(head.warnings), *repeated, *written]:
            completion["warnings"] = warnings
        return completion


def refusal_text(violation: output_pb2.SchemaViolation) -> str:
    """Return the text of OpenAI's `refusal` field, for an answer that violates its schema."""
    what = f"a call of {violation.name!r}" if violation.name else "the answer"
    at = f" at {violation.path}" if violation.path else ""
    return f"{what} did not comply with its schema{at}: {violation.message}"


def _header_object(header: output_pb2.ToolCallHeader, text: str) -> CalledTool:
    """Return a call. `text`: its arguments, or the input of a custom tool."""
    call: CalledTool = {"id": header.id, "type": "function", "function": {"name": header.name, "arguments": text}}
    if header.custom:
        call = {"id": header.id, "type": "custom", "custom": {"name": header.name, "input": text}}
    if header.namespace:
        call["namespace"] = header.namespace
    return call
