"""The body of a request to `/v1/messages`, as Anthropic's clients send it."""

from typing import Any, Literal

from pydantic import Field

from promptweave.facade.bodies.body import Body


class Source(Body):
    """An image: base64 data, or a URL."""

    type: str
    media_type: str = ""
    data: str = ""
    url: str = ""


class TextBlock(Body):
    """Text, from the user or the model."""

    text: str


class ImageBlock(Body):
    """An image."""

    source: Source


class ThinkingBlock(Body):
    """The model's reasoning. The signature is ignored."""

    thinking: str


class ToolUseBlock(Body):
    """A tool call."""

    id: str
    name: str
    input: dict[str, Any] = {}


class ToolResultBlock(Body):
    """The result of a tool call."""

    tool_use_id: str
    content: str | list[dict[str, Any]] = ""
    is_error: bool = False


class MessageBody(Body):
    """One message. Blocks are parsed by type, in `to_chat.py`."""

    role: Literal["user", "assistant"]
    content: str | list[dict[str, Any]]


class ToolBody(Body):
    """A tool with a schema. Tools that Anthropic runs itself have other types."""

    name: str
    type: str = "custom"
    description: str = ""
    input_schema: dict[str, Any] | bool | None = None
    strict: bool | None = None


class ToolChoiceBody(Body):
    """Which tools the model may or must call."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool = False


class Thinking(Body):
    """Whether to reason before the answer."""

    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: int | None = Field(None, ge=1)


class Format(Body):
    """The format of the answer."""

    type: Literal["json_schema"]
    schema_: dict[str, Any] | bool | None = Field(None, alias="schema")


class OutputConfig(Body):
    """Options for the answer."""

    format: Format | None = None
    effort: str | None = None


class CountBody(Body):
    """The parts of a prompt: all that `/v1/messages/count_tokens` takes."""

    messages: list[MessageBody]
    model: str | None = None
    system: str | list[dict[str, Any]] = ""
    tools: list[ToolBody] = []
    tool_choice: ToolChoiceBody | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig = OutputConfig()


class MessagesBody(CountBody):
    """The request."""

    max_tokens: int = Field(ge=1)
    stop_sequences: list[str] = []
    stream: bool = False
