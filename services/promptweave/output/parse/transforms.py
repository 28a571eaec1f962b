"""Transforms the text of a region into the message's text, incrementally."""

import json
import re
from typing import Protocol

from promptweave.output.tree import Transform

# Complete characters and complete escapes.
_WHOLE = re.compile(r"(?:[^\\]|\\u[0-9a-fA-F]{4}|\\[^u])*")
# A high surrogate, whose low surrogate is still to come.
_HIGH_SURROGATE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\Z")


class Transformer(Protocol):
    """Takes text in pieces and returns the transformed text as soon as it is certain."""

    def push(self, text: str) -> str:
        """Return the transformed text that `text` makes certain."""

    def end(self) -> str:
        """Return the remaining transformed text at the end of the region."""


class _Identity:
    def push(self, text: str) -> str:
        return text

    def end(self) -> str:
        return ""


class _JsonStringDecode:
    """Decodes a JSON string literal. A lone surrogate becomes U+FFFD.

    An incomplete escape is held back: if the output ends there, it decodes to nothing.
    """

    def __init__(self) -> None:
        self._held = ""
        self._opened = False

    def push(self, text: str) -> str:
        if not self._opened:
            text = text.lstrip(" \t\r\n")
            self._opened = bool(text)
            text = text[1:]
        text = self._held + text
        whole = _WHOLE.match(text)
        assert whole
        cut = whole.end()
        pair = _HIGH_SURROGATE.search(text[:cut], max(cut - 6, 0))
        if pair and _backslashes_before(text, pair.start()) % 2 == 0:
            cut = pair.start()
        text, self._held = text[:cut], text[cut:]
        closed = text.endswith('"') and _backslashes_before(text, len(text) - 1) % 2 == 0
        return _decode(text[:-1] if closed else text)

    def end(self) -> str:
        held, self._held = self._held, ""
        return _decode(held)


def _backslashes_before(text: str, place: int) -> int:
    return place - len(text[:place].rstrip("\\"))


def _decode(text: str) -> str:
    spelled: str = json.loads(f'"{text}"', strict=False)
    return spelled.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class _JsonStringEncode:
    """Encodes text as a JSON string literal."""

    def __init__(self) -> None:
        self._opened = False

    def push(self, text: str) -> str:
        spelled = json.dumps(text, ensure_ascii=False)[1:-1]
        lead = "" if self._opened else '"'
        self._opened = True
        return lead + spelled

    def end(self) -> str:
        return '"' if self._opened else '""'


def transformer(kind: Transform) -> Transformer:
    """Create a transformer of the given kind."""
    match kind:
        case Transform.NONE:
            return _Identity()
        case Transform.JSON_STRING_DECODE:
            return _JsonStringDecode()
        case Transform.JSON_STRING_ENCODE:
            return _JsonStringEncode()
