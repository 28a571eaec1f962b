"""Checks which prefixes a grammar accepts, as an engine does: by following all alternative readings simultaneously."""

from collections.abc import Iterator, Mapping

from promptweave.output.grammar.expr import Alt, Chars, Expr, Grammar, Lit, Ref, Rep, Seq

MAX_SIMULTANEOUS_READINGS = 2_000
"""Maximum number of simultaneous readings of a prefix. Above, `is_viable_prefix` returns True: no caller relies on False
in that case."""

_Stack = tuple[Expr, "_Stack"] | None
"""What is still to come: an expression, followed by the rest."""


def is_viable_prefix(grammar: Grammar, text: str) -> bool:
    """Return whether a sentence begins with `text`. The grammar must be productive and safe (`check_safe`)."""
    states: set[_Stack] = {(grammar.root, None)}
    for char in text:
        states = {after for state in states for after in _read(state, char, grammar.rules)}
        if not states:
            return False
        if len(states) > MAX_SIMULTANEOUS_READINGS:
            return True
    return True


MAX_READINGS, PROBED_CHARACTERS = 1_000, 24


def ambiguous_prefix(grammar: Grammar) -> str | None:
    """Return a prefix that has more than `MAX_READINGS` readings, or None.

    A greedy search: it always follows the character with the most readings. An engine follows each reading for every token.
    The grammar must be as for `is_viable_prefix`.
    """
    states: set[_Stack] = {(grammar.root, None)}
    text = ""
    for _ in range(PROBED_CHARACTERS):
        nexts = sorted({char for state in states for char in _next_characters(state, grammar.rules)})
        if not nexts:
            return None
        after = {char: {new for state in states for new in _read(state, char, grammar.rules)} for char in nexts[:_TRIED]}
        char = max(after, key=lambda char: len(after[char]))
        text, states = text + char, after[char]
        if len(states) > MAX_READINGS:
            return text
    return None


_TRIED = 8
"""The number of characters tried at each position."""


def _next_characters(stack: _Stack, rules: Mapping[str, Expr]) -> Iterator[str]:
    """Yield the first character of each possible leaf."""
    for expr, _ in _leaves(stack, rules):
        if isinstance(expr, Lit):
            yield expr.text[0]
        elif isinstance(expr, Chars):
            yield chr(expr.ranges[0][0])


def _read(stack: _Stack, char: str, rules: Mapping[str, Expr]) -> Iterator[_Stack]:
    """Yield what may follow after a character."""
    for expr, rest in _leaves(stack, rules):
        match expr:
            case Lit(text) if text[0] == char:
                yield (Lit(text[1:]), rest) if len(text) > 1 else rest
            case Chars(ranges) if any(low <= ord(char) <= high for low, high in ranges):
                yield rest


def _leaves(stack: _Stack, rules: Mapping[str, Expr]) -> Iterator[tuple[Expr, _Stack]]:
    """Yield the literals and classes that may come next, each with what follows it."""
    waiting, seen = [stack], {stack}
    while waiting:
        here = waiting.pop()
        if here is None:
            continue
        expr, rest = here
        if isinstance(expr, Chars) or (isinstance(expr, Lit) and expr.text):
            yield expr, rest
            continue
        for after in _opened(expr, rest, rules):
            if after not in seen:
                seen.add(after)
                waiting.append(after)


def _opened(expr: Expr, rest: _Stack, rules: Mapping[str, Expr]) -> Iterator[_Stack]:
    match expr:
        case Ref(name):
            yield (rules[name], rest)
        case Alt(items):
            for item in items:
                yield (item, rest)
        case Seq(items):
            for item in reversed(items):
                rest = (item, rest)
            yield rest
        case Rep(item, low, high):
            if low == 0:
                yield rest
            if high != 0:
                yield (item, (Rep(item, max(low - 1, 0), None if high is None else high - 1), rest))
        case _:
            yield rest
