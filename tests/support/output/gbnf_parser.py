"""Parses GBNF text, as the engine gets it, into grammar values: only what `output/grammar/gbnf.py` prints."""

import re

from promptweave.output.grammar.expr import Alt, Chars, Expr, Grammar, Lit, Ref, Rep, Seq

_TOKEN = re.compile(
    r'\s*(?:(?P<lit>"(?:[^"\\]|\\.)*")|(?P<set>\[(?:[^\]\\]|\\.)*\])|(?P<ref>[a-z][a-z0-9-]*)|(?P<op>[()|*+?])|(?P<count>\{[0-9,]+\}))'
)
_ESCAPE = re.compile(r"\\(?:x(..)|u(....)|U(.{8})|(.))", re.DOTALL)
_SHORT = {"n": "\n", "r": "\r", "t": "\t"}
_COUNTS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def grammar_from_gbnf(text: str) -> Grammar:
    """The grammar that the text says."""
    rules = {}
    for line in text.splitlines():
        name, body = line.split(" ::= ", 1)
        assert name not in rules, f"two rules {name}"
        rules[name] = _Reader(body).alternatives()
    return Grammar(rules.pop("root"), rules)


def _unescape(text: str) -> str:
    def char(found: re.Match[str]) -> str:
        *codes, single = found.groups()
        code = next((code for code in codes if code), None)
        return chr(int(code, 16)) if code else _SHORT.get(single, single)

    return _ESCAPE.sub(char, text)


class _Reader:
    def __init__(self, body: str) -> None:
        self._tokens = []
        place = 0
        while place < len(body):
            found = _TOKEN.match(body, place)
            assert found, f"not GBNF: {body[place:]!r}"
            assert found.lastgroup
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            place = found.end()

    def _next(self) -> tuple[str, str]:
        return self._tokens[0] if self._tokens else ("end", "")

    def alternatives(self) -> Expr:
        items = [self._sequence()]
        while self._next() == ("op", "|"):
            self._tokens.pop(0)
            items.append(self._sequence())
        return items[0] if len(items) == 1 else Alt(tuple(items))

    def _sequence(self) -> Expr:
        items: list[Expr] = []
        while self._next()[0] in ("lit", "set", "ref") or self._next() == ("op", "("):
            items.append(self._repeated(self._item()))
        assert items, "an empty body"
        return items[0] if len(items) == 1 else Seq(tuple(items))

    def _item(self) -> Expr:
        kind, text = self._tokens.pop(0)
        if kind == "lit":
            return Lit(_unescape(text[1:-1]))
        if kind == "ref":
            return Ref(text)
        if kind == "set":
            return _chars(text[1:-1])
        inner = self.alternatives()
        assert self._tokens.pop(0) == ("op", ")")
        return inner

    def _repeated(self, item: Expr) -> Expr:
        kind, text = self._next()
        if kind == "count":
            low, _, high = text[1:-1].partition(",")
            self._tokens.pop(0)
            return Rep(item, int(low), (int(high) if high else None) if "," in text else int(low))
        if text in _COUNTS:
            self._tokens.pop(0)
            return Rep(item, *_COUNTS[text])
        return item


def _chars(text: str) -> Chars:
    # A dash between two characters is bare: one that is meant is written by its number.
    units = re.findall(r"\\x..|\\u....|\\U.{8}|.", text)
    ranges, place = [], 0
    while place < len(units):
        last = place + 2 if units[place + 1 : place + 2] == ["-"] else place
        ranges.append((ord(_unescape(units[place])), ord(_unescape(units[last]))))
        place = last + 1
    return Chars(tuple(ranges))
