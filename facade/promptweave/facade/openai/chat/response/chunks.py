"""The services' events → the chunks of a streamed chat completion."""

from collections.abc import Iterable, Iterator

from promptweave.facade.finish_reasons import FINISH_REASONS, FinishReason
from promptweave.facade.openai.chat.response.from_grpc import (
    Head,
    finish_warnings,
    made_call,
    refusal_text,
    timings_object,
    total_usage,
    usage_object,
    warning_objects,
)
from promptweave.facade.openai.chat.response.logprobs import all_tokens, content_tokens, logprobs_object
from promptweave.facade.openai.chat.response.objects import (
    ChatCompletionChunk,
    ChunkChoice,
    MessageDelta,
    TokenLogprob,
    ToolCallDelta,
    WarningObject,
)
from promptweave.facade.openai.chat.response.repeated_calls import repeated_calls
from promptweave.v1 import inference_pb2, output_pb2


class Chunks:
    """Turns events into the chunks of a stream."""

    def __init__(self, head: Head, *, include_usage: bool, n: int = 1, logprobs: bool = True, explain: bool = False) -> None:
        self._logprobs, self._explain = logprobs, explain
        self._include_usage = include_usage
        self._warnings = warning_objects(head.warnings)
        self._empty: ChatCompletionChunk = {
            "id": head.id,
            "object": "chat.completion.chunk",
            "created": head.created,
            "model": head.model,
            "system_fingerprint": head.fingerprint,
            "choices": [],
        }
        if head.service_tier is not None:
            self._empty["service_tier"] = head.service_tier
        if include_usage:
            self._empty["usage"] = None
        self._usages: list[inference_pb2.Usage] = []
        # Tokens whose text was, or will be, in another chunk than theirs.
        self._tokens: list[list[TokenLogprob]] = [[] for _ in range(n)]
        # Calls of custom tools, as (choice, index).
        self._custom: set[tuple[int, int]] = set()
        self._calls: list[dict[int, tuple[output_pb2.ToolCallHeader, list[str]]]] = [{} for _ in range(n)]

    def first(self) -> Iterator[ChatCompletionChunk]:
        """Yield one chunk per choice with the role. It is sent only once, since clients concatenate repeated fields.

        Its content is null: some clients show empty text as part of the answer.
        """
        for index in range(len(self._tokens)):
            chunk = self._chunk(_choice(index, {"role": "assistant", "content": None, "refusal": None}))
            if self._warnings and index == 0:
                chunk["warnings"] = self._warnings
            yield chunk

    def of(self, events: Iterable[inference_pb2.GenerateEvent]) -> list[ChatCompletionChunk]:
        """Return the chunks of some events. Log-probabilities come with the text of their tokens, if possible."""
        choices: list[ChunkChoice] = []
        warned: dict[int, list[WarningObject]] = {}
        for event in events:
            tokens = self._tokens[event.index]
            match event.WhichOneof("event"):
                case "finish":
                    warned[len(choices)] = [*self._repeated(event.index), *finish_warnings(event.finish)]
                    self._usages.append(event.finish.usage)
                    choices.append(_choice(event.index, {}, FINISH_REASONS.get(event.finish.reason, "stop")))
                    if self._explain:
                        choices[-1]["timings"] = timings_object(event.finish)
                case "logprobs":
                    if self._explain:
                        choices.append(_choice(event.index, {}))
                        choices[-1]["tokens"] = all_tokens(event.logprobs.positions)
                    if self._logprobs:
                        tokens += content_tokens(event.logprobs.positions)
                case "delta" if (delta := self._delta(event.index, event.delta)) is not None:
                    choices.append(_choice(event.index, delta))
            if tokens and choices and _may_score(choices[-1], event.index):
                choices[-1]["logprobs"] = logprobs_object([*tokens])
                tokens.clear()
        chunks = [self._chunk(choice) for choice in choices]
        for place, warnings in warned.items():
            if warnings:
                chunks[place]["warnings"] = warnings
        return chunks

    def last(self) -> Iterator[ChatCompletionChunk]:
        """Yield the usage, if requested."""
        if self._include_usage:
            yield {**self._empty, "usage": usage_object(total_usage(self._usages))}

    def _repeated(self, index: int) -> list[WarningObject]:
        calls = self._calls[index]
        return repeated_calls(made_call(index, number, header, texts) for number, (header, texts) in calls.items())

    def _chunk(self, choice: ChunkChoice) -> ChatCompletionChunk:
        return {**self._empty, "choices": [choice]}

    def _delta(self, index: int, delta: output_pb2.OutputDelta) -> MessageDelta | None:
        if delta.HasField("tool_call") and delta.tool_call.custom:
            self._custom.add((index, delta.tool_call.index))
        fragment = delta.tool_call_fragment
        if delta.HasField("tool_call"):
            self._calls[index][delta.tool_call.index] = (delta.tool_call, [])
        if delta.HasField("tool_call_fragment"):
            self._calls[index][fragment.index][1].append(fragment.text)
        if delta.HasField("tool_call_fragment") and (index, fragment.index) in self._custom:
            return {"tool_calls": [{"index": fragment.index, "custom": {"input": fragment.text}}]}
        return _delta_object(delta)


def _choice(index: int, delta: MessageDelta, finish_reason: FinishReason | None = None) -> ChunkChoice:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _may_score(choice: ChunkChoice, index: int) -> bool:
    """Return whether tokens of choice `index` may come with this one: it has content, or is the last."""
    fits = choice["index"] == index and choice["logprobs"] is None
    return fits and ("content" in choice["delta"] or choice["finish_reason"] is not None)


def _delta_object(delta: output_pb2.OutputDelta) -> MessageDelta | None:
    match delta.WhichOneof("delta"):
        case "content":
            return {"content": delta.content}
        case "reasoning":
            return {"reasoning_content": delta.reasoning}
        case "violation":
            return {"refusal": refusal_text(delta.violation)}
        case "tool_call":
            return {"tool_calls": [_call_delta(delta.tool_call)]}
        case "tool_call_fragment":
            fragment = delta.tool_call_fragment
            return {"tool_calls": [{"index": fragment.index, "function": {"arguments": fragment.text}}]}
    return None


def _call_delta(header: output_pb2.ToolCallHeader) -> ToolCallDelta:
    call: ToolCallDelta = {"index": header.index, "id": header.id}
    if header.custom:
        call["type"], call["custom"] = "custom", {"name": header.name, "input": ""}
    else:
        call["type"], call["function"] = "function", {"name": header.name, "arguments": ""}
    if header.namespace:
        call["namespace"] = header.namespace
    return call
