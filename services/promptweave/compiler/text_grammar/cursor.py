"""A position in a grammar's text."""

import re

MAX_GRAMMAR_NESTING = 60
"""Maximum depth of nested groups."""

MAX_GRAMMAR_COUNT = 100_000
"""Maximum count of a repetition."""

_SHORT = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "b": "\b", "0": "\0"}
_DIGITS = {"x": 2, "u": 4, "U": 8}


class GrammarTextError(Exception):
    """An error in a grammar's text, with line and column. `unsupported`: valid in the notation, but not supported here."""

    def __init__(self, message: str, *, unsupported: bool = False) -> None:
        super().__init__(message)
        self.unsupported = unsupported


class Cursor:
    """Reads a text from beginning to end."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self._depth = 0

    def error(self, why: str, *, at: int | None = None, unsupported: bool = False) -> GrammarTextError:
        """Return an error at a position; None: the current one."""
        before = self.text[: self.place if at is None else at]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return GrammarTextError(f"line {line}, column {column}: {why}", unsupported=unsupported)

    @property
    def done(self) -> bool:
        """Return whether the end of the text is reached."""
        return self.place >= len(self.text)

    def peek(self, text: str) -> bool:
        """Return whether `text` comes next."""
        return self.text.startswith(text, self.place)

    def take(self, text: str) -> bool:
        """Read `text` if it comes next; return whether it did."""
        found = self.peek(text)
        self.place += len(text) if found else 0
        return found

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Read and return what the pattern matches here."""
        found = pattern.match(self.text, self.place)
        if found:
            self.place = found.end()
        return found

    def char(self, ends: str) -> str:
        """Read one required character; `ends` is what the error reports as missing at the end of the text."""
        if self.done:
            raise self.error(f"unexpected end of text, expected {ends}")
        self.place += 1
        return self.text[self.place - 1]

    def escaped(self, plain: str) -> str:
        """Return the character of an escape whose backslash was read. `plain`: characters that stand for themselves."""
        at = self.place - 1
        char = self.char("an escape")
        if char in _DIGITS:
            digits = self.text[self.place : self.place + _DIGITS[char]]
            if len(digits) < _DIGITS[char] or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
                raise self.error(f"\\{char} requires {_DIGITS[char]} hexadecimal digits", at=at)
            code = int(digits, 16)
            if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
                raise self.error(f"\\{char}{digits} is not a character", at=at)
            self.place += len(digits)
            return chr(code)
        if char in plain:
            return char
        if char not in _SHORT:
            raise self.error(f"unknown escape \\{char}", at=at)
        return _SHORT[char]

    def enter(self) -> None:
        """Begin a group."""
        self._depth += 1
        if self._depth > MAX_GRAMMAR_NESTING:
            raise self.error(f"groups nested more than {MAX_GRAMMAR_NESTING} levels deep are not supported")

    def leave(self) -> None:
        """End a group."""
        self._depth -= 1

    def checked(self, low: int, high: int | None, at: int) -> tuple[int, int | None]:
        """Check and return the counts of a repetition."""
        if high is not None and high < low:
            raise self.error(f"repetition of {low} to {high} times: numbers out of order", at=at)
        if max(low, high or 0) > MAX_GRAMMAR_COUNT:
            raise self.error(f"counts above {MAX_GRAMMAR_COUNT} are not supported", at=at)
        return low, high
