"""Calls written as name, then JSON arguments, in any surroundings: four texts say all about such a syntax."""

from collections.abc import Sequence as Many
from dataclasses import dataclass

from promptweave.compiler.markup import TAG
from promptweave.output.grammar import Expr
from promptweave.output.tree import (
    Branch,
    Choice,
    Json,
    Literal,
    Node,
    Part,
    Region,
    Repeat,
    Sequence,
    Text,
)


@dataclass(frozen=True, slots=True)
class CallSyntax:
    """`opening` NAME `middle` ARGUMENTS (`between` NAME `middle` ARGUMENTS)* `closing`.

    `between` "" means one call only. `lead` is what stands between content and calls, `markers` what a call is known by.
    """

    opening: str
    middle: str
    closing: str
    between: str = ""
    lead: str = ""

    @property
    def marker(self) -> str:
        """The shortest text that tells a call from content: a tag, if the opening begins with one."""
        text = self.opening.lstrip()
        tag = TAG.match(text)
        return tag.group() if tag else text

    @property
    def markers(self) -> tuple[str, ...]:
        """The marker, with the white space before it as the template writes it, and bare."""
        white = self.opening[: len(self.opening) - len(self.opening.lstrip())]
        return tuple(dict.fromkeys((self.lead + white + self.marker, white + self.marker, self.marker)))

    def example(self) -> str:
        """Two calls, or one where only one can be written."""
        call = 'NAME{0}{{"key": "value"}}'
        first = call.format(self.middle)
        return self.opening + first + (self.between + first if self.between else "") + self.closing


@dataclass(frozen=True, slots=True)
class CallableTool:
    """A tool that may be called, and the grammar of its arguments (None where only reading is wanted).

    `schema`: what finished arguments are to be validated against, where the grammar is looser; "" where it is not.
    """

    name: str
    arguments: Expr | None = None
    schema: str = ""


def calls(syntax: CallSyntax, tools: Many[CallableTool], *, parallel: bool) -> Node:
    """One call or more."""
    return Sequence((Literal(syntax.opening), _after_opening(syntax, tools, parallel)))


def content_then_calls(syntax: CallSyntax, tools: Many[CallableTool], *, parallel: bool) -> Text:
    """Text, then perhaps calls."""
    tail = syntax.opening.lstrip().removeprefix(syntax.marker)
    then = Sequence((Literal(tail), _after_opening(syntax, tools, parallel)))
    return Text(Region.CONTENT, (Branch(syntax.markers, then),))


def _after_opening(syntax: CallSyntax, tools: Many[CallableTool], parallel: bool) -> Node:
    call = _call(syntax.middle, tools)
    if not (parallel and syntax.between):
        return Sequence((call, Literal(syntax.closing)))
    if syntax.between.startswith(syntax.closing):
        # Calls side by side: each is closed by itself, so the parser knows at once that it is whole.
        again = syntax.between.removeprefix(syntax.closing)
        more = Repeat(Sequence((Literal(again), call, Literal(syntax.closing))))
        return Sequence((call, Literal(syntax.closing), more))
    return Sequence((Repeat(call, syntax.between, 1), Literal(syntax.closing)))


def _call(middle: str, tools: Many[CallableTool]) -> Node:
    return Part(
        Region.TOOL_CALL,
        Choice(
            tuple(
                Sequence(
                    (
                        Part(Region.TOOL_NAME, Literal(tool.name)),
                        Literal(middle),
                        Part(Region.TOOL_ARGUMENTS, Json("{", tool.arguments), schema=tool.schema),
                    )
                )
                for tool in tools
            )
        ),
    )
