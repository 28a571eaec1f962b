"""The template's own style, with instructions for templates that do not show the tools."""

from collections.abc import Sequence

from promptweave.compiler.request import ChatRequest, Message
from promptweave.compiler.styles.style import StyleSyntax, TemplateSyntax
from promptweave.compiler.styles.syntax_style import SyntaxStyle
from promptweave.compiler.styles.tool_text import tools_as_text


class NativeStyle(SyntaxStyle):
    """The style of the template, as its profile derived it."""

    name = "native"

    def is_default_for(self, template: TemplateSyntax) -> bool:
        """Return whether the template has a verified call syntax."""
        return template.calls is not None

    def unsupported_by(self, template: TemplateSyntax) -> str:
        """Return why the template has no style of its own."""
        return "" if template.calls else f"the template has no verified native style ({'; '.join(template.notes)})"

    def is_rendered_by(self, template: TemplateSyntax) -> bool:
        """Return True: the template renders its own style, with or without tools."""
        return True

    def syntax(self, template: TemplateSyntax) -> StyleSyntax:
        """Return the syntax of the template."""
        return StyleSyntax(template.calls, template.answer, template.message_forms)

    def history(self, messages: Sequence[Message], request: ChatRequest) -> tuple[Message, ...]:
        """Return the messages unchanged."""
        return tuple(messages)

    def instructions(self, request: ChatRequest, template: TemplateSyntax) -> str:
        """Return the tools and an example of a call, if the template does not show the tools."""
        if template.tools_published or template.calls is None:
            return ""
        several = " More calls follow in the same way." if template.calls.between else " One call at a time."
        return (
            f"You can call these functions:\n\n{tools_as_text(request.tools, request.tool_notation)}\n\n"
            f"To call one, write its name and its arguments like this, and nothing after it.{several}\n"
            f"{template.calls.single_example()}"
        )


NATIVE = NativeStyle()
