"""The body of a request to `/v1/messages`, as Anthropic's clients send it."""

from typing import Any, Literal

from pydantic import Field

from promptweave.facade.bodies.body import Body, example
from promptweave.facade.bodies.examples import MESSAGES, TOOL, TOOL_DESCRIPTION, TRIP

_EXAMPLE = {
    "model": "claude-sonnet-4-5",
    "messages": MESSAGES,
    "tools": [{"name": TOOL, "description": TOOL_DESCRIPTION, "input_schema": TRIP}],
    "tool_choice": {"type": "tool", "name": TOOL},
}


class Source(Body):
    """Where the data of an image or document is."""

    type: str
    """The kind of source: `base64`, `url`, `text`, `content` or `file`."""
    media_type: str = ""
    """The format of the data, such as `image/png`."""
    data: str = ""
    """The data: text, or base64."""
    url: str = ""
    """The location of the data: a data URL."""
    file_id: str = ""
    """The id of an uploaded file. Uploads are not supported."""
    content: str | list[dict[str, Any]] = ""
    """Text, or blocks of text and images."""


class TextBlock(Body):
    """Text, from the user or the model."""

    text: str
    """The text."""
    citations: Any = None
    """What is cited, which is in the text as well."""


class ImageBlock(Body):
    """An image."""

    source: Source = Source(type="none")
    """The image. Without one, the block is left out, with a warning."""


class DocumentBlock(Body):
    """A document. Only text is read."""

    source: Source = Source(type="none")
    """The document. Without one, the block is left out, with a warning."""
    title: str = ""
    """The title, for the model."""
    context: str = ""
    """More about the document, for the model."""
    citations: Any = None
    """Not available."""


class SearchResultBlock(Body):
    """A result of the client's search."""

    content: list[dict[str, Any]] = []
    """Blocks of text."""
    source: str = ""
    """Where it was found, such as a URL."""
    title: str = ""
    """The title."""
    citations: Any = None
    """Not available."""


class ThinkingBlock(Body):
    """The model's reasoning."""

    thinking: str = ""
    """The reasoning; empty if it was omitted from the answer."""
    signature: str = ""
    """The text that came with it. It is not verified."""


class CompactionBlock(Body):
    """A summary of earlier messages."""

    content: str = ""
    """The summary; empty if none could be made."""
    tool_changes: list[dict[str, Any]] = []
    """Blocks of the types `tool_addition` and `tool_removal`."""


class ToolUseBlock(Body):
    """A tool call: of the client, of a server tool, or of an MCP server."""

    id: str | None = None
    """The id of the call."""
    name: str = ""
    """The name of the tool. A call without one is left out, with a warning."""
    input: Any = {}
    """The arguments. Agents send back whatever a truncated call had."""
    server_name: str = ""
    """The MCP server."""


class ToolResultBlock(Body):
    """The result of a tool call."""

    tool_use_id: str | None = None
    """The id of the call; by default the first call without a result."""
    content: str | list[dict[str, Any]] | dict[str, Any] = ""
    """The result: text, or blocks. A server tool's result may be a single block."""
    is_error: bool = False
    """Whether the call failed."""


class ToolReferenceBlock(Body):
    """A reference to a tool with `defer_loading`, which is available from here on."""

    tool_name: str
    """The name of the tool."""


class ChangedTool(Body):
    """A tool that becomes available, or unavailable."""

    type: str
    """The kind of reference: `tool_reference` or `tool_definition`. Others are left out, with a warning."""
    name: str = ""
    """The name of the tool."""
    definition: dict[str, Any] = {}
    """The tool, as in `tools`."""


class ToolChangeBlock(Body):
    """A tool becomes available, or unavailable, from here on."""

    tool: ChangedTool
    """The tool."""


class MessageBody(Body):
    """One message. Blocks are parsed by type, in `conversation.py`."""

    role: str
    """The author: `user`, `assistant` or `system`. Another one is replaced, with a warning."""
    content: str | list[dict[str, Any]] = ""
    """The text, or blocks. Blocks that cannot be read are left out, with a warning."""


class ToolBody(Body):
    """A tool with a schema. Tools that Anthropic runs itself have other types, and are left out, with a warning."""

    name: str = ""
    """The name of the tool."""
    type: str = "custom"
    """The kind of tool; `custom` if it has a schema."""
    description: str = ""
    """What the tool does, for the model."""
    input_schema: dict[str, Any] | bool | None = None
    """The JSON Schema of the arguments."""
    input_examples: list[dict[str, Any]] = []
    """Examples of arguments; they become part of the description."""
    strict: bool | None = None
    """Refuse a schema that cannot be enforced completely, instead of returning a warning."""
    defer_loading: bool = False
    """Whether to show the tool to the model only after a `tool_reference` to it."""


class ToolChoiceBody(Body):
    """Which tools the model may or must call."""

    type: str
    """`auto`, `none`, `any`: at least one call; `tool`: a call of `name`."""
    name: str | None = None
    """The tool to call."""
    disable_parallel_tool_use: bool = False
    """Whether a message has at most one call."""


class Thinking(Body):
    """Whether to reason before the answer."""

    type: str
    """`enabled`, `disabled`, or `adaptive`: the chat template's default."""
    budget_tokens: int | None = Field(None, ge=1, lt=2**32)
    """Tokens of reasoning, at most."""
    display: str | None = None
    """`omitted`: the answer has a signature in place of the reasoning; by default the reasoning."""


class Format(Body):
    """The format of the answer."""

    type: Literal["json_schema"]
    """The kind of format."""
    schema_: dict[str, Any] | bool | None = Field(None, alias="schema")
    """The JSON Schema of the answer."""


class OutputConfig(Body):
    """Options for the answer."""

    format: Format | None = None
    """The format of the answer; by default text."""
    effort: str | None = None
    """How much to reason, for chat templates that support it."""


class Amount(Body):
    """A number of tokens, calls or turns."""

    type: str
    """What is counted: `input_tokens`, `tool_uses`, `thinking_turns`, or `all`."""
    value: int = Field(0, ge=0)
    """The number."""


class ContextEdit(Body):
    """Removes old parts of the conversation from the prompt."""

    type: str
    """The kind of edit: `clear_thinking_20251015` or `clear_tool_uses_20250919`. Others are left out, with a warning."""
    keep: Amount | Literal["all"] | None = None
    """The newest turns with thinking, or tool calls, to keep."""
    trigger: Amount | None = None
    """The size of the conversation above which old tool results are removed."""
    clear_at_least: Amount | None = None
    """The tokens that the edit must remove; else it is not applied."""
    exclude_tools: list[str] = []
    """Tools whose results are kept."""
    clear_tool_inputs: bool | list[str] = False
    """Whether to remove the arguments of the calls as well, or of which tools."""


class ContextManagement(Body):
    """What to remove from the conversation."""

    edits: list[ContextEdit] = []
    """The edits, in the order in which they are applied."""


class CountBody(Body):
    """The parts of a prompt: all that `/v1/messages/count_tokens` takes."""

    model_config = example(_EXAMPLE)

    messages: list[MessageBody]
    """The conversation."""
    model: str | None = None
    """The model; by default the one that is loaded."""
    system: str | list[dict[str, Any]] = ""
    """The system prompt: text, or blocks of text."""
    tools: list[ToolBody] = []
    """The tools that the model may call."""
    tool_choice: ToolChoiceBody | None = None
    """Which tools the model may or must call; by default any or none."""
    thinking: Thinking | None = None
    """Whether to reason before the answer; by default as the chat template does."""
    output_config: OutputConfig = Field(OutputConfig(), description="Options for the answer")
    output_format: Format | None = None
    """An older name of `output_config.format`."""
    context_management: ContextManagement | None = None
    """What to remove from the conversation, if it is long."""


class MessagesBody(CountBody):
    """The request."""

    model_config = example({**_EXAMPLE, "max_tokens": 300})

    max_tokens: int = Field(ge=0)
    """Generated tokens, at most. 0: the prompt is evaluated, so that the next request finds it in the cache."""
    stop_sequences: list[str] = []
    """Texts that end the message; they are not part of it."""
    stream: bool = False
    """Whether to send the response as server-sent events, while it is generated."""
