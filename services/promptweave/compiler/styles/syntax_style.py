"""What styles with a call syntax share: calls stand beside content, from which their opening distinguishes them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from promptweave.compiler.request import ChatRequest, Message
from promptweave.compiler.styles.answer import answer_node
from promptweave.compiler.styles.call_forms import named_branch
from promptweave.compiler.styles.calls import calls
from promptweave.compiler.styles.message_forms import MessageParts, messages_node
from promptweave.compiler.styles.style import AnswerParts, StyleSyntax, TemplateSyntax
from promptweave.output.tree import ChoiceNode, Node


class SyntaxStyle(ABC):
    """A `CallingStyle` whose `syntax` has calls."""

    name: str

    def is_default_for(self, template: TemplateSyntax) -> bool:
        """Return False: a request has to name the style."""
        return False

    def unsupported_by(self, template: TemplateSyntax) -> str:
        """Return "": the style does not depend on the template."""
        return ""

    def is_rendered_by(self, template: TemplateSyntax) -> bool:
        """Return False: the template knows nothing about the style."""
        return False

    @abstractmethod
    def syntax(self, template: TemplateSyntax) -> StyleSyntax:
        """Return how an answer is written, with calls."""

    def texts(self, template: TemplateSyntax) -> list[str]:
        """Return the texts of the syntax."""
        return self.syntax(template).texts()

    def tree(self, parts: AnswerParts) -> Node:
        """Return the tree of calls, of content, or of content and then calls; of content alone if no tool may be called."""
        syntax, answer = parts.syntax.calls, parts.syntax.answer
        assert syntax, "a style of this kind has calls"
        if parts.syntax.message_forms:
            required = parts.required and bool(parts.tools)
            wanted = MessageParts(parts.tools, parts.content, required, parts.reasoning)
            return messages_node(parts.syntax.message_forms, wanted)
        if not parts.tools:
            return parts.syntax.without_calls(parts.content)
        if parts.required:
            return calls(syntax, parts.tools, parallel=parts.parallel)
        if parts.content:
            return ChoiceNode((calls(syntax, parts.tools, parallel=parts.parallel), answer.around(parts.content)))
        named = (
            None
            if parts.continued
            else named_branch(syntax, parts.tools, parts.as_json, parallel=parts.parallel, end=answer.end.strip())
        )
        return answer_node(answer, syntax, parts.tools, parallel=parts.parallel, named=named)

    @abstractmethod
    def history(self, messages: Sequence[Message], request: ChatRequest) -> tuple[Message, ...]:
        """Return messages with calls and results as the style writes them."""

    @abstractmethod
    def instructions(self, request: ChatRequest, template: TemplateSyntax) -> str:
        """Return what the system turn says about the request's tools."""
