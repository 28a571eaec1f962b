"""Generate events → the events of a streamed response, and the response that they build.

Complete responses are built from the same events, so both forms agree. The order, as in OpenAI's API:

    response.created, response.queued (in the background), response.in_progress
    for each item (event_items.py): response.output_item.added
        message, reasoning: for each part: content_part.added, ... .delta, ... .done, content_part.done
        calls: ... .delta, ... .done (defined_calls.py: all events of a call at its end)
        response.output_item.done
    response.completed, or incomplete, or failed
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, cast

from promptweave.common.json_object import JsonObject
from promptweave.facade.openai.chat.response.from_grpc import finish_warnings, refusal_text
from promptweave.facade.openai.chat.response.logprobs import content_tokens
from promptweave.facade.openai.chat.response.objects import TokenLogprob
from promptweave.facade.openai.chat.response.repeated_calls import MadeCall, repeated_calls
from promptweave.facade.openai.responses.request.items import encrypted
from promptweave.facade.openai.responses.request.tools import TOOL_SEARCH
from promptweave.facade.openai.responses.response.defined_calls import DefinedCall
from promptweave.facade.openai.responses.response.event_items import (
    CallItem,
    GeneratedItem,
    ItemEvent,
    SearchItem,
    WrittenItem,
)
from promptweave.facade.openai.responses.response.event_objects import ResponseEvent
from promptweave.facade.openai.responses.response.objects import ResponseObject, ResponseUsage
from promptweave.facade.openai.responses.response.search_items import search_items
from promptweave.facade.policy.responses_client_tools import DefinedItem
from promptweave.facade.tool_search.history import SearchRound
from promptweave.v1 import inference_pb2, output_pb2


@dataclass(frozen=True)
class OutputOptions:
    """How the output is returned."""

    encrypt_reasoning: bool = False
    """Reasoning is in `encrypted_content`, too."""
    summarize_reasoning: bool = False
    """Reasoning is in `summary`, too."""
    client_searches: bool = False
    """Calls of the tool search are items of their own type."""
    defined_calls: Mapping[str, DefinedItem] = field(default_factory=dict)
    """Names of tools that OpenAI defines and the client runs → the items of their calls."""


class ResponseEvents:
    """One response that is being generated. `response` is its state after the events so far; they share its parts: send
    them at once."""

    def __init__(self, response: ResponseObject, options: OutputOptions = OutputOptions()) -> None:
        self.response: ResponseObject = {"status": "in_progress", **response, "output": []}
        self._output = cast("list[JsonObject]", self.response["output"])
        self._options = options
        self._numbers = count()
        self._places = count()
        self._open: GeneratedItem | DefinedCall | None = None
        self._tokens: list[TokenLogprob] = []
        """Tokens of content that was not sent yet."""

    def first(self) -> Iterator[ResponseEvent]:
        """Yield the events that begin the response."""
        yield self._event("response.created", response=self.response)
        if self.response["status"] == "queued":
            yield self._event("response.queued", response=self.response)
        self.response["status"] = "in_progress"
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
                    yield from self._begin_call(delta.tool_call)
                case "tool_call_fragment":
                    yield from self._write_call(delta.tool_call_fragment.text)
                case "tool_call_end":
                    yield from self._end("completed")

    def of_answer(self, answer: inference_pb2.GenerateResponse | SearchRound) -> Iterator[ResponseEvent]:
        """Yield the events that a part of the answer, or searches within it, results in."""
        if isinstance(answer, SearchRound):
            yield from self._searched(answer)
        else:
            yield from self.of(answer.events)

    def _searched(self, done: SearchRound) -> Iterator[ResponseEvent]:
        yield from self._end("completed")
        for item in search_items(done.searches):
            place = next(self._places)
            self._output.append(item)
            yield self._event("response.output_item.added", output_index=place, item={**item, "status": "in_progress"})
            yield self._event("response.output_item.done", output_index=place, item=item)

    def last(self) -> ResponseEvent:
        """Return the event that ends the response."""
        return self._event(f"response.{self.response['status']}", response=self.response)

    def fail(self, code: str, message: str) -> Iterator[ResponseEvent]:
        """Mark the response as failed. The text generated so far stays, and is incomplete."""
        yield from self._end("incomplete")
        self.response["status"], self.response["error"] = "failed", {"code": code, "message": message}

    def cancel(self) -> Iterator[ResponseEvent]:
        """Mark the response as cancelled. The text generated so far stays, and is incomplete."""
        yield from self._end("incomplete")
        self.response["status"] = "cancelled"

    def _begin_call(self, header: output_pb2.ToolCallHeader) -> Iterator[ResponseEvent]:
        defined = None if header.namespace or header.custom else self._options.defined_calls.get(header.name)
        if defined is not None:
            yield from self._end_before_next()
            self._open = DefinedCall(header, defined)
            return
        searches = self._options.client_searches and (header.namespace, header.name) == ("", TOOL_SEARCH)
        yield from self._begin((SearchItem if searches else CallItem)(next(self._places), header))

    def _write_call(self, text: str) -> Iterator[ResponseEvent]:
        if isinstance(self._open, DefinedCall):
            self._open.write(text)
            return
        assert isinstance(self._open, CallItem | SearchItem)
        yield from self._numbered(self._open, self._open.write(text))

    def _add_defined(self, call: DefinedCall) -> Iterator[ResponseEvent]:
        """Add a call that is complete. Its events have no `item_id`, as in OpenAI's API."""
        place, item = next(self._places), call.item()
        self._output.append(item)
        yield self._event("response.output_item.added", output_index=place, item=call.begun(item))
        for kind, fields in call.events(item):
            yield self._event(f"response.{kind}", output_index=place, **fields)
        yield self._event("response.output_item.done", output_index=place, item=item)

    def _write(self, kind: str, part: str, text: str) -> Iterator[ResponseEvent]:
        if self._open is None or self._open.kind != kind:
            summarize = self._options.summarize_reasoning
            yield from self._begin(WrittenItem(next(self._places), kind, summarize=summarize))
        assert isinstance(self._open, WrittenItem)
        yield from self._numbered(self._open, self._open.write(part, text, self._tokens))

    def _end_before_next(self) -> Iterator[ResponseEvent]:
        yield from self._end("completed" if isinstance(self._open, WrittenItem) else "incomplete")

    def _begin(self, item: GeneratedItem) -> Iterator[ResponseEvent]:
        yield from self._end_before_next()
        self._open = item
        self._output.append(item.item)
        yield self._event("response.output_item.added", output_index=item.place, item=item.item)

    def _end(self, status: str) -> Iterator[ResponseEvent]:
        item, self._open = self._open, None
        if isinstance(item, DefinedCall):
            if status == "completed":
                yield from self._add_defined(item)
            return
        if item is None:
            return
        yield from self._numbered(item, item.end())
        item.item["status"] = status
        if self._options.encrypt_reasoning and item.kind == "reasoning":
            item.item["encrypted_content"] = encrypted("".join(part["text"] for part in item.item["content"]))
        yield self._event("response.output_item.done", output_index=item.place, item=item.item)

    def _refuse(self, violation: output_pb2.SchemaViolation) -> Iterator[ResponseEvent]:
        """Replace output that violates its schema with a refusal, even if its beginning was already sent in a stream."""
        begun = self._open
        if begun is not None and begun.part == ("call" if violation.name else "output_text"):
            yield from self._end("incomplete")
            if not isinstance(begun, DefinedCall):
                self._output.remove(begun.item)
        elif isinstance(begun, WrittenItem):
            yield from self._numbered(begun, begun.end())
        yield from self._write("message", "refusal", refusal_text(violation))

    def _finish(self, finish: inference_pb2.Finish) -> Iterator[ResponseEvent]:
        cut = finish.reason == output_pb2.FINISH_REASON_LENGTH
        if not cut and all(item["type"] == "reasoning" for item in self._output):
            # Clients expect a message, even without text.
            yield from self._write("message", "output_text", "")
        yield from self._end("completed" if not cut and isinstance(self._open, WrittenItem | None) else "incomplete")
        self.response["usage"] = _usage(finish.usage)
        if warnings := [*repeated_calls(self._made_calls()), *finish_warnings(finish)]:
            self.response["warnings"] = [*self.response.get("warnings", []), *warnings]
        if cut:
            self.response["status"] = "incomplete"
            self.response["incomplete_details"] = {"reason": "max_output_tokens"}
        else:
            self.response["status"], self.response["completed_at"] = "completed", int(time.time())

    def _made_calls(self) -> Iterator[MadeCall]:
        for place, item in enumerate(self._output):
            if item["type"] in ("function_call", "custom_tool_call"):
                tool = ".".join(filter(None, (item.get("namespace"), item["name"])))
                yield MadeCall(f"/output/{place}", tool, item["arguments" if "arguments" in item else "input"])

    def _numbered(self, item: GeneratedItem, events: Iterable[ItemEvent]) -> Iterator[ResponseEvent]:
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
