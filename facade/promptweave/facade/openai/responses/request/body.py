"""The body of a request to `/v1/responses`, as OpenAI's clients send it."""

from typing import Any, Literal

from pydantic import Field

from promptweave.facade.bodies.body import Body, example
from promptweave.facade.bodies.examples import QUESTION, TRIP
from promptweave.facade.openai.chat.request.body import ResponseFormat


class ChosenTool(Body):
    """A tool, in a tool choice."""

    type: str
    """The kind of tool, or `allowed_tools`."""
    name: str = ""
    """The name of the tool."""
    namespace: str = ""
    """The namespace of the tool, if it has one."""


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
    """`low` and `high` add a sentence to the instructions."""


class ResponsesReasoning(Body):
    """Options for the reasoning."""

    effort: str | None = None
    """How much to reason, for chat templates that support it; `none`: not at all."""
    summary: str | None = None
    """Any value: reasoning items have their text as a summary, too."""
    generate_summary: str | None = None
    """An older name of `summary`."""


class ResponsesStreamOptions(Body):
    """Options of the stream."""

    include_obfuscation: bool = False
    """Must be false: streams are not padded."""


class ConversationReference(Body):
    """A conversation."""

    id: str
    """The id of the conversation."""


class ResponsesBody(Body):
    """The request. Items and tools are parsed by their types: `item_body.py`, `tool_body.py`."""

    model_config = example(
        {
            "model": "gpt-4o",
            "input": QUESTION,
            "text": {"format": {"type": "json_schema", "name": "trip", "schema": TRIP, "strict": True}},
        }
    )

    input: str | list[dict[str, Any]] = []
    """A question, or items: messages, calls, outputs, reasoning, tools, references to stored items."""
    model: str | None = None
    """The model; by default that of the previous response, or the one that is loaded."""
    instructions: str | None = None
    """A system message, which is not kept for the next response."""
    previous_response_id: str | None = None
    """The stored response whose conversation this continues."""
    conversation: str | ConversationReference | None = None
    """The conversation that this continues: its items come before the input, and the input and output are added to it."""
    tools: list[dict[str, Any]] = []
    """The tools that the model may call: functions, custom tools, namespaces, a tool search of the client."""
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
    """Whether to return at once; the response is generated while the client polls for it. Requires `store`."""
    prompt_cache_key: str | None = None
    """The same key for conversations that begin alike: they share an engine's cache."""
    safety_identifier: str | None = None
    """Returned with the response; it has no effect."""
    service_tier: str | None = None
    """Has no effect: there is one tier."""
    user: str | None = None
    """Returned with the response; it has no effect."""

    @property
    def conversation_id(self) -> str | None:
        """The id of the conversation."""
        return self.conversation.id if isinstance(self.conversation, ConversationReference) else self.conversation
