"""Detects what a template writes for an image, by rendering some."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptweave.compiler.markup import common_prefix, common_suffix
from promptweave.compiler.template.message_shapes import TemplateMessage

Render = Callable[[Sequence[TemplateMessage]], str | None]
"""Returns a prompt, or None if the template raises."""

_ITEMS: tuple[dict[str, Any], ...] = ({"type": "image"}, {"type": "image_url", "image_url": {"url": ""}})
"""The forms in which templates receive an image, among the parts of a content."""

_MIN_LENGTH = 3


@dataclass(frozen=True, slots=True)
class PictureSyntax:
    """`item` is the content part that the template receives for an image, `written` the text that it renders for one."""

    written: str
    item: dict[str, Any] = field(hash=False)


def picture_syntax(render: Render, *, text_alone: bool) -> PictureSyntax | None:
    """Return how the template accepts images in user turns; None if it does not.

    `text_alone`: it accepts content that is text. It must then render that text the same way as a text part.
    """
    if text_alone and render([_user("zquser")]) != render([_user([_text("zquser")])]):
        return None  # It prints the list itself.
    one, two = _text("zquser"), _text("zqusrtwo")
    bare = render([_user([one, two])])
    answer = {"role": "assistant", "content": "zqanswer" if text_alone else [_text("zqanswer")]}
    turns = render([_user([one]), answer, _user([two])])
    for item in _ITEMS:
        whole = render([_user([one, item, two])])
        if bare is None or whole is None or turns is None:
            continue
        start = len(common_prefix(bare, whole))
        end = min(len(common_suffix(bare, whole)), len(bare) - start)
        written = whole[start : len(whole) - end].strip()
        if len(written) < _MIN_LENGTH or "zq" in written or written in bare:
            continue
        several = render([_user([item, one, item, two])])
        later = render([_user([item, one]), answer, _user([item, two])])
        if _is_twice_in(several, written, bare) and _is_twice_in(later, written, turns):
            return PictureSyntax(written, item)
    return None


def _is_twice_in(prompt: str | None, written: str, bare: str) -> bool:
    """Return whether the prompt differs from the one without images only by two occurrences of `written`."""
    return prompt is not None and prompt.count(written) == 2 and _dense(prompt.replace(written, "")) == _dense(bare)


def _dense(text: str) -> str:
    return re.sub(r"\s", "", text)


def _user(content: str | list[dict[str, Any]]) -> TemplateMessage:
    return {"role": "user", "content": content}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
