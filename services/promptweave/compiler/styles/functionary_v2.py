"""The style of Functionary v2, a fixed syntax: every part of an answer names its recipient, and `all` is the user."""

from collections.abc import Sequence

from promptweave.compiler.request import ChatRequest, Message, Role
from promptweave.compiler.styles.answer import AnswerSyntax
from promptweave.compiler.styles.calls import CallSyntax, Slot
from promptweave.compiler.styles.calls_as_content import as_content
from promptweave.compiler.styles.style import StyleSyntax, TemplateSyntax
from promptweave.compiler.styles.syntax_style import SyntaxStyle
from promptweave.compiler.styles.tool_text import tools_as_text

_AGAIN = "\n<|from|>assistant\n"

SYNTAX = CallSyntax(
    opening="<|recipient|>",
    call=(Slot.NAME, "\n<|content|>\n", Slot.ARGUMENTS),
    closing="",
    between=f"{_AGAIN}<|recipient|>",
    lead=_AGAIN,
)
ANSWER = AnswerSyntax(header="<|recipient|>all\n<|content|>")


class FunctionaryV2Style(SyntaxStyle):
    """Parts of an answer that name their recipient."""

    name = "functionary_v2"

    def syntax(self, template: TemplateSyntax) -> StyleSyntax:
        """Return the fixed syntax."""
        return StyleSyntax(SYNTAX, ANSWER)

    def history(self, messages: Sequence[Message], request: ChatRequest) -> tuple[Message, ...]:
        """Return the conversation with calls and results as text."""
        names: dict[str, str] = {}
        history = []
        for message in messages:
            names |= {call.id: call.name for call in message.tool_calls}
            history.append(_as_text(message, names.get(message.tool_call_id or "", "tool")))
        return tuple(history)

    def instructions(self, request: ChatRequest, template: TemplateSyntax) -> str:
        """Return the tools, and examples of content and of a call."""
        return (
            f"You can call these functions:\n\n{tools_as_text(request.tools, request.tool_notation)}\n\n"
            "Say to whom each part of your answer goes: to `all`, then its content is text for the user, or to a function, "
            "then its content are the arguments as JSON. For example:\n"
            f"{ANSWER.header}...{_AGAIN}{SYNTAX.opening}FUNCTION{SYNTAX.middle}{{...}}"
        )


def _as_text(message: Message, name: str) -> Message:
    if message.role is Role.TOOL:
        return Message(Role.USER, f"<|from|>{message.name or name}\n{ANSWER.header}{message.content or ''}")
    return as_content(message, SYNTAX, ANSWER)


FUNCTIONARY_V2 = FunctionaryV2Style()
