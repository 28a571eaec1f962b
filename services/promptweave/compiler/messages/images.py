"""Images, from the request to the prompt.

The passes and styles in between handle only text. An image is therefore represented by an unused character, at its position
in the content, and moves with that text. For a template that supports images, `profile/image_syntax.py` has detected what
it writes for one. The engine puts that text around images itself, so the image replaces it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from promptweave.compiler.errors import RequestError
from promptweave.compiler.messages.content_check import ExpectedText
from promptweave.compiler.messages.special_token_marks import Segment
from promptweave.compiler.messages.turns import Turns
from promptweave.compiler.request import ChatRequest, Message, Role
from promptweave.compiler.template.chat_template import ChatTemplate

IN_TEXT = "\ufffc"
"""Represents an image in a prompt shown as text: the Unicode Standard's object replacement character."""

_PRIVATE = range(0xF8FF, 0xE000, -1)
"""Private-use characters (the Unicode Standard, section 23.5). `special_token_marks.py` begins at the other end."""


class Pictures:
    """The images of one request, each with its placeholder character."""

    def __init__(self, request: ChatRequest, template: ChatTemplate) -> None:
        given = [picture for message in request.messages for picture in message.pictures]
        texts = repr((template.source, template.named, request)).lower() if given else ""
        # `repr` writes these characters as escapes.
        free = (chr(code) for code in _PRIVATE if f"\\u{code:04x}" not in texts)
        self._of = dict(zip(free, given, strict=False))
        if len(self._of) < len(given):
            raise RequestError(
                "the request uses too many private-use characters to be combined with images", path="/messages"
            )
        # The escaped form is written by templates that escape non-ASCII characters.
        codes = "|".join(f"{mark}|\\\\u{ord(mark):04x}" for mark in self._of)
        self._marks = re.compile(codes or r"(?!)", re.IGNORECASE)

    def put(self, request: ChatRequest) -> ChatRequest:
        """Return the request with its images as characters of the contents."""
        marks = iter(self._of)
        return (
            replace(request, messages=tuple(_with_marks(message, marks) for message in request.messages))
            if self._of
            else request
        )

    def take(self, segments: Sequence[Segment]) -> list[Segment]:
        """Return a prompt's segments, split at the images."""
        if not self._of:
            return list(segments)
        done: list[Segment] = []
        for segment in segments:
            start = 0
            for found in self._marks.finditer(segment.text):
                done += [replace(segment, text=segment.text[start : found.start()])] if found.start() > start else []
                mark = found[0] if len(found[0]) == 1 else chr(int(found[0][2:], 16))
                done.append(Segment(IN_TEXT, picture=self._of[mark]))
                start = found.end()
            done += [replace(segment, text=segment.text[start:])] if start < len(segment.text) or not start else []
        return done

    def as_text(self, prompt: str) -> str:
        """Return a prompt with the same character for all images."""
        return self._marks.sub(IN_TEXT, prompt)

    def pieces(self, messages: Sequence[Message]) -> list[ExpectedText]:
        """Return the texts that the prompt must contain."""
        return [
            ExpectedText(f"/messages/{place}/content", mark)
            for place, message in enumerate(messages)
            for mark in self._in(message.content)
        ]

    def __bool__(self) -> bool:
        return bool(self._of)

    # -- in the template's own form --

    def in_parts(self, content: str, item: dict[str, Any]) -> str | list[dict[str, Any]]:
        """Return content with images as a list of parts, `item` for each image; other content is returned unchanged."""
        if not self._in(content):
            return content
        pieces = re.split(f"({self._marks.pattern})", content)
        return [dict(item) if piece in self._of else {"type": "text", "text": piece} for piece in pieces if piece]

    def restored(self, prompt: str, turns: Turns, written: str) -> str | None:
        """Return the prompt with each image's character in place of the text that the template wrote for it.

        Returns None if the number of those texts differs from the number of images.
        """
        marks = [mark for turn in turns if turn.role is Role.USER for mark in self._in(turn.content)]
        pieces = prompt.split(written)
        if len(pieces) != len(marks) + 1:
            return None
        return pieces[0] + "".join(mark + piece for mark, piece in zip(marks, pieces[1:], strict=True))

    def _in(self, text: str | None) -> list[str]:
        return [char for char in text or "" if char in self._of]


def _with_marks(message: Message, marks: Iterable[str]) -> Message:
    content, shift = message.content or "", 0
    for picture, mark in zip(message.pictures, marks, strict=False):
        place = picture.place + shift
        content, shift = content[:place] + mark + content[place:], shift + 1
    return replace(message, content=content, pictures=()) if message.pictures else message
