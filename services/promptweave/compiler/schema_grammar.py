"""Schema values → grammar: exactly the canonical JSON spellings of the valid values, or a documented part of them.

The parts left out, for every schema:
- numbers with an exponent, integers spelled `1.0` or `-0`, and more than 64 digits before or 32 after the point;
- strings with escapes that JSON does not need; lone surrogates;
- objects whose declared properties are not in the declared order, before all others.
Separators are `", "` and `": "`.
"""

from collections.abc import Mapping, Sequence

from promptweave.compiler.errors import SchemaError
from promptweave.compiler.json_text import dumps
from promptweave.compiler.schema import (
    AnyValue,
    ArrayOf,
    Members,
    Never,
    Node,
    ObjectOf,
    Property,
    Reference,
    Scalar,
    Schema,
    Union,
)
from promptweave.output.grammar import EMPTY, NOTHING, Chars, Expr, Lit, Ref, Rep, Rules, alt, chars, none_of, optional, seq

COMMA, COLON = Lit(", "), Lit(": ")

_CONTROLS = "".join(map(chr, range(0x20)))
_DIGIT, _DIGIT_1_9 = Chars(((0x30, 0x39),)), Chars(((0x31, 0x39),))
_POSITIVE = seq(_DIGIT_1_9, Rep(_DIGIT, 0, 63))
# Characters with an escape of one letter in JSON (RFC 8259, section 7); other control characters are spelled by number.
_SHORT = {'"': '"', "\\": "\\", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}


def schema_expr(schema: Schema, rules: Rules) -> Expr:
    """The expression of a schema's values. Raises SchemaError if there are none."""
    converter = _Converter(schema.definitions, rules)
    root = converter.convert(schema.root, "value")
    if rules.grammar(root).root == NOTHING:
        never = converter.never or Never("", "every value of it would have to hold another one, without end")
        raise SchemaError("unsatisfiable", never.pointer, never.why)
    return root


class _Converter:
    def __init__(self, definitions: Mapping[str, Node], rules: Rules) -> None:
        self._definitions = definitions
        self._rules = rules
        self._named: dict[str, Ref] = {}
        self.never: Never | None = None

    def convert(self, node: Node, hint: str) -> Expr:
        match node:
            case AnyValue():
                return any_value(self._rules)
            case Never():
                self.never = self.never or node
                return NOTHING
            case Scalar(name):
                return scalar(name, self._rules)
            case Members(spellings):
                return self._rules.add(f"{hint}-enum", trie(spellings))
            case ArrayOf(items):
                return self._rules.add(hint, array(self.convert(items, f"{hint}-item")))
            case ObjectOf():
                return self._object(node, hint)
            case Union(options):
                return alt(*(self.convert(option, hint) for option in options))
            case Reference(name):
                return self._reference(name)

    def _reference(self, name: str) -> Ref:
        if name not in self._named:
            self._named[name] = self._rules.reserve(name.rpartition("/")[2] or "value")
            self._rules.define(self._named[name], self.convert(self._definitions[name], self._named[name].name))
        return self._named[name]

    def _object(self, node: ObjectOf, hint: str) -> Expr:
        """The properties as a chain of states: `first` before anything was written, `next` after it.

        One rule for each property and state, whatever is optional: no nesting, and few live stacks in the engine.
        """
        first: Expr = EMPTY
        following: Expr = EMPTY
        if node.additional is not None:
            names = [member.name for member in node.properties]
            value = self.convert(node.additional, f"{hint}-other")
            other = self._rules.add(f"{hint}-pair", seq(other_key(names, self._rules), COLON, value))
            following = Rep(self._rules.add(f"{hint}-more", seq(COMMA, other)))
            first = optional(seq(other, following))
        pairs = [self._pair(member, hint) for member in node.properties]
        for place in reversed(range(len(pairs))):
            member, pair = node.properties[place], pairs[place]
            here, later = seq(pair, following), seq(COMMA, pair, following)
            if member.required:
                first, following = here, later
            else:
                first, following = alt(here, first), alt(later, following)
            if place:
                first = self._rules.add(f"{hint}-first", first)
                following = self._rules.add(f"{hint}-next", following)
        return self._rules.add(hint, seq(Lit("{"), first, Lit("}")))

    def _pair(self, member: Property, hint: str) -> Expr:
        value = self.convert(member.value, f"{hint}-{member.name}")
        return seq(Lit(dumps(member.name)), COLON, value)


def array(item: Expr) -> Expr:
    """Arrays of any number of items."""
    if item == NOTHING:
        return Lit("[]")
    return seq(Lit("["), optional(seq(item, Rep(seq(COMMA, item)))), Lit("]"))


def scalar(name: str, rules: Rules) -> Expr:
    """A type without parts."""
    match name:
        case "string":
            return rules.add("string", seq(Lit('"'), Rep(rules.add("char", _char(""))), Lit('"')))
        case "integer":
            return rules.add("integer", alt(Lit("0"), seq(optional(Lit("-")), _POSITIVE)))
        case "number":
            whole = alt(Lit("0"), _POSITIVE)
            return rules.add("number", seq(optional(Lit("-")), whole, optional(seq(Lit("."), Rep(_DIGIT, 1, 32)))))
        case "boolean":
            return alt(Lit("true"), Lit("false"))
    return Lit("null")


def any_value(rules: Rules) -> Ref:
    """Every JSON value."""

    def make(value: Ref) -> Expr:
        pair = seq(scalar("string", rules), COLON, value)
        members = rules.add("json-object", seq(Lit("{"), optional(seq(pair, Rep(seq(COMMA, pair)))), Lit("}")))
        items = rules.add("json-array", array(value))
        return alt(members, items, *(scalar(name, rules) for name in ("string", "number", "boolean", "null")))

    return rules.once("json", make)


def trie(spellings: Sequence[str]) -> Expr:
    """One of some texts, with shared beginnings written once: the engine then follows one path instead of all."""
    if len(spellings) == 1:
        return Lit(spellings[0])
    low, high = min(spellings), max(spellings)
    same = next((place for place, char in enumerate(low) if char != high[place]), len(low))
    if same:
        return seq(Lit(low[:same]), trie([spelling[same:] for spelling in spellings]))
    groups: dict[str, list[str]] = {}
    for spelling in spellings:
        groups.setdefault(spelling[:1], []).append(spelling[1:])
    return alt(*(seq(Lit(head), trie(tails)) if head else EMPTY for head, tails in groups.items()))


def other_key(names: Sequence[str], rules: Rules) -> Expr:
    """A property's name, as a JSON string, that is none of `names`: the exact complement.

    Every character has one spelling only, so a name cannot be spelled otherwise to get past this.
    """
    char = rules.add("char", _char(""))
    tail = seq(Rep(char), Lit('"'))

    def state(tails: list[str]) -> Expr:
        groups: dict[str, list[str]] = {}
        for left in tails:
            if left:
                groups.setdefault(left[0], []).append(left[1:])
        steps = [seq(_spelled(head), state(lefts)) for head, lefts in groups.items()]
        ends = [] if "" in tails else [Lit('"')]
        return rules.add("key", alt(*ends, *steps, seq(_char("".join(groups)), tail)))

    return seq(Lit('"'), state(list(names))) if names else scalar("string", rules)


def _char(excluded: str) -> Expr:
    """One character inside a JSON string, in its only spelling, but none of `excluded`."""
    raw = none_of('"\\' + _CONTROLS + excluded)
    short = "".join(letter for char, letter in _SHORT.items() if char not in excluded)
    numbered = [code for code in range(0x20) if chr(code) not in _SHORT and chr(code) not in excluded]
    low = "".join(f"{code & 15:x}" for code in numbered if code < 16)
    high = "".join(f"{code & 15:x}" for code in numbered if code >= 16)
    by_number = alt(*(seq(Lit(f"u00{row}"), chars(digits)) for row, digits in ((0, low), (1, high)) if digits))
    return alt(raw, seq(Lit("\\"), alt(*([chars(short)] if short else []), by_number)))


def _spelled(char: str) -> Expr:
    return Lit(dumps(char)[1:-1])
