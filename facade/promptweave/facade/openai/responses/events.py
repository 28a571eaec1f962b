"""Generate events → the events of a streamed response, and the response that they build.

Complete responses are built from the same events, so both forms agree. The order, as in OpenAI's API:

    response.created, response.in_progress
    for each item: response.output_item.added
        message, reasoning: for each part: content_part.added, ... .delta, ... .done, content_part.done
        calls: ... .delta, ... .done
        response.output_item.done
    response.completed, or incomplete, or failed
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, cast

from promptweave.common.json_object import JsonObject
from promptweave.facade.openai.chat.from_grpc import refusal_text
from promptweave.facade.openai.chat.logprobs import content_tokens
from promptweave.facade.openai.chat.objects import TokenLogprob
from promptweave.facade.openai.responses.event_objects import ResponseEvent
from promptweave.facade.openai.responses.items import encrypted, new_id
from promptweave.facade.openai.responses.objects import ResponseObject, ResponseUsage
from promptweave.v1 import inference_pb2, output_pb2

_ItemEvent = tuple[str, JsonObject]
"""The type of an event of an item, without `response.`, and its own fields."""


@dataclass(frozen=True)
class _PartKind:
    """A kind of content: the names of its events, the field with its text, and its other fields."""

    events: str
    text: str
    more: Mapping[str, Any]
    scored: bool = False
    """Whether log-probabilities come with its text."""

    def scores(self, tokens: Iterable[TokenLogprob]) -> JsonObject:
        """Return the field with the log-probabilities."""
        return {"logprobs": [*tokens]} if self.scored else {}


_PARTS = {
    "output_text": _PartKind("output_text", "text", {"annotations": []}, scored=True),
    "refusal": _PartKind("refusal", "refusal", {}),
    "reasoning_text": _PartKind("reasoning_text", "text", {}),
}
_WRITTEN: Mapping[str, JsonObject] = {"message": {"role": "assistant"}, "reasoning": {"summary": []}}


class _Written:
    """A message, or reasoning: an item with parts."""

    def __init__(self, place: int, kind: str) -> None:
        self.place = place
        self.kind = kind
        self.item: JsonObject = {"id": new_id(kind), "type": kind, "status": "in_progress", **_WRITTEN[kind], "content": []}
        self.part = ""
        """The kind of the part that is being generated; empty if there is none."""
        self._index = -1
        self._texts: list[str] = []
        self._tokens: list[TokenLogprob] = []

    def write(self, part: str, text: str, tokens: list[TokenLogprob]) -> Iterator[_ItemEvent]:
        """Add text, to the last part if it is of this kind, otherwise to a new one. Consumes the tokens that belong to
        it."""
        kind = _PARTS[part]
        if part != self.part:
            yield from self.end()
            self.part, self._texts, self._tokens = part, [], []
            self._index += 1
            yield "content_part.added", self._whole_part()
        if text:
            self._texts.append(text)
            scores = kind.scores(tokens)
            if kind.scored:
                self._tokens += tokens
                tokens.clear()
            yield f"{kind.events}.delta", {"content_index": self._index, "delta": text, **scores}

    def end(self) -> Iterator[_ItemEvent]:
        """End the last part."""
        if not self.part:
            return
        kind, whole = _PARTS[self.part], self._whole_part()
        self.item["content"].append(whole["part"])
        self.part = ""
        text = {kind.text: "".join(self._texts), **kind.scores(self._tokens)}
        yield f"{kind.events}.done", {"content_index": self._index, **text}
        yield "content_part.done", whole

    def _whole_part(self) -> JsonObject:
        kind = _PARTS[self.part]
        text = {kind.text: "".join(self._texts), **kind.more, **kind.scores(self._tokens)}
        return {"content_index": self._index, "part": {"type": self.part, **text}}


class _Call:
    """A call of a function, or of a custom tool."""

    part = "call"
    """As in `_Written`."""

    def __init__(self, place: int, header: output_pb2.ToolCallHeader) -> None:
        self.place = place
        self.kind = "custom_tool_call" if header.custom else "function_call"
        self._text = "input" if header.custom else "arguments"
        self._events = "custom_tool_call_input" if header.custom else "function_call_arguments"
        self.item: JsonObject = {
            "id": new_id(self.kind),
            "type": self.kind,
            "status": "in_progress",
            "call_id": header.id,
            "name": header.name,
            self._text: "",
        }
        self._texts: list[str] = []

    def write(self, text: str) -> Iterator[_ItemEvent]:
        """Add text to the arguments or the input."""
        self._texts.append(text)
        yield f"{self._events}.delta", {"delta": text}

    def end(self) -> Iterator[_ItemEvent]:
        """End the call."""
        self.item[self._text] = "".join(self._texts)
        name = {} if self.kind == "custom_tool_call" else {"name": self.item["name"]}
        yield f"{self._events}.done", {**name, self._text: self.item[self._text]}


class ResponseEvents:
    """One response that is being generated. `response` is its state after the events so far; they share its parts: send
    them at once."""

    def __init__(self, response: ResponseObject, *, encrypt_reasoning: bool = False) -> None:
        self.response: ResponseObject = {**response, "status": "in_progress", "output": []}
        self._output = cast("list[JsonObject]", self.response["output"])
        self._encrypt_reasoning = encrypt_reasoning
        self._numbers = count()
        self._places = count()
        self._open: _Written | _Call | None = None
        self._tokens: list[TokenLogprob] = []
        """Tokens of content that was not sent yet."""

    def first(self) -> Iterator[ResponseEvent]:
        """Yield the events that begin the response."""
        yield self._event("response.created", response=self.response)
        yield self._event("response.in_progress", response=self.response)

    def of(self, events: Iterable[inference_pb2.GenerateEvent]) -> Iterator[ResponseEvent]:
        """Yield the events that some Generate events result in. After the finish, `response` is complete, except for
        `last`."""
        events = list(events)
        # Log-probabilities arrive after the text that they belong to.
        for event in events:
            self._tokens += content_tokens(event.logprobs.positions)
        for event in events:
            if event.HasField("finish"):
                yield from self._finish(event.finish)
                continue
            delta = event.delta
            match delta.WhichOneof("delta"):
                case "content":
                    yield from self._write("message", "output_text", delta.content)
                case "reasoning":
                    yield from self._write("reasoning", "reasoning_text", delta.reasoning)
                case "violation":
                    yield from self._refuse(delta.violation)
                case "tool_call":
                    yield from self._begin(_Call(next(self._places), delta.tool_call))
                case "tool_call_fragment":
                    assert isinstance(self._open, _Call)
                    yield from self._numbered(self._open, self._open.write(delta.tool_call_fragment.text))
                case "tool_call_end":
                    yield from self._end("completed")

    def last(self) -> ResponseEvent:
        """Return the event that ends the response."""
        return self._event(f"response.{self.response['status']}", response=self.response)

    def fail(self, code: str, message: str) -> Iterator[ResponseEvent]:
        """Mark the response as failed. The text generated so far stays, and is incomplete."""
        yield from self._end("incomplete")
        self.response["status"], self.response["error"] = "failed", {"code": code, "message": message}

    def _write(self, kind: str, part: str, text: str) -> Iterator[ResponseEvent]:
        if self._open is None or self._open.kind != kind:
            yield from self._begin(_Written(next(self._places), kind))
        assert isinstance(self._open, _Written)
        yield from self._numbered(self._open, self._open.write(part, text, self._tokens))

    def _begin(self, item: _Written | _Call) -> Iterator[ResponseEvent]:
        yield from self._end("completed" if isinstance(self._open, _Written) else "incomplete")
        self._open = item
        self._output.append(item.item)
        yield self._event("response.output_item.added", output_index=item.place, item=item.item)

    def _end(self, status: str) -> Iterator[ResponseEvent]:
        item, self._open = self._open, None
        if item is None:
            return
        yield from self._numbered(item, item.end())
        item.item["status"] = status
        if self._encrypt_reasoning and item.kind == "reasoning":
            item.item["encrypted_content"] = encrypted("".join(part["text"] for part in item.item["content"]))
        yield self._event("response.output_item.done", output_index=item.place, item=item.item)

    def _refuse(self, violation: output_pb2.SchemaViolation) -> Iterator[ResponseEvent]:
        """Replace output that violates its schema with a refusal, even if its beginning was already sent in a stream."""
        begun = self._open
        if begun is not None and begun.part == ("call" if violation.name else "output_text"):
            yield from self._end("incomplete")
            self._output.remove(begun.item)
        elif isinstance(begun, _Written):
            yield from self._numbered(begun, begun.end())
        yield from self._write("message", "refusal", refusal_text(violation))

    def _finish(self, finish: inference_pb2.Finish) -> Iterator[ResponseEvent]:
        cut = finish.reason == output_pb2.FINISH_REASON_LENGTH
        if not cut and all(item["type"] == "reasoning" for item in self._output):
            # Clients expect a message, even without text.
            yield from self._write("message", "output_text", "")
        yield from self._end("incomplete" if cut or isinstance(self._open, _Call) else "completed")
        self.response["usage"] = _usage(finish.usage)
        if cut:
            self.response["status"] = "incomplete"
            self.response["incomplete_details"] = {"reason": "max_output_tokens"}
        else:
            self.response["status"], self.response["completed_at"] = "completed", int(time.time())

    def _numbered(self, item: _Written | _Call, events: Iterable[_ItemEvent]) -> Iterator[ResponseEvent]:
        for kind, fields in events:
            yield self._event(f"response.{kind}", item_id=item.item["id"], output_index=item.place, **fields)

    def _event(self, kind: str, **fields: Any) -> ResponseEvent:
        # The kinds of items make their fields: tests compare them with the types.
        return cast("ResponseEvent", {"type": kind, "sequence_number": next(self._numbers), **fields})


def _usage(usage: inference_pb2.Usage) -> ResponseUsage:
    """Convert token counts to JSON. All prompt tokens that were not cached are cached afterwards."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.prompt_tokens - usage.cached_tokens,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
