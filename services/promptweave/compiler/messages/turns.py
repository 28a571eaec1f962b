"""Data of the normalizing passes: messages on their way to the template, and warnings about them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from promptweave.compiler.request import Message, Role
from promptweave.compiler.warnings import CompileWarning


@dataclass(frozen=True, slots=True)
class Turn:
    """A message on its way to the template, and its index in the request; None: promptweave added the message."""

    message: Message
    place: int | None = None

    @property
    def role(self) -> Role:
        """Return the message's role."""
        return self.message.role

    @property
    def content(self) -> str:
        """Return the message's text."""
        return self.message.content or ""

    def warning(self, code: str, sentence: str) -> list[CompileWarning]:
        """Return a warning about the message; none if promptweave added it."""
        return [] if self.place is None else [CompileWarning(code, f"/messages/{self.place}", sentence)]


Turns = tuple[Turn, ...]
Passed = tuple[Turns, list[CompileWarning]]
"""The conversation after a pass, and the warnings of the pass."""

SYSTEM_ROLES = (Role.SYSTEM, Role.DEVELOPER)


def replaced(turn: Turn, **fields: Any) -> Turn:
    """Return the turn with some fields of its message replaced."""
    return replace(turn, message=replace(turn.message, **fields))


def with_beginning(turn: Turn, text: str) -> Turn:
    """Return the turn with a text before its content; what is at positions in the content moves."""
    message = turn.message
    return replaced(
        turn,
        content=text + (message.content or ""),
        pictures=tuple(replace(picture, place=picture.place + len(text)) for picture in message.pictures),
        references=tuple(replace(reference, place=reference.place + len(text)) for reference in message.references),
    )


def joined(first: Turn, *others: Turn) -> Turn:
    """Join several messages at the first one's position, with a blank line between their texts."""
    for other in others:
        message = first.message
        first = replaced(
            first,
            content=paragraphs([message.content, other.message.content]) or None,
            tool_calls=message.tool_calls + other.message.tool_calls,
            reasoning_content=paragraphs([message.reasoning_content, other.message.reasoning_content]) or None,
        )
    return first


def paragraphs(texts: Iterable[str | None]) -> str:
    """Join texts with a blank line between them."""
    return "\n\n".join(filter(None, texts))


def with_system_text(turns: Turns, text: str) -> Turns:
    """Append a text to the first system message of the conversation, which is created if there is none."""
    if turns and turns[0].role in SYSTEM_ROLES:
        return (replaced(turns[0], content=paragraphs([turns[0].message.content, text])), *turns[1:])
    return (Turn(Message(Role.SYSTEM, text)), *turns)
