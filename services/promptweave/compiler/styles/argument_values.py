"""Values of arguments that are written key by key: as JSON, as words of the template, or as text up to a closing text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from promptweave.compiler.json_schema.emit.typed import TypedValues
from promptweave.compiler.json_text import TYPES, dumps, loads
from promptweave.output.grammar.expr import NOTHING, Expr, Lit, alt, seq
from promptweave.output.parse.schema_check import find_violation
from promptweave.output.tree import (
    EMPTY,
    Branch,
    ChoiceNode,
    EmitNode,
    JsonNode,
    LiteralNode,
    Node,
    Region,
    RegionNode,
    SequenceNode,
    TextNode,
    Transform,
)

FIRST = {"object": "{", "array": "[", "string": '"', "boolean": "tf", "null": "n"}
NUMBER_FIRST = "-0123456789"


class NotExactError(Exception):
    """The syntax cannot enforce a schema: `pointer` and `why`."""

    def __init__(self, pointer: str, why: str) -> None:
        super().__init__(why)
        self.pointer = pointer
        self.why = why


class NoValueError(NotExactError):
    """The schema allows no value, or none that the syntax can write."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a value of one type is written after its key: `middle` VALUE `end`.

    `raw`: strings are verbatim. `words`: the words for true, false and null, if they are not JSON. `inside`: an object or
    array is not JSON, its members are written in the syntax's own forms.
    """

    middle: str
    end: str
    raw: bool = False
    words: tuple[tuple[str, str], ...] = ()
    inside: bool = False

    def word(self, meant: str) -> str:
        """Return the word for true, false or null."""
        return dict(self.words).get(meant, meant)


@dataclass(frozen=True, slots=True)
class _Way:
    """One notation of a value. `first`: the characters that it may begin with; None: any, or none at all."""

    middle: str
    node: Node
    first: str | None


@dataclass(frozen=True, slots=True)
class ValueSchema:
    """The schema of a value: `document`, whose values are `typed`, at the pointer `at`.

    `exact`: `typed` enforces all of it; otherwise the value is validated once it is complete.
    """

    document: Any
    typed: TypedValues
    at: str
    exact: bool = True

    @property
    def text(self) -> str:
        """Return the document as text."""
        return dumps(self.document)


def json_forms_only(forms: Mapping[str, Form]) -> dict[str, Form]:
    """Return forms in which all values except verbatim strings are JSON, or words; none if that is not possible."""
    plain = [form for form in forms.values() if not form.inside]
    if not plain:
        return {}
    form = replace(next((form for form in plain if not form.raw), plain[0]), raw=False, words=())
    names = dict.fromkeys(("object", "array", "string", "integer", "number", "boolean", "null"))
    return {name: form if name not in forms or forms[name].inside else forms[name] for name in names}


def reads_by_type(forms: Mapping[str, Form], schema: ValueSchema) -> bool:
    """Return whether a text may be a string or another value, depending on what it reads as."""
    types, string = schema.typed.types(), forms.get("string")
    if "string" not in types or string is None or not string.raw:
        return False
    others = [forms[name] for name in types if name in forms and name not in ("string", "boolean", "null")]
    if not any(form.middle == string.middle and not form.inside for form in others):
        return False
    listed = schema.typed.listed_strings()
    return listed is None or any(_is_other_value(text, schema.text) for text in listed)


def value_node(forms: Mapping[str, Form], schema: ValueSchema, inside: Callable[[str], Node] | None) -> Node:
    """Return the tree of a value with the texts around it. Raises NotExactError.

    `inside` returns the content of an object or array that is not JSON; None if no form needs it.

    Words come first, then JSON in each of its forms, and text last, which matches whatever is left.
    """
    typed, at = schema.typed, schema.at
    types = typed.types()
    for name in types:
        if name not in forms:
            raise NotExactError(at, f"the template does not show the syntax of {name} values")
    raw = forms["string"] if "string" in types and forms["string"].raw else None
    words: list[_Way] = []
    parts: list[_Way] = []
    json: dict[tuple[str, str], list[str]] = {}
    as_text: list[str] = []
    for name in types:
        form = forms[name]
        beside_text = raw is not None and form.middle == raw.middle
        if name in ("boolean", "null") and (form.words or beside_text):
            words += [_word(form, meant, spelled) for meant, spelled in _spellings(form, typed.words(name), beside_text)]
        elif form.inside and inside:
            node = SequenceNode((LiteralNode(form.middle), inside(name), LiteralNode(form.end)))
            parts.append(_Way(form.middle, node, None))
        elif name != "string" or not form.raw:
            if beside_text:
                as_text.append(name)
            else:
                json.setdefault((form.middle, form.end), []).append(name)
    text = _text(raw, schema, as_text) if raw else []
    ways = [*words, *_json(json, schema), *parts, *text]
    if not ways:
        raise NoValueError(at, "no allowed value can be represented")
    pairs = [(one, other) for one in ways for other in ways if one is not other]
    if any(_clash(one, other) or (one in parts and one.middle == other.middle) for one, other in pairs):
        raise NotExactError(at, "its values are ambiguous in this syntax")
    return ways[0].node if len(ways) == 1 else ChoiceNode(tuple(way.node for way in ways))


def implied_text(text: str) -> Node:
    """Return a node for text of the arguments that is not in the output."""
    return RegionNode(Region.TOOL_ARGUMENTS, EmitNode(text))


def _spellings(form: Form, words: Sequence[str], beside_text: bool) -> list[tuple[str, str]]:
    """Return each word with its spellings: the template's, and beside text also that of JSON."""
    return [
        (meant, spelled)
        for meant in words
        for spelled in dict.fromkeys((form.word(meant), *((meant,) if beside_text else ())))
    ]


def _word(form: Form, meant: str, spelled: str) -> _Way:
    node = SequenceNode((LiteralNode(form.middle + spelled), implied_text(meant), LiteralNode(form.end)))
    return _Way(form.middle, node, spelled[:1])


def _json(groups: Mapping[tuple[str, str], Sequence[str]], schema: ValueSchema) -> list[_Way]:
    ways = []
    for (middle, end), names in groups.items():
        rule = schema.typed.json(names)
        if rule != NOTHING:
            first = "".join(FIRST.get(name, NUMBER_FIRST) for name in names)
            value = RegionNode(Region.TOOL_ARGUMENTS, JsonNode(first, rule), schema=schema.text, exact=schema.exact)
            ways.append(_Way(middle, SequenceNode((LiteralNode(middle), value, LiteralNode(end))), first))
    return ways


def _text(form: Form, schema: ValueSchema, others: Sequence[str]) -> list[_Way]:
    """Return the notations of verbatim strings: any strings, listed ones, or those of a grammar.

    `others`: the types of values written as JSON in the same place. What is such a value is none of the strings.
    """
    typed = schema.typed
    listed = typed.listed_strings()
    if listed is not None:
        if any(form.end.strip() in text for text in listed):
            raise NotExactError(schema.at, f"a value contains its own end marker {form.end.strip()!r}")
        strings = [text for text in listed if not (others and _is_other_value(text, schema.text))]
        return [*(_listed(form, text) for text in strings), *_json({(form.middle, form.end): others}, schema)]
    if typed.any_string:
        return [_Way(form.middle, _free(form, None, schema, mixed=bool(others)), None)]
    compound = [name for name in others if name in ("object", "array")]
    scalars = [name for name in others if name not in compound]
    first = "".join(FIRST[name] for name in compound)
    rule = typed.raw_strings(form.end, unlike=first)
    numbers = typed.json(scalars) if scalars else NOTHING
    if numbers != NOTHING:
        rule = alt(rule, seq(numbers, Lit(form.end))) if rule != NOTHING else seq(numbers, Lit(form.end))
    text = [] if rule == NOTHING else [_Way(form.middle, _free(form, rule, schema, mixed=bool(scalars)), None)]
    return [*_json({(form.middle, form.end): compound} if compound else {}, schema), *text]


def _is_other_value(text: str, schema: str) -> bool:
    """Return whether a text is JSON that the schema allows, and not a string."""
    try:
        return TYPES[type(loads(text))] != "string" and find_violation(text, schema) is None
    except ValueError:
        return False


def _listed(form: Form, text: str) -> _Way:
    value = RegionNode(Region.TOOL_ARGUMENTS, LiteralNode(text), Transform.JSON_STRING_ENCODE)
    return _Way(form.middle, SequenceNode((LiteralNode(form.middle), value, LiteralNode(form.end))), text[:1] or None)


def _free(form: Form, rule: Expr | None, schema: ValueSchema, *, mixed: bool) -> Node:
    # Closed with the template's white space, or without it: the text itself contains neither.
    ends = tuple(dict.fromkeys((form.end, form.end.lstrip())))
    text = TextNode(None, (Branch(ends, EMPTY),), may_end=False, rule=rule)
    transform = Transform.JSON_OR_STRING if mixed else Transform.JSON_STRING_ENCODE
    checked = schema.text if mixed or rule or not schema.exact else ""
    value = RegionNode(Region.TOOL_ARGUMENTS, text, transform, schema=checked, exact=bool(checked) and schema.exact)
    return SequenceNode((LiteralNode(form.middle), value))


def _clash(one: _Way, other: _Way) -> bool:
    """Return whether `one` may begin like `other`, whose text after the key is shorter."""
    if one.middle == other.middle or not one.middle.startswith(other.middle):
        return False
    return other.first is None or one.middle[len(other.middle)] in other.first
