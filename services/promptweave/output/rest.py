"""What may follow a text that has begun: a grammar again, the derivative of the one that it began by (Brzozowski, 1964)."""

from collections.abc import Iterable, Mapping
from contextlib import suppress

from promptweave.output.gbnf import to_gbnf
from promptweave.output.grammar import EMPTY, NOTHING, Alt, Chars, Expr, Grammar, Lit, Ref, Rep, Seq, alt, references, seq

_LONGEST_CERTAIN = 4096
"""Characters: a grammar may force a text without end."""

_GROWTH, _LARGEST = 4, 2000
"""How much larger than all the rules a rest may be: of an ambiguous grammar the ways to read a text may double with each
character."""

Ranges = list[tuple[int, int]]


class AmbiguousGrammarError(ValueError):
    """There are too many ways to read a text."""


class Rest:
    """What may follow the text so far. Values: the same rest is the same object, of one `Rests`."""

    def __init__(self, expr: Expr, rests: "Rests") -> None:
        self._rests = rests
        self._next: dict[str, Rest | None] = {}
        self._certain: str | None = None
        self.expr = expr
        self.may_end = rests.nullable(expr)
        """Whether the text may end here."""

    @property
    def over(self) -> bool:
        """Whether the text must end here."""
        return self.may_end and self.beginnings(0) == []

    def after(self, text: str) -> "Rest | None":
        """What may follow when `text` has come. None: it may not come. Raises AmbiguousGrammarError."""
        rest: Rest | None = self
        for char in text:
            if rest is None:
                return None
            rest = rest._step(char)
        return rest

    def certain(self) -> str:
        """The text that must come next, as far as it is certain."""
        if self._certain is None:
            text, rest = "", self
            with suppress(AmbiguousGrammarError, RecursionError):
                while len(text) < _LONGEST_CERTAIN and (char := rest._only()):
                    following = rest._step(char)
                    assert following, "it is the only one"
                    text, rest = text + char, following
            self._certain = text
        return self._certain

    def beginnings(self, most: int) -> list[str] | None:
        """The characters that may come next. None: more than `most`."""
        ranges = sorted(self._rests.first(self.expr))
        if sum(high - low + 1 for low, high in ranges) > 4 * most:
            return None
        found = dict.fromkeys(chr(code) for low, high in ranges for code in range(low, high + 1))
        return list(found) if len(found) <= most else None

    def gbnf(self) -> str:
        """The grammar of what may follow; no rule may have the name `root`. Raises GrammarTooLargeError."""
        return to_gbnf(Grammar(self.expr, self._rests.below(self.expr)))

    def _only(self) -> str | None:
        """The character that must come next."""
        if self.may_end:
            return None
        found = self.beginnings(1)
        return found[0] if found else None

    def _step(self, char: str) -> "Rest | None":
        if char not in self._next:
            after = self._rests.after(self.expr, ord(char))
            self._next[char] = None if after == NOTHING else self._rests.of(after)
        return self._next[char]


class Rests:
    """The rests of texts that begin by one grammar."""

    def __init__(self, rules: Mapping[str, Expr], most: int = 20_000) -> None:
        """`most`: rests that are remembered."""
        self._rules, self._most = rules, most
        self._largest = _GROWTH * sum(map(_size, rules.values())) + _LARGEST
        self._known: dict[Expr, Rest] = {}
        self._nullable: dict[str, bool] = {}

    def of(self, expr: Expr) -> Rest:
        """The rest that is `expr`. Raises AmbiguousGrammarError."""
        if expr not in self._known:
            if _size(expr) > self._largest:
                raise AmbiguousGrammarError
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[expr] = Rest(expr, self)
        return self._known[expr]

    def nullable(self, expr: Expr) -> bool:
        """Whether the empty text is one of it."""
        match expr:
            case Lit(text):
                return not text
            case Chars():
                return False
            case Seq(items):
                return all(map(self.nullable, items))
            case Alt(items):
                return any(map(self.nullable, items))
            case Rep(_, low, _):
                return low == 0
            case Ref(name):
                if name not in self._nullable:
                    self._nullable[name] = False  # A rule that needs itself to end does not end.
                    self._nullable[name] = self.nullable(self._rules[name])
                return self._nullable[name]

    def first(self, expr: Expr) -> Iterable[tuple[int, int]]:
        """How its texts may begin."""
        match expr:
            case Lit(text):
                return [(ord(text[0]), ord(text[0]))] if text else []
            case Chars(ranges):
                return ranges
            case Alt(items):
                return [pair for item in items for pair in self.first(item)]
            case Seq(items):
                found: Ranges = []
                for item in items:
                    found += self.first(item)
                    if not self.nullable(item):
                        break
                return found
            case Rep(item, _, high):
                return [] if high == 0 else self.first(item)
            case Ref(name):
                return self.first(self._rules[name])

    def after(self, expr: Expr, code: int) -> Expr:
        """The texts of `expr` that begin with a character, less that character."""
        match expr:
            case Lit(text):
                return seq(Lit(text[1:])) if text and ord(text[0]) == code else NOTHING
            case Chars(ranges):
                return EMPTY if any(low <= code <= high for low, high in ranges) else NOTHING
            case Alt(items):
                return alt(*(self.after(item, code) for item in items))
            case Seq(items):
                found = []
                for place, item in enumerate(items):
                    found.append(seq(self.after(item, code), *items[place + 1 :]))
                    if not self.nullable(item):
                        break
                return alt(*found)
            case Rep(item, low, high):
                if high == 0:
                    return NOTHING
                more = EMPTY if high == 1 else Rep(item, max(low - 1, 0), None if high is None else high - 1)
                return seq(self.after(item, code), more)
            case Ref(name):
                return self.after(self._rules[name], code)

    def below(self, expr: Expr) -> dict[str, Expr]:
        """The rules that it leads to."""
        found: dict[str, Expr] = {}
        waiting = references(expr)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = self._rules[name]
                waiting.extend(references(found[name]))
        return found


def _size(expr: Expr) -> int:
    """How many parts it has."""
    size, waiting = 0, [expr]
    while waiting:
        size += 1
        match waiting.pop():
            case Seq(items) | Alt(items):
                waiting.extend(items)
            case Rep(item, _, _):
                waiting.append(item)
    return size
