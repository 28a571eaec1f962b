"""Rewrites a caller's grammar to the same language in a form that engines can handle.

llama.cpp's grammar code cannot handle left recursion and repetition of items that may be empty
(`output/grammar/safety.py`). Both are rewritten if that preserves the language: `a ::= a x | b` becomes `b x*`, and `(x?)*`
becomes `x*`. Left recursion through other rules is rejected.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from promptweave.compiler.text_grammar.cursor import Cursor
from promptweave.output.grammar.expr import EMPTY, NOTHING, Alt, Expr, Grammar, Lit, Ref, Rep, Rules, Seq, alt, seq
from promptweave.output.grammar.prefixes import ambiguous_prefix
from promptweave.output.grammar.safety import is_nullable, left_recursive, nullable_rules

_NONEMPTY = " nonempty"
"""Suffix of a rule's name: its texts without the empty one. No notation allows names with a space."""


@dataclass
class GrammarDraft:
    """Rules by name, and where in the text each is defined and first used."""

    cursor: Cursor
    start: str
    rules: dict[str, Expr] = field(default_factory=dict)
    defined: dict[str, int] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)

    def define(self, name: str, body: Expr, at: int) -> None:
        """Add a rule, which must not be defined yet. Raises GrammarTextError."""
        if name in self.rules:
            raise self.cursor.error(f"duplicate rule {name!r}", at=at)
        self.rules[name] = body
        self.defined[name] = at

    def use(self, name: str, at: int) -> Ref:
        """Return a reference to a rule, and record its position."""
        self.used.setdefault(name, at)
        return Ref(name)

    def grammar(self) -> Grammar:
        """Return the grammar, safe for engines. Raises GrammarTextError."""
        for name, at in self.used.items():
            if name not in self.rules:
                raise self.cursor.error(f"rule {name!r} is not defined", at=at)
        if self.start not in self.rules:
            raise self.cursor.error(f"missing start rule {self.start!r}", at=0)
        straight = {name: _straight(name, body) for name, body in self.rules.items()}
        rules = _without_empty_items(straight)
        for name in left_recursive(rules):
            at = self.defined.get(name.removesuffix(_NONEMPTY), 0)
            raise self.cursor.error(f"rule {name.removesuffix(_NONEMPTY)!r} is left-recursive; rewrite it", at=at)
        at = self.defined.get(self.start, 0)
        kept = Rules.of(_factored(rules)).grammar(rules[self.start])
        if kept.root == NOTHING:
            raise self.cursor.error(f"{self.start!r} matches no finite text: every alternative recurses", at=at)
        if (text := ambiguous_prefix(kept)) is not None:
            what = f"the text {text!r}" if text else "a rule"
            why = f"{what} has too many parses for an engine; make the grammar less ambiguous"
            raise self.cursor.error(why, at=at)
        return kept


def _straight(name: str, body: Expr) -> Expr:
    """Eliminate direct left recursion: the alternatives that do not begin with the rule, then repetitions of the tails."""
    items = body.items if isinstance(body, Alt) else (body,)
    base, tails = [], []
    for item in items:
        head, *rest = item.items if isinstance(item, Seq) and item.items else (item,)
        if head != Ref(name):
            base.append(item)
        elif rest:
            tails.append(seq(*rest))
    return seq(alt(*base), Rep(alt(*tails))) if tails else alt(*base)


def _without_empty_items(rules: dict[str, Expr]) -> dict[str, Expr]:
    """Return rules of the same languages in which no repeated item may be empty."""
    nullable = nullable_rules(rules)
    wanted: list[str] = []

    def rewritten(expr: Expr) -> Expr:
        match expr:
            case Seq(items):
                return seq(*map(rewritten, items))
            case Alt(items):
                return alt(*map(rewritten, items))
            case Rep(item, low, high):
                if high == 0:
                    return EMPTY
                if not is_nullable(item, nullable):
                    return Rep(rewritten(item), low, high)
                item = nonempty(item)
                return Rep(item, 0, high) if item != NOTHING else EMPTY
        return expr

    def nonempty(expr: Expr) -> Expr:
        """Return the texts of `expr` without the empty one."""
        if not is_nullable(expr, nullable):
            return rewritten(expr)
        match expr:
            case Ref(name):
                wanted.append(name)
                return Ref(name + _NONEMPTY)
            case Alt(items):
                return alt(*(item for item in map(nonempty, items) if item != NOTHING))
            case Seq(items):
                return alt(*(item for item in _by_first_nonempty(items) if item != NOTHING))
            case Rep(item, _, high):
                inner = nonempty(item)
                if inner == NOTHING or high == 0:
                    return NOTHING
                return inner if high == 1 else Rep(inner, 1, high)
        return NOTHING

    def _by_first_nonempty(items: tuple[Expr, ...]) -> Iterator[Expr]:
        """Split a sequence of items that may all be empty by its first nonempty item."""
        for place, item in enumerate(items):
            yield seq(nonempty(item), *map(rewritten, items[place + 1 :]))

    done = {name: rewritten(body) for name, body in rules.items()}
    while wanted:
        name = wanted.pop()
        if name + _NONEMPTY not in done:
            done[name + _NONEMPTY] = NOTHING
            done[name + _NONEMPTY] = nonempty(rules[name])
    return done


def _factored(rules: dict[str, Expr]) -> dict[str, Expr]:
    """Return rules of the same languages in which alternatives that begin with the same item share it.

    Otherwise engines follow each of them, which doubles at each level of nesting.
    """
    nullable = nullable_rules(rules)

    def factored(expr: Expr) -> Expr:
        match expr:
            case Seq(items):
                return seq(*map(factored, items))
            case Rep(item, low, high):
                return Rep(factored(item), low, high)
            case Alt(items):
                tails: dict[Expr, list[Expr]] = {}
                for item in items:
                    head, *rest = item.items if isinstance(item, Seq) and item.items else (item,)
                    tails.setdefault(head, []).append(seq(*rest))
                options = [seq(factored(head), choice(rests)) for head, rests in tails.items()]
                return alt(*options)
        return expr

    def choice(items: list[Expr]) -> Expr:
        """Return a choice, without the explicit empty alternative if another one may be empty."""
        if any(item != EMPTY and is_nullable(item, nullable) for item in items):
            items = [item for item in items if item != EMPTY]
        return factored(alt(*items))

    return {name: factored(body) for name, body in rules.items()}


def embedded(grammar: Grammar, draft: GrammarDraft, prefix: str) -> Expr:
    """Embed another grammar in the draft; its rules get names that callers cannot use."""

    def renamed(expr: Expr) -> Expr:
        match expr:
            case Ref(name):
                return Ref(f"{prefix} {name}")
            case Seq(items):
                return Seq(tuple(map(renamed, items)))
            case Alt(items):
                return Alt(tuple(map(renamed, items)))
            case Rep(item, low, high):
                return Rep(renamed(item), low, high)
        return expr

    for name, body in grammar.rules.items():
        draft.rules[f"{prefix} {name}"] = renamed(body)
    return renamed(grammar.root)


def any_case(text: str) -> Expr:
    """Return a text in any mixture of upper and lower case."""
    return seq(*(alt(*(Lit(form) for form in dict.fromkeys((c, c.lower(), c.upper())) if len(form) == 1)) for c in text))
