"""What the passes of normalising work on: messages on their way to the template, and what there is to tell about them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from promptweave.compiler.request import Message, Role
from promptweave.compiler.warnings import CompileWarning


@dataclass(frozen=True, slots=True)
class Turn:
    """A message on its way to the template, and its place in the request; None: it is ours."""

    message: Message
    place: int | None = None

    @property
    def role(self) -> Role:
        """Who speaks."""
        return self.message.role

    @property
    def content(self) -> str:
        """What is said."""
        return self.message.content or ""

    def warning(self, code: str, sentence: str) -> list[CompileWarning]:
        """A warning about the message; none where it is ours."""
        return [] if self.place is None else [CompileWarning(code, f"/messages/{self.place}", sentence)]


Turns = tuple[Turn, ...]
Passed = tuple[Turns, list[CompileWarning]]
"""The conversation after a pass, and what it has to tell."""

SYSTEM_ROLES = (Role.SYSTEM, Role.DEVELOPER)


def replaced(turn: Turn, **fields: Any) -> Turn:
    """The turn with other fields of its message."""
    return replace(turn, message=replace(turn.message, **fields))


def joined(first: Turn, *others: Turn) -> Turn:
    """Several messages in the first one's place, a blank line between their texts."""
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
    """Texts with a blank line between."""
    return "\n\n".join(filter(None, texts))


def with_system_text(turns: Turns, text: str) -> Turns:
    """The conversation with a text of ours at the end of its first system message, which is made if there is none."""
    if turns and turns[0].role in SYSTEM_ROLES:
        return (replaced(turns[0], content=paragraphs([turns[0].message.content, text])), *turns[1:])
    return (Turn(Message(Role.SYSTEM, text)), *turns)
