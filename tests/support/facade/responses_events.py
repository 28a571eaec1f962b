"""Checks the event stream of `/v1/responses`."""

from collections.abc import Iterable
from typing import Any

from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"enum": ["Rome", "Oslo"]}, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
        "required": ["city", "days"],
        "additionalProperties": False,
    },
    "strict": True,
}

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)

# What each kind of part and call is told with: its events, and the field that holds the text.
_PARTS = {
    "output_text": ("output_text", "text"),
    "refusal": ("refusal", "refusal"),
    "reasoning_text": ("reasoning_text", "text"),
}
_CALLS = {
    "function_call": ("function_call_arguments", "arguments"),
    "custom_tool_call": ("custom_tool_call_input", "input"),
}


_SUMMARY = "response.reasoning_summary_"


def _summaries(events: list[dict[str, Any]]) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """The parts of the summary of each item, by its id and place. Their events are among those of the content."""
    parts: dict[tuple[str, int], list[dict[str, Any]]] = {}
    open_parts: dict[tuple[str, int], str] = {}
    for event in events:
        kind = event["type"].removeprefix(_SUMMARY)
        if kind == event["type"]:
            continue
        where = event["item_id"], event["output_index"]
        assert event["summary_index"] == len(parts.get(where, []))
        if kind == "part.added":
            assert (where in open_parts, event["part"]) == (False, {"type": "summary_text", "text": ""})
            open_parts[where] = ""
        elif kind == "text.delta":
            open_parts[where] += event["delta"]
        elif kind == "text.done":
            assert event["text"] == open_parts[where]
        else:
            assert (kind, event["part"]["text"]) == ("part.done", open_parts.pop(where))
            parts.setdefault(where, []).append(event["part"])
    assert not open_parts
    return parts


class CheckedEvents:
    """The events of a stream, in the order that OpenAI documents; anything else is an AssertionError."""

    def __init__(self, events: Iterable[dict[str, Any]]) -> None:
        self.events = list(events)
        for number, event in enumerate(self.events):
            assert event["sequence_number"] == number
            EVENT.validate_python(event)
        self._at = 0
        self.all_events = self.events
        self._summaries = _summaries(self.events)
        self.events = [event for event in self.events if not event["type"].startswith(_SUMMARY)]
        self._scores: list[Any] = []
        self.begun = self._next("response.created")["response"]
        assert (self.begun["status"], self.begun["output"]) == ("in_progress", [])
        assert self._next("response.in_progress")["response"]["id"] == self.begun["id"]
        self.items: list[dict[str, Any]] = []
        while self._peek() == "response.output_item.added":
            self._item()
        last = self.events[self._at]
        assert self._at == len(self.events) - 1
        self.response: dict[str, Any] = last["response"]
        assert last["type"] == f"response.{self.response['status']}"
        assert self.response["id"] == self.begun["id"]

    def _peek(self) -> str:
        return str(self.events[self._at]["type"])

    def _next(self, kind: str) -> dict[str, Any]:
        event = self.events[self._at]
        assert event["type"] == kind
        self._at += 1
        return event

    def _item(self) -> None:
        place = len(self.items)
        added = self._next("response.output_item.added")
        item = added["item"]
        assert (added["output_index"], item["status"]) == (place, "in_progress")
        of_item = {"item_id": item["id"], "output_index": place}
        if item["type"] == "tool_search_call":
            assert item["arguments"] == {}
            field, text, parts = "arguments", self.events[self._at]["item"]["arguments"], None
        elif item["type"] in _CALLS:
            events, field = _CALLS[item["type"]]
            assert item[field] == ""
            text = self._text(events, field, of_item)
            parts = None
        else:
            assert item["content"] == []
            parts = []
            while self._peek() == "response.content_part.added":
                parts.append(self._part({**of_item, "content_index": len(parts)}))
        done = self._next("response.output_item.done")
        assert done["output_index"] == place
        told = {"content": parts} if parts is not None else {field: text}
        if item["type"] == "reasoning":
            told["summary"] = self._summaries.get((item["id"], place), [])
        assert {**item, **told}.items() <= {**done["item"], "status": "in_progress"}.items()
        assert done["item"]["status"] in ("completed", "incomplete")
        self.items.append(done["item"])

    def _part(self, where: dict[str, Any]) -> dict[str, Any]:
        added = self._next("response.content_part.added")
        events, field = _PARTS[added["part"]["type"]]
        assert added["part"][field] == ""
        text = self._text(events, field, where)
        done = self._next("response.content_part.done")
        for event in (added, done):
            assert where.items() <= event.items()
        scores = {"logprobs": self._scores} if "logprobs" in added["part"] else {}
        assert done["part"] == {**added["part"], field: text, **scores}
        part: dict[str, Any] = done["part"]
        return part

    def _text(self, events: str, field: str, where: dict[str, Any]) -> str:
        text, self._scores = "", []
        while self._peek() == f"response.{events}.delta":
            event = self._next(f"response.{events}.delta")
            assert where.items() <= event.items()
            assert event["delta"]
            text += event["delta"]
            self._scores += event.get("logprobs", [])
        done = self._next(f"response.{events}.done")
        assert where.items() <= done.items()
        assert done[field] == text
        assert done.get("logprobs", []) == self._scores
        return text
