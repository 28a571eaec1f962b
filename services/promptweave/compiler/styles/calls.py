"""Calls in any notation: the text around them, and the pieces of one call."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from promptweave.compiler.json_text import SPACED, Separators
from promptweave.compiler.markup import TAG
from promptweave.compiler.styles.arguments import ArgumentSyntax
from promptweave.output.grammar.expr import Chars, Expr, Rep, alt, seq
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
    RepeatNode,
    SequenceNode,
    TextNode,
)


class Slot(Enum):
    """A part of a call that is filled in when the call is written."""

    NAME = "NAME"
    ID = "ID"
    """An id that the model generates."""
    INDEX = "0"
    """The number of the call."""
    ARGUMENTS = '{"key": "value"}'


SyntaxPiece = str | Slot


@dataclass(frozen=True, slots=True)
class GeneratedIds:
    """The ids that a model may generate: `length` characters of `alphabet`, or 1 to 40 of them if `length` is 0."""

    alphabet: str
    length: int = 0

    def node(self) -> Node:
        """Return the tree of an id."""
        char = ChoiceNode(tuple(map(LiteralNode, self.alphabet)))
        return RepeatNode(char, "", self.length or 1, self.length or 40)


@dataclass(frozen=True, slots=True)
class CallSyntax:
    """`opening` CALL (`between` CALL)* `closing`, where `call` lists the pieces of a CALL, from its first slot to its last.

    `between` "" means one call only. `lead` is the text between content and calls. `ids`: the ids that the model generates,
    if any. `indexed_ids`: ids consist of the call's name and number, with these texts around the name. `arguments` None:
    they are JSON, written with `separators`.
    """

    opening: str
    call: tuple[SyntaxPiece, ...]
    closing: str
    between: str = ""
    lead: str = ""
    ids: GeneratedIds | None = None
    indexed_ids: tuple[str, str] | None = None
    arguments: ArgumentSyntax | None = None
    separators: Separators = SPACED

    @property
    def middle(self) -> str:
        """Return the text between a call's name and its arguments."""
        pieces = [piece if isinstance(piece, str) else piece.value for piece in self.call]
        start, end = self.call.index(Slot.NAME) + 1, self.call.index(Slot.ARGUMENTS)
        return "".join(pieces[start:end])

    @property
    def marker(self) -> str:
        """Return the shortest text that distinguishes a call from content: a tag, if the opening begins with one."""
        text = (self.lead + self.opening).lstrip() if self.lead.strip() else self.opening.lstrip()
        tag = TAG.match(text)
        return tag.group() if tag else text

    @property
    def markers(self) -> tuple[str, ...]:
        """Return the marker with the white space that the template writes before it, and without."""
        if self.lead.strip():
            before = self.lead[: len(self.lead) - len(self.lead.lstrip())]
            return tuple(dict.fromkeys((before + self.marker, self.marker)))
        white = self.opening[: len(self.opening) - len(self.opening.lstrip())]
        return tuple(dict.fromkeys((self.lead + white + self.marker, white + self.marker, self.marker)))

    @property
    def tail(self) -> str:
        """Return the text after the marker, up to the first call's first slot."""
        text = self.lead + self.opening if self.lead.strip() else self.opening
        return text.lstrip().removeprefix(self.marker)

    def texts(self) -> list[str]:
        """Return all fixed texts, in pieces."""
        pieces = [piece for piece in self.call if isinstance(piece, str)]
        return [self.opening, *pieces, *(self.arguments.texts() if self.arguments else ()), self.between, self.closing]

    def example(self) -> str:
        """Return an example of two calls, or of one if only one can be written."""
        first, second = self._example(0), self._example(1)
        return self.opening + first + (self.between + second if self.between else "") + self.closing

    def single_example(self) -> str:
        """Return an example of one call."""
        return self.opening + self._example(0) + self.closing

    def _example(self, index: int) -> str:
        written = ""
        for piece in self.call:
            match piece:
                case str():
                    written += piece
                case Slot.INDEX:
                    written += str(index)
                case Slot.ARGUMENTS if self.arguments:
                    written += self.arguments.example()
                case _:
                    written += piece.value
        return written


@dataclass(frozen=True, slots=True)
class CallableTool:
    """A tool that may be called, and its arguments: as a grammar of JSON (None: for parsing only), or as a tree.

    `schema`, `exact`: the schema that finished arguments are validated against, and when, as in `RegionNode`. `custom`: its
    tree yields an input, not arguments.
    """

    name: str
    arguments: Expr | None = None
    tree: Node | None = None
    schema: str = ""
    exact: bool = False
    custom: bool = False

    def named(self, body: Node) -> RegionNode:
        """Return the node of its name, as the message receives it."""
        return RegionNode(Region.CUSTOM_TOOL_NAME if self.custom else Region.TOOL_NAME, body)

    def arguments_node(self) -> Node:
        """Return the node of its arguments."""
        return self.tree or RegionNode(
            Region.TOOL_ARGUMENTS, JsonNode("{", self.arguments), schema=self.schema, exact=self.exact
        )


def calls(syntax: CallSyntax, tools: Sequence[CallableTool], *, parallel: bool) -> Node:
    """Return the tree of one or more calls."""
    return SequenceNode((LiteralNode(syntax.opening), after_opening(syntax, tools, parallel=parallel)))


def content_then_calls(syntax: CallSyntax, tools: Sequence[CallableTool], *, parallel: bool) -> TextNode:
    """Return the tree of text, optionally followed by calls."""
    then = SequenceNode((LiteralNode(syntax.tail), after_opening(syntax, tools, parallel=parallel)))
    return TextNode(Region.CONTENT, (Branch(syntax.markers, then),))


def after_opening(syntax: CallSyntax, tools: Sequence[CallableTool], *, parallel: bool) -> Node:
    """Return the tree of the calls themselves, and of the text that closes them."""
    call = _call(syntax, tools)
    if not (parallel and syntax.between):
        return SequenceNode((call, LiteralNode(syntax.closing)))
    if syntax.between.startswith(syntax.closing):
        # Adjacent calls: each has its own closing text, so the parser knows at once that it is complete.
        again = syntax.between.removeprefix(syntax.closing)
        more = RepeatNode(SequenceNode((LiteralNode(again), call, LiteralNode(syntax.closing))))
        return SequenceNode((call, LiteralNode(syntax.closing), more, *_white_space(again)))
    return SequenceNode((RepeatNode(call, syntax.between, 1), LiteralNode(syntax.closing)))


def _white_space(again: str) -> list[Node]:
    """Return the white space that begins the text before a further call: the answer may end after it, too.

    Models write a line break after a call out of habit; if only a call could follow, they would repeat the last one.
    """
    white = again[: len(again) - len(again.lstrip())]
    return [ChoiceNode((LiteralNode(white), EMPTY))] if white else []


def _call(syntax: CallSyntax, tools: Sequence[CallableTool]) -> Node:
    # The text before the name is the same for all tools, which are distinguished by their names.
    place = syntax.call.index(Slot.NAME)
    before = tuple(_piece(piece, syntax) for piece in syntax.call[:place])
    return RegionNode(
        Region.TOOL_CALL, SequenceNode((*before, ChoiceNode(tuple(_named(syntax, tool, place) for tool in tools))))
    )


def _named(syntax: CallSyntax, tool: CallableTool, place: int) -> Node:
    """Return the tree of a call of one tool, from its name on.

    A call's header is output together with its name, so the name is emitted after the id.
    """
    pieces = syntax.call[place + 1 :]
    id_at = max((at for at, piece in enumerate(pieces) if _tells_id(piece, syntax)), default=-1)
    name = tool.named(EmitNode(tool.name) if id_at >= 0 else LiteralNode(tool.name))
    nodes: list[Node] = [LiteralNode(tool.name)] if id_at >= 0 else [name]
    if syntax.indexed_ids:
        before, after = syntax.indexed_ids
        nodes.append(RegionNode(Region.TOOL_CALL_ID, EmitNode(before + tool.name + after)))
    for at, piece in enumerate(pieces):
        if piece is Slot.NAME:
            nodes.append(LiteralNode(tool.name))
        elif piece is Slot.ARGUMENTS:
            nodes.append(tool.arguments_node())
        else:
            nodes.append(_piece(piece, syntax))
        if at == id_at:
            nodes.append(name)
    return SequenceNode(tuple(nodes))


def _tells_id(piece: SyntaxPiece, syntax: CallSyntax) -> bool:
    return piece is Slot.ID or (piece is Slot.INDEX and syntax.indexed_ids is not None)


def _piece(piece: SyntaxPiece, syntax: CallSyntax) -> Node:
    match piece:
        case str():
            return LiteralNode(piece)
        case Slot.ID:
            assert syntax.ids, "a syntax with ids says which"
            return RegionNode(Region.TOOL_CALL_ID, syntax.ids.node())
        case Slot.INDEX:
            kind = Region.TOOL_CALL_ID if syntax.indexed_ids else Region.DISCARD
            return RegionNode(kind, JsonNode("0123456789", _INDEX))
    return EMPTY


_INDEX = alt(Chars(((0x30, 0x30),)), seq(Chars(((0x31, 0x39),)), Rep(Chars(((0x30, 0x39),)), 0, 2)))
"""Numbers of calls: some models count from 0, some from 1, some through the complete conversation."""
