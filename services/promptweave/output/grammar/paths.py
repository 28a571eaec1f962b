"""Counts the paths by which grammars reach a first character, as llama.cpp follows them: equal ones are not merged.

llama.cpp (`llama_grammar_advance_stack`, build b11549) expands rule references recursively whenever a character has been
read. Rules that refer to each other more than once double the paths at each level, although few different stacks remain.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from promptweave.output.grammar.expr import Alt, Chars, Expr, Lit, Ref, Rep, Seq

MAX_PATHS = 50_000
"""Maximum number of paths from one place in a grammar. llama.cpp follows about 20 million per second."""


class Paths(NamedTuple):
    """The number of ways to reach a first character, and to be empty. Neither is counted above `MAX_PATHS` + 1."""

    starts: int
    empties: int


def has_too_many_paths(rules: Mapping[str, Expr]) -> str | None:
    """Return the name of a rule with a place that has more than `MAX_PATHS` paths, or None.

    Left recursion has infinitely many. Each rule that is referred to must be in `rules`.
    """
    known: dict[str, Paths] = {}
    for name in rules:
        _count_rule(name, rules, known)
    for name, body in rules.items():
        if any(max(paths) > MAX_PATHS for paths in _places(body, known)):
            return name
    return None


def _count_rule(name: str, rules: Mapping[str, Expr], known: dict[str, Paths]) -> None:
    """Count a rule after the rules that it may begin with. Chains of rules may be longer than Python's stack."""
    waiting, opened = [name], {name}
    while waiting:
        here = waiting[-1]
        if here not in known:
            missing: list[str] = []
            counted = _count(rules[here], known, missing)
            if not opened.isdisjoint(missing):
                counted = Paths(MAX_PATHS + 1, 0)
            elif missing:
                waiting += missing
                opened.update(missing)
                continue
            known[here] = counted
        opened.discard(waiting.pop())


def _count(expr: Expr, known: Mapping[str, Paths], missing: list[str]) -> Paths:
    """Return the paths of an expression; names of rules that are needed for it and not `known` are added to `missing`."""
    match expr:
        case Lit(text):
            return Paths(1, 0) if text else Paths(0, 1)
        case Chars():
            return Paths(1, 0)
        case Ref(name):
            if name not in known:
                missing.append(name)
                return Paths(0, 0)
            return known[name]
        case Alt(items):
            each = [_count(item, known, missing) for item in items]
            return _limited(sum(paths.starts for paths in each), sum(paths.empties for paths in each))
        case Seq(items):
            return _count_sequence(items, known, missing)
        case Rep(item, low, _):
            paths = _count(item, known, missing)
            return Paths(paths.starts, paths.empties if low else 1)


def _count_sequence(items: tuple[Expr, ...], known: Mapping[str, Paths], missing: list[str]) -> Paths:
    starts, empties = 0, 1
    for item in items:
        paths = _count(item, known, missing)
        starts, empties = _limited(starts + empties * paths.starts, empties * paths.empties)
        if not empties:
            break
    return Paths(starts, empties)


def _limited(starts: int, empties: int) -> Paths:
    return Paths(min(starts, MAX_PATHS + 1), min(empties, MAX_PATHS + 1))


def _places(body: Expr, known: Mapping[str, Paths]) -> Iterator[Paths]:
    """Yield the paths of a body, and of what may follow within it."""
    waiting = [body]
    while waiting:
        expr = waiting.pop()
        yield _count(expr, known, [])
        match expr:
            case Seq(items):
                waiting.extend(items)
                yield from _suffixes(items, known)
            case Alt(items):
                waiting.extend(items)
            case Rep(item):
                waiting.append(item)


def _suffixes(items: tuple[Expr, ...], known: Mapping[str, Paths]) -> Iterator[Paths]:
    """Yield the paths of each end of a sequence, the shortest first."""
    starts, empties = 0, 1
    for item in reversed(items):
        paths = _count(item, known, [])
        starts, empties = _limited(paths.starts + paths.empties * starts, paths.empties * empties)
        yield Paths(starts, empties)
