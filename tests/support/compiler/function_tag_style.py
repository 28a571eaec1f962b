"""A calling style of the tests' own, as one would be added: `<function=NAME>{...}</function>`, one call after the other."""

from collections.abc import Sequence

from promptweave.compiler.request import ChatRequest, Message, Role
from promptweave.compiler.styles.calls import CallSyntax, Slot
from promptweave.compiler.styles.calls_as_content import as_content
from promptweave.compiler.styles.style import StyleSyntax, TemplateSyntax
from promptweave.compiler.styles.syntax_style import SyntaxStyle
from promptweave.compiler.styles.tool_text import tools_as_text

SYNTAX = CallSyntax(
    opening="<function=",
    call=(Slot.NAME, ">", Slot.ARGUMENTS),
    closing="</function>",
    between="</function>\n<function=",
    lead="\n",
)


class FunctionTagStyle(SyntaxStyle):
    """Calls in tags that hold the function's name."""

    name = "function_tag"

    def is_default_for(self, template: TemplateSyntax) -> bool:
        return not template.tools_published and template.calls is None

    def syntax(self, template: TemplateSyntax) -> StyleSyntax:
        return StyleSyntax(SYNTAX)

    def history(self, messages: Sequence[Message], request: ChatRequest) -> tuple[Message, ...]:
        return tuple(
            Message(Role.USER, f"<result>{message.content}</result>")
            if message.role is Role.TOOL
            else as_content(message, SYNTAX)
            for message in messages
        )

    def instructions(self, request: ChatRequest, template: TemplateSyntax) -> str:
        return f"Functions:\n{tools_as_text(request.tools, request.tool_notation)}\nCall one as {SYNTAX.single_example()}"


FUNCTION_TAG = FunctionTagStyle()
