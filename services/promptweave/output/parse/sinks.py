"""Convert the text of regions into deltas."""

import secrets
from collections.abc import Callable, Iterable

from promptweave.output.deltas import CallEnd, CallFragment, CallHeader, ContentDelta, Delta, ReasoningDelta
from promptweave.output.tree import Region, ToolAlias

CALL_REGIONS = {
    Region.TOOL_NAME,
    Region.CUSTOM_TOOL_NAME,
    Region.TOOL_ARGUMENTS,
    Region.TOOL_INPUT,
    Region.TOOL_CALL_ID,
}
"""The regions inside a tool call."""


def new_call_id() -> str:
    """Return an id in OpenAI's format: `call_` and 24 random characters."""
    return f"call_{secrets.token_hex(12)}"


class Calls:
    """The tool calls of a message, read incrementally. `put` receives their deltas."""

    def __init__(self, put: Callable[[Delta], None], new_id: Callable[[], str], aliases: Iterable[ToolAlias] = ()) -> None:
        self._put = put
        self._new_id = new_id
        self._aliases = {alias.alias: alias for alias in aliases}
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
        """Begin a call; nothing is emitted before its name is known."""
        self._index += 1
        self._reset()

    def close(self) -> None:
        """End the call, which is complete."""
        self._put(CallEnd(self._index))

    def take_back(self) -> str:
        """Discard the call, none of whose deltas were emitted; return the tool's name in the request."""
        self._index -= 1
        return self._tool.name

    @property
    def _tool(self) -> ToolAlias:
        return self._aliases.get(self._name) or ToolAlias(self._name, self._name)

    @property
    def name(self) -> str:
        """Return the name of the current call."""
        return self._name

    def write(self, kind: Region, text: str) -> None:
        """Add text of one of the call's regions."""
        match kind:
            case Region.TOOL_NAME | Region.CUSTOM_TOOL_NAME:
                self._name += text
                self._custom = kind is Region.CUSTOM_TOOL_NAME
            case Region.TOOL_CALL_ID:
                self._id += text
            case _:
                # In some syntaxes the arguments come before the name.
                if self._named:
                    self._put(CallFragment(self._index, text))
                else:
                    self._waiting += text

    def region_closed(self, kind: Region) -> None:
        """End one of the call's regions."""
        if kind in (Region.TOOL_NAME, Region.CUSTOM_TOOL_NAME):
            self._named = True
            # A model that generates ids may repeat one, and results would be ambiguous.
            call_id = self._id if self._id and self._id not in self._given else self._new_id()
            self._given.add(call_id)
            tool = self._tool
            self._put(CallHeader(self._index, call_id, tool.name, self._custom, tool.namespace))
            if self._waiting:
                self._put(CallFragment(self._index, self._waiting))


class RegionSink:
    """Turns the text of one region into deltas."""

    def __init__(self, kind: Region, put: Callable[[Delta], None], calls: Calls, *, stoppable: bool) -> None:
        self._kind = kind
        self._put = put
        self._calls = calls
        self._stoppable = stoppable
        self.text: list[str] = []
        """The text written, if `keep` is set."""
        self.keep = False
        self.given = False
        """True if some of it became a delta."""
        if kind is Region.TOOL_CALL:
            calls.open()

    def write(self, text: str) -> None:
        """Add text of the region."""
        if self.keep:
            self.text.append(text)
        if self._kind is Region.CONTENT:
            self._put(ContentDelta(text, self._stoppable))
        elif self._kind is Region.REASONING:
            self._put(ReasoningDelta(text))
        elif self._kind in CALL_REGIONS:
            self._calls.write(self._kind, text)

    def close(self) -> None:
        """End the region, which is complete."""
        if self._kind is Region.TOOL_CALL:
            self._calls.close()
        elif self._kind in CALL_REGIONS:
            self._calls.region_closed(self._kind)
