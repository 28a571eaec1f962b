"""White space as a model indents JSON, in place of the mark that `LOOSE` separators put into a grammar's texts."""

from collections.abc import Collection

from promptweave.compiler.json_text import WHITE_MARK
from promptweave.output.grammar.expr import Alt, Expr, Lit, Rep, Rules, Seq, alt, chars, seq

MAX_WHITE = 60
"""Maximum number of characters of one piece of white space: a model that repeats itself cannot go on with it forever."""


def with_white_space(root: Expr, rules: Rules, before: Collection[str]) -> Expr:
    """Return `root` with white space for marks, and replace them in all rules but those named `before`."""
    white = rules.add("white", Rep(chars(" \t\n\r"), 0, MAX_WHITE))
    for name in [name for name in rules.bodies if name not in before]:
        rules.replace(name, _replaced(rules.bodies[name], white))
    return _replaced(root, white)


def _replaced(expr: Expr, white: Expr) -> Expr:
    match expr:
        case Lit(text) if WHITE_MARK in text:
            parts = [item for part in text.split(WHITE_MARK) for item in (white, Lit(part))]
            return seq(*parts[1:])
        case Seq(items):
            return seq(*(_replaced(item, white) for item in items))
        case Alt(items):
            return alt(*(_replaced(item, white) for item in items))
        case Rep(item, low, high):
            return Rep(_replaced(item, white), low, high)
    return expr
