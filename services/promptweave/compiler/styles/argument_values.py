"""Values of arguments that are written key by key: as JSON, as words of the template, or as text up to a closing text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from promptweave.compiler.json_schema.emit.typed import TypedValues
from promptweave.compiler.json_text import dumps
from promptweave.output.grammar.expr import NOTHING, Expr
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


def value_node(forms: Mapping[str, Form], document: Any, typed: TypedValues, at: str, inside: Callable[[str], Node]) -> Node:
    """Return the tree of a value with the texts around it. `at`: the pointer of its schema. Raises NotExactError.

    `inside` returns the content of an object or array that is not JSON.

    Words come first, then JSON in each of its forms, and text last, which matches whatever is left.
    """
    types = typed.types()
    for name in types:
        if name not in forms:
            raise NotExactError(at, f"the template does not show the syntax of {name} values")
    checked = dumps(document)
    text = _text(forms["string"], typed, checked, at) if "string" in types and forms["string"].raw else []
    words: list[_Way] = []
    parts: list[_Way] = []
    json: dict[tuple[str, str], list[str]] = {}
    for name in types:
        form = forms[name]
        beside_text = any(way.middle == form.middle for way in text)
        if name in ("boolean", "null") and (form.words or beside_text):
            words += [_word(form, meant) for meant in typed.words(name)]
        elif form.inside:
            node = SequenceNode((LiteralNode(form.middle), inside(name), LiteralNode(form.end)))
            parts.append(_Way(form.middle, node, None))
        elif name != "string" or not form.raw:
            if beside_text:
                raise NotExactError(at, f"strings are indistinguishable from {name} values")
            json.setdefault((form.middle, form.end), []).append(name)
    ways = [*words, *_json(json, typed, checked), *parts, *text]
    if not ways:
        raise NotExactError(at, "no allowed value can be represented")
    pairs = [(one, other) for one in ways for other in ways if one is not other]
    if any(_clash(one, other) or (one in parts and one.middle == other.middle) for one, other in pairs):
        raise NotExactError(at, "its values are ambiguous in this syntax")
    return ways[0].node if len(ways) == 1 else ChoiceNode(tuple(way.node for way in ways))


def implied_text(text: str) -> Node:
    """Return a node for text of the arguments that is not in the output."""
    return RegionNode(Region.TOOL_ARGUMENTS, EmitNode(text))


def _word(form: Form, meant: str) -> _Way:
    spelled = form.word(meant)
    node = SequenceNode((LiteralNode(form.middle + spelled), implied_text(meant), LiteralNode(form.end)))
    return _Way(form.middle, node, spelled[:1])


def _json(groups: Mapping[tuple[str, str], Sequence[str]], typed: TypedValues, checked: str) -> list[_Way]:
    ways = []
    for (middle, end), names in groups.items():
        rule = typed.json(names)
        if rule != NOTHING:
            first = "".join(FIRST.get(name, NUMBER_FIRST) for name in names)
            value = RegionNode(Region.TOOL_ARGUMENTS, JsonNode(first, rule), schema=checked, exact=True)
            ways.append(_Way(middle, SequenceNode((LiteralNode(middle), value, LiteralNode(end))), first))
    return ways


def _text(form: Form, typed: TypedValues, checked: str, at: str) -> list[_Way]:
    """Return the notations of verbatim strings: any strings, listed ones, or those of a grammar."""
    listed = typed.listed_strings()
    if listed is not None:
        if any(form.end.strip() in text for text in listed):
            raise NotExactError(at, f"a value contains its own end marker {form.end.strip()!r}")
        return [_listed(form, text) for text in listed]
    if typed.any_string:
        return [_Way(form.middle, _free(form, None, ""), None)]
    rule = typed.raw_strings(form.end)
    return [] if rule == NOTHING else [_Way(form.middle, _free(form, rule, checked), None)]


def _listed(form: Form, text: str) -> _Way:
    value = RegionNode(Region.TOOL_ARGUMENTS, LiteralNode(text), Transform.JSON_STRING_ENCODE)
    return _Way(form.middle, SequenceNode((LiteralNode(form.middle), value, LiteralNode(form.end))), text[:1] or None)


def _free(form: Form, rule: Expr | None, checked: str) -> Node:
    # Closed with the template's white space, or without it: the text itself contains neither.
    ends = tuple(dict.fromkeys((form.end, form.end.lstrip())))
    text = TextNode(None, (Branch(ends, EMPTY),), may_end=False, rule=rule)
    value = RegionNode(Region.TOOL_ARGUMENTS, text, Transform.JSON_STRING_ENCODE, schema=checked, exact=bool(checked))
    return SequenceNode((LiteralNode(form.middle), value))


def _clash(one: _Way, other: _Way) -> bool:
    """Return whether `one` may begin like `other`, whose text after the key is shorter."""
    if one.middle == other.middle or not one.middle.startswith(other.middle):
        return False
    return other.first is None or one.middle[len(other.middle)] in other.first
