"""An answer in a template's own syntax: content with the text that the template puts around it, calls, or both."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from promptweave.compiler.styles.calls import CallableTool, CallSyntax, after_opening, calls, content_then_calls
from promptweave.output.tree import (
    EMPTY,
    Branch,
    ChoiceNode,
    LiteralNode,
    NamedBranch,
    Node,
    Region,
    SequenceNode,
    TextNode,
    begins_with_grammar,
)


@dataclass(frozen=True, slots=True)
class AnswerSyntax:
    """`header` content `end`: most templates have neither.

    `joint`: the beginning of `end` that also separates content from calls. `beside`: calls may follow content.
    """

    header: str = ""
    end: str = ""
    joint: str = ""
    beside: bool = True

    def around(self, content: Node) -> Node:
        """Return content that ends by itself, with the text around it. Text of the caller's grammar ends with the turn."""
        end = "" if begins_with_grammar(content) else self.end.strip()
        return SequenceNode((LiteralNode(self.header), content, LiteralNode(end))) if self.header or end else content

    def alone(self) -> Node:
        """Return content without constraints; the text around it is removed if it is present."""
        branches = (Branch((self.end.strip(),), EMPTY),) if self.end.strip() else ()
        text = TextNode(Region.CONTENT, branches)
        return ChoiceNode((SequenceNode((LiteralNode(self.header), text)), text)) if self.header else text

    def clashes(self, syntax: CallSyntax, name: str) -> bool:
        """Return whether a call of a tool with this name could be parsed as content."""
        start = syntax.opening + name + syntax.middle
        return bool(self.header) and (start.startswith(self.header) or self.header.startswith(start))


PLAIN = AnswerSyntax()
"""No text around content."""


def answer_node(
    answer: AnswerSyntax,
    syntax: CallSyntax,
    tools: Sequence[CallableTool],
    *,
    parallel: bool,
    named: NamedBranch | None = None,
) -> Node:
    """Return the tree of content, calls, or content and then calls. `named`: other ways to begin calls in content."""
    text = _content(answer, syntax, tools, parallel=parallel)
    if named:
        # A named branch that begins anywhere includes the syntax, whose marker does not tell calls from other JSON.
        own = tuple(branch for branch in text.branches if not (named.anywhere and branch.markers == syntax.markers))
        text = replace(text, branches=own, named=named)
    if not answer.header:
        return text
    return ChoiceNode((SequenceNode((LiteralNode(answer.header), text)), calls(syntax, tools, parallel=parallel)))


def _content(answer: AnswerSyntax, syntax: CallSyntax, tools: Sequence[CallableTool], *, parallel: bool) -> TextNode:
    if answer.joint:
        before = syntax.lead + syntax.opening
        called = SequenceNode(
            (LiteralNode(before.removeprefix(answer.joint)), after_opening(syntax, tools, parallel=parallel))
        )
        # The same text ends content, with or without calls; so does the end of the output, if that is the end of the turn.
        ends = ChoiceNode((called, LiteralNode(answer.end.removeprefix(answer.joint))))
        return TextNode(Region.CONTENT, (Branch((answer.joint,), ends),), may_end=not answer.end)
    branches: tuple[Branch, ...] = ()
    if answer.beside:
        branches = content_then_calls(syntax, tools, parallel=parallel).branches
    if answer.end.strip():
        branches = (*branches, Branch((answer.end.strip(),), EMPTY))
    return TextNode(Region.CONTENT, branches)
