"""Arguments that are not one JSON object: a key and a value at a time, as tags or as a call in code.

`first` KEY VALUE (`join` KEY VALUE)*, or `zero` where there are none. How a value is written depends on its type: strings
often stand there as they are, up to a text that closes them; others are JSON. The schema stays enforced, whatever the
syntax: what cannot be written exactly is refused (`NotExactError`), and the request gets another style.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from promptweave.compiler.json_text import dumps, pointer_token
from promptweave.compiler.keywords import ANNOTATIONS
from promptweave.output.grammar import Expr
from promptweave.output.tree import EMPTY, Branch, Choice, Emit, Json, Literal, Node, Part, Region, Sequence, Text, Transform

KEY = "\ue000"
"""Stands for the key in a form's texts: some syntaxes close a value by its key."""

FIRST = {"object": "{", "array": "[", "string": '"', "boolean": "tf", "null": "n"}
NUMBER_FIRST = "-0123456789"

_PLAIN_KEY = re.compile(r"[\w.-]+")


class NotExactError(Exception):
    """A schema that the syntax cannot keep to: where, and why."""

    def __init__(self, pointer: str, why: str) -> None:
        super().__init__(why)
        self.pointer = pointer
        self.why = why


@dataclass(frozen=True, slots=True)
class Form:
    """How a value of one type is written after its key: `middle` VALUE `end`.

    `raw`: strings stand there as they are. `words`: what stands for true, false and null, where it is not JSON.
    """

    middle: str
    end: str
    raw: bool = False
    words: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ArgumentSyntax:
    """The texts around arguments, and the form of each of JSON's types that can be written."""

    zero: str
    first: str
    join: str
    forms: Mapping[str, Form]
    sorted_keys: bool = False

    def example(self) -> str:
        """One argument."""
        form = self.forms["string"]
        value = "value" if form.raw else '"value"'
        return (self.first + KEY + form.middle + value + form.end).replace(KEY, "key")


Embed = Callable[[Any], Expr | None]
"""The grammar of a schema's JSON values; None where only reading is wanted."""


def arguments_node(syntax: ArgumentSyntax, schema: Any, embed: Embed) -> Node:
    """The tree of the arguments that `schema`, that of an object, allows. Raises NotExactError."""
    reader = _Reader(syntax, schema, embed)
    members = reader.members()
    if syntax.sorted_keys:
        members.sort(key=lambda member: member.key.lower())
    alternatives: list[Node] = []
    for place in range(len(members)):
        # Any property may come first that only optional ones stand before.
        later = [_later(syntax, member) for member in members[place + 1 :]]
        alternatives.append(Sequence((members[place].written(syntax.first, "{"), *later, _json("}"))))
        if members[place].required:
            break
    else:
        alternatives.append(Sequence((Literal(syntax.zero), _json("{}"))))
    return alternatives[0] if len(alternatives) == 1 else Choice(tuple(alternatives))


@dataclass(frozen=True, slots=True)
class _Member:
    key: str
    required: bool
    value: Node

    def written(self, lead: str, json: str) -> Node:
        return Sequence((Literal(lead + self.key), _json(f"{json}{dumps(self.key)}: "), self.value))


def _later(syntax: ArgumentSyntax, member: _Member) -> Node:
    written = member.written(syntax.join, ", ")
    return written if member.required else Choice((written, EMPTY))


def _json(text: str) -> Node:
    return Part(Region.TOOL_ARGUMENTS, Emit(text))


class _Reader:
    """Reads a schema as far as the syntax needs to see into it; what is JSON is left to `embed`."""

    def __init__(self, syntax: ArgumentSyntax, schema: Any, embed: Embed) -> None:
        self._syntax = syntax
        self._embed = embed
        self._schema = schema if isinstance(schema, dict) else {}
        if schema is False:
            raise NotExactError("", "it allows no value")

    def members(self) -> list[_Member]:
        known = {"type", "properties", "required", "additionalProperties"} | ANNOTATIONS
        for keyword in self._schema:
            if keyword not in known:
                raise NotExactError(pointer_token(keyword), f"{keyword!r} cannot be enforced in it")
        if self._schema.get("type", "object") != "object":
            raise NotExactError("/type", "the arguments are not declared as an object")
        if self._schema.get("additionalProperties") not in (None, False):
            raise NotExactError("/additionalProperties", "keys that are not declared cannot be told from syntax")
        properties, required = self._schema.get("properties", {}), self._schema.get("required", [])
        for key in required:
            if key not in properties:
                raise NotExactError("/required", f"the property {key!r} is not declared")
        return [self._member(key, value, key in required) for key, value in properties.items()]

    def _member(self, key: str, schema: Any, required: bool) -> _Member:
        at = f"/properties{pointer_token(key)}"
        if not _PLAIN_KEY.fullmatch(key):
            raise NotExactError(at, "the property's name could be taken for syntax")
        return _Member(key, required, _replaced(self._value(schema, at), key))

    def _value(self, schema: Any, at: str) -> "_Value":
        """The ways to write a value: words, JSON in each of its forms, and text last, which takes what is nothing else."""
        words: list[_Way] = []
        json: dict[tuple[str, str], tuple[list[Any], list[str]]] = {}
        text: list[_Way] = []
        for option in _options(schema):
            types = self._types(option, at)
            forms = [self._form(name, at) for name in types]
            spelled = [_words_of(name, form) for name, form in zip(types, forms, strict=True)]
            if types == ["string"] and forms[0].raw:
                text += self._raw(option, forms[0], at)
            elif len(types) == 1 and any(word != meant for word, meant in spelled[0]) and _only_types(option):
                words += [_Way(forms[0].middle, forms[0].end, word=word) for word in spelled[0]]
            elif any(form.raw for form in forms) or any(word != meant for some in spelled for word, meant in some):
                raise NotExactError(at, f"values of the types {', '.join(types)} cannot be told apart in it")
            elif len({(form.middle, form.end) for form in forms}) > 1:
                raise NotExactError(at, f"values of the types {', '.join(types)} are written in different ways")
            else:
                options, names = json.setdefault((forms[0].middle, forms[0].end), ([], []))
                options.append(option)
                names += types
        ways = words + self._ways(json, text, at) + text
        if any(_clash(one, other) for one in ways for other in ways if one is not other):
            raise NotExactError(at, "the ways in which its values are written cannot be told apart")
        return _Value(tuple(ways))

    def _ways(
        self, json: Mapping[tuple[str, str], tuple[list[Any], list[str]]], text: "list[_Way]", at: str
    ) -> "list[_Way]":
        """The ways that are JSON. Beside text only words can be told from it, and they then mean what they spell."""
        ways: list[_Way] = []
        for (middle, end), (options, names) in json.items():
            if any(way.middle == middle for way in text):
                if set(names) - {"boolean", "null"} or not all(map(_only_types, options)):
                    raise NotExactError(at, f"text cannot be told from a value of the type {' or '.join(names)}")
                ways += [_Way(middle, end, word=(word, word)) for name in names for _, word in _words_of(name, Form("", ""))]
                continue
            first = "".join(dict.fromkeys("".join(FIRST.get(name, NUMBER_FIRST) for name in names)))
            schema = options[0] if len(options) == 1 else {"anyOf": options}
            rooted = self._rooted(schema)
            ways.append(_Way(middle, end, json=Json(first, self._embed(rooted)), schema=dumps(rooted)))
        return ways

    def _form(self, name: str, at: str) -> Form:
        form = self._syntax.forms.get(name)
        if form is None:
            raise NotExactError(at, f"the template does not show how a value of the type {name} is written")
        return form

    def _raw(self, schema: Any, form: Form, at: str) -> "list[_Way]":
        """Strings as they are."""
        members = _string_members(schema)
        if members is not None:
            if any(form.end.strip() in text for text in members):
                raise NotExactError(at, f"a value holds the text {form.end.strip()!r}, which ends it")
            return [_Way(form.middle, form.end, text=text) for text in members]
        if not _only_types(schema):
            raise NotExactError(at, "strings are written as they are, and this schema limits which")
        return [_Way(form.middle, form.end)]

    def _types(self, schema: Any, at: str, depth: int = 0) -> list[str]:
        """Which types the values of a schema may have."""
        if isinstance(schema, dict) and depth < 20:
            if isinstance(schema.get("$ref"), str):
                return self._types(self._target(schema["$ref"], at), at, depth + 1)
            if "const" in schema or "enum" in schema:
                members = schema["enum"] if "enum" in schema else [schema["const"]]
                return list(dict.fromkeys(type_of(member) for member in members))
            for key in ("anyOf", "oneOf"):
                if key in schema:
                    found = [name for option in schema[key] for name in self._types(option, at, depth + 1)]
                    return list(dict.fromkeys(found))
            declared = schema.get("type")
            if declared:
                return [declared] if isinstance(declared, str) else list(declared)
        raise NotExactError(at, "it does not say of which type the value is")

    def _target(self, reference: str, at: str) -> Any:
        found: Any = self._schema
        for token in reference.removeprefix("#").split("/")[1:]:
            found = found.get(token.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if not reference.startswith("#/") or found is None:
            raise NotExactError(at, f"the reference {reference!r} leads nowhere")
        return found

    def _rooted(self, schema: Any) -> Any:
        """A property's schema as a document of its own, in which its references still hold."""
        shared = {key: self._schema[key] for key in ("$defs", "definitions", "$schema") if key in self._schema}
        return {**shared, **schema} if isinstance(schema, dict) else schema


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to write a value: JSON, a word and what it means, one text, or (all None) any text."""

    middle: str
    end: str
    json: Json | None = None
    word: tuple[str, str] | None = None
    text: str | None = None
    schema: str = ""


def _clash(one: _Way, other: _Way) -> bool:
    """Whether `one` may begin like `other`, whose texts after the key are shorter."""
    if one.middle == other.middle or not one.middle.startswith(other.middle):
        return False
    more = one.middle[len(other.middle) :]
    if other.json:
        return more[0] in other.json.first
    known = other.word[0] if other.word else other.text
    return known is None or known[:1] == more[0] or not known


@dataclass(frozen=True, slots=True)
class _Value:
    ways: tuple[_Way, ...]


def _replaced(value: _Value, key: str) -> Node:
    """The tree of a value, now that its key is known."""
    nodes = [_written(way, way.middle.replace(KEY, key), way.end.replace(KEY, key)) for way in value.ways]
    return nodes[0] if len(nodes) == 1 else Choice(tuple(nodes))


def _written(way: _Way, middle: str, end: str) -> Node:
    if way.json:
        value = Part(Region.TOOL_ARGUMENTS, way.json, schema=way.schema, exact=True)
        return Sequence((Literal(middle), value, Literal(end)))
    if way.word:
        spelled, meant = way.word
        return Sequence((Literal(middle + spelled), _json(meant), Literal(end)))
    if way.text is not None:
        written: Node = Part(Region.TOOL_ARGUMENTS, Literal(way.text), Transform.JSON_STRING_ENCODE)
        return Sequence((Literal(middle), written, Literal(end)))
    # Closed with the white space that the template writes, or without: a text holds neither.
    ends = tuple(dict.fromkeys((end, end.lstrip())))
    text = Text(None, (Branch(ends, EMPTY),), may_end=False)
    return Sequence((Literal(middle), Part(Region.TOOL_ARGUMENTS, text, Transform.JSON_STRING_ENCODE)))


def _options(schema: Any) -> list[Any]:
    """A schema as alternatives, each of one type where that can be seen."""
    if not isinstance(schema, dict):
        return [schema]
    rest = schema.keys() - ANNOTATIONS
    if rest == {"anyOf"}:
        return [option for some in schema["anyOf"] for option in _options(some)]
    if rest == {"type"} and isinstance(schema["type"], list):
        return [{"type": name} for name in schema["type"]]
    if rest == {"enum"}:
        kinds = dict.fromkeys(map(type_of, schema["enum"]))
        return [{"enum": [member for member in schema["enum"] if type_of(member) == kind]} for kind in kinds]
    return [schema]


def _only_types(schema: Any) -> bool:
    """Whether a schema says nothing but types, in options or not."""
    if not isinstance(schema, dict):
        return False
    if "anyOf" in schema:
        return not (schema.keys() - {"anyOf"} - ANNOTATIONS) and all(map(_only_types, schema["anyOf"]))
    return not (schema.keys() - {"type"} - ANNOTATIONS)


def _string_members(schema: Any) -> list[str] | None:
    """The strings of an enum or a const that is nothing else."""
    if not isinstance(schema, dict) or not {"enum", "const"} & schema.keys():
        return None
    if schema.keys() - {"enum", "const", "type"} - ANNOTATIONS or {"enum", "const"} <= schema.keys():
        return None
    if schema.get("type", "string") != "string":
        return None
    members = schema["enum"] if "enum" in schema else [schema["const"]]
    return list(dict.fromkeys(members)) if all(isinstance(member, str) for member in members) else None


def _words_of(name: str, form: Form) -> list[tuple[str, str]]:
    meant = {"boolean": ("true", "false"), "null": ("null",)}.get(name, ())
    words = dict(form.words)
    return [(words.get(word, word), word) for word in meant]


def type_of(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case None:
            return "null"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
    return "object"
