"""Matches texts with a grammar, and samples random sentences of it. Works on grammar *values*, independent of any engine."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from promptweave.output.grammar.expr import Alt, Chars, Expr, Grammar, Lit, Ref, Rep, Seq


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """Text is right-recursive: each character is some levels deeper."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 20_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def accepts(grammar: Grammar, text: str) -> bool:
    """Whether the whole text is a sentence. Keeps sets of places, so ambiguity costs nothing but time."""
    known: dict[tuple[Expr, int], frozenset[int]] = {}

    def ends(expr: Expr, start: int) -> frozenset[int]:
        key = (expr, start)
        if key not in known:
            known[key] = frozenset()
            known[key] = frozenset(_ends(expr, start))
        return known[key]

    def _ends(expr: Expr, start: int) -> Iterator[int]:
        match expr:
            case Lit(literal):
                if text.startswith(literal, start):
                    yield start + len(literal)
            case Chars(ranges):
                if start < len(text) and any(low <= ord(text[start]) <= high for low, high in ranges):
                    yield start + 1
            case Ref(name):
                yield from ends(grammar.rules[name], start)
            case Alt(items):
                for item in items:
                    yield from ends(item, start)
            case Seq(items):
                places = {start}
                for item in items:
                    places = {end for place in places for end in ends(item, place)}
                yield from places
            case Rep(item, low, high):
                count, places, seen = 0, {start}, {start} if low == 0 else set()
                while places and (high is None or count < high):
                    places = {end for place in places for end in ends(item, place)} - (seen if count >= low else set())
                    count += 1
                    if count >= low:
                        seen |= places
                yield from seen

    with _deep_recursion():
        return len(text) in ends(grammar.root, 0)


def most_stacks(grammar: Grammar, text: str) -> int:
    """How many stacks an engine holds at most while it reads the text: what a token costs grows with them."""
    most, stacks = 0, {(grammar.root,)}
    for char in (*text, ""):
        stacks = {found for stack in stacks for found in _expanded(stack, grammar)}
        most = max(most, len(stacks))
        stacks = {rest for stack in stacks for rest in _read(stack, char)}
    return most


def _expanded(stack: tuple[Expr, ...], grammar: Grammar) -> Iterator[tuple[Expr, ...]]:
    """The stacks that begin with characters, or are empty."""
    match stack:
        case (Ref(name), *rest):
            yield from _expanded((grammar.rules[name], *rest), grammar)
        case (Seq(items), *rest):
            yield from _expanded((*items, *rest), grammar)
        case (Alt(items), *rest):
            for item in items:
                yield from _expanded((item, *rest), grammar)
        case (Rep(item, low, high), *rest):
            if low == 0:
                yield from _expanded(tuple(rest), grammar)
            if high != 0:
                again = Rep(item, max(low - 1, 0), None if high is None else high - 1)
                yield from _expanded((item, again, *rest), grammar)
        case _:
            yield stack


def _read(stack: tuple[Expr, ...], char: str) -> Iterator[tuple[Expr, ...]]:
    match stack:
        case (Lit(literal), *rest) if char and literal.startswith(char):
            yield (Lit(literal[1:]), *rest) if literal[1:] else tuple(rest)
        case (Chars(ranges), *rest) if char and any(low <= ord(char) <= high for low, high in ranges):
            yield tuple(rest)


def sample(grammar: Grammar, rng: random.Random, *, budget: int = 200) -> str:
    """A random sentence. After `budget` choices it takes what ends soonest."""
    depths = _depths(grammar)
    written: list[str] = []

    def depth(expr: Expr) -> float:
        match expr:
            case Ref(name):
                return depths[name]
            case Seq(items):
                return max(map(depth, items), default=0)
            case Alt(items):
                return min(map(depth, items))
            case Rep(item, low, _):
                return depth(item) if low else 0
        return 0

    def write(expr: Expr) -> None:
        nonlocal budget
        budget -= 1
        match expr:
            case Lit(literal):
                written.append(literal)
            case Chars(ranges):
                low, high = rng.choice(ranges)
                written.append(chr(rng.randint(low, min(high, low + 200))))
            case Ref(name):
                write(grammar.rules[name])
            case Alt(items):
                write(rng.choice(items) if budget > 0 else min(items, key=depth))
            case Seq(items):
                for item in items:
                    write(item)
            case Rep(item, low, high):
                most = low if budget <= 0 else min(high if high is not None else low + 4, low + 4)
                for _ in range(rng.randint(low, most)):
                    write(item)

    write(grammar.root)
    return "".join(written)


def _depths(grammar: Grammar) -> dict[str, float]:
    """How many rules deep the shallowest sentence of each rule is."""
    depths = dict.fromkeys(grammar.rules, float("inf"))

    def depth(expr: Expr) -> float:
        match expr:
            case Ref(name):
                return depths[name]
            case Seq(items):
                return max(map(depth, items), default=0)
            case Alt(items):
                return min(map(depth, items), default=float("inf"))
            case Rep(item, low, _):
                return depth(item) if low else 0
        return 0

    while True:
        better = {name: 1 + depth(body) for name, body in grammar.rules.items()}
        if better == depths:
            return depths
        depths.update(better)
