"""Prints a grammar in llguidance's dialect of Lark (1.x).

Every terminal is a single character or a class: that engine matches terminals greedily, so longer terminals with a common
prefix would shadow each other, and single characters cannot.
"""

from promptweave.output.grammar.expr import EMPTY, Alt, Chars, Expr, Grammar, Lit, Ref, Rep, Seq
from promptweave.output.grammar.gbnf import MAX_CHARACTERS, GrammarTooLargeError


def to_lark(grammar: Grammar) -> str:
    """Print a satisfiable grammar; rule `start` is the start. Raises GrammarTooLargeError."""
    lines = [f"start: {_body(grammar.root)}"]
    lines += [f"{_name(name)}: {_body(body)}" for name, body in grammar.rules.items()]
    text = "\n".join(lines) + "\n"
    if len(text) > MAX_CHARACTERS:
        raise GrammarTooLargeError(len(text))
    return text


def _name(name: str) -> str:
    # The prefix avoids Lark's reserved words.
    return "r_" + name.replace("-", "_")


def _body(expr: Expr) -> str:
    if isinstance(expr, Alt):
        return " | ".join(_sequence(item) for item in expr.items)
    return _sequence(expr)


def _sequence(expr: Expr) -> str:
    if isinstance(expr, Seq):
        return " ".join(_item(item) for item in expr.items) or '""'
    return _item(expr)


def _item(expr: Expr) -> str:
    match expr:
        case Lit(text):
            return " ".join(f"/{_char(ord(char))}/" for char in text) or '""'
        case Chars(ranges):
            if not ranges:
                raise ValueError("an empty character class matches nothing")
            inner = "".join(_char(low) if low == high else f"{_char(low)}-{_char(high)}" for low, high in ranges)
            return f"/[{inner}]/"
        case Ref(name):
            return _name(name)
        case Rep(item, low, high):
            return _group(item) + _count(low, high)
        case Alt(items) if EMPTY in items:
            rest = Alt(tuple(item for item in items if item != EMPTY))
            return f"({_body(rest)})?"
        case Seq() | Alt():
            return f"({_body(expr)})"


def _group(item: Expr) -> str:
    text = _item(item)
    return text if isinstance(item, Ref | Chars) or text.endswith(")") else f"({text})"


def _count(low: int, high: int | None) -> str:
    match low, high:
        case 0, None:
            return "*"
        case 1, None:
            return "+"
        case 0, 1:
            return "?"
    return f"{{{low},{'' if high is None else high}}}" if low != high else f"{{{low}}}"


def _char(code: int) -> str:
    char = chr(code)
    return char if char.isascii() and char.isalnum() else f"\\x{{{code:X}}}"
