"""Reads grammars printed by `gbnf.py`: one rule per line, and only the subset of GBNF that it generates."""

import re
from collections.abc import Iterator

from promptweave.output.grammar.expr import Chars, Expr, Lit, Ref, Rep, alt, references, seq

_RULE = re.compile(r"([a-zA-Z0-9-]+) ::= (.+)")
_PART = re.compile(
    r"""\ *(?: "(?P<literal>(?:[^"\\]|\\.)*)" | \[(?P<chars>(?:[^\]\\]|\\.)+)\] | (?P<name>[a-zA-Z0-9-]+)
    | (?P<sign>[()|]) | (?P<count>[*+?]|\{\d+(?:,\d*)?\}) )""",
    re.VERBOSE,
)
_CHAR = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)|([^\\])", re.DOTALL)
_END = r"(\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}|[0-9A-Za-z])"
_RANGE = re.compile(f"{_END}(?:-{_END})?")
"""In a class, only ASCII letters and digits stand for themselves. Hex escapes have a fixed number of digits; digits after
them are characters."""
_ESCAPES = {"n": 10, "r": 13, "t": 9, "\\": 92, '"': 34}
_COUNTS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


class ForeignGrammarError(ValueError):
    """The text was not printed by `gbnf.py`."""


def read_printed(text: str) -> dict[str, Expr]:
    """Return the rules by name. Raises ForeignGrammarError."""
    rules: dict[str, Expr] = {}
    for line in text.removesuffix("\n").split("\n"):
        found = _RULE.fullmatch(line)
        if not found or found[1] in rules:
            raise ForeignGrammarError(line[:80])
        rules[found[1]] = _body(found[2])
    named = {name for body in rules.values() for name in references(body)}
    if "root" not in rules or named - rules.keys():
        raise ForeignGrammarError("a rule is missing")
    return rules


def _body(text: str) -> Expr:
    """Parse the body of a rule."""
    # Open groups: the complete alternatives, and the items of the current one.
    groups: list[tuple[list[Expr], list[Expr]]] = [([], [])]
    place = 0
    while place < len(text):
        part = _PART.match(text, place)
        if not part:
            raise ForeignGrammarError(text[place : place + 80])
        place = part.end()
        options, items = groups[-1]
        match part.lastgroup, part[part.lastgroup or 0]:
            case "literal", literal:
                items.append(Lit("".join(map(chr, _codes(literal)))))
            case "chars", ranges:
                items.append(Chars(tuple(_ranges(ranges))))
            case "name", name:
                items.append(Ref(name))
            case "count", count if items:
                items[-1] = Rep(items[-1], *_count(count))
            case "sign", "(":
                groups.append(([], []))
            case "sign", "|":
                options.append(seq(*items))
                items.clear()
            case "sign", ")" if len(groups) > 1:
                groups.pop()
                groups[-1][1].append(alt(*options, seq(*items)))
            case _:
                raise ForeignGrammarError(text[:80])
    if len(groups) > 1:
        raise ForeignGrammarError(text[:80])
    options, items = groups[0]
    return alt(*options, seq(*items))


def _codes(text: str) -> Iterator[int]:
    for escape, char in _CHAR.findall(text):
        if char:
            yield ord(char)
        elif len(escape) > 1:
            code = int(escape[1:], 16)
            if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
                raise ForeignGrammarError(f"\\{escape}")
            yield code
        elif escape in _ESCAPES:
            yield _ESCAPES[escape]
        else:
            raise ForeignGrammarError(f"\\{escape}")


def _ranges(text: str) -> Iterator[tuple[int, int]]:
    place = 0
    while place < len(text):
        found = _RANGE.match(text, place)
        if not found:
            raise ForeignGrammarError(text[:80])
        place = found.end()
        low, high = (next(_codes(end)) if end else None for end in found.groups())
        assert low is not None
        yield low, low if high is None else high


def _count(text: str) -> tuple[int, int | None]:
    if text in _COUNTS:
        return _COUNTS[text]
    low, comma, high = text[1:-1].partition(",")
    return int(low), (int(high) if high else None) if comma else int(low)
