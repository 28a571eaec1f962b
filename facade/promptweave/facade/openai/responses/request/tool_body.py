"""Tools of a request to `/v1/responses`, as OpenAI's clients send them."""

from typing import Any, Literal

from promptweave.facade.bodies.body import Body


class FunctionTool(Body):
    """A function that the model may call."""

    name: str
    """The name of the function."""
    description: str = ""
    """What the function does, for the model."""
    parameters: dict[str, Any] | bool | None = None
    """The JSON Schema of the arguments."""
    strict: bool | None = None
    """Reject a schema that cannot be enforced completely, instead of returning a warning."""
    defer_loading: bool = False
    """Whether to show the tool to the model only after a search has found it."""


class ToolFormat(Body):
    """The format of a custom tool's input; with a grammar it is a `GrammarDefinition` as well."""

    type: Literal["text", "grammar"]
    """The kind of format."""


class CustomTool(Body):
    """A tool whose input is text."""

    name: str
    """The name of the tool."""
    description: str = ""
    """What the tool does, for the model."""
    format: ToolFormat | None = None
    """The format of the input; by default any text."""
    defer_loading: bool = False
    """Whether to show the tool to the model only after a search has found it."""


class NamespaceTool(Body):
    """Tools that belong together, such as those of an MCP server."""

    name: str
    """The namespace."""
    description: str = ""
    """What the tools are for, for the model."""
    tools: list[dict[str, Any]] = []
    """Functions and custom tools."""


class ToolSearchTool(Body):
    """A search for tools, which the model calls like a function."""

    execution: Literal["server", "client"] = "server"
    """Who searches."""
    description: str = ""
    """What can be found, for the model."""
    parameters: dict[str, Any] | bool | None = None
    """The JSON Schema of the arguments."""
