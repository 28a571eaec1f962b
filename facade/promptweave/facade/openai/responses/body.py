"""The body of a request to `/v1/responses`, and the items of conversations, as OpenAI's clients send them."""

from typing import Any, Literal

from pydantic import Field

from promptweave.facade.bodies.body import Body, example
from promptweave.facade.bodies.examples import QUESTION, TRIP
from promptweave.facade.openai.chat.body import ResponseFormat


class Part(Body):
    """A part of a message's content, of a tool's output, or of reasoning."""

    type: str
    """The kind of part."""
    text: str = ""
    """The text."""
    refusal: str = ""
    """The text of a refusal."""
    image_url: str | None = None
    """The location of an image: a data URL."""


Content = str | list[Part]


class Item(Body):
    """Fields that any item may have, since clients send generated items back."""

    id: str | None = None
    """The id of the item."""
    status: Literal["in_progress", "completed", "incomplete"] | None = None
    """Whether the item is complete."""


class MessageItem(Item):
    """A message from any role except a tool."""

    role: Literal["user", "assistant", "system", "developer"]
    """The author."""
    content: Content
    """The text, or parts of text and images."""


class FunctionCallItem(Item):
    """A function call; "" is a call without arguments."""

    call_id: str
    """The id of the call."""
    name: str
    """The name of the function."""
    arguments: str = ""
    """The arguments, as JSON text."""


class CustomCallItem(Item):
    """A call of a custom tool."""

    call_id: str
    """The id of the call."""
    name: str
    """The name of the tool."""
    input: str = ""
    """The input."""


class CallOutputItem(Item):
    """The output of a call."""

    call_id: str
    """The id of the call."""
    output: Content
    """The output: text, or parts of text and images."""


class ReasoningItem(Item):
    """The model's reasoning; `encrypted_content` replaces `content` if a client has dropped that."""

    content: list[Part] = []
    """The reasoning."""
    summary: list[Part] = []
    """A summary of it, which is used if there is no content."""
    encrypted_content: str | None = None
    """The reasoning, as a response had it."""


class ItemReference(Body):
    """A reference to an item that is stored here."""

    id: str
    """The id of the item."""


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


class ChosenTool(Body):
    """A tool, in a tool choice."""

    type: str
    """The kind of tool, or `allowed_tools`."""
    name: str = ""
    """The name of the tool."""


class ToolChoice(ChosenTool):
    """A tool choice that names tools."""

    mode: Literal["auto", "required"] = "auto"
    """`required`: at least one call."""
    tools: list[ChosenTool] = []
    """The tools that may be called, with `allowed_tools`."""


class TextOptions(Body):
    """Options for the answer's text."""

    format: ResponseFormat | None = None
    """The format of the answer; by default text."""
    verbosity: str | None = None
    """Must be `medium`."""


class ResponsesReasoning(Body):
    """Options for the reasoning."""

    effort: str | None = None
    """How much to reason, for chat templates that support it; `none`: not at all."""
    summary: str | None = None
    """Has no effect: reasoning is not summarized."""
    generate_summary: str | None = None
    """An older name of `summary`."""


class ResponsesStreamOptions(Body):
    """Options of the stream."""

    include_obfuscation: bool = False
    """Must be false: streams are not padded."""


class ResponsesBody(Body):
    """The request. Items and tools are parsed by their types, in `to_chat.py`."""

    model_config = example(
        {
            "model": "gpt-4o",
            "input": QUESTION,
            "text": {"format": {"type": "json_schema", "name": "trip", "schema": TRIP, "strict": True}},
        }
    )

    input: str | list[dict[str, Any]] = []
    """A question, or items: messages, calls, outputs, reasoning, references to stored items."""
    model: str | None = None
    """The model; by default that of the previous response, or the one that is loaded."""
    instructions: str | None = None
    """A system message, which is not kept for the next response."""
    previous_response_id: str | None = None
    """The stored response whose conversation this continues."""
    tools: list[dict[str, Any]] = []
    """The tools that the model may call: functions and custom tools."""
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    """Which tools the model may or must call; by default any or none."""
    parallel_tool_calls: bool | None = None
    """Whether a response may have several calls; by default it may."""
    text: TextOptions = Field(TextOptions(), description="Options for the answer's text")
    reasoning: ResponsesReasoning = Field(ResponsesReasoning(), description="Options for the reasoning")
    max_output_tokens: int | None = Field(None, ge=1)
    """Generated tokens, at most; by default up to the end of the context."""
    max_tool_calls: int | None = None
    """Has no effect: it limits tools that OpenAI runs."""
    temperature: float | None = None
    """The sampling temperature; by default the service's."""
    top_p: float | None = None
    """Sample from the most likely tokens that have this probability together."""
    top_logprobs: int | None = Field(None, ge=0, le=20)
    """The number of most likely tokens to return at each position."""
    include: list[str] = []
    """More to return: `message.output_text.logprobs`, `reasoning.encrypted_content`."""
    metadata: dict[str, str] = {}
    """Texts that are returned with the response."""
    store: bool = True
    """Whether to store the response, so that it can be retrieved and continued."""
    stream: bool = False
    """Whether to send the response as server-sent events, while it is generated."""
    stream_options: ResponsesStreamOptions = Field(ResponsesStreamOptions(), description="Options of the stream")
    truncation: Literal["auto", "disabled"] = "disabled"
    """Has no effect: a conversation that exceeds the context is rejected."""
    background: bool = False
    """Must be false: responses are generated while the client is connected."""
    prompt_cache_key: str | None = None
    """The same key for conversations that begin alike: they share an engine's cache."""
    safety_identifier: str | None = None
    """Returned with the response; it has no effect."""
    service_tier: str | None = None
    """`auto` or `default`; there is one tier."""
    user: str | None = None
    """Returned with the response; it has no effect."""
