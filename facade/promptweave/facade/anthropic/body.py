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
    """An image: base64 data, or a URL."""

    type: str
    """The kind of source: `base64` or `url`."""
    media_type: str = ""
    """The format of the image, such as `image/png`."""
    data: str = ""
    """The image in base64."""
    url: str = ""
    """The location of the image: a data URL."""


class TextBlock(Body):
    """Text, from the user or the model."""

    text: str
    """The text."""


class ImageBlock(Body):
    """An image."""

    source: Source
    """The image."""


class ThinkingBlock(Body):
    """The model's reasoning. The signature is ignored."""

    thinking: str
    """The reasoning."""


class ToolUseBlock(Body):
    """A tool call."""

    id: str
    """The id of the call."""
    name: str
    """The name of the tool."""
    input: dict[str, Any] = {}
    """The arguments."""


class ToolResultBlock(Body):
    """The result of a tool call."""

    tool_use_id: str
    """The id of the call."""
    content: str | list[dict[str, Any]] = ""
    """The result: text, or blocks of text and images."""
    is_error: bool = False
    """Whether the call failed."""


class MessageBody(Body):
    """One message. Blocks are parsed by type, in `to_chat.py`."""

    role: Literal["user", "assistant"]
    """The author."""
    content: str | list[dict[str, Any]]
    """The text, or blocks: `text`, `image`, `thinking`, `tool_use`, `tool_result`."""


class ToolBody(Body):
    """A tool with a schema. Tools that Anthropic runs itself have other types."""

    name: str
    """The name of the tool."""
    type: str = "custom"
    """The kind of tool; only `custom` is supported."""
    description: str = ""
    """What the tool does, for the model."""
    input_schema: dict[str, Any] | bool | None = None
    """The JSON Schema of the arguments."""
    strict: bool | None = None
    """Refuse a schema that cannot be enforced completely, instead of returning a warning."""


class ToolChoiceBody(Body):
    """Which tools the model may or must call."""

    type: Literal["auto", "any", "tool", "none"]
    """`any`: at least one call; `tool`: a call of `name`."""
    name: str | None = None
    """The tool to call."""
    disable_parallel_tool_use: bool = False
    """Whether a message has at most one call."""


class Thinking(Body):
    """Whether to reason before the answer."""

    type: Literal["enabled", "disabled", "adaptive"]
    """`adaptive`: the chat template's default."""
    budget_tokens: int | None = Field(None, ge=1, lt=2**32)
    """Tokens of reasoning, at most."""


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


class MessagesBody(CountBody):
    """The request."""

    model_config = example({**_EXAMPLE, "max_tokens": 300})

    max_tokens: int = Field(ge=1)
    """Generated tokens, at most."""
    stop_sequences: list[str] = []
    """Texts that end the message; they are not part of it."""
    stream: bool = False
    """Whether to send the response as server-sent events, while it is generated."""
