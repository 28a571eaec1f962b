"""Checks that a prompt contains all text of the messages and tools, so that no text was lost.

Each text is searched for unchanged, and in the forms that a template may give it: trimmed, escaped for JSON, with other
white space. A short text, or one that another one repeats, can be found although it was lost; then the same conversation
with unique placeholder words is checked instead (`placeholder_conversation`).
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from promptweave.compiler.json_text import dumps, loads
from promptweave.compiler.request import Message, Role, Tool, ToolCall
from promptweave.compiler.warnings import CompileWarning

_CERTAIN = 16
"""Minimum length, in characters, of a text that is not found by chance."""


@dataclass(frozen=True, slots=True)
class ExpectedText:
    """A text that must be in the prompt, and its path in the request."""

    path: str
    text: str


class ContentCheck:
    """Searches a prompt for texts."""

    def __init__(self, prompt: str) -> None:
        self._prompt = prompt
        self._last = 0
        """Position of the last match. Most texts are in the order of the request, so the next one is near."""

    def missing(self, pieces: Sequence[ExpectedText]) -> list[ExpectedText]:
        """Return the pieces that the prompt does not contain."""
        return [piece for piece in pieces if not (self._holds(piece.text) or self._holds_parts(piece.text))]

    def are_in_order(self, pieces: Sequence[ExpectedText], others: Sequence[str]) -> bool:
        """Return whether the pieces follow one another, none inside another: then none was lost and only found by chance.

        `others`: texts that may also be in the prompt, and may quote the pieces.
        """
        prompt, end = self._prompt, 0
        for other in sorted(others, key=len, reverse=True):
            prompt = prompt.replace(other, "\0")
        for piece in pieces:
            place = prompt.find(piece.text, end)
            if place < 0 or len(piece.text) < _CERTAIN:
                return False
            end = place + len(piece.text)
        return True

    def _holds(self, text: str) -> bool:
        for start in (self._last, 0):
            place = self._prompt.find(text, start)
            if place >= 0:
                self._last = place
                return True
        if (text := text.strip()) in self._prompt:
            return True
        if dumps(text)[1:-1] in self._prompt or json.dumps(text)[1:-1] in self._prompt:
            return True
        squashed = _squash(text)
        return bool(squashed) and (squashed in self._squashed or _squash(dumps(text)) in self._squashed)

    def _holds_parts(self, text: str) -> bool:
        """Return whether all parts of a JSON text are found: some templates take JSON apart and reorder it."""
        if not text.lstrip().startswith(("{", "[")):
            return False
        try:
            return all(map(self._holds, _leaves(loads(text))))
        except ValueError:
            return False

    @cached_property
    def _squashed(self) -> str:
        return _squash(self._prompt)


def _squash(text: str) -> str:
    """Return only the letters and digits, which neither escaping nor trimming changes."""
    return re.sub(r"[\W_]+", "", text)


def pieces(messages: Sequence[Message], tools: Sequence[Tool]) -> list[ExpectedText]:
    """Return the texts that must be found: contents, calls and tools. Templates may drop reasoning."""
    return [*_of_messages(messages), *_of_tools(tools)]


def _of_tools(tools: Sequence[Tool]) -> Iterator[ExpectedText]:
    for place, tool in enumerate(tools):
        yield ExpectedText(f"/tools/{place}/function/name", tool.name)
        if tool.description.strip():
            yield ExpectedText(f"/tools/{place}/function/description", tool.description)


def _of_messages(messages: Sequence[Message]) -> Iterator[ExpectedText]:
    for place, message in enumerate(messages):
        if message.content and message.content.strip():
            yield ExpectedText(f"/messages/{place}/content", message.content)
        for number, call in enumerate(message.tool_calls):
            path = f"/messages/{place}/tool_calls/{number}/function"
            yield ExpectedText(f"{path}/name", call.name)
            for leaf in dict.fromkeys(_leaves(loads(call.arguments))):
                yield ExpectedText(f"{path}/arguments", leaf)


def _leaves(value: Any) -> Iterator[str]:
    """Yield the keys, texts and numbers of a JSON value; a template may spell the rest differently (`True`, `none`)."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(key)
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str):
        if value.strip():
            yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield dumps(value)


def turn_reasoning(messages: Sequence[Message]) -> Iterator[ExpectedText]:
    """Yield the reasoning of the current turn, the last first: the model still needs it; older reasoning may be dropped."""
    for place, message in reversed(list(enumerate(messages))):
        if message.role is Role.USER:
            return
        if message.reasoning_content and message.reasoning_content.strip():
            yield ExpectedText(f"/messages/{place}/reasoning_content", message.reasoning_content)


def lost_reasoning(messages: Sequence[Message], prompt: str) -> list[CompileWarning]:
    """Return a warning if the prompt lacks reasoning of the current turn: one, for the last that it lacks."""
    lost = ContentCheck(prompt).missing(list(turn_reasoning(messages)))[:1]
    sentence = "the template omits the reasoning of the current turn"
    return [CompileWarning("reasoning_dropped", thought.path, sentence) for thought in lost]


def placeholder_conversation(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return the same conversation with unique placeholder words."""
    words = (f"zq{number:06}zq" for number in range(10**6))

    def other(text: str | None) -> str | None:
        return next(words) if text and text.strip() else text

    return tuple(
        replace(
            message,
            content=other(message.content),
            reasoning_content=other(message.reasoning_content),
            tool_calls=tuple(
                ToolCall(
                    call.id, next(words), dumps({next(words): next(words)} if call.arguments.strip("{} \n\t\r") else {})
                )
                for call in message.tool_calls
            ),
        )
        for message in messages
    )
