"""Where the text of a part goes: the deltas that it becomes."""

import secrets
from collections.abc import Callable

from promptweave.output.deltas import CallEnd, CallFragment, CallHeader, ContentDelta, Delta, ReasoningDelta
from promptweave.output.tree import Region

CALL_PARTS = {
    Region.TOOL_NAME,
    Region.CUSTOM_TOOL_NAME,
    Region.TOOL_ARGUMENTS,
    Region.TOOL_INPUT,
    Region.TOOL_CALL_ID,
}
"""The parts that stand inside a tool call."""


def new_call_id() -> str:
    """An id as OpenAI's look: `call_` and 24 random characters."""
    return f"call_{secrets.token_hex(12)}"


class Calls:
    """The tool calls of a message as they come. `put` takes their deltas."""

    def __init__(self, put: Callable[[Delta], None], new_id: Callable[[], str]) -> None:
        self._put = put
        self._new_id = new_id
        self._index = -1
        self._given: set[str] = set()
        self._reset()

    def _reset(self) -> None:
        self._name = ""
        self._id = ""
        self._custom = False
        self._named = False
        self._waiting = ""

    def open(self) -> None:
        """A call begins; nothing is said of it before its name is known."""
        self._index += 1
        self._reset()

    def close(self) -> None:
        """The call is whole."""
        self._put(CallEnd(self._index))

    def take_back(self) -> str:
        """Nothing was given of the call, and it is none; returns the name that it had."""
        self._index -= 1
        return self._name

    @property
    def name(self) -> str:
        """The name of the call that is being read."""
        return self._name

    def write(self, kind: Region, text: str) -> None:
        """More text of one of the call's parts."""
        match kind:
            case Region.TOOL_NAME | Region.CUSTOM_TOOL_NAME:
                self._name += text
                self._custom = kind is Region.CUSTOM_TOOL_NAME
            case Region.TOOL_CALL_ID:
                self._id += text
            case _:
                # Some syntaxes write the arguments before the name.
                if self._named:
                    self._put(CallFragment(self._index, text))
                else:
                    self._waiting += text

    def part_closed(self, kind: Region) -> None:
        """One of the call's parts is whole."""
        if kind in (Region.TOOL_NAME, Region.CUSTOM_TOOL_NAME):
            self._named = True
            # Where the model writes ids it may write one twice, and results could not be told apart.
            call_id = self._id if self._id and self._id not in self._given else self._new_id()
            self._given.add(call_id)
            self._put(CallHeader(self._index, call_id, self._name, self._custom))
            if self._waiting:
                self._put(CallFragment(self._index, self._waiting))


class PartSink:
    """The sink of one part."""

    def __init__(self, kind: Region, put: Callable[[Delta], None], calls: Calls, *, stoppable: bool) -> None:
        self._kind = kind
        self._put = put
        self._calls = calls
        self._stoppable = stoppable
        self.text: list[str] = []
        """What was written, where `keep` is set."""
        self.keep = False
        self.given = False
        """Something of it became a delta."""
        if kind is Region.TOOL_CALL:
            calls.open()

    def write(self, text: str) -> None:
        """More of the part's text."""
        if self.keep:
            self.text.append(text)
        if self._kind is Region.CONTENT:
            self._put(ContentDelta(text, self._stoppable))
        elif self._kind is Region.REASONING:
            self._put(ReasoningDelta(text))
        elif self._kind in CALL_PARTS:
            self._calls.write(self._kind, text)

    def close(self) -> None:
        """The part is whole."""
        if self._kind is Region.TOOL_CALL:
            self._calls.close()
        elif self._kind in CALL_PARTS:
            self._calls.part_closed(self._kind)
