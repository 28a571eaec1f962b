"""Context edits: the conversation without old thinking or old tool results.

Blocks that are removed leave empty ones, so that positions in the request stay the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from promptweave.common.json_object import JsonObject
from promptweave.facade.anthropic.body import ContextEdit, MessageBody
from promptweave.facade.policy.messages import CALLS, RESULTS

PLACEHOLDER = "[old tool result cleared]"
"""The content of a result that was removed."""

_KEPT_TURNS = 1
_KEPT_CALLS = 3
_CLEARED_THINKING: JsonObject = {"type": "thinking", "thinking": ""}
_THINKING = ("thinking", "redacted_thinking")


@dataclass(frozen=True)
class ClearedMessages:
    """The messages after an edit."""

    messages: Sequence[MessageBody]
    count: int
    """The number of turns, or of tool calls, from which something was removed."""


def clear_thinking(messages: Sequence[MessageBody], edit: ContextEdit) -> ClearedMessages:
    """Remove thinking, except from the newest turns that have any."""
    if edit.keep == "all" or (edit.keep is not None and edit.keep.type == "all"):
        return ClearedMessages(messages, 0)
    kept = edit.keep.value if edit.keep is not None else _KEPT_TURNS
    turns = [turn for turn in _turns(messages) if any(_has_thinking(messages[place]) for place in turn)]
    old = turns[: max(0, len(turns) - kept)]
    places = {place for turn in old for place in turn}
    return ClearedMessages(
        [_replaced(each, _without_thinking) if place in places else each for place, each in enumerate(messages)], len(old)
    )


def clear_tool_uses(messages: Sequence[MessageBody], edit: ContextEdit) -> ClearedMessages:
    """Remove the results of tool calls, except of the newest ones and of excluded tools; and the arguments, if wanted."""
    calls = [block for message in messages for block in _blocks(message) if block.get("type") in CALLS]
    # `clear_tool_uses` keeps a number, never "all".
    kept = edit.keep.value if edit.keep is not None and edit.keep != "all" else _KEPT_CALLS
    old, new = calls[: max(0, len(calls) - kept)], calls[max(0, len(calls) - kept) :]
    # A client may use an id again.
    ids = {call.get("id") for call in old if call.get("name") not in edit.exclude_tools} - {call.get("id") for call in new}
    cleared: set[object] = set()

    def without_old(block: JsonObject) -> JsonObject:
        if block.get("type") in RESULTS and block.get("tool_use_id") in ids and block.get("content") != PLACEHOLDER:
            cleared.add(block["tool_use_id"])
            return {**block, "content": PLACEHOLDER}
        if block.get("type") in CALLS and block.get("id") in ids and block.get("input") and _clears_input(block, edit):
            cleared.add(block["id"])
            return {**block, "input": {}}
        return block

    return ClearedMessages([_replaced(message, without_old) for message in messages], len(cleared))


EDITS: Mapping[str, Callable[[Sequence[MessageBody], ContextEdit], ClearedMessages]] = {
    "clear_thinking": clear_thinking,
    "clear_tool_uses": clear_tool_uses,
}
"""Type of an edit, without the version → what applies it."""


def count_calls(messages: Sequence[MessageBody]) -> int:
    """Return the number of tool calls in the conversation."""
    return sum(block.get("type") in CALLS for message in messages for block in _blocks(message))


def _blocks(message: MessageBody) -> Sequence[JsonObject]:
    return message.content if isinstance(message.content, list) else ()


def _replaced(message: MessageBody, replace: Callable[[JsonObject], JsonObject]) -> MessageBody:
    if not _blocks(message):
        return message
    return message.model_copy(update={"content": [replace(block) for block in _blocks(message)]})


def _turns(messages: Sequence[MessageBody]) -> Iterator[list[int]]:
    """Yield the indices of the model's messages, by turn: a turn lasts until the user sends something other than results."""
    turn: list[int] = []
    for place, message in enumerate(messages):
        if message.role == "assistant":
            turn.append(place)
        elif message.role == "user" and not all(block.get("type") in RESULTS for block in _blocks(message) or [{}]):
            yield turn
            turn = []
    yield turn


def _has_thinking(message: MessageBody) -> bool:
    return any(block.get("type") in _THINKING and block != _CLEARED_THINKING for block in _blocks(message))


def _without_thinking(block: JsonObject) -> JsonObject:
    return _CLEARED_THINKING if block.get("type") in _THINKING else block


def _clears_input(call: JsonObject, edit: ContextEdit) -> bool:
    wanted = edit.clear_tool_inputs
    return wanted if isinstance(wanted, bool) else call.get("name") in wanted
