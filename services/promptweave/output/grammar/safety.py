"""Rejects grammars that llama.cpp's grammar code does not survive (build b11549), before they are printed.

Hidden left recursion aborts its process, a repeated item that may be empty makes it unusably slow, and `{m,n}` with n < m
exhausts its memory.
"""

import re
from collections.abc import Collection, Iterator, Mapping

from promptweave.output.grammar.expr import Alt, Chars, Expr, Grammar, Lit, Ref, Rep, Seq, references
from promptweave.output.grammar.gbnf import MAX_REPEAT

_NAME = re.compile(r"[a-z][a-z0-9-]*")


class UnsafeGrammarError(ValueError):
    """A grammar that must not be sent to an engine. It is always a bug in promptweave, whatever the input was."""


def check_safe(grammar: Grammar) -> None:
    """Raise UnsafeGrammarError for a grammar that harms the engine."""
    rules = {"root": grammar.root, **grammar.rules}
    nullable = nullable_rules(rules)
    for name, body in rules.items():
        if not _NAME.fullmatch(name):
            raise UnsafeGrammarError(f"invalid rule name {name!r}")
        for expr in _parts(body):
            _check_part(expr, name, rules, nullable)
    if names := left_recursive(rules, nullable):
        raise UnsafeGrammarError(f"left recursion through {', '.join(sorted(names)[:5])}")


def _check_part(expr: Expr, name: str, rules: Mapping[str, Expr], nullable: set[str]) -> None:
    match expr:
        case Ref(used) if used not in rules:
            raise UnsafeGrammarError(f"{name} references {used}, which is not a rule")
        case Chars(()) | Alt(()):
            raise UnsafeGrammarError(f"{name} contains a part that matches nothing")
        case Rep(item, low, high):
            if is_nullable(item, nullable):
                raise UnsafeGrammarError(f"{name} repeats a part that may be empty")
            if high is not None and (high < low or high == 0):
                raise UnsafeGrammarError(f"{name} repeats {low} to {high} times")
            if max(low, high or 0) > MAX_REPEAT:
                raise UnsafeGrammarError(f"{name}: counts above {MAX_REPEAT} are not supported")


def _parts(expr: Expr) -> Iterator[Expr]:
    waiting = [expr]
    while waiting:
        found = waiting.pop()
        yield found
        match found:
            case Seq(items) | Alt(items):
                waiting.extend(items)
            case Rep(item):
                waiting.append(item)


def is_nullable(expr: Expr, nullable: Collection[str]) -> bool:
    """Return whether an expression matches the empty text; `nullable` are the rules that do."""
    match expr:
        case Lit(text):
            return not text
        case Chars():
            return False
        case Ref(name):
            return name in nullable
        case Seq(items):
            return all(is_nullable(item, nullable) for item in items)
        case Alt(items):
            return any(is_nullable(item, nullable) for item in items)
        case Rep(item, low, _):
            return low == 0 or is_nullable(item, nullable)


def nullable_rules(rules: Mapping[str, Expr]) -> set[str]:
    """Return the rules that match the empty text."""
    found: set[str] = set()
    users: dict[str, list[str]] = {}
    for name, body in rules.items():
        for used in references(body):
            users.setdefault(used, []).append(name)
    waiting = list(rules)
    while waiting:
        name = waiting.pop()
        if name not in found and is_nullable(rules[name], found):
            found.add(name)
            waiting.extend(users.get(name, ()))
    return found


def _first(expr: Expr, nullable: Collection[str]) -> Iterator[str]:
    """Yield the rules that an expression may begin with, before any character."""
    match expr:
        case Ref(name):
            yield name
        case Alt(items):
            for item in items:
                yield from _first(item, nullable)
        case Seq(items):
            for item in items:
                yield from _first(item, nullable)
                if not is_nullable(item, nullable):
                    return
        case Rep(item):
            yield from _first(item, nullable)


def left_recursive(rules: Mapping[str, Expr], nullable: Collection[str] | None = None) -> list[str]:
    """Return the left-recursive rules: those on a cycle of rules that begin with each other, or on a path between cycles."""
    nullable = nullable_rules(rules) if nullable is None else nullable
    firsts = {name: [used for used in _first(body, nullable) if used in rules] for name, body in rules.items()}
    inner = _without_sources(firsts)
    # Rules that only follow a cycle have no successor in `inner`: remove them in the same way, on the reversed edges.
    back: dict[str, list[str]] = {name: [] for name in inner}
    for name in inner:
        for used in firsts[name]:
            if used in back:
                back[used].append(name)
    circles = _without_sources(back)
    return [name for name in rules if name in circles]


def _without_sources(edges: Mapping[str, list[str]]) -> set[str]:
    """Return the nodes that remain when nodes without incoming edges are removed repeatedly."""
    waiting_for: dict[str, int] = dict.fromkeys(edges, 0)
    for used in edges.values():
        for name in used:
            waiting_for[name] += 1
    free = [name for name, count in waiting_for.items() if not count]
    left = set(edges)
    while free:
        left.discard(taken := free.pop())
        for name in edges[taken]:
            waiting_for[name] -= 1
            if not waiting_for[name]:
                free.append(name)
    return left
