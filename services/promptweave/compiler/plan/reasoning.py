"""Reasoning before an answer: the state at the end of the prompt, and the tree that lets the model reason first."""

from dataclasses import replace

from promptweave.compiler.markup import margins
from promptweave.compiler.profile.reasoning_state import Thinking
from promptweave.compiler.profile.reasoning_syntax import ReasoningSyntax
from promptweave.output.tree import (
    EMPTY,
    Branch,
    ChoiceNode,
    LiteralNode,
    Node,
    Region,
    SequenceNode,
    TextNode,
    begins_with_grammar,
    starts,
)


def with_reasoning(answer: Node, reasoning: ReasoningSyntax | None, state: Thinking, anywhere: Node | None = None) -> Node:
    """Return the tree of an answer, with reasoning before it if the model may reason.

    `anywhere`: the tree of an answer with reasoning, if that may come in other places as well.
    An answer in the caller's own grammar may begin with white space: the template's white space before it is then required.
    """
    if reasoning is None or state is Thinking.CLOSED:
        return answer
    if anywhere:
        return _thoughts(reasoning, anywhere) if state is Thinking.OPEN else anywhere
    if reasoning.without and state is Thinking.POSSIBLE:
        # An answer without reasoning begins with the text that closes reasoning.
        before, opening, after = margins(reasoning.opening)
        thoughts = SequenceNode((LiteralNode(opening), _perhaps(after), _thoughts(reasoning, answer)))
        without = SequenceNode((LiteralNode(reasoning.without.strip()), _after(margins(reasoning.without)[2], answer)))
        return ChoiceNode((SequenceNode((_perhaps(before), thoughts)), without))
    if state is Thinking.OPEN:
        return _thoughts(reasoning, answer)
    before, opening, after = margins(reasoning.opening)
    thoughts = SequenceNode((_perhaps(after), _thoughts(reasoning, answer)))
    if isinstance(answer, TextNode):
        # The marker decides where text ends and reasoning begins, so parsing is unambiguous.
        branch = Branch(tuple(dict.fromkeys((before + opening, opening))), thoughts)
        return replace(answer, branches=(*answer.branches, branch))
    # White space and marker form one literal, because an answer may begin with such white space as well.
    begins = tuple(map(LiteralNode, dict.fromkeys((before + opening, opening))))
    return ChoiceNode((SequenceNode((ChoiceNode(begins), thoughts)), answer))


def _thoughts(reasoning: ReasoningSyntax, then: Node) -> Node:
    before, closing, after = margins(reasoning.closing)
    markers = tuple(dict.fromkeys((before + closing, closing)))
    return TextNode(Region.REASONING, (Branch(markers, _after(after, then)),), may_end=False)


def _after(white: str, node: Node) -> Node:
    """Return a node after optional white space.

    If the node may begin with that white space itself, it becomes a separate alternative, or the white space is required.
    """
    texts, anything = starts(node)
    if white and anything and begins_with_grammar(node):
        return SequenceNode((LiteralNode(white), node))
    if white and any(text.startswith(white) for text in texts):
        return ChoiceNode((SequenceNode((LiteralNode(white), node)), node))
    return SequenceNode((_perhaps(white), node))


def _perhaps(white: str) -> Node:
    """Return optional white space, as the template writes it."""
    return ChoiceNode((LiteralNode(white), EMPTY)) if white else EMPTY
