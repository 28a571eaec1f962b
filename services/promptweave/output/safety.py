"""What llama.cpp's grammar code does not survive (build b11549), looked for before a grammar is printed.

Hidden left recursion aborts its process, a repeated item that may be empty makes it slow beyond use, and `{m,n}` with n < m
eats its memory.
"""

import re
from collections.abc import Iterator, Mapping

from promptweave.output.gbnf import MAX_REPEAT
from promptweave.output.grammar import Alt, Chars, Expr, Grammar, Lit, Ref, Rep, Seq

_NAME = re.compile(r"[a-z][a-z0-9-]*")


class UnsafeGrammarError(ValueError):
    """A grammar that must not reach an engine. It is a fault of ours, whatever the input was."""


def check_safe(grammar: Grammar) -> None:
    """Raises UnsafeGrammarError for a grammar that harms the engine."""
    rules = {"root": grammar.root, **grammar.rules}
    nullable = _nullable(rules)
    for name, body in rules.items():
        if not _NAME.fullmatch(name):
            raise UnsafeGrammarError(f"the rule's name {name!r}")
        for expr in _parts(body):
            _check_part(expr, name, rules, nullable)
    _check_left_recursion(rules, nullable)


def _check_part(expr: Expr, name: str, rules: Mapping[str, Expr], nullable: set[str]) -> None:
    match expr:
        case Ref(used) if used not in rules:
            raise UnsafeGrammarError(f"{name} names {used}, which is no rule")
        case Chars(()) | Alt(()):
            raise UnsafeGrammarError(f"{name} holds what matches nothing")
        case Rep(item, low, high):
            if _is_nullable(item, nullable):
                raise UnsafeGrammarError(f"{name} repeats what may be empty")
            if high is not None and (high < low or high == 0):
                raise UnsafeGrammarError(f"{name} repeats {low} to {high} times")
            if max(low, high or 0) > MAX_REPEAT:
                raise UnsafeGrammarError(f"{name}: a count above {MAX_REPEAT}")


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


def _is_nullable(expr: Expr, nullable: set[str]) -> bool:
    match expr:
        case Lit(text):
            return not text
        case Chars():
            return False
        case Ref(name):
            return name in nullable
        case Seq(items):
            return all(_is_nullable(item, nullable) for item in items)
        case Alt(items):
            return any(_is_nullable(item, nullable) for item in items)
        case Rep(item, low, _):
            return low == 0 or _is_nullable(item, nullable)


def _nullable(rules: Mapping[str, Expr]) -> set[str]:
    """The rules that match the empty text."""
    found: set[str] = set()
    users: dict[str, list[str]] = {}
    for name, body in rules.items():
        for expr in _parts(body):
            if isinstance(expr, Ref):
                users.setdefault(expr.name, []).append(name)
    waiting = list(rules)
    while waiting:
        name = waiting.pop()
        if name not in found and _is_nullable(rules[name], found):
            found.add(name)
            waiting.extend(users.get(name, ()))
    return found


def _first(expr: Expr, nullable: set[str]) -> Iterator[str]:
    """The rules that an expression may begin with, before any character."""
    match expr:
        case Ref(name):
            yield name
        case Alt(items):
            for item in items:
                yield from _first(item, nullable)
        case Seq(items):
            for item in items:
                yield from _first(item, nullable)
                if not _is_nullable(item, nullable):
                    return
        case Rep(item):
            yield from _first(item, nullable)


def _check_left_recursion(rules: Mapping[str, Expr], nullable: set[str]) -> None:
    firsts = {name: [used for used in _first(body, nullable) if used in rules] for name, body in rules.items()}
    waiting_for: dict[str, int] = dict.fromkeys(rules, 0)
    for used in firsts.values():
        for name in used:
            waiting_for[name] += 1
    free = [name for name, count in waiting_for.items() if not count]
    done = 0
    while free:
        done += 1
        for name in firsts[free.pop()]:
            waiting_for[name] -= 1
            if not waiting_for[name]:
                free.append(name)
    if done < len(rules):
        names = sorted(name for name, count in waiting_for.items() if count)
        raise UnsafeGrammarError(f"left recursion through {', '.join(names[:5])}")
