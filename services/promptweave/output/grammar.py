"""Grammars as values: a small algebra of expressions over Unicode characters, with named rules.

Dialects print them (`gbnf.py`). Nothing here knows JSON, tools or templates.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Lit:
    """Exactly this text."""

    text: str


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of some ranges of code points: inclusive, ascending, apart.

    Always what may come, never what may not: where a token ends inside a character, the engine takes it for a class that
    says what may come only if some character of the class can still be meant.
    """

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Seq:
    """One after the other; `Seq(())` is the empty text."""

    items: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Alt:
    """One of several; `Alt(())` is nothing at all: no text matches."""

    items: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Rep:
    """`min` to `max` (None: any number) times `item`, which must not match the empty text."""

    item: "Expr"
    min: int = 0
    max: int | None = None


@dataclass(frozen=True, slots=True)
class Ref:
    """A rule, by name."""

    name: str


Expr = Lit | Chars | Seq | Alt | Rep | Ref

EMPTY = Seq(())
NOTHING = Alt(())


def seq(*items: Expr) -> Expr:
    """A flat sequence: literals side by side are joined, nothing anywhere makes the whole nothing."""
    flat: list[Expr] = []
    for item in items:
        for part in item.items if isinstance(item, Seq) else (item,):
            if part == NOTHING:
                return NOTHING
            if isinstance(part, Lit) and not part.text:
                continue
            if isinstance(part, Lit) and flat and isinstance(last := flat[-1], Lit):
                flat[-1] = Lit(last.text + part.text)
            else:
                flat.append(part)
    return flat[0] if len(flat) == 1 else Seq(tuple(flat))


def alt(*items: Expr) -> Expr:
    """A flat choice without repeats."""
    flat: dict[Expr, None] = {}
    for item in items:
        flat.update(dict.fromkeys(item.items if isinstance(item, Alt) else (item,)))
    return next(iter(flat)) if len(flat) == 1 else Alt(tuple(flat))


def optional(item: Expr) -> Expr:
    """`item` or the empty text."""
    return alt(item, EMPTY)


def chars(text: str) -> Chars:
    """One of the characters of `text`."""
    ranges: list[tuple[int, int]] = []
    for code in sorted(set(map(ord, text))):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    return Chars(tuple(ranges))


@lru_cache(maxsize=1024)
def none_of(text: str) -> Chars:
    """One character that `text` does not hold. Surrogates are no characters."""
    ranges: list[tuple[int, int]] = []
    for first, last in _CHARACTERS:
        low = first
        for start, end in chars(text).ranges:
            if first <= start <= last:
                if low < start:
                    ranges.append((low, start - 1))
                low = end + 1
        if low <= last:
            ranges.append((low, last))
    return Chars(tuple(ranges))


_CHARACTERS = ((0, 0xD7FF), (0xE000, 0x10FFFF))
ANY_CHAR = Chars(_CHARACTERS)


class Rules:
    """The named rules of one grammar, as they are made. Names are `[a-z][a-z0-9-]*`, as GBNF wants them, and unique."""

    def __init__(self) -> None:
        self._bodies: dict[str, Expr] = {}
        self._by_body: dict[Expr, Ref] = {}
        self._count: dict[str, int] = {}
        self._references = References()
        self.remembered: dict[object, Expr] = {}
        """Expressions over these rules that their makers may want again."""

    @classmethod
    def of(cls, bodies: Mapping[str, Expr]) -> "Rules":
        """Rules that are there already, whatever their names."""
        rules = cls()
        rules._bodies.update(bodies)
        return rules

    @property
    def bodies(self) -> Mapping[str, Expr]:
        """What every name stands for so far; NOTHING for one that is only reserved."""
        return self._bodies

    def reserve(self, hint: str) -> Ref:
        """A new name, to be defined later: what recursion needs."""
        base = "".join(char if char.isascii() and char.isalnum() else "-" for char in hint.lower())[:40].strip("-")
        base = base if base[:1].isalpha() else f"r-{base}".rstrip("-")
        name = base
        while name in self._bodies or name == "root":
            self._count[base] = self._count.get(base, 1) + 1
            name = f"{base}-{self._count[base]}"
        self._bodies[name] = NOTHING
        return Ref(name)

    def define(self, ref: Ref, body: Expr) -> Ref:
        """Gives a reserved name its body."""
        self._bodies[ref.name] = body
        return ref

    def add(self, hint: str, body: Expr) -> Ref:
        """A rule with this body; the same body gets the same rule."""
        if body not in self._by_body:
            self._by_body[body] = self.define(self.reserve(hint), body)
        return self._by_body[body]

    def can_end(self, root: Expr) -> bool:
        """Whether `root` leads to any finite text."""
        reachable = _reachable(root, self._bodies, self._references)
        return _can_end(root, _productive_names(reachable, self._references))

    def grammar(self, root: Expr) -> "Grammar":
        """The grammar that starts at `root`, with only those rules that can be reached and can end."""
        reachable = Grammar(root, _reachable(root, self._bodies, self._references))
        return _factored(_without_aliases(_productive(reachable, self._references), self._references))


@dataclass(frozen=True)
class Grammar:
    """A start expression and the rules that it leads to. An unsatisfiable grammar has the root `NOTHING`."""

    root: Expr
    rules: Mapping[str, Expr]


def references(expr: Expr) -> list[str]:
    """The rules that an expression names, from left to right."""
    return _look(expr)[0]


def _look(expr: Expr) -> tuple[list[str], bool]:
    """The rules that an expression names, and whether something in it matches nothing."""
    found: list[str] = []
    dead = False
    waiting = [expr]
    while waiting:
        match waiting.pop():
            case Ref(name):
                found.append(name)
            case Seq(items) | Alt(items) as whole:
                dead = dead or whole == NOTHING
                waiting.extend(reversed(items))
            case Rep(item):
                waiting.append(item)
    return found, dead


class References:
    """What is in expressions that are asked for again and again."""

    def __init__(self) -> None:
        # By identity: equality would look at all that is in an expression. It is kept, so its place is not used again.
        self._known: dict[int, tuple[Expr, list[str], bool]] = {}

    def of(self, expr: Expr) -> list[str]:
        """The rules that an expression names."""
        return self._look(expr)[1]

    def dead(self, expr: Expr) -> bool:
        """Whether something in it matches nothing."""
        return self._look(expr)[2]

    def _look(self, expr: Expr) -> tuple[Expr, list[str], bool]:
        if id(expr) not in self._known:
            self._known[id(expr)] = expr, *_look(expr)
        return self._known[id(expr)]


def _reachable(root: Expr, bodies: Mapping[str, Expr], references: References) -> dict[str, Expr]:
    found: set[str] = set()
    waiting = list(references.of(root))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(references.of(bodies[name]))
    # The order of definition, which is the order in which a person would read them.
    return {name: body for name, body in bodies.items() if name in found}


def _can_end(expr: Expr, productive: Collection[str]) -> bool:
    match expr:
        case Ref(name):
            return name in productive
        case Seq(items):
            return all(_can_end(item, productive) for item in items)
        case Alt(items):
            return any(_can_end(item, productive) for item in items)
        case Rep(item, low, _):
            return low == 0 or _can_end(item, productive)
    return True


def _productive_names(rules: Mapping[str, Expr], references: References) -> set[str]:
    """The rules that lead to a finite text."""
    users: dict[str, list[str]] = {}
    for name, body in rules.items():
        for used in references.of(body):
            users.setdefault(used, []).append(name)
    productive: set[str] = set()
    # The last ones first: they are those that others wait for, mostly.
    waiting = list(rules)
    while waiting:
        name = waiting.pop()
        if name not in productive and _can_end(rules[name], productive):
            productive.add(name)
            waiting.extend(users.get(name, ()))
    return productive


def _changed(change: Callable[[Expr], Expr], items: tuple[Expr, ...]) -> list[Expr] | None:
    """The items after a change; None where it changes none, which saves putting them together again."""
    changed = [change(item) for item in items]
    return changed if any(one is not other for one, other in zip(changed, items, strict=True)) else None


def _productive(grammar: Grammar, references: References) -> Grammar:
    """The grammar without what leads to no finite text."""
    productive = _productive_names(grammar.rules, references)
    if len(productive) == len(grammar.rules) and not any(map(references.dead, (grammar.root, *grammar.rules.values()))):
        return grammar

    def prune(expr: Expr) -> Expr:
        match expr:
            case Ref(name):
                return expr if name in productive else NOTHING
            case Seq(items):
                return seq(*pruned) if (pruned := _changed(prune, items)) else expr
            case Alt(items):
                if not (pruned := _changed(prune, items)) and NOTHING not in items:
                    return expr
                return alt(*(item for item in pruned or items if item != NOTHING))
            case Rep(item, low, high):
                inner = prune(item)
                if inner is item:
                    return expr
                return Rep(inner, low, high) if inner != NOTHING else (NOTHING if low else EMPTY)
        return expr

    root = prune(grammar.root)
    return Grammar(root, _reachable(root, {name: prune(body) for name, body in grammar.rules.items()}, references))


MOST_RANGES = 8
"""Classes of more ranges are worth a rule of their own."""


def _is_plain(body: Expr) -> bool:
    return isinstance(body, Ref | Lit) or body == EMPTY or (isinstance(body, Chars) and len(body.ranges) <= MOST_RANGES)


def _without_aliases(grammar: Grammar, references: References) -> Grammar:
    """The grammar without rules that only stand for another one, or for a short text."""
    plain = {name: body for name, body in grammar.rules.items() if _is_plain(body)}
    if not plain:
        return grammar

    def target(name: str) -> Expr:
        seen = set()
        found: Expr = Ref(name)
        while isinstance(found, Ref) and found.name in plain and found.name not in seen:
            seen.add(found.name)
            found = plain[found.name]
        return found

    def replaced(expr: Expr) -> Expr:
        match expr:
            case Ref(name):
                return target(name) if name in plain else expr
            case Seq(items):
                return seq(*changed) if (changed := _changed(replaced, items)) else expr
            case Alt(items):
                return alt(*changed) if (changed := _changed(replaced, items)) else expr
            case Rep(item, low, high):
                inner = replaced(item)
                if inner is item:
                    return expr
                return EMPTY if inner in (EMPTY, Lit("")) else Rep(inner, low, high)
        return expr

    root = replaced(grammar.root)
    return Grammar(root, _reachable(root, {name: replaced(body) for name, body in grammar.rules.items()}, references))


_MIN_FACTORED, _MAX_FACTORED_DEPTH = 8, 60


def _factored(grammar: Grammar) -> Grammar:
    """The grammar with long choices written as tries of what their alternatives begin with: engines follow one path then."""
    return Grammar(_factor(grammar.root), {name: _factor(body) for name, body in grammar.rules.items()})


def _factor(expr: Expr) -> Expr:
    match expr:
        case Alt(items) if len(items) >= _MIN_FACTORED:
            return _trie(list(items), 0)
        case Seq(items) if any(isinstance(item, Alt) for item in items):
            return seq(*map(_factor, items))
    return expr


def _trie(items: list[Expr], depth: int) -> Expr:
    groups: dict[str, list[tuple[str, Expr]]] = {}
    others: list[Expr] = []
    for item in items:
        head, *rest = item.items if isinstance(item, Seq) and item.items else (item,)
        if isinstance(head, Lit) and head.text:
            groups.setdefault(head.text[0], []).append((head.text, seq(*rest)))
        else:
            others.append(item)
    if depth > _MAX_FACTORED_DEPTH or len(groups) + len(others) == len(items):
        return alt(*items)
    for group in groups.values():
        low, high = min(text for text, _ in group), max(text for text, _ in group)
        same = next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
        tails = [seq(Lit(text[same:]), rest) for text, rest in group]
        others.append(seq(Lit(low[:same]), tails[0] if len(tails) == 1 else _trie(tails, depth + 1)))
    return alt(*others)


def split_literal(expr: Expr) -> tuple[str, Expr]:
    """The text that every sentence of `expr` begins with, not looking into rules, and what follows it."""
    match expr:
        case Lit(text):
            return text, EMPTY
        case Seq(items):
            prefix = ""
            for place, item in enumerate(items):
                text, rest = split_literal(item)
                prefix += text
                if rest != EMPTY:
                    return prefix, seq(rest, *items[place + 1 :])
            return prefix, EMPTY
        case Alt(items) if items:
            splits = [split_literal(item) for item in items]
            low, high = min(text for text, _ in splits), max(text for text, _ in splits)
            common = low[: next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))]
            return common, alt(*(seq(Lit(text[len(common) :]), rest) for text, rest in splits))
    return "", expr
