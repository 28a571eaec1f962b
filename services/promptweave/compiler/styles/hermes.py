"""The Hermes style, a fixed syntax: JSON calls in `<tool_call>` tags, for templates that do not write it themselves."""

from collections.abc import Sequence

from promptweave.compiler.request import ChatRequest, Message, Role
from promptweave.compiler.styles.calls import CallSyntax, Slot
from promptweave.compiler.styles.calls_as_content import as_content
from promptweave.compiler.styles.style import StyleSyntax, TemplateSyntax
from promptweave.compiler.styles.syntax_style import SyntaxStyle
from promptweave.compiler.styles.tool_text import tools_as_text

SYNTAX = CallSyntax(
    opening='<tool_call>\n{"name": "',
    call=(Slot.NAME, '", "arguments": ', Slot.ARGUMENTS),
    closing="}\n</tool_call>",
    between='}\n</tool_call>\n<tool_call>\n{"name": "',
    lead="\n",
)


class HermesStyle(SyntaxStyle):
    """JSON calls in `<tool_call>` tags."""

    name = "hermes"

    def is_rendered_by(self, template: TemplateSyntax) -> bool:
        """Return whether the template's own calls have the same syntax."""
        return template.calls == SYNTAX

    def syntax(self, template: TemplateSyntax) -> StyleSyntax:
        """Return the fixed syntax; nothing is written around content."""
        return StyleSyntax(SYNTAX)

    def history(self, messages: Sequence[Message], request: ChatRequest) -> tuple[Message, ...]:
        """Return the conversation with calls and results as text."""
        return tuple(map(_as_text, messages))

    def instructions(self, request: ChatRequest, template: TemplateSyntax) -> str:
        """Return the tools, and an example of a call."""
        return (
            "You can call functions to help with the user's request. They are:\n"
            f"<tools>\n{tools_as_text(request.tools, request.tool_notation)}\n</tools>\n\n"
            "To call one, write its name and arguments as JSON between these tags, for each call anew:\n"
            '<tool_call>\n{"name": "...", "arguments": {...}}\n</tool_call>'
        )


def _as_text(message: Message) -> Message:
    if message.role is Role.TOOL:
        return Message(Role.USER, f"<tool_response>\n{message.content or ''}\n</tool_response>")
    return as_content(message, SYNTAX)


HERMES = HermesStyle()
