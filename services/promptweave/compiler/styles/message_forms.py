"""An answer of several messages, each with a header that says what it is: reasoning, a preamble, a call, or the final text.

A template shows only some of them in history. What its model may write is data (`profile/trained_forms.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from promptweave.compiler.styles.calls import CallableTool
from promptweave.output.tree import (
    EMPTY,
    Branch,
    ChoiceNode,
    EmitNode,
    LiteralNode,
    Node,
    Region,
    RegionNode,
    RepeatNode,
    SequenceNode,
    TextNode,
)


@dataclass(frozen=True, slots=True)
class CallForm:
    """`before` NAME `after` ARGUMENTS, with any one of the texts of each."""

    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MessageForms:
    """MESSAGE (`end` `start` MESSAGE)*: any number of reasonings and preambles, and then a call or the final content.

    `reasoning`, `preamble` and `content` are the headers of text. A preamble is text for the user, before a call. `end` may
    also end content; `start` begins the first message too, as the end of the prompt.
    """

    reasoning: str
    preamble: str
    content: tuple[str, ...]
    calls: tuple[CallForm, ...]
    end: str
    start: str

    def texts(self) -> list[str]:
        """Return all fixed texts."""
        calls = [text for form in self.calls for text in (*form.before, *form.after)]
        return [self.reasoning, self.preamble, *self.content, *calls, self.end, self.start]


@dataclass(frozen=True, slots=True)
class MessageParts:
    """What the messages of an answer may be.

    `tools`: those that may be called. `content`: the node of constrained content, None for text. `required`: a call and no
    content. `reasoning`: messages of reasoning too. `free`: no grammar, so that the end of the output may come anywhere.
    """

    tools: Sequence[CallableTool] = ()
    content: RegionNode | None = None
    required: bool = False
    reasoning: bool = False
    free: bool = False


def messages_node(forms: MessageForms, parts: MessageParts) -> Node:
    """Return the tree of an answer. Constrained content stands alone: no preamble comes before it."""
    first = [_leading(forms, forms.reasoning, Region.REASONING)] if parts.reasoning else []
    if not parts.required and parts.content is None:
        first.append(_leading(forms, forms.preamble, Region.CONTENT, may_end=parts.free))
    last = [_called(form, parts.tools) for form in forms.calls] if parts.tools else []
    if not parts.required:
        last += _final(forms, parts)
    leading = RepeatNode(ChoiceNode(tuple(first))) if first else EMPTY
    return SequenceNode((leading, ChoiceNode(tuple(last))))


def _leading(forms: MessageForms, header: str, kind: Region, *, may_end: bool = False) -> Node:
    """Return a message that others follow."""
    text = TextNode(kind, (Branch((forms.end,), LiteralNode(forms.start)),), may_end=may_end)
    return SequenceNode((LiteralNode(header), _apart(kind), text))


def _apart(kind: Region) -> Node:
    """Return the blank line between the texts of two messages, which have none of their own."""
    return RegionNode(kind, EmitNode("\n\n", between=True))


def _final(forms: MessageForms, parts: MessageParts) -> list[Node]:
    """Return the alternatives of the message with the final content."""
    if parts.content:
        return [SequenceNode((_one_of(forms.content), parts.content))]
    text = TextNode(Region.CONTENT, (Branch((forms.end,), EMPTY),))
    final = SequenceNode((_one_of(forms.content), _apart(Region.CONTENT), text))
    return [final, text] if parts.free else [final]


def _called(form: CallForm, tools: Sequence[CallableTool]) -> Node:
    named = tuple(
        SequenceNode((tool.named(LiteralNode(tool.name)), _one_of(form.after), tool.arguments_node())) for tool in tools
    )
    return SequenceNode((_one_of(form.before), RegionNode(Region.TOOL_CALL, ChoiceNode(named))))


def _one_of(texts: Sequence[str]) -> Node:
    return ChoiceNode(tuple(map(LiteralNode, texts)))
