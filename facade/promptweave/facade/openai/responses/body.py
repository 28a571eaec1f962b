"""The body of a request to `/v1/responses`, and the items of conversations, as OpenAI's clients send them."""

from typing import Any, Literal

from pydantic import Field

from promptweave.facade.bodies.body import Body
from promptweave.facade.openai.chat.body import ResponseFormat


class Part(Body):
    """A part of a message's content, of a tool's output, or of reasoning."""

    type: str
    text: str = ""
    refusal: str = ""
    image_url: str | None = None


Content = str | list[Part]


class Item(Body):
    """Fields that any item may have, since clients send generated items back."""

    id: str | None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None


class MessageItem(Item):
    """A message from any role except a tool."""

    role: Literal["user", "assistant", "system", "developer"]
    content: Content


class FunctionCallItem(Item):
    """A function call; "" is a call without arguments."""

    call_id: str
    name: str
    arguments: str = ""


class CustomCallItem(Item):
    """A call of a custom tool."""

    call_id: str
    name: str
    input: str = ""


class CallOutputItem(Item):
    """The output of a call."""

    call_id: str
    output: Content


class ReasoningItem(Item):
    """The model's reasoning; `encrypted_content` replaces `content` if a client has dropped that."""

    content: list[Part] = []
    summary: list[Part] = []
    encrypted_content: str | None = None


class ItemReference(Body):
    """A reference to an item that is stored here."""

    id: str


class FunctionTool(Body):
    """A function that the model may call."""

    name: str
    description: str = ""
    parameters: dict[str, Any] | bool | None = None
    strict: bool | None = None


class ToolFormat(Body):
    """The format of a custom tool's input; with a grammar it is a `GrammarDefinition` as well."""

    type: Literal["text", "grammar"]


class CustomTool(Body):
    """A tool whose input is text."""

    name: str
    description: str = ""
    format: ToolFormat | None = None


class ChosenTool(Body):
    """A tool, in a tool choice."""

    type: str
    name: str = ""


class ToolChoice(ChosenTool):
    """A tool choice that names tools."""

    mode: Literal["auto", "required"] = "auto"
    tools: list[ChosenTool] = []


class Text(Body):
    """Options for the answer's text."""

    format: ResponseFormat | None = None
    verbosity: str | None = None


class Reasoning(Body):
    """Options for the reasoning."""

    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None


class StreamOptions(Body):
    """Options of the stream."""

    include_obfuscation: bool = False


class ResponsesBody(Body):
    """The request. Items and tools are parsed by their types, in `to_chat.py`."""

    input: str | list[dict[str, Any]] = []
    model: str | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    tools: list[dict[str, Any]] = []
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    text: Text = Text()
    reasoning: Reasoning = Reasoning()
    max_output_tokens: int | None = Field(None, ge=1)
    max_tool_calls: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    include: list[str] = []
    metadata: dict[str, str] = {}
    store: bool = True
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    truncation: Literal["auto", "disabled"] = "disabled"
    background: bool = False
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    user: str | None = None
