"""JSON's own grammar, in the spelling that all schemas share.

- Separators are the caller's (`Separators`); there is no other white space between values.
- Strings contain raw characters, and escapes only if JSON requires them: the short form if there is one, else `\\u00xx`.
- Numbers have no negative zero, and a limited number of digits: before the decimal point as many as the caller says, at
  most 64, and after it 32. Only numbers that nothing constrains may have an exponent, of at most two digits.
"""

from collections.abc import Sequence

from promptweave.compiler.json_schema.logic.number_language import MAX_FRACTION_DIGITS, MAX_WHOLE_DIGITS
from promptweave.compiler.json_text import Separators, dumps
from promptweave.output.grammar.expr import (
    EMPTY,
    MAX_RANGES,
    Chars,
    Expr,
    Lit,
    Ref,
    Rep,
    Rules,
    alt,
    chars,
    none_of,
    optional,
    seq,
)
from promptweave.output.grammar.gbnf import MAX_REPEAT

MAX_EXPONENT_DIGITS = 2
"""Digits of an exponent: with them, every number is within the range of 64-bit floats."""

_BLOCK = 1000
_MAX_TRIE_DEPTH = 60

DIGIT, DIGIT_1_9 = Chars(((0x30, 0x39),)), Chars(((0x31, 0x39),))
# Characters with a one-letter escape in JSON (RFC 8259, section 7); other control characters are escaped by number.
_SHORT = {'"': '"', "\\": "\\", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}


def char_expr(ranges: Sequence[tuple[int, int]], rules: Rules) -> Expr:
    """Return a class of characters inside a JSON string, each in its only spelling."""
    ranges = tuple(ranges)
    if ("char", ranges) not in rules.remembered:
        rules.remembered["char", ranges] = _char_expr(ranges, rules)
    return rules.remembered["char", ranges]


def _char_expr(ranges: Sequence[tuple[int, int]], rules: Rules) -> Expr:
    escaped = [
        chr(code) for low, high in ranges for code in range(low, min(high, 0x5C) + 1) if code < 0x20 or code in (0x22, 0x5C)
    ]
    raw = [part for low, high in ranges for part in _without((max(low, 0x20), high), (0x22, 0x5C)) if part[0] <= part[1]]
    if not escaped:
        if len(raw) == 1 and raw[0][0] == raw[0][1]:
            return Lit(chr(raw[0][0]))
        return Chars(tuple(raw)) if len(raw) <= MAX_RANGES else rules.add("char", Chars(tuple(raw)))
    if len(escaped) == 1 and not raw:
        return Lit(_escape(escaped[0]))
    short = "".join(_SHORT[char] for char in escaped if char in _SHORT)
    numbered = [ord(char) for char in escaped if char not in _SHORT]
    low = "".join(f"{code & 15:x}" for code in numbered if code < 16)
    high = "".join(f"{code & 15:x}" for code in numbered if code >= 16)
    by_number = alt(*(seq(Lit(f"u00{row}"), chars(digits)) for row, digits in ((0, low), (1, high)) if digits))
    after = alt(*([chars(short)] if short else []), by_number)
    return rules.add("char", alt(*([Chars(tuple(raw))] if raw else []), seq(Lit("\\"), after)))


def _without(part: tuple[int, int], codes: Sequence[int]) -> list[tuple[int, int]]:
    found, (low, high) = [], part
    for code in codes:
        if low <= code <= high:
            found.append((low, code - 1))
            low = code + 1
    return [*found, (low, high)]


def _escape(char: str) -> str:
    return dumps(char)[1:-1]


def any_char(rules: Rules) -> Expr:
    """Return any character inside a JSON string."""
    return char_expr(none_of("").ranges, rules)


def scalar(name: str, rules: Rules, digits: int = MAX_WHOLE_DIGITS) -> Expr:
    """Return all values of a scalar type. `digits`: the maximum number of digits of numbers before the decimal point."""
    match name:
        case "string":
            return rules.add("string", seq(Lit('"'), Rep(any_char(rules)), Lit('"')))
        case "integer":
            positive = seq(DIGIT_1_9, Rep(DIGIT, 0, digits - 1))
            return rules.add("integer", alt(Lit("0"), seq(optional(Lit("-")), positive)))
        case "number":
            return rules.add("number", _number(digits))
        case "boolean":
            return alt(Lit("true"), Lit("false"))
    return Lit("null")


def _number(digits: int) -> Expr:
    positive = seq(DIGIT_1_9, Rep(DIGIT, 0, digits - 1))
    fraction = optional(seq(Lit("."), Rep(DIGIT, 1, MAX_FRACTION_DIGITS)))
    exponent = optional(seq(chars("eE"), optional(chars("+-")), Rep(DIGIT, 1, MAX_EXPONENT_DIGITS)))
    tiny = seq(Rep(Lit("0"), 0, MAX_FRACTION_DIGITS // 2), DIGIT_1_9, Rep(DIGIT, 0, MAX_FRACTION_DIGITS // 2 - 1))
    large = seq(positive, fraction, exponent)
    return alt(seq(Lit("0"), fraction), large, seq(Lit("-"), alt(large, seq(Lit("0."), tiny))))


def any_value(rules: Rules, separators: Separators, digits: int = MAX_WHOLE_DIGITS) -> Expr:
    """Return every JSON value."""
    key = ("json", separators, digits)
    if key not in rules.remembered:
        value = rules.reserve("json")
        rules.remembered[key] = value
        parts = any_object(rules, separators, digits), any_array(rules, separators, digits)
        scalars = (scalar(name, rules, digits) for name in ("string", "number", "boolean", "null"))
        rules.define(value, alt(*parts, *scalars))
    return rules.remembered[key]


def any_object(rules: Rules, separators: Separators, digits: int = MAX_WHOLE_DIGITS) -> Ref:
    """Return every JSON object."""
    pair = seq(scalar("string", rules), Lit(separators.key), any_value(rules, separators, digits))
    return rules.add("json-object", _bracketed("{", pair, "}", separators))


def any_array(rules: Rules, separators: Separators, digits: int = MAX_WHOLE_DIGITS) -> Ref:
    """Return every JSON array."""
    return rules.add("json-array", _bracketed("[", any_value(rules, separators, digits), "]", separators))


def _bracketed(opening: str, item: Expr, closing: str, separators: Separators) -> Expr:
    """Return any number of items in brackets."""
    inside = Lit(separators.inside)
    items = seq(item, Rep(seq(Lit(separators.item), item)), inside)
    return seq(Lit(opening), inside, optional(items), Lit(closing))


def trie(spellings: Sequence[str], depth: int = 0) -> Expr:
    """Return a choice of texts with shared prefixes, so that the engine follows one path instead of all."""
    if len(spellings) == 1:
        return Lit(spellings[0])
    low, high = min(spellings), max(spellings)
    same = next((place for place, char in enumerate(low) if char != high[place]), len(low))
    if same:
        return seq(Lit(low[:same]), trie([spelling[same:] for spelling in spellings], depth))
    if depth > _MAX_TRIE_DEPTH:
        return alt(*(Lit(spelling) if spelling else EMPTY for spelling in dict.fromkeys(spellings)))
    groups: dict[str, list[str]] = {}
    for spelling in spellings:
        groups.setdefault(spelling[:1], []).append(spelling[1:])
    return alt(*(seq(Lit(head), trie(tails, depth + 1)) if head else EMPTY for head, tails in groups.items()))


def other_key(names: Sequence[str], rules: Rules) -> Expr:
    """Return a property name, as a JSON string, that is not one of `names`: the exact complement.

    Every character has only one spelling, so a name cannot bypass this with a different spelling.
    """
    if not names:
        return scalar("string", rules)
    key = ("other", frozenset(names))
    if key not in rules.remembered:
        rules.remembered[key] = _other_key(names, rules)
    return rules.remembered[key]


def _other_key(names: Sequence[str], rules: Rules) -> Expr:
    tail = seq(Rep(any_char(rules)), Lit('"'))
    children: dict[str, list[str]] = {}
    ends = dict.fromkeys(names)
    for name in ends:
        for length in range(len(name)):
            following = children.setdefault(name[:length], [])
            if name[length] not in following:
                following.append(name[length])
    # From the longest prefixes to the empty one: no recursion, however long a name is.
    states: dict[str, Expr] = {}
    for beginning in sorted({**children, **ends}, key=len, reverse=True):
        heads = children.get(beginning, [])
        steps = [seq(Lit(_escape(head)), states[beginning + head]) for head in heads]
        excluded = ("other char", frozenset(heads))
        if excluded not in rules.remembered:
            rules.remembered[excluded] = seq(char_expr(none_of("".join(heads)).ranges, rules), tail)
        others = rules.remembered[excluded]
        states[beginning] = rules.add("key", alt(*([] if beginning in ends else [Lit('"')]), *steps, others))
    return seq(Lit('"'), states[""])


def counted(item: Expr, low: int, high: int | None, rules: Rules) -> Expr:
    """Return `low` to `high` (None: unbounded) repetitions, in counts that the engine supports.

    `item`: a rule or one character.
    """
    if max(low, high or 0) <= MAX_REPEAT:
        return EMPTY if high == 0 else Rep(item, low, high)
    return seq(_times(item, low, rules), Rep(item) if high is None else _up_to(item, high - low, rules))


def _times(item: Expr, count: int, rules: Rules) -> Expr:
    if count <= MAX_REPEAT:
        return Rep(item, count, count) if count else EMPTY
    blocks, rest = divmod(count, _BLOCK)
    return seq(_times(_block(item, rules), blocks, rules), _times(item, rest, rules))


def _up_to(item: Expr, count: int, rules: Rules) -> Expr:
    if count <= MAX_REPEAT:
        return Rep(item, 0, count) if count else EMPTY
    blocks, rest = divmod(count, _BLOCK)
    block = _block(item, rules)
    fewer = seq(_up_to(block, blocks - 1, rules), Rep(item, 0, _BLOCK - 1))
    return alt(fewer, seq(_times(block, blocks, rules), _up_to(item, rest, rules)))


def _block(item: Expr, rules: Rules) -> Ref:
    return rules.add("block", Rep(item, _BLOCK, _BLOCK))
