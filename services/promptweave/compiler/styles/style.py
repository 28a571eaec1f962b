"""What a calling style is: the interface `CallingStyle`, and the values that it receives and returns.

The passes call this interface and know no style by its name. `registry.py` lists the styles.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol

from promptweave.compiler.json_text import SPACED, Separators
from promptweave.compiler.request import ChatRequest, Message
from promptweave.compiler.styles.answer import PLAIN, AnswerSyntax
from promptweave.compiler.styles.calls import CallableTool, CallSyntax
from promptweave.compiler.styles.message_forms import MessageForms, MessageParts, messages_node
from promptweave.output.grammar.expr import Rules
from promptweave.output.tree import Node, RegionNode


class TemplateSyntax(Protocol):
    """What styles read of a template's `Profile`."""

    @property
    def calls(self) -> CallSyntax | None:
        """Return the template's own call syntax; None if it writes no calls, or none that could be verified."""

    @property
    def answer(self) -> AnswerSyntax:
        """Return the text that the template puts around content."""

    @property
    def message_forms(self) -> MessageForms | None:
        """Return the messages that an answer consists of, if the template's model was trained on a format of messages."""

    @property
    def tools_published(self) -> bool:
        """Return whether the template shows the tools that it receives."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what was found, and what was not, for a reader."""


@dataclass(frozen=True, slots=True)
class StyleSyntax:
    """How an answer is written: calls, and the text around content.

    `calls` is None if the answer is one envelope, in which content is a JSON string that cannot be mistaken for a call.
    `message_forms`: the forms of an answer of several messages; `calls` and `answer` are those that the template writes.
    """

    calls: CallSyntax | None
    answer: AnswerSyntax = PLAIN
    message_forms: MessageForms | None = None

    @property
    def separators(self) -> Separators:
        """Return the separators of JSON arguments, so that generated calls are spelled like those of the history."""
        return self.calls.separators if self.calls else SPACED

    @property
    def begins_like_json(self) -> bool:
        """Return whether a call cannot be distinguished from an answer that is JSON."""
        return self.calls is not None and self.calls.marker.startswith(("{", "[{"))

    def continued(self) -> "StyleSyntax":
        """Return the syntax of the rest of an answer whose beginning is in the prompt."""
        return replace(self, answer=replace(self.answer, header=""), message_forms=None)

    def without_calls(self, content: RegionNode | None, *, reasoning: bool = False) -> Node:
        """Return the tree of an answer that makes no calls; `content` is None for text. `reasoning`: as in AnswerParts."""
        if self.message_forms:
            parts = MessageParts(content=content, reasoning=reasoning, free=content is None)
            return messages_node(self.message_forms, parts)
        return self.answer.around(content) if content else self.answer.alone()

    def texts(self) -> list[str]:
        """Return all fixed texts, in pieces."""
        parts = (part.texts() for part in (self.calls, self.message_forms) if part)
        return [*chain.from_iterable(parts), self.answer.header, self.answer.end]


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """The parts of an answer in which `tools` may be called.

    `syntax`: that of the style, already `continued()` if the answer is. `content`: the node of a constrained answer, None
    for text. `required`: at least one call and no content. `parallel`: several calls are allowed. `rules`: where the tree's
    own grammar rules are added. `reasoning`: messages of reasoning are part of the tree, if the syntax has messages.
    `as_json`: the same tools with arguments that are JSON, whatever the syntax.
    """

    syntax: StyleSyntax
    tools: Sequence[CallableTool]
    content: RegionNode | None
    required: bool
    parallel: bool
    continued: bool
    rules: Rules
    as_json: Sequence[CallableTool]
    reasoning: bool = False


class CallingStyle(Protocol):
    """How a model writes tool calls, and how it is told to.

    One object serves all requests, so it holds no state. `SyntaxStyle` implements what styles with a `CallSyntax` share.
    """

    @property
    def name(self) -> str:
        """Return the name by which requests select the style."""

    def is_default_for(self, template: TemplateSyntax) -> bool:
        """Return whether requests that name no style get this one; the first style in the registry that says so wins."""

    def unsupported_by(self, template: TemplateSyntax) -> str:
        """Return why the style cannot be used with a template; "" if it can."""

    def is_rendered_by(self, template: TemplateSyntax) -> bool:
        """Return whether the template writes this style itself.

        It then receives tools, calls and results as they are; otherwise only what `history` and `instructions` return.
        """

    def syntax(self, template: TemplateSyntax) -> StyleSyntax:
        """Return how an answer is written."""

    def texts(self, template: TemplateSyntax) -> list[str]:
        """Return the fixed texts of an answer. Engines must not hide those that are special tokens."""

    def tree(self, parts: AnswerParts) -> Node:
        """Return the output tree of an answer that may make calls, for both grammar and parser."""

    def history(self, messages: Sequence[Message], request: ChatRequest) -> tuple[Message, ...]:
        """Return messages with calls and results as the style writes them, one for each message.

        `messages` may be fewer than those of the request.
        """

    def instructions(self, request: ChatRequest, template: TemplateSyntax) -> str:
        """Return what the system turn says about the request's tools; "" if nothing. The request has tools."""
