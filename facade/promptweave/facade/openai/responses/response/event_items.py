"""Items of the output while they are generated: their state, and the events of their parts."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from promptweave.common.json_object import JsonObject
from promptweave.facade.openai.chat.response.objects import TokenLogprob
from promptweave.facade.openai.responses.request.items import new_id
from promptweave.v1 import output_pb2

ItemEvent = tuple[str, JsonObject]
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


class WrittenItem:
    """A message, or reasoning: an item with parts. `summarize`: reasoning is its own summary, too."""

    def __init__(self, place: int, kind: str, *, summarize: bool = False) -> None:
        self.place = place
        self.kind = kind
        fields: JsonObject = {"summary": []} if kind == "reasoning" else {"role": "assistant"}
        self.item: JsonObject = {"id": new_id(kind), "type": kind, "status": "in_progress", **fields, "content": []}
        self._summarize = summarize and kind == "reasoning"
        self.part = ""
        """The kind of the part that is being generated; empty if there is none."""
        self._index = -1
        self._texts: list[str] = []
        self._tokens: list[TokenLogprob] = []

    def write(self, part: str, text: str, tokens: list[TokenLogprob]) -> Iterator[ItemEvent]:
        """Add text, to the last part if it is of this kind, otherwise to a new one. Consumes the tokens that belong to
        it."""
        kind = _PARTS[part]
        if part != self.part:
            yield from self.end()
            self.part, self._texts, self._tokens = part, [], []
            self._index += 1
            if self._summarize:
                yield "reasoning_summary_part.added", self._summary_part()
            yield "content_part.added", self._whole_part()
        if text:
            self._texts.append(text)
            if self._summarize:
                yield "reasoning_summary_text.delta", {"summary_index": self._index, "delta": text}
            scores = kind.scores(tokens)
            if kind.scored:
                self._tokens += tokens
                tokens.clear()
            yield f"{kind.events}.delta", {"content_index": self._index, "delta": text, **scores}

    def end(self) -> Iterator[ItemEvent]:
        """End the last part."""
        if not self.part:
            return
        kind, whole = _PARTS[self.part], self._whole_part()
        self.item["content"].append(whole["part"])
        if self._summarize:
            summary = self._summary_part()
            self.item["summary"].append(summary["part"])
            yield "reasoning_summary_text.done", {"summary_index": self._index, "text": summary["part"]["text"]}
            yield "reasoning_summary_part.done", summary
        self.part = ""
        text = {kind.text: "".join(self._texts), **kind.scores(self._tokens)}
        yield f"{kind.events}.done", {"content_index": self._index, **text}
        yield "content_part.done", whole

    def _summary_part(self) -> JsonObject:
        return {"summary_index": self._index, "part": {"type": "summary_text", "text": "".join(self._texts)}}

    def _whole_part(self) -> JsonObject:
        kind = _PARTS[self.part]
        text = {kind.text: "".join(self._texts), **kind.more, **kind.scores(self._tokens)}
        return {"content_index": self._index, "part": {"type": self.part, **text}}


class CallItem:
    """A call of a function, or of a custom tool."""

    part = "call"
    """As in `WrittenItem`."""

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
        if header.namespace:
            self.item["namespace"] = header.namespace
        self._texts: list[str] = []

    def write(self, text: str) -> Iterator[ItemEvent]:
        """Add text to the arguments or the input."""
        self._texts.append(text)
        yield f"{self._events}.delta", {"delta": text}

    def end(self) -> Iterator[ItemEvent]:
        """End the call."""
        self.item[self._text] = "".join(self._texts)
        name = {} if self.kind == "custom_tool_call" else {"name": self.item["name"]}
        yield f"{self._events}.done", {**name, self._text: self.item[self._text]}


class SearchItem:
    """A search for tools, which the client runs. Its arguments are JSON, and come at the end."""

    part = "call"
    """As in `WrittenItem`."""

    def __init__(self, place: int, header: output_pb2.ToolCallHeader) -> None:
        self.place = place
        self.kind = "tool_search_call"
        self.item: JsonObject = {
            "id": new_id(self.kind),
            "type": self.kind,
            "status": "in_progress",
            "call_id": header.id,
            "execution": "client",
            "arguments": {},
        }
        self._texts: list[str] = []

    def write(self, text: str) -> Iterator[ItemEvent]:
        """Add text to the arguments."""
        self._texts.append(text)
        yield from ()

    def end(self) -> Iterator[ItemEvent]:
        """End the search. Arguments that were truncated are text."""
        text = "".join(self._texts)
        try:
            self.item["arguments"] = json.loads(text)
        except ValueError:
            self.item["arguments"] = text
        yield from ()


GeneratedItem = WrittenItem | CallItem | SearchItem
