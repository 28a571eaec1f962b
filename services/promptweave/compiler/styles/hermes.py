"""The Hermes style, a fixed syntax: JSON calls in `<tool_call>` tags, for templates that do not write it themselves."""

from collections.abc import Sequence

from promptweave.compiler.request import Message, Role, SchemaStyle, Tool
from promptweave.compiler.styles.calls import CallSyntax, Slot
from promptweave.compiler.styles.calls_as_content import as_content
from promptweave.compiler.styles.tool_text import tools_as_text

SYNTAX = CallSyntax(
    opening='<tool_call>\n{"name": "',
    call=(Slot.NAME, '", "arguments": ', Slot.ARGUMENTS),
    closing="}\n</tool_call>",
    between='}\n</tool_call>\n<tool_call>\n{"name": "',
    lead="\n",
)


def instructions(tools: Sequence[Tool], schemas: SchemaStyle) -> str:
    """Return the system turn's instructions about the tools."""
    return (
        "You can call functions to help with the user's request. They are:\n"
        f"<tools>\n{tools_as_text(tools, schemas)}\n</tools>\n\n"
        "To call one, write its name and arguments as JSON between these tags, for each call anew:\n"
        '<tool_call>\n{"name": "...", "arguments": {...}}\n</tool_call>'
    )


def history(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return the conversation with calls and results as text."""
    return tuple(map(_written_out, messages))


def _written_out(message: Message) -> Message:
    if message.role is Role.TOOL:
        return Message(Role.USER, f"<tool_response>\n{message.content or ''}\n</tool_response>")
    return as_content(message, SYNTAX)
