"""Loops of the conversation: the same call with the same result, several times in a row.

Small models repeat a call until something stops them. A loop is what the conversation ends with, apart from messages of the
user: agents add reminders after results.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from promptweave.compiler.json_text import Json, loads
from promptweave.compiler.messages.tool_history import with_ids
from promptweave.compiler.messages.turns import Turn
from promptweave.compiler.request import Message, Role, ToolCall

MAX_EQUAL_CALLS = 3
"""Equal calls with equal results in a row that are a loop."""


@dataclass(frozen=True, slots=True)
class RepeatedCall:
    """The last call of a loop, with its JSON pointer in the request."""

    call: ToolCall
    pointer: str


@dataclass(slots=True)
class _Exchange:
    """A call and its results."""

    call: ToolCall
    pointer: str
    results: tuple[Hashable, ...] = ()

    @property
    def key(self) -> Hashable:
        """Return what is equal for equal calls with equal results."""
        return self.call.namespace, self.call.name, _value(self.call.arguments), self.results


def repeated_calls(messages: Sequence[Message]) -> tuple[RepeatedCall, ...]:
    """Return the calls of the loop that the conversation ends with; none if there is no loop.

    A model that makes several calls at a time is in a loop if it makes the same ones each time.
    """
    exchanges, last = _exchanges(messages)
    if not last or not all(exchange.results for exchange in last):
        return ()
    repeated = {exchange.key: RepeatedCall(exchange.call, exchange.pointer) for exchange in last}
    size = len(repeated)
    tail = [exchange.key for exchange in exchanges[-MAX_EQUAL_CALLS * size :]]
    rounds = [set(tail[start : start + size]) for start in range(0, len(tail), size)]
    return tuple(repeated.values()) if rounds == [set(repeated)] * MAX_EQUAL_CALLS else ()


def _exchanges(messages: Sequence[Message]) -> tuple[list[_Exchange], list[_Exchange]]:
    """Return the calls since the assistant's last message without calls, and those of its last message."""
    done: list[_Exchange] = []
    last: list[_Exchange] = []
    by_id: dict[str | None, _Exchange] = {}
    for place, turn in enumerate(with_ids(tuple(map(Turn, messages)))):
        message = turn.message
        if message.role is Role.ASSISTANT:
            last = [
                _Exchange(call, f"/messages/{place}/tool_calls/{number}") for number, call in enumerate(message.tool_calls)
            ]
            if not last:
                done.clear()
            done += last
            by_id |= {exchange.call.id: exchange for exchange in last}
        elif message.role is Role.TOOL and (exchange := by_id.get(message.tool_call_id)):
            exchange.results = (*exchange.results, _result(message))
    return done, last


def _result(message: Message) -> Hashable:
    pictures = tuple((picture.place, picture.data) for picture in message.pictures)
    references = tuple((reference.place, reference.namespace, reference.name) for reference in message.references)
    return message.content, pictures, references


def _value(arguments: str) -> Hashable:
    """Return what is equal for arguments that are equal JSON values; text that is not JSON is equal to itself."""
    try:
        return _hashable(loads(arguments))
    except ValueError:
        return arguments


def _hashable(value: Json) -> Hashable:
    if isinstance(value, dict):
        return frozenset((key, _hashable(item)) for key, item in value.items())
    if isinstance(value, list):
        return tuple(map(_hashable, value))
    scalar: Hashable = value
    return ("boolean", scalar) if isinstance(value, bool) else scalar  # True == 1 in Python
