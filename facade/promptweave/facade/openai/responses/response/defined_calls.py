"""Calls of tools that OpenAI defines and the client runs, such as `shell_call`: items that appear when they are complete.

A truncated call is not in the output: its item would have to have the fields of a complete one, and could be run.
"""

import json
from collections.abc import Iterator

from promptweave.common.json_object import JsonObject
from promptweave.facade.openai.responses.request.items import new_id
from promptweave.facade.openai.responses.response.event_items import ItemEvent
from promptweave.facade.policy.responses_client_tools import DefinedItem
from promptweave.v1 import output_pb2


class DefinedCall:
    """A call that is being generated."""

    part = "call"
    """As in `WrittenItem`."""

    def __init__(self, header: output_pb2.ToolCallHeader, described: DefinedItem) -> None:
        self.kind = described.type
        self._described = described
        self._id = header.id
        self._texts: list[str] = []

    def write(self, text: str) -> None:
        """Add text to the arguments."""
        self._texts.append(text)

    def item(self) -> JsonObject:
        """Return the complete item."""
        arguments = json.loads("".join(self._texts) or "{}")
        fields = self._described.item(arguments)
        return {"id": new_id(self.kind), "type": self.kind, "status": "completed", "call_id": self._id, **fields}

    def begun(self, item: JsonObject) -> JsonObject:
        """Return the item as it was before the events of its texts."""
        described = self._described
        begun = {**item, "status": "in_progress"}
        if described.streamed:
            begun[described.arguments_field] = {**item[described.arguments_field], described.streamed: []}
        return begun

    def events(self, item: JsonObject) -> Iterator[ItemEvent]:
        """Yield the events of the texts."""
        described = self._described
        texts = item[described.arguments_field][described.streamed] if described.streamed else ()
        for number, text in enumerate(texts):
            place = {"command_index": number}
            yield f"{self.kind}_command.added", {**place, "command": ""}
            yield f"{self.kind}_command.delta", {**place, "delta": text}
            yield f"{self.kind}_command.done", {**place, "command": text}
