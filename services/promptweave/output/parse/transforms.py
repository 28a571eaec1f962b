"""Transforms the text of a region into the message's text, incrementally."""

import json
import re
from typing import Protocol

from promptweave.output.parse.json_scanner import JsonReader
from promptweave.output.parse.schema_check import find_violation
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


class _JsonOrString:
    """Keeps text that is JSON which a schema allows, and encodes other text as a JSON string literal.

    JSON strings count as other text: a template that writes strings verbatim writes no quotes around them. The text is held
    back as long as it may become JSON.
    """

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._reader = JsonReader()
        self._held: list[str] = []
        self._unread = ""
        self._string: _JsonStringEncode | None = None

    def push(self, text: str) -> str:
        if self._string:
            return self._string.push(text)
        if text and not self._held and text[0] in '" \t\r\n':
            return self._as_string(text)
        self._held.append(text)
        self._unread += text
        place, wrong = self._reader.read(self._unread, 0)
        self._unread = self._unread[place:]
        if wrong or (self._reader.done and self._unread):
            return self._as_string("".join(self._held))
        return ""

    def end(self) -> str:
        if self._string:
            return self._string.end()
        text = "".join(self._held)
        if self._reader.end() and not self._unread and not (self._schema and find_violation(text, self._schema)):
            return text
        string = _JsonStringEncode()
        return string.push(text) + string.end()

    def _as_string(self, text: str) -> str:
        self._string = _JsonStringEncode()
        return self._string.push(text)


def transformer(kind: Transform, schema: str = "") -> Transformer:
    """Create a transformer of the given kind. `schema`: the JSON Schema of the region, as text; "": any value."""
    match kind:
        case Transform.NONE:
            return _Identity()
        case Transform.JSON_STRING_DECODE:
            return _JsonStringDecode()
        case Transform.JSON_STRING_ENCODE:
            return _JsonStringEncode()
        case Transform.JSON_OR_STRING:
            return _JsonOrString(schema)
