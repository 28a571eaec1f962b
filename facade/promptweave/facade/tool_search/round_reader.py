"""Separates the searches in a round's events from what the client receives."""

from collections.abc import Iterable

from promptweave.facade.tool_search.history import query_of, search_call
from promptweave.facade.tool_search.offer import TOOL_NAME
from promptweave.v1 import chat_pb2, inference_pb2, output_pb2


class RoundReader:
    """Reads the events of one round. `first_call`: the index of the round's first call among those that the client gets."""

    def __init__(self, first_call: int = 0) -> None:
        self.finish: inference_pb2.Finish | None = None
        """The end of the round, once it was read."""
        self.searches: list[chat_pb2.ToolCall] = []
        """The complete calls of the search."""
        self.next_call = first_call
        """The index of the next call that the client gets."""
        self._first_call = first_call
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._search: tuple[int, str, list[str]] | None = None
        """The index, the id and the arguments of a call of the search that is not complete."""

    @property
    def goes_on(self) -> bool:
        """Return whether the model waits for searches only: the client has to answer other calls first."""
        return bool(self.searches) and self.next_call == self._first_call

    @property
    def message(self) -> chat_pb2.Message:
        """Return the message of the round, with its searches."""
        return chat_pb2.Message(
            role=chat_pb2.ROLE_ASSISTANT,
            content=[chat_pb2.ContentPart(text="".join(self._content))] if self._content else [],
            reasoning_content="".join(self._reasoning) or None,
            tool_calls=self.searches,
        )

    def forwarded(self, events: Iterable[inference_pb2.GenerateEvent]) -> list[inference_pb2.GenerateEvent]:
        """Read events; return those that the client gets: all but the end of the round and the searches."""
        return [event for event in events if self._is_forwarded(event)]

    def _is_forwarded(self, event: inference_pb2.GenerateEvent) -> bool:
        match event.WhichOneof("event"):
            case "finish":
                self.finish = event.finish
                return False
            case "delta":
                return self._read(event.delta)
        return True

    def _read(self, delta: output_pb2.OutputDelta) -> bool:
        """Read a part of the message, and give its call the index that the client gets; return whether it is forwarded."""
        match delta.WhichOneof("delta"):
            case "content":
                self._content.append(delta.content)
            case "reasoning":
                self._reasoning.append(delta.reasoning)
            case "tool_call":
                if delta.tool_call.name == TOOL_NAME and not delta.tool_call.namespace:
                    self._search = delta.tool_call.index, delta.tool_call.id, []
                    return False
                self._search = None
                delta.tool_call.index = self.next_call
                self.next_call += 1
            case "tool_call_fragment":
                if self._search is not None:
                    self._search[2].append(delta.tool_call_fragment.text)
                    return False
                delta.tool_call_fragment.index = self.next_call - 1
            case "tool_call_end":
                if self._search is not None:
                    self._end_search()
                    return False
                delta.tool_call_end.index = self.next_call - 1
        return True

    def _end_search(self) -> None:
        assert self._search is not None
        _, id, texts = self._search
        self._search = None
        generated = chat_pb2.ToolCall(function=chat_pb2.FunctionCall(name=TOOL_NAME, arguments="".join(texts)))
        self.searches.append(search_call(id, query_of(generated)))
