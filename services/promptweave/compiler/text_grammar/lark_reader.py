"""Reads a subset of Lark: rules, terminals, strings, regular expressions, groups, `?`, `*`, `+`, counts, character ranges,
`%ignore`, and `%import` of Lark's library of terminals. Templates, `%declare` and the like are rejected by name.

Grammars are interpreted as by Lark's Earley parser: a grammar accepts every text that it can parse, wherever its terminals
end. Names of alternatives (`-> name`), `?` and `!` before a rule's name and priorities only affect trees, not texts.
"""

import re

from promptweave.compiler.json_schema.emit.dfa_to_grammar import automaton_expr
from promptweave.compiler.regex import charset
from promptweave.compiler.regex.dfa import TooManyStatesError
from promptweave.compiler.regex.ecma_parser import PatternError
from promptweave.compiler.regex.ecma_to_dfa import whole_dfa
from promptweave.compiler.text_grammar.cursor import Cursor
from promptweave.compiler.text_grammar.draft import GrammarDraft, any_case, embedded
from promptweave.compiler.text_grammar.lark_common import COMMON
from promptweave.output.grammar.expr import EMPTY, NOTHING, Chars, Expr, Grammar, Lit, Ref, Rep, Rules, alt, optional, seq

_NAME = re.compile(r"_?[a-zA-Z][a-zA-Z0-9_]*|_+[a-zA-Z0-9][a-zA-Z0-9_]*")
_SPACE = re.compile(r"(?:[ \t]|\\\r?\n|//[^\n]*|#[^\n]*)*")
_LINES = re.compile(r"(?:[ \t\r\n]|//[^\n]*|#[^\n]*)*")
_BEFORE_CHOICE = re.compile(_LINES.pattern + r"(?=\|)")
_PRIORITY = re.compile(r"\.-?[0-9]+")
_REGEX = re.compile(r"/(?!/)((?:[^\\/\n\[]|\\[^\n]|\[(?:[^\\\]\n]|\\[^\n])*\])+)/([imslux]*)")
_TILDE = re.compile(r"~[ \t]*([0-9]{1,9})(?:[ \t]*\.\.[ \t]*([0-9]{1,9}))?")
_BRACES = re.compile(r"\{[ \t]*([0-9]{1,9})?[ \t]*(,?)[ \t]*([0-9]{1,9})?[ \t]*\}")
_SIGNS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_IMPORT = re.compile(r"[ \t]+common(?:\.([A-Z_0-9]+)(?:[ \t]*->[ \t]*([A-Z_0-9]+))?|[ \t]*\(([A-Z_0-9, \t]+)\))")
_IGNORED = "%ignore"


def read_lark(text: str) -> Grammar:
    """Parse a grammar and make it safe for engines. Raises GrammarTextError."""
    return _read(text, "start").grammar()


def _read(text: str, start: str) -> GrammarDraft:
    cursor = Cursor(text)
    draft = GrammarDraft(cursor, start)
    reader = _Reader(cursor, draft, ignores=bool(re.search(r"^[ \t]*%ignore\b", text, re.MULTILINE)))
    cursor.match(_LINES)
    while not cursor.done:
        reader.statement()
        cursor.match(_LINES)
    reader.finish()
    return draft


class _Reader:
    def __init__(self, cursor: Cursor, draft: GrammarDraft, *, ignores: bool) -> None:
        self._cursor = cursor
        self._draft = draft
        self._ignores = ignores
        self._ignored: list[Expr] = []
        self._in_rule = False
        self._regexes = 0

    def finish(self) -> None:
        """Complete the draft after the end of the text."""
        if self._ignores and self._draft.start in self._draft.rules:
            self._draft.rules[_IGNORED] = Rep(alt(*self._ignored))
            start_name = f"{_IGNORED} {self._draft.start}"
            self._draft.rules[start_name] = seq(Ref(_IGNORED), Ref(self._draft.start))
            self._draft.start = start_name

    def statement(self) -> None:
        """Read a rule, a terminal, or an instruction."""
        cursor, at = self._cursor, self._cursor.place
        if cursor.take("%"):
            self._instruction(at)
        else:
            cursor.take("?") or cursor.take("!")
            name = cursor.match(_NAME)
            if not name:
                raise cursor.error("expected the name of a rule or terminal")
            if cursor.peek("{"):
                raise cursor.error("templates are not supported; write the rule out", unsupported=True)
            if cursor.peek("["):
                raise cursor.error("rule attributes are not supported", unsupported=True)
            cursor.match(_PRIORITY)
            cursor.match(_SPACE)
            if not cursor.take(":"):
                raise cursor.error(f"expected ':' after the name {name[0]!r}")
            self._in_rule = name[0].strip("_")[:1].islower()
            self._draft.define(name[0], self._alternatives(nested=False), at)
        self._end_of_line()

    def _end_of_line(self) -> None:
        cursor = self._cursor
        cursor.match(_SPACE)
        if not (cursor.done or cursor.peek("\n") or cursor.peek("\r")):
            raise cursor.error("unmatched ')'" if cursor.peek(")") else "unexpected input")

    def _instruction(self, at: int) -> None:
        cursor = self._cursor
        name = cursor.match(_NAME)
        word = name[0] if name else ""
        if word == "ignore":
            self._in_rule = False
            self._ignored.append(self._alternatives(nested=False))
        elif word == "import":
            found = cursor.match(_IMPORT)
            if not found:
                raise cursor.error(
                    "only Lark's common terminals can be imported (%import common.NAME)", at=at, unsupported=True
                )
            for one in [found[1]] if found[1] else found[3].replace(",", " ").split():
                self._import(one, found[2] or one, at)
        elif word == "llguidance" and at == 0:
            cursor.match(re.compile(r"[^\n]*"))
        else:
            raise cursor.error(f"%{word} is not supported", at=at, unsupported=True)

    def _import(self, name: str, alias: str, at: int) -> None:
        common = _read(COMMON, name)
        if name not in common.rules:
            raise self._cursor.error(f"unknown terminal common.{name}", at=at)
        self._draft.define(alias, embedded(common.grammar(), self._draft, f"common.{name}"), at)

    def _alternatives(self, *, nested: bool) -> Expr:
        items = [self._sequence(nested=nested)]
        while self._cursor.take("|"):
            items.append(self._sequence(nested=nested))
        return alt(*items)

    def _sequence(self, *, nested: bool) -> Expr:
        cursor, items = self._cursor, list[Expr]()
        while True:
            cursor.match(_LINES if nested else _SPACE)
            item = self._item()
            if item is None:
                break
            items.append(self._repeated(item))
        if cursor.take("->"):
            cursor.match(_SPACE)
            if not cursor.match(_NAME):
                raise cursor.error("expected the name of the alternative")
        cursor.match(_BEFORE_CHOICE)
        return seq(*items)

    def _item(self) -> Expr | None:
        cursor, at = self._cursor, self._cursor.place
        for opening, closing in (("(", ")"), ("[", "]")):
            if cursor.take(opening):
                cursor.enter()
                inner = self._alternatives(nested=True)
                cursor.match(_LINES)
                if not cursor.take(closing):
                    raise cursor.error(f"expected {closing!r}")
                cursor.leave()
                return inner if opening == "(" else optional(inner)
        if cursor.take('"'):
            return self._terminal(self._string())
        if regex := cursor.match(_REGEX):
            return self._terminal(self._regex(regex[1], regex[2], at))
        if name := cursor.match(_NAME):
            if cursor.peek("{") and not cursor.match(re.compile(r"(?=\{[ \t]*[0-9,])")):
                raise cursor.error("templates are not supported; write the rule out", unsupported=True)
            used = self._draft.use(name[0], at)
            return used if name[0].strip("_")[:1].islower() else self._terminal(used)
        for sign, what in (
            ("<", "tokens (<...>)"),
            ("@", "included grammars"),
            ("%", "directives inside rules"),
        ):
            if cursor.peek(sign):
                raise cursor.error(f"{what} are not supported", unsupported=True)
        return None

    def _terminal(self, item: Expr) -> Expr:
        """Return a terminal in a rule, followed by what may be ignored after it."""
        return seq(item, Ref(_IGNORED)) if self._ignores and self._in_rule else item

    def _string(self) -> Expr:
        cursor, at = self._cursor, self._cursor.place - 1
        text = self._until_quote()
        if cursor.peek("..") and not cursor.peek("..."):
            cursor.place += 2
            if not cursor.take('"'):
                raise cursor.error('invalid range; use "a".."z"')
            last = self._until_quote()
            if len(text) != 1 or len(last) != 1 or last < text:
                raise cursor.error("a range requires two single characters in ascending order", at=at)
            return Chars(charset.normal([(ord(text), ord(last))]))
        return any_case(text) if cursor.take("i") else Lit(text)

    def _until_quote(self) -> str:
        cursor, text = self._cursor, list[str]()
        while (char := cursor.char("'\"' at the end of the string")) != '"':
            if char == "\n":
                raise cursor.error("unterminated string", at=cursor.place - 1)
            text.append(cursor.escaped("\"'\\/") if char == "\\" else char)
        return "".join(text)

    def _regex(self, source: str, flags: str, at: int) -> Expr:
        if flags.strip("u"):
            why = f"regular expression flag {flags.strip('u')!r} is not supported; write it out"
            raise self._cursor.error(why, at=at, unsupported=True)
        try:
            dfa = whole_dfa(source.replace("\\/", "/"), assertions=False)
        except (PatternError, TooManyStatesError) as error:
            raise self._cursor.error(f"regular expression /{source}/: {error}", at=at) from None
        if dfa.is_empty:
            return NOTHING
        own = Rules()
        root = automaton_expr(dfa, own, "state", end=EMPTY, raw=True)
        self._regexes += 1
        return embedded(own.grammar(root), self._draft, f"regex {self._regexes}")

    def _repeated(self, item: Expr) -> Expr:
        cursor = self._cursor
        while True:
            at, sign = cursor.place, cursor.text[cursor.place : cursor.place + 1]
            if sign and sign in _SIGNS:
                cursor.place += 1
                item = Rep(item, *_SIGNS[sign])
            elif tilde := cursor.match(_TILDE):
                item = Rep(item, *cursor.checked(int(tilde[1]), int(tilde[2] or tilde[1]), at))
            elif (braces := cursor.match(_BRACES)) and (braces[1] or braces[3]):
                low = int(braces[1] or 0)
                high = int(braces[3]) if braces[3] else None if braces[2] else low
                item = Rep(item, *cursor.checked(low, high, at))
            elif sign in ("~", "{"):
                raise cursor.error("invalid count; use ~n, ~n..m or {n,m}", at=at)
            else:
                return item
