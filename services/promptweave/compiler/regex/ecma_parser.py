"""Parses ECMA-262 regular expressions, as in JSON Schema's `pattern` (Unicode mode, no flags), to a closed set of nodes."""

from dataclasses import dataclass

from promptweave.compiler.regex import charset
from promptweave.compiler.regex.charset import Ranges
from promptweave.compiler.regex.language import OneOf
from promptweave.compiler.regex.unicode_sets import class_set, property_set

MAX_PATTERN_COUNT = 100_000
MAX_PATTERN_NESTING = 60


class PatternError(Exception):
    """A pattern that is malformed, or contains what no automaton can do; the message explains which."""


@dataclass(frozen=True, slots=True)
class Series:
    """Items in order."""

    items: tuple["PatternNode", ...]


@dataclass(frozen=True, slots=True)
class Options:
    """One of several alternatives."""

    items: tuple["PatternNode", ...]


@dataclass(frozen=True, slots=True)
class Times:
    """`item` repeated `min` to `max` times (None: unbounded). Lazy and greedy match the same texts."""

    item: "PatternNode"
    min: int
    max: int | None


@dataclass(frozen=True, slots=True)
class Start:
    """`^`: the start of the text."""


@dataclass(frozen=True, slots=True)
class End:
    """`$`: the end of the text. `wide`: or before a final line feed, as in some validators (Python's `re`)."""

    wide: bool


@dataclass(frozen=True, slots=True)
class Boundary:
    """`\\b`, or `\\B` if negated. `wide`: it matches if it does for any validator, instead of for all of them."""

    negated: bool
    wide: bool


@dataclass(frozen=True, slots=True)
class Look:
    """A look-ahead or look-behind assertion."""

    item: "PatternNode"
    ahead: bool
    negated: bool


PatternNode = OneOf | Series | Options | Times | Start | End | Boundary | Look


def parse(source: str, *, wide: bool = False) -> PatternNode:
    """Parse a pattern. `wide`: as the most permissive validator reads it (`unicode_sets`). Raises PatternError."""
    reader = _Reader(source, wide)
    pattern = reader.options()
    if reader.remainder():
        raise PatternError("unmatched )")
    return pattern


_CONTROL = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}


class _Reader:
    def __init__(self, source: str, wide: bool) -> None:
        self._source = source
        self._place = 0
        self._wide = wide
        self._depth = 0

    def remainder(self) -> str:
        return self._source[self._place :]

    def _peek(self, text: str) -> bool:
        return self._source.startswith(text, self._place)

    def _take(self, text: str) -> bool:
        found = self._peek(text)
        if found:
            self._place += len(text)
        return found

    def _next(self) -> str:
        if self._place >= len(self._source):
            raise PatternError("unexpected end of the pattern")
        self._place += 1
        return self._source[self._place - 1]

    def options(self) -> PatternNode:
        self._depth += 1
        if self._depth > MAX_PATTERN_NESTING:
            raise PatternError(f"groups nested more than {MAX_PATTERN_NESTING} levels deep are not supported")
        items = [self._series()]
        while self._take("|"):
            items.append(self._series())
        self._depth -= 1
        return items[0] if len(items) == 1 else Options(tuple(items))

    def _series(self) -> PatternNode:
        items: list[PatternNode] = []
        while self.remainder() and not self._peek("|") and not self._peek(")"):
            items.append(self._counted(self._term()))
        return items[0] if len(items) == 1 else Series(tuple(items))

    def _counted(self, item: PatternNode) -> PatternNode:
        count = self._count()
        if count is None:
            return item
        if isinstance(item, Start | End | Boundary | Look):
            raise PatternError("an assertion cannot be repeated")
        self._take("?")
        if self._count() is not None:
            raise PatternError("nothing to repeat")
        return Times(item, *count)

    def _count(self) -> tuple[int, int | None] | None:
        for sign, count in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return count
        if not self._peek("{"):
            return None
        inner, closing, _ = self.remainder()[1:].partition("}")
        low, comma, high = inner.partition(",")
        if closing and comma and not low and (not high or _number(high)):
            raise PatternError(f"{{{inner}}}: not every validator reads this as a count; use {{0,{high}}}")
        if not closing or not _number(low) or (high and not _number(high)):
            return None  # a literal brace
        self._place += len(inner) + 2
        least, most = int(low), (int(high) if high else None) if comma else int(low)
        if most is not None and most < least:
            raise PatternError(f"{{{inner}}}: numbers out of order")
        if max(least, most or 0) > MAX_PATTERN_COUNT:
            raise PatternError(f"{{{inner}}}: counts above {MAX_PATTERN_COUNT} are not supported")
        return least, most

    def _term(self) -> PatternNode:
        char = self._next()
        match char:
            case "^":
                return Start()
            case "$":
                return End(self._wide)
            case ".":
                return OneOf(class_set(".", wide=self._wide))
            case "[":
                return OneOf(self._class())
            case "(":
                return self._group()
            case "\\":
                return self._escape()
            case "*" | "+" | "?":
                raise PatternError("nothing to repeat")
            case "{":
                self._place -= 1
                if self._count() is not None:
                    raise PatternError("nothing to repeat")
                self._place += 1
        return OneOf(charset.of(char))

    def _group(self) -> PatternNode:
        if not self._take("?"):
            return self._closed()
        for sign, ahead, negated in (("=", True, False), ("!", True, True), ("<=", False, False), ("<!", False, True)):
            if self._take(sign):
                # The body of a negated assertion is read with the opposite width.
                self._wide ^= negated
                inner = self._closed()
                self._wide ^= negated
                return Look(inner, ahead, negated)
        if self._take("<") or self._take("P<"):
            name, closing, _ = self.remainder().partition(">")
            if not closing or not name.isidentifier():
                raise PatternError("malformed group name")
            self._place += len(name) + 1
            return self._closed()
        if self._take(":"):
            return self._closed()
        raise PatternError(f"(?{self.remainder()[:1]}: flags and this kind of group are not supported")

    def _closed(self) -> PatternNode:
        inner = self.options()
        if not self._take(")"):
            raise PatternError("unmatched (")
        return inner

    def _escape(self) -> PatternNode:
        char = self._next()
        if char in "bB":
            return Boundary(char == "B", self._wide)
        if char in "123456789" or char == "k":
            raise PatternError("back-references are not supported")
        return OneOf(self._escaped(char, wide=self._wide))

    def _escaped(self, char: str, *, wide: bool) -> Ranges:
        """Return the set of an escape, inside or outside of a class."""
        if char in "dDwWsS":
            return class_set(char, wide=wide)
        if char in "pP":
            return self._property(negated=char == "P")
        return charset.of(self._escaped_char(char))

    def _escaped_char(self, char: str) -> str:
        if char in _CONTROL:
            return _CONTROL[char]
        if char == "0" and not self.remainder()[:1].isdigit():
            return "\0"
        if char == "c" and self.remainder()[:1].isascii() and self.remainder()[:1].isalpha():
            return chr(ord(self._next()) % 32)
        if char == "x":
            return chr(self._hex(2))
        if char == "u":
            return self._unicode_escape()
        if char.isalnum() or char == "_":
            raise PatternError(f"\\{char} is not an ECMA-262 escape")
        return char

    def _hex(self, digits: int) -> int:
        text = self.remainder()[:digits]
        if len(text) < digits or any(char not in "0123456789abcdefABCDEF" for char in text):
            raise PatternError("missing digits in an escape")
        self._place += digits
        return int(text, 16)

    def _unicode_escape(self) -> str:
        if self._take("{"):
            digits, closing, _ = self.remainder().partition("}")
            if not closing or not digits or len(digits) > 8 or any(c not in "0123456789abcdefABCDEF" for c in digits):
                raise PatternError("malformed \\u{...}")
            self._place += len(digits) + 1
            code = int(digits, 16)
        else:
            code = self._hex(4)
            if 0xD800 <= code <= 0xDFFF:
                # Validators disagree on whether two of them are one character.
                raise PatternError("surrogates are not supported; use the character itself or \\u{...}")
        if code > 0x10FFFF:
            raise PatternError("\\u{...} is not a Unicode code point")
        return chr(code)

    def _property(self, *, negated: bool) -> Ranges:
        if not self._take("{"):
            raise PatternError("\\p requires a property in braces")
        name, closing, _ = self.remainder().partition("}")
        if not closing:
            raise PatternError("\\p{ is not closed")
        self._place += len(name) + 1
        found = property_set(name)
        if found is None:
            raise PatternError(f"\\p{{{name}}}: only Unicode general categories are supported")
        return charset.invert(found) if negated else found

    def _class(self) -> Ranges:
        negated = self._take("^")
        wide = self._wide ^ negated
        found: list[Ranges] = []
        if self._peek("]") and "]" in self.remainder()[1:]:
            # Empty in ECMA-262; for some validators (Python's `re`) it begins a class that contains a bracket.
            raise PatternError(
                "engines read an empty class differently; use \\] for a bracket or [\\s\\S] for any character"
            )
        while not self._take("]"):
            low = self._class_atom(wide)
            if self._peek("-") and not self._peek("-]"):
                self._place += 1
                high = self._class_atom(wide)
                if not isinstance(low, str) or not isinstance(high, str):
                    # A dash next to a character class is literal.
                    found += [charset.of(part) if isinstance(part, str) else part for part in (low, "-", high)]
                    continue
                if low > high:
                    raise PatternError(f"range {low}-{high} is out of order")
                found.append(charset.normal([(ord(low), ord(high))]))
            else:
                found.append(charset.of(low) if isinstance(low, str) else low)
        whole = charset.union(*found)
        return charset.invert(whole) if negated else whole

    def _class_atom(self, wide: bool) -> str | Ranges:
        char = self._next()
        if char != "\\":
            return char
        char = self._next()
        if char == "b":
            return "\b"
        if char in "dDwWsSpP":
            return self._escaped(char, wide=wide)
        return self._escaped_char(char)


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9
