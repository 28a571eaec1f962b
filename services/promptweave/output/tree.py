"""The output tree: a small closed set of combinators that describe everything a model may generate in one turn.

    LiteralNode  exactly this text                     SequenceNode  items in order
    TextNode     free text, up to a marker or the end  ChoiceNode    one of several, distinguished by how they begin
    JsonNode     one JSON value                        RepeatNode    repeated items, with a separator between them
    RegionNode   a region of the message: the text read below it belongs to it, unless a deeper region claims it
    EmitNode     text added to the message although the output does not contain it

A calling style is only a way to build such a tree (`compiler/styles/`).
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple

from promptweave.output.grammar.expr import Expr

VERSION = 1
"""The version of the tree's semantics, sent as `OutputSyntax.version`."""


class Region(Enum):
    """The regions of a message. The names match the wire's RegionKind."""

    CONTENT = auto()
    REASONING = auto()
    TOOL_CALL = auto()
    TOOL_NAME = auto()
    TOOL_ARGUMENTS = auto()
    TOOL_CALL_ID = auto()
    CUSTOM_TOOL_NAME = auto()
    TOOL_INPUT = auto()
    DISCARD = auto()


class Transform(Enum):
    """How the text of a region is converted to the message's text. The names match the wire's Transform.

    `JSON_OR_STRING`: JSON that the region's schema allows, if it is not a string, is that value; other text is encoded.
    """

    NONE = auto()
    JSON_STRING_DECODE = auto()
    JSON_STRING_ENCODE = auto()
    JSON_OR_STRING = auto()


@dataclass(frozen=True, slots=True)
class LiteralNode:
    """Exactly this text."""

    text: str


@dataclass(frozen=True, slots=True)
class JsonNode:
    """One JSON value, beginning with one of the characters `first` ("": any value).

    `rule` is its grammar, which the parser does not need.
    """

    first: str = ""
    rule: Expr | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch: any of `markers` leads to `then`. Markers are syntax and not part of the text before them."""

    markers: tuple[str, ...]
    then: "Node"


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A text that may precede an opening, and the text that closes it after what the opening leads to ("": none)."""

    text: str
    closing: str = ""


@dataclass(frozen=True, slots=True)
class NamedBranch:
    """A branch that a name selects: WRAPPER OPENING name MIDDLE leads to the case of that name, and then to `ending`.

    It may begin only at the beginning of the text or of a line, or `anywhere`. White space before it is syntax. In these
    texts a space stands for any white space, including none. Until the last character of MIDDLE all of it is text: without
    one of the names, nothing begins.

    After `ending`, the closing text of the wrapper and the `skipped` texts are ignored. Then the text goes on, with the same
    branches, or ends if not `resumes`.
    """

    wrappers: tuple[Wrapper, ...]
    openings: tuple[str, ...]
    middles: tuple[str, ...]
    cases: tuple[tuple[str, "Node"], ...]
    ending: "Node"
    skipped: tuple[str, ...] = ()
    resumes: bool = True
    anywhere: bool = False

    def __post_init__(self) -> None:
        if not all((self.wrappers, self.openings, self.middles, self.cases)):
            raise ValueError("a branch has no wrapper, opening, middle or case")
        names = [name for name, _ in self.cases]
        if "" in names or len(set(names)) < len(names):
            raise ValueError("two names are equal, or one is empty")
        if any(text.strip() in ("", "\n") or text.endswith(" ") for text in (*self.openings, *self.middles)):
            raise ValueError("an opening or a middle is empty, or ends with a space")
        closing = [wrapper.closing for wrapper in self.wrappers if wrapper.closing]
        if any(not text or any(map(str.isspace, text)) for text in (*self.skipped, *closing)):
            raise ValueError("a text to skip is empty, or contains white space")

    def texts(self) -> list[str]:
        """Return the texts around names, without white space."""
        wrapped = [wrapper.text + opening for wrapper in self.wrappers for opening in self.openings]
        return ["".join(text.split()) for text in (*wrapped, *self.middles)]


@dataclass(frozen=True, slots=True)
class TextNode:
    """Free text of region `kind` (None: the enclosing region), containing no marker of its branches.

    The first marker ends it, or the beginning of the `named` branch; so may the end of the output, if `may_end`. `rule`: the
    grammar of the text including its end marker, if not every text is allowed; the parser does not need it.

    No marker may contain another one, except as its own suffix and in the same branch (`\\n<tool_call>` and `<tool_call>`):
    so every reader finds the same marker first, however it searches. Nor may the texts of the named branch contain a marker.
    """

    kind: Region | None
    branches: tuple[Branch, ...] = ()
    may_end: bool = True
    rule: Expr | None = field(default=None, compare=False)
    named: NamedBranch | None = None

    def __post_init__(self) -> None:
        self._check_markers()
        if self.named:
            self._check_named(self.named.texts())

    def _check_named(self, texts: list[str]) -> None:
        for marker in (marker for branch in self.branches for marker in branch.markers):
            if any("".join(marker.split()) in text for text in texts):
                raise ValueError(f"the named branch contains the marker {marker!r}")

    def _check_markers(self) -> None:
        markers = [marker for branch in self.branches for marker in branch.markers]
        if not markers and not self.may_end:
            raise ValueError("a text has no end marker")
        if "" in markers:
            raise ValueError("a marker is empty")
        if len(set(markers)) < len(markers):
            raise ValueError("two markers are equal")
        owner = {marker: place for place, branch in enumerate(self.branches) for marker in branch.markers}
        for outer, outer_place in owner.items():
            for inner, inner_place in owner.items():
                found = outer.find(inner)
                if outer == inner or found < 0:
                    continue
                if inner_place != outer_place or found + len(inner) != len(outer):
                    raise ValueError(f"the marker {outer!r} contains the marker {inner!r}")


@dataclass(frozen=True, slots=True)
class ChoiceNode:
    """One of several alternatives, distinguished by how they begin.

    `rule`: its grammar, if that admits less than the alternatives do; the parser does not need it.
    """

    alternatives: tuple["Node", ...]
    rule: Expr | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SequenceNode:
    """Items in order; `SequenceNode(())` is empty."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class RepeatNode:
    """`item` repeated `min` to `max` times (None: unbounded), with `separator` between."""

    item: "Node"
    separator: str = ""
    min: int = 0
    max: int | None = None


@dataclass(frozen=True, slots=True)
class RegionNode:
    """A region of the message. `stoppable`: it is free text, so stop strings apply to it.

    `schema`: the region is JSON whose grammar is looser than this JSON Schema (as text): it is held back until complete, and
    then validated. A violation becomes a SchemaViolation instead of content or a call. "": nothing to validate.
    """

    kind: Region
    body: "Node"
    transform: Transform = Transform.NONE
    stoppable: bool = False
    schema: str = ""
    exact: bool = False
    """The grammar enforces the schema, except for invalid UTF-8: only text that contains U+FFFD is validated."""


@dataclass(frozen=True, slots=True)
class EmitNode:
    """Text added to the message although the output does not contain it.

    `between`: only if the message already has text of the same region (content or reasoning), which it separates from what
    follows.
    """

    text: str
    between: bool = False


Node = LiteralNode | JsonNode | TextNode | ChoiceNode | SequenceNode | RepeatNode | RegionNode | EmitNode

EMPTY = SequenceNode(())


def is_checked(node: Node) -> bool:
    """Return whether a region of `node` is validated once complete."""
    match node:
        case RegionNode(_, body):
            return (bool(node.schema) and not node.exact) or is_checked(body)
        case ChoiceNode(items) | SequenceNode(items):
            return any(map(is_checked, items))
        case RepeatNode(item):
            return is_checked(item)
        case TextNode(_, branches, named=named):
            cases = [*(then for _, then in named.cases), named.ending] if named else []
            return any(is_checked(then) for then in (*cases, *(branch.then for branch in branches)))
    return False


def begins_with_grammar(node: Node) -> bool:
    """Return whether a node may begin with text of the caller's own grammar."""
    match node:
        case TextNode():
            return node.rule is not None
        case RegionNode(_, body):
            return begins_with_grammar(body)
        case ChoiceNode(alternatives):
            return any(map(begins_with_grammar, alternatives))
        case SequenceNode(items):
            return any(map(begins_with_grammar, items[:1]))
    return False


@dataclass(frozen=True, slots=True)
class ToolAlias:
    """A tool that the model knows by another name than the caller: `alias` in the output, and the request's names."""

    alias: str
    name: str
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Syntax:
    """How to parse one output. `prefix` is already at the end of the prompt; the parser reads it first."""

    root: Node
    prefix: str = ""
    aliases: tuple[ToolAlias, ...] = ()


JSON_FIRST = '{["-0123456789tfn'
"""The characters that a JSON value may begin with."""


def starts(node: Node) -> tuple[frozenset[str], bool]:
    """Return the texts that `node` may begin with, and whether it may also be empty or begin with anything."""
    begins = _begins(node)
    return begins.texts, begins.empty or begins.anything


class _Begins(NamedTuple):
    texts: frozenset[str] = frozenset()
    empty: bool = False
    anything: bool = False


def _begins(node: Node) -> _Begins:
    match node:
        case LiteralNode(text):
            return _Begins(frozenset({text})) if text else _Begins(empty=True)
        case JsonNode(first):
            return _Begins(frozenset(first or JSON_FIRST))
        case TextNode():
            return _Begins(anything=True)
        case ChoiceNode(alternatives):
            found = [_begins(alternative) for alternative in alternatives]
            texts = frozenset().union(*(begins.texts for begins in found))
            return _Begins(texts, any(begins.empty for begins in found), any(begins.anything for begins in found))
        case RepeatNode(item, separator, low, _):
            texts, empty, anything = _begins(item)
            # If an item may be empty, a separator may come first.
            return _Begins(texts, empty or low == 0, anything or (empty and bool(separator)))
        case RegionNode(_, body):
            return _begins(body)
        case EmitNode():
            return _Begins(empty=True)
        case SequenceNode(items):
            return _sequence_begins(items)


def _sequence_begins(items: tuple[Node, ...]) -> _Begins:
    lead = ""
    texts: frozenset[str] = frozenset()
    for item in items:
        literal = _literal_text(item)
        if literal is not None:
            lead += literal
            continue
        more, empty, anything = _begins(item)
        if lead:
            # Adjacent literals count as one; what follows only makes it more specific, if it is known.
            known = more and not (empty or anything)
            return _Begins(texts | (frozenset(lead + text for text in more) if known else {lead}))
        texts |= more
        if anything or not empty:
            return _Begins(texts, False, anything)
    return _Begins(texts | {lead}) if lead else _Begins(texts, empty=True)


def _literal_text(node: Node) -> str | None:
    match node:
        case LiteralNode(text):
            return text
        case RegionNode(_, body):
            return _literal_text(body)
        case EmitNode():
            return ""
        case SequenceNode(items):
            texts = [_literal_text(item) for item in items]
            return None if None in texts else "".join(text for text in texts if text)
    return None
