"""Reasoning before an answer: where the prompt leaves the model, and the tree that lets it think first."""

from dataclasses import replace

from promptweave.compiler.markup import margins
from promptweave.compiler.profile.reasoning_state import Thinking
from promptweave.compiler.profile.reasoning_syntax import ReasoningSyntax
from promptweave.output.tree import EMPTY, Branch, Choice, Literal, Node, Region, Sequence, Text, begins_with_grammar, starts


def with_reasoning(answer: Node, reasoning: ReasoningSyntax | None, state: Thinking) -> Node:
    """The tree of an answer, with reasoning before it where the model may think.

    An answer of the caller's own grammar may begin with white space: then what the template writes between is always there.
    """
    if reasoning is None or state is Thinking.CLOSED:
        return answer
    if reasoning.without and state is Thinking.POSSIBLE:
        # An answer without a thought says so: it begins with what closes one.
        before, opening, after = margins(reasoning.opening)
        thoughts = Sequence((Literal(opening), _perhaps(after), _thoughts(reasoning, answer)))
        without = Sequence((Literal(reasoning.without.strip()), _after(margins(reasoning.without)[2], answer)))
        return Choice((Sequence((_perhaps(before), thoughts)), without))
    if state is Thinking.OPEN:
        return _thoughts(reasoning, answer)
    before, opening, after = margins(reasoning.opening)
    thoughts = Sequence((_perhaps(after), _thoughts(reasoning, answer)))
    if isinstance(answer, Text):
        # The marker decides where text ends and reasoning begins, so no text can be read in two ways.
        branch = Branch(tuple(dict.fromkeys((before + opening, opening))), thoughts)
        return replace(answer, branches=(*answer.branches, branch))
    # The white space and the marker are one beginning: an answer may begin with such white space, too.
    begins = tuple(map(Literal, dict.fromkeys((before + opening, opening))))
    return Choice((Sequence((Choice(begins), thoughts)), answer))


def _thoughts(reasoning: ReasoningSyntax, then: Node) -> Node:
    before, closing, after = margins(reasoning.closing)
    markers = tuple(dict.fromkeys((before + closing, closing)))
    return Text(Region.REASONING, (Branch(markers, _after(after, then)),), may_end=False)


def _after(white: str, node: Node) -> Node:
    """A node after white space, if there is some. One that begins with white space itself is told apart as a whole."""
    texts, anything = starts(node)
    if white and anything and begins_with_grammar(node):
        return Sequence((Literal(white), node))
    if white and any(text.startswith(white) for text in texts):
        return Choice((Sequence((Literal(white), node)), node))
    return Sequence((_perhaps(white), node))


def _perhaps(white: str) -> Node:
    """White space as the template writes it, if the model does so too."""
    return Choice((Literal(white), EMPTY)) if white else EMPTY
