"""Items of conversations, as OpenAI's clients send them."""

from typing import Any

from pydantic import Field

from promptweave.facade.bodies.body import Body
from promptweave.facade.openai.chat.request.body import ResponseFormat


class ItemPart(Body):
    """A part of a message's content, of a tool's output, or of reasoning."""

    type: str
    """The kind of part."""
    text: str = ""
    """The text."""
    refusal: str = ""
    """The text of a refusal."""
    image_url: str | None = None
    """The location of an image: a data URL."""


Content = str | list[ItemPart]


class Item(Body):
    """Fields that any item may have, since clients send generated items back."""

    id: str | None = None
    """The id of the item."""
    status: str | None = None
    """Whether the item is complete."""


class MessageItem(Item):
    """A message."""

    role: str
    """The author: `user`, `assistant`, `system` or `developer`. Another one is replaced, with a warning."""
    content: Content = ""
    """The text, or parts of text and images."""
    tool_call_id: str | None = None
    """The id of the call whose result this is, with the role `tool` of chat completions."""


class FunctionCallItem(Item):
    """A function call; "" is a call without arguments."""

    call_id: str = ""
    """The id of the call."""
    name: str = ""
    """The name of the function."""
    namespace: str = ""
    """The namespace of the function, if it has one."""
    arguments: Any = ""
    """The arguments, as JSON text. Some clients send JSON."""


class CustomCallItem(Item):
    """A call of a custom tool."""

    call_id: str = ""
    """The id of the call."""
    name: str = ""
    """The name of the tool."""
    namespace: str = ""
    """The namespace of the tool, if it has one."""
    input: str = ""
    """The input."""


class CallOutputItem(Item):
    """The output of a call."""

    call_id: str | None = None
    """The id of the call; by default that of the first call without an output."""
    output: Content | dict[str, Any] = ""
    """The output: text, or parts of text and images. Some clients send JSON."""


class ReasoningItem(Item):
    """The model's reasoning; `encrypted_content` replaces `content` if a client has dropped that."""

    content: Content = []
    """The reasoning."""
    summary: Content = []
    """A summary of the reasoning; used if `content` is empty."""
    encrypted_content: str | None = None
    """The reasoning, as a response had it."""


class ItemReference(Body):
    """A reference to an item that is stored here."""

    id: str
    """The id of the item."""


class ToolSearchCallItem(Item):
    """A search for tools."""

    call_id: str = ""
    """The id of the call."""
    arguments: Any = None
    """What was searched for."""


class ToolSearchOutputItem(Item):
    """The tools that a search found: they are available from here on."""

    call_id: str | None = None
    """The id of the call; by default that of the first call without an output."""
    tools: list[dict[str, Any]] = []
    """The tools."""


class AdditionalToolsItem(Item):
    """Tools that are available from here on."""

    tools: list[dict[str, Any]] = []
    """The tools."""


class NewReasoning(Body):
    """Options for the reasoning from here on."""

    effort: str | None = None
    """As in `reasoning.effort` of the request."""


class NewText(Body):
    """The format of answers from here on."""

    format: ResponseFormat | None = None
    """As in `text.format` of the request."""


class ConfigurationUpdateItem(Item):
    """Replaces options of the request, until another item replaces them."""

    reasoning: NewReasoning = Field(NewReasoning(), description="Options for the reasoning from here on")
    text: NewText = Field(NewText(), description="The format of answers from here on")


class CompactionItem(Item):
    """What replaces the earlier part of a conversation."""

    encrypted_content: str = ""
    """A summary, as `/v1/responses/compact` returned it."""
