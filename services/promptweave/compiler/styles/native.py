"""The template's own style, for templates that do not show the tools or do not write the calls."""

from collections.abc import Sequence

from promptweave.compiler.request import SchemaStyle, Tool
from promptweave.compiler.styles.calls import CallSyntax
from promptweave.compiler.styles.tool_text import tools_as_text


def instructions(tools: Sequence[Tool], schemas: SchemaStyle, syntax: CallSyntax) -> str:
    """Return the system turn's instructions about the tools, for a template that does not show them."""
    several = " More calls follow in the same way." if syntax.between else " One call at a time."
    return (
        f"You can call these functions:\n\n{tools_as_text(tools, schemas)}\n\n"
        f"To call one, write its name and its arguments like this, and nothing after it.{several}\n"
        f"{syntax.single_example()}"
    )
