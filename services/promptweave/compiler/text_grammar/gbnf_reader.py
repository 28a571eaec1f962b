"""Reads llama.cpp's GBNF (build b11549, `grammars/README.md` there).

Token literals (`<[12]>`, `<think>`, `!<...>`) are rejected: a compiled prompt must work with any engine and vocabulary.
"""

import re

from promptweave.compiler.regex import charset
from promptweave.compiler.text_grammar.cursor import Cursor
from promptweave.compiler.text_grammar.draft import GrammarDraft
from promptweave.output.grammar.expr import ANY_CHAR, Chars, Expr, Grammar, Lit, Rep, alt, seq

_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_SPACE = re.compile(r"(?:[ \t]|#[^\n]*)*")
_LINES = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BEFORE_CHOICE = re.compile(_LINES.pattern + r"(?=\|)")
_COUNT = re.compile(r"\{[ \t]*([0-9]{1,9})[ \t]*(,?)[ \t]*([0-9]{1,9})?[ \t]*\}")
_SIGNS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def read_gbnf(text: str) -> Grammar:
    """Parse a grammar and make it safe for engines. Raises GrammarTextError."""
    cursor = Cursor(text)
    draft = GrammarDraft(cursor, "root")
    reader = _Reader(cursor, draft)
    cursor.match(_LINES)
    while not cursor.done:
        reader.rule()
        cursor.match(_LINES)
    return draft.grammar()


class _Reader:
    def __init__(self, cursor: Cursor, draft: GrammarDraft) -> None:
        self._cursor = cursor
        self._draft = draft

    def rule(self) -> None:
        cursor, at = self._cursor, self._cursor.place
        name = cursor.match(_NAME)
        if not name:
            raise cursor.error("expected a rule name")
        cursor.match(_SPACE)
        if not cursor.take("::="):
            raise cursor.error(f"expected '::=' after the rule name {name[0]!r}")
        cursor.match(_LINES)
        body = self._alternatives(nested=False)
        cursor.match(_SPACE)
        if not (cursor.done or cursor.peek("\n") or cursor.peek("\r")):
            raise cursor.error("expected a new line at the end of the rule" if not cursor.peek(")") else "unmatched ')'")
        self._draft.define(name[0], body, at)

    def _alternatives(self, *, nested: bool) -> Expr:
        items = [self._sequence(nested=nested)]
        while self._cursor.take("|"):
            self._cursor.match(_LINES)
            items.append(self._sequence(nested=nested))
        return alt(*items)

    def _sequence(self, *, nested: bool) -> Expr:
        cursor, items = self._cursor, list[Expr]()
        while True:
            cursor.match(_LINES if nested else _SPACE)
            at = cursor.place
            item = self._item()
            if item is None:
                # A choice may continue on the next line.
                cursor.match(_BEFORE_CHOICE)
                return seq(*items)
            items.append(self._repeated(item, at))

    def _item(self) -> Expr | None:
        cursor, at = self._cursor, self._cursor.place
        if cursor.take('"'):
            return Lit(self._literal())
        if cursor.take("["):
            return self._class()
        if cursor.take("."):
            return ANY_CHAR
        if cursor.take("("):
            cursor.enter()
            cursor.match(_LINES)
            inner = self._alternatives(nested=True)
            cursor.match(_LINES)
            if not cursor.take(")"):
                raise cursor.error("expected ')'" if not cursor.done else "unexpected end of text, expected ')'")
            cursor.leave()
            return inner
        if cursor.peek("<") or cursor.peek("!<"):
            raise cursor.error("tokens (<...>) are not supported; use their text as a literal", unsupported=True)
        if name := cursor.match(_NAME):
            return self._draft.use(name[0], at)
        return None

    def _literal(self) -> str:
        cursor, text = self._cursor, list[str]()
        while (char := cursor.char("'\"' at the end of the literal")) != '"':
            text.append(cursor.escaped('"\\[]') if char == "\\" else char)
        return "".join(text)

    def _class(self) -> Expr:
        cursor, at = self._cursor, self._cursor.place - 1
        negated, ranges = cursor.take("^"), list[tuple[int, int]]()
        while (char := cursor.char("']' at the end of the class")) != "]":
            low = ord(cursor.escaped('"\\[]^-') if char == "\\" else char)
            high = low
            if cursor.peek("-") and not cursor.peek("-]"):
                cursor.take("-")
                char = cursor.char("']' at the end of the class")
                high = ord(cursor.escaped('"\\[]^-') if char == "\\" else char)
                if high < low:
                    raise cursor.error(f"range {chr(low)!r} to {chr(high)!r} is out of order", at=at)
            ranges.append((low, high))
        found = charset.invert(charset.normal(ranges)) if negated else charset.normal(ranges)
        if not found:
            raise cursor.error("empty character class", at=at)
        return Chars(found)

    def _repeated(self, item: Expr, at: int) -> Expr:
        cursor = self._cursor
        while True:
            cursor.match(_SPACE)
            sign = cursor.text[cursor.place : cursor.place + 1]
            if sign in _SIGNS and sign:
                cursor.place += 1
                low, high = _SIGNS[sign]
            elif sign == "{":
                begin = cursor.place
                count = cursor.match(_COUNT)
                if not count:
                    raise cursor.error("invalid count; use {m}, {m,} or {m,n}")
                low = int(count[1])
                high = int(count[3]) if count[3] else None if count[2] else low
                if count[3] and not count[2]:
                    raise cursor.error("invalid count; use {m}, {m,} or {m,n}", at=begin)
                low, high = cursor.checked(low, high, begin)
            else:
                return item
            item = Rep(item, low, high)
