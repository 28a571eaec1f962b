"""Prints a grammar as llama.cpp's GBNF, avoiding the bugs of that engine's grammar code (build b11549).

- Names match `[a-z0-9-]`; `Rules` ensures it.
- Bodies are never empty (`""` is printed): an empty body swallows the next rule's name.
- Counts are at most 2,000: above, the engine silently drops the bound.
- Repeated items are single rules or character classes, so that the count does not multiply the item's own rules.
"""

from functools import lru_cache

from promptweave.output.grammar.expr import Alt, Chars, Expr, Grammar, Lit, Ref, Rep, Seq

MAX_REPEAT = 2000
"""The largest count in `{m,n}` that the engine supports."""

MAX_CHARACTERS = 2_000_000
"""The maximum length of a grammar's text."""

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class GrammarTooLargeError(ValueError):
    """The grammar's text would exceed the size limit for engines."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the grammar has {size} characters; at most {MAX_CHARACTERS} are allowed")


def to_gbnf(grammar: Grammar) -> str:
    """Print a satisfiable grammar; rule `root` is the start. Raises GrammarTooLargeError."""
    lines = [f"root ::= {_body(grammar.root)}"]
    lines += [f"{name} ::= {_body(body)}" for name, body in grammar.rules.items()]
    text = "\n".join(lines) + "\n"
    if len(text) > MAX_CHARACTERS:
        raise GrammarTooLargeError(len(text))
    return text


def _body(expr: Expr) -> str:
    if isinstance(expr, Alt):
        if not expr.items:
            raise ValueError("an empty choice matches nothing")
        return " | ".join(_sequence(item) for item in expr.items)
    return _sequence(expr)


def _sequence(expr: Expr) -> str:
    if isinstance(expr, Seq):
        return " ".join(_item(item) for item in expr.items) or '""'
    return _item(expr)


def _item(expr: Expr) -> str:
    match expr:
        case Lit(text):
            return f'"{_literal(text)}"'
        case Chars(ranges):
            return _class(ranges)
        case Ref(name):
            return name
        case Rep(item, low, high):
            if low > MAX_REPEAT or (high or 0) > MAX_REPEAT:
                raise ValueError(f"counts above {MAX_REPEAT} are not supported")
            body = _item(item) if isinstance(item, Ref | Chars) else f"({_body(item)})"
            return body + _count(low, high)
        case Seq() | Alt():
            return f"({_body(expr)})"


def _count(low: int, high: int | None) -> str:
    match low, high:
        case 0, None:
            return "*"
        case 1, None:
            return "+"
        case 0, 1:
            return "?"
    return f"{{{low},{'' if high is None else high}}}" if low != high else f"{{{low}}}"


def _literal(text: str) -> str:
    if text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return "".join(_ESCAPES.get(char) or _literal_char(char) for char in text)


def _literal_char(char: str) -> str:
    return char if char.isprintable() else _hex(ord(char))


@lru_cache(maxsize=1024)
def _class(ranges: tuple[tuple[int, int], ...]) -> str:
    if not ranges:
        raise ValueError("an empty character class matches nothing")
    return f"[{''.join(_range(low, high) for low, high in ranges)}]"


def _range(low: int, high: int) -> str:
    return _class_char(low) if low == high else f"{_class_char(low)}-{_class_char(high)}"


def _class_char(code: int) -> str:
    char = chr(code)
    # The engine has no escapes for `-` and `^`, so everything but letters and digits is printed as a hex escape.
    return char if char.isascii() and char.isalnum() else _hex(code)


def _hex(code: int) -> str:
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
