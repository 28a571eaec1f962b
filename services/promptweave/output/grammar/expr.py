"""Grammars as values: a small algebra of expressions over Unicode characters, with named rules.

Dialects print them (`gbnf.py`). Nothing here depends on JSON, tools or templates.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import takewhile


@dataclass(frozen=True, slots=True)
class Lit:
    """Exactly this text."""

    text: str


@dataclass(frozen=True, slots=True)
class Chars:
    """One character from ranges of code points, which are inclusive, ascending and disjoint.

    Classes are never negated: if a token ends inside a multi-byte character, the engine matches the partial character
    against a positive class only if it can still become a character of that class.
    """

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Seq:
    """Items in order; `Seq(())` is the empty text."""

    items: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Alt:
    """A choice; `Alt(())` matches nothing."""

    items: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Rep:
    """`item` repeated `min` to `max` times (None: unbounded). `item` must not match the empty text."""

    item: "Expr"
    min: int = 0
    max: int | None = None


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference to a rule by name."""

    name: str


Expr = Lit | Chars | Seq | Alt | Rep | Ref

EMPTY = Seq(())
NOTHING = Alt(())


def seq(*items: Expr) -> Expr:
    """Return a flat sequence: adjacent literals are joined, and a `NOTHING` item makes the result `NOTHING`."""
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
    """Return a flat choice without duplicates."""
    flat: dict[Expr, None] = {}
    for item in items:
        flat.update(dict.fromkeys(item.items if isinstance(item, Alt) else (item,)))
    return next(iter(flat)) if len(flat) == 1 else Alt(tuple(flat))


def optional(item: Expr) -> Expr:
    """Return `item` or the empty text."""
    return alt(item, EMPTY)


def chars(text: str) -> Chars:
    """Return the class of the characters of `text`."""
    ranges: list[tuple[int, int]] = []
    for code in sorted(set(map(ord, text))):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    return Chars(tuple(ranges))


def none_of(text: str) -> Chars:
    """Return the class of all characters that are not in `text`. Surrogates are not characters."""
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
    """The named rules of a grammar under construction. Names are unique and match `[a-z][a-z0-9-]*`, as GBNF requires."""

    def __init__(self) -> None:
        self._bodies: dict[str, Expr] = {}
        self._by_body: dict[Expr, Ref] = {}
        self._count: dict[str, int] = {}
        self.remembered: dict[object, Expr] = {}
        """Expressions over these rules, cached by the code that builds them."""
        self.origins: dict[str, str] = {}
        """The JSON pointers of the schemas that rules were made from, by rule name. Not every rule has one."""

    @classmethod
    def of(cls, bodies: Mapping[str, Expr]) -> "Rules":
        """Create rules from existing bodies, with any names."""
        rules = cls()
        rules._bodies.update(bodies)
        return rules

    def copy(self) -> "Rules":
        """Return a copy; adding rules to it does not change this one."""
        copied = Rules()
        copied._bodies, copied._by_body, copied._count = {**self._bodies}, {**self._by_body}, {**self._count}
        copied.remembered, copied.origins = {**self.remembered}, {**self.origins}
        return copied

    @property
    def bodies(self) -> Mapping[str, Expr]:
        """Return the body of each name so far; NOTHING for a name that is only reserved."""
        return self._bodies

    def reserve(self, hint: str) -> Ref:
        """Return a new name that is defined later, as recursion requires."""
        base = "".join(char if char.isascii() and char.isalnum() else "-" for char in hint.lower())[:40].strip("-")
        base = base if base[:1].isalpha() else f"r-{base}".rstrip("-")
        name = base
        while name in self._bodies or name == "root":
            self._count[base] = self._count.get(base, 1) + 1
            name = f"{base}-{self._count[base]}"
        self._bodies[name] = NOTHING
        return Ref(name)

    def define(self, ref: Ref, body: Expr) -> Ref:
        """Set the body of a reserved name."""
        self._bodies[ref.name] = body
        return ref

    def replace(self, name: str, body: Expr) -> None:
        """Give a rule another body; `add` still returns it for the former one."""
        self._bodies[name] = body

    def add(self, hint: str, body: Expr) -> Ref:
        """Return the rule with this body, adding it if necessary."""
        if body not in self._by_body:
            self._by_body[body] = self.define(self.reserve(hint), body)
        return self._by_body[body]

    def largest_origin(self, grammar: "Grammar") -> str:
        """Return the origin of the largest share of a grammar.

        Each rule with an origin counts together with the rules below it that have none.
        """
        sizes: dict[str, int] = {}
        for name, origin in self.origins.items():
            for part in self._made_with(name, grammar):
                sizes[origin] = sizes.get(origin, 0) + len(repr(grammar.rules.get(part, EMPTY)))
        return max(sizes, key=lambda origin: sizes[origin], default="")

    def places(self, grammar: "Grammar") -> dict[str, str]:
        """Map the rules of a grammar to their origin, or to the common prefix of the origins of the rules above them.

        A common prefix counts only if it is at or below an origin: two separate schemas have nothing in common.
        """
        found: dict[str, list[str]] = {}
        for name, origin in self.origins.items():
            for part in self._made_with(name, grammar) if name in grammar.rules else ():
                known = found.setdefault(part, origin.split("/"))
                steps = zip(known, origin.split("/"), strict=False)
                found[part] = [step for step, _ in takewhile(lambda pair: pair[0] == pair[1], steps)]
        shared = {name: "/".join(found[name]) for name in grammar.rules if name in found}
        origins = {*self.origins.values()}
        return {name: place for name, place in shared.items() if any(f"{place}/".startswith(f"{one}/") for one in origins)}

    def _made_with(self, name: str, grammar: "Grammar") -> set[str]:
        """Return a rule with an origin, and the rules below it that have none."""
        seen, waiting = {name}, [name]
        while waiting:
            body = grammar.rules.get(waiting.pop(), EMPTY)
            below = {used for used in references(body) if used not in self.origins} - seen
            seen |= below
            waiting.extend(below)
        return seen

    def can_end(self, root: Expr) -> bool:
        """Return whether `root` matches any finite text."""
        return _can_end(root, _productive_names(self._bodies, _named_below(root, self._bodies)))

    def grammar(self, root: Expr) -> "Grammar":
        """Return the grammar that starts at `root`, with only the rules that are reachable and can end."""
        return _factored(_without_aliases(_productive(root, self._bodies)))


@dataclass(frozen=True)
class Grammar:
    """A start expression and the rules it refers to. An unsatisfiable grammar has the root `NOTHING`."""

    root: Expr
    rules: Mapping[str, Expr]


def references(expr: Expr) -> list[str]:
    """Return the names of the rules that an expression refers to, from left to right."""
    found: list[str] = []
    waiting = [expr]
    while waiting:
        part = waiting.pop()
        # Compared by type for speed: most of the time to build a grammar was spent here.
        kind = type(part)
        if kind is Ref:
            found.append(part.name)  # type: ignore[union-attr]
        elif kind is Seq or kind is Alt:
            waiting.extend(part.items[::-1])  # type: ignore[union-attr]
        elif kind is Rep:
            waiting.append(part.item)  # type: ignore[union-attr]
    return found


def _named_below(root: Expr, bodies: Mapping[str, Expr]) -> dict[str, list[str]]:
    """Return the reachable rules, each with the rules it refers to."""
    found: dict[str, list[str]] = {}
    waiting = references(root)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = references(bodies[name])
            waiting.extend(found[name])
    return found


def _reachable(root: Expr, bodies: Mapping[str, Expr]) -> dict[str, Expr]:
    found = _named_below(root, bodies)
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


def _productive_names(bodies: Mapping[str, Expr], named: Mapping[str, Collection[str]]) -> set[str]:
    """Return the rules of `named` that match a finite text; `named` maps each rule to the rules it refers to."""
    users: dict[str, list[str]] = {}
    for name, used in named.items():
        for each in dict.fromkeys(used):
            users.setdefault(each, []).append(name)
    productive: set[str] = set()
    # Start with the last rules: these are mostly the ones that other rules depend on.
    waiting = list(named)
    while waiting:
        name = waiting.pop()
        if name not in productive and _can_end(bodies[name], productive):
            productive.add(name)
            waiting.extend(user for user in users.get(name, ()) if user not in productive)
    return productive


def _productive(root: Expr, bodies: Mapping[str, Expr]) -> Grammar:
    """Return the grammar without anything that matches no finite text."""
    named = _named_below(root, bodies)
    productive = _productive_names(bodies, named)

    def prune(expr: Expr) -> Expr:
        match expr:
            case Ref(name):
                return expr if name in productive else NOTHING
            case Seq(items) | Alt(items):
                parts = [prune(item) for item in items]
                if all(new is old for new, old in zip(parts, items, strict=True)) and NOTHING not in parts:
                    return expr
                return seq(*parts) if isinstance(expr, Seq) else alt(*(part for part in parts if part != NOTHING))
            case Rep(item, low, high):
                pruned = prune(item)
                return Rep(pruned, low, high) if pruned != NOTHING else (NOTHING if low else EMPTY)
        return expr

    root = prune(root)
    # Definition order is also the most readable order.
    return Grammar(root, _reachable(root, {name: prune(body) for name, body in bodies.items() if name in named}))


MAX_RANGES = 8
"""Classes of more ranges become a separate rule."""


def _is_plain(body: Expr) -> bool:
    return isinstance(body, Ref | Lit) or body == EMPTY or (isinstance(body, Chars) and len(body.ranges) <= MAX_RANGES)


def _without_aliases(grammar: Grammar) -> Grammar:
    """Return the grammar without rules that only stand for another rule or for a short text."""
    plain = {name: body for name, body in grammar.rules.items() if _is_plain(body)}
    if not plain:
        return grammar

    targets: dict[str, Expr] = {}

    def target(name: str) -> Expr:
        passed: dict[str, None] = {}
        found: Expr = Ref(name)
        while isinstance(found, Ref) and found.name in plain and found.name not in passed:
            passed[found.name] = None
            found = targets.get(found.name) or plain[found.name]
        targets.update(dict.fromkeys(passed, found))
        return found

    def replaced(expr: Expr) -> Expr:
        match expr:
            case Ref(name):
                return target(name) if name in plain else expr
            case Seq(items) | Alt(items):
                parts = [replaced(item) for item in items]
                if all(new is old for new, old in zip(parts, items, strict=True)):
                    return expr
                return seq(*parts) if isinstance(expr, Seq) else alt(*parts)
            case Rep(item, low, high):
                inner = replaced(item)
                return EMPTY if inner in (EMPTY, Lit("")) else Rep(inner, low, high)
        return expr

    root = replaced(grammar.root)
    return Grammar(root, _reachable(root, {name: replaced(body) for name, body in grammar.rules.items()}))


_MIN_FACTORED, _MAX_FACTORED_DEPTH = 8, 60


def _factored(grammar: Grammar) -> Grammar:
    """Return the grammar with long choices turned into tries of common prefixes, so that engines follow a single path."""
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
    """Split `expr` into the text that all its sentences begin with, without following rules, and what follows it."""
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
