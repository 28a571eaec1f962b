"""The body of a request to `/v1/messages`, as Anthropic's clients write it."""

from typing import Any, Literal

from pydantic import Field

from promptweave.facade.bodies.body import Body


class Source(Body):
    """A picture: base64 data, or a URL."""

    type: str
    media_type: str = ""
    data: str = ""
    url: str = ""


class TextBlock(Body):
    """Text, of anyone."""

    text: str


class ImageBlock(Body):
    """A picture."""

    source: Source


class ThinkingBlock(Body):
    """What the model thought. Its signature is not looked at."""

    thinking: str


class ToolUseBlock(Body):
    """A call."""

    id: str
    name: str
    input: dict[str, Any] = {}


class ToolResultBlock(Body):
    """What a call gave."""

    tool_use_id: str
    content: str | list[dict[str, Any]] = ""
    is_error: bool = False


class MessageBody(Body):
    """One message. Blocks are read by their types, in `to_chat.py`."""

    role: Literal["user", "assistant"]
    content: str | list[dict[str, Any]]


class ToolBody(Body):
    """A tool with a schema. Tools that Anthropic runs itself have another type."""

    name: str
    type: str = "custom"
    description: str = ""
    input_schema: dict[str, Any] | bool | None = None
    strict: bool | None = None


class ToolChoiceBody(Body):
    """Which tools may, or must, be called."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool = False


class Thinking(Body):
    """Whether to think before the answer."""

    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: int | None = Field(None, ge=1)


class Format(Body):
    """The form of the answer."""

    type: Literal["json_schema"]
    schema_: dict[str, Any] | bool | None = Field(None, alias="schema")


class OutputConfig(Body):
    """How the answer is written."""

    format: Format | None = None
    effort: str | None = None


class CountBody(Body):
    """What a prompt is made of: all that `/v1/messages/count_tokens` takes."""

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
