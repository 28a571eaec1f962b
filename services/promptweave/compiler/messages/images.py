"""Pictures, from the request to the prompt.

The passes and the styles between the two know text alone. So a picture travels as a character that nobody uses, in its place
in the content, and is carried wherever that text goes. Of a template that knows pictures, `profile/image_syntax.py` has
found out what it writes for one: that is what the engine puts around pictures itself, and so the picture takes its place.
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

MAX_PICTURES = 100
"""In one request."""

IN_TEXT = "\ufffc"
"""What stands for a picture where a prompt is told as text: the Unicode Standard's object replacement character."""

_PRIVATE = range(0xF8FF, 0xE000, -1)
"""Characters without a meaning (the Unicode Standard, section 23.5). `special_token_marks.py` begins at the other end."""


def check_pictures(request: ChatRequest) -> None:
    """Raises RequestError for what is no picture, or none that is taken."""
    pictures = [picture for message in request.messages for picture in message.pictures]
    if len(pictures) > MAX_PICTURES:
        raise RequestError(
            f"the request holds {len(pictures)} pictures; at most {MAX_PICTURES} are taken",
            path=pictures[MAX_PICTURES].pointer,
        )
    if pictures:
        # It takes a moment to load, and most requests have none.
        from promptweave.common.images import PictureError, check_picture

        for picture in pictures:
            try:
                check_picture(picture.data)
            except PictureError as error:
                raise RequestError(str(error), path=picture.pointer) from None


class Pictures:
    """The pictures of one request, each with its character."""

    def __init__(self, request: ChatRequest, template: ChatTemplate) -> None:
        given = [picture for message in request.messages for picture in message.pictures]
        texts = repr((template.source, template.named, request)).lower() if given else ""
        # `repr` writes these characters as escapes.
        free = (chr(code) for code in _PRIVATE if f"\\u{code:04x}" not in texts)
        self._of = dict(zip(free, given, strict=False))
        if len(self._of) < len(given):
            raise RequestError(
                "the request uses too many characters for private use to hold pictures, too", path="/messages"
            )
        # As templates write it that escape what is not ASCII.
        codes = "|".join(f"{mark}|\\\\u{ord(mark):04x}" for mark in self._of)
        self._marks = re.compile(codes or r"(?!)", re.IGNORECASE)

    def put(self, request: ChatRequest) -> ChatRequest:
        """The request with pictures as characters of its contents."""
        marks = iter(self._of)
        return (
            replace(request, messages=tuple(_with_marks(message, marks) for message in request.messages))
            if self._of
            else request
        )

    def take(self, segments: Sequence[Segment]) -> list[Segment]:
        """A prompt's segments, cut where pictures stand."""
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
        """A prompt, with the same character for all of them."""
        return self._marks.sub(IN_TEXT, prompt)

    def pieces(self, messages: Sequence[Message]) -> list[ExpectedText]:
        """What must be found in the prompt."""
        return [
            ExpectedText(f"/messages/{place}/content", mark)
            for place, message in enumerate(messages)
            for mark in self._in(message.content)
        ]

    def __bool__(self) -> bool:
        return bool(self._of)

    # -- in the template's own form --

    def in_parts(self, content: str, item: dict[str, Any]) -> str | list[dict[str, Any]]:
        """A content that holds pictures as a list of parts, `item` for each picture; any other stays as it is."""
        if not self._in(content):
            return content
        pieces = re.split(f"({self._marks.pattern})", content)
        return [dict(item) if piece in self._of else {"type": "text", "text": piece} for piece in pieces if piece]

    def restored(self, prompt: str, turns: Turns, written: str) -> str | None:
        """The prompt with each picture's character instead of what the template wrote for it.

        None where it did not write just as many.
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
