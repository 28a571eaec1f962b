"""Reads one JSON value (RFC 8259) from pieces of text, strictly.

A regular expression consumes as much as possible at a time, so each character is read once: the cost is linear in the text.
"""

import re
from enum import Enum, auto

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING_PART = re.compile(r'(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*')
_ESCAPE_BEGINNING = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_SCALAR_PART = re.compile(r"[-+.0-9A-Za-z]*")
_SCALAR = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


class _Expect(Enum):
    """What may come next."""

    VALUE = auto()
    VALUE_OR_CLOSE = auto()  # after [
    KEY_OR_CLOSE = auto()  # after {
    KEY = auto()  # after , in an object
    COLON = auto()
    COMMA_OR_CLOSE = auto()
    STRING = auto()  # inside a string
    SCALAR = auto()  # inside a number or a literal
    NOTHING = auto()  # the value is complete


class JsonReader:
    """An incremental reader of one JSON value. It consumes white space before the value, but not after it."""

    def __init__(self) -> None:
        self._expect = _Expect.VALUE
        self._open: list[str] = []
        self._key = False
        self._scalar = ""

    @property
    def done(self) -> bool:
        """Return whether the value is complete."""
        return self._expect is _Expect.NOTHING

    @property
    def _in_scalar(self) -> bool:
        return self._expect is _Expect.SCALAR

    def end(self) -> bool:
        """Signal the end of the text and return whether the value is complete.

        Only a top-level number or literal can become complete by the end of the text.
        """
        if self._in_scalar and not self._open and _SCALAR.fullmatch(self._scalar):
            self._expect = _Expect.NOTHING
        return self.done

    def read(self, text: str, place: int) -> tuple[int, bool]:
        """Read `text` from `place`. Return the position where it stopped, and whether the text there is invalid JSON.

        It stops before the end of the text if the value is complete, or if the end may split an escape.
        """
        while place < len(text) and not self.done:
            if self._expect is _Expect.STRING:
                found = _STRING_PART.match(text, place)
                assert found
                place = found.end()
                if place == len(text):
                    return place, False
                if text[place] == '"':
                    place += 1
                    self._string_ended()
                elif text[place] == "\\" and _ESCAPE_BEGINNING.match(text, place):
                    return place, False
                else:
                    return place, True
            elif self._in_scalar:
                found = _SCALAR_PART.match(text, place)
                assert found
                self._scalar += found.group()
                place = found.end()
                if place < len(text):
                    if not _SCALAR.fullmatch(self._scalar):
                        return place, True
                    self._value_ended()
            else:
                space = _SPACE.match(text, place)
                assert space
                place = space.end()
                if place < len(text) and not self._step(text[place]):
                    return place, True
                # The first character of a scalar is read again, together with the rest of it.
                place += place < len(text) and not self._in_scalar
        return place, False

    def _step(self, char: str) -> bool:
        match self._expect, char:
            case ((_Expect.VALUE | _Expect.VALUE_OR_CLOSE), "{"):
                self._open.append("}")
                self._expect = _Expect.KEY_OR_CLOSE
            case ((_Expect.VALUE | _Expect.VALUE_OR_CLOSE), "["):
                self._open.append("]")
                self._expect = _Expect.VALUE_OR_CLOSE
            case ((_Expect.VALUE | _Expect.VALUE_OR_CLOSE), '"'):
                self._expect, self._key = _Expect.STRING, False
            case ((_Expect.KEY | _Expect.KEY_OR_CLOSE), '"'):
                self._expect, self._key = _Expect.STRING, True
            case _Expect.COLON, ":":
                self._expect = _Expect.VALUE
            case _Expect.COMMA_OR_CLOSE, ",":
                self._expect = _Expect.KEY if self._open[-1] == "}" else _Expect.VALUE
            case ((_Expect.VALUE_OR_CLOSE | _Expect.KEY_OR_CLOSE | _Expect.COMMA_OR_CLOSE), ("}" | "]")):
                if self._open[-1] != char:
                    return False
                self._open.pop()
                self._value_ended()
            case ((_Expect.VALUE | _Expect.VALUE_OR_CLOSE), _) if char in "-0123456789tfn":
                self._expect, self._scalar = _Expect.SCALAR, ""
            case _:
                return False
        return True

    def _string_ended(self) -> None:
        if self._key:
            self._expect = _Expect.COLON
        else:
            self._value_ended()

    def _value_ended(self) -> None:
        self._expect = _Expect.COMMA_OR_CLOSE if self._open else _Expect.NOTHING
