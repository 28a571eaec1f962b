"""Objects and events of the responses of `/v1/messages`."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from promptweave.facade.openai.chat.response.objects import WarningObject

_INDEX = Field(ge=0, description="The index of the block in the message's `content`")
_WARNINGS = Field(description="Warnings, if there are any. promptweave's addition")
_CONTEXT_MANAGEMENT = Field(description="What was removed, if the request has `context_management`")
_CLEARED_TOKENS = Field(ge=0, description="Tokens that the prompt has less, apart from images")

StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"]
_STOP_REASON = Field(description="Why generation ended; null in `message_start`. `refusal`: the answer broke its schema")
_STOP_SEQUENCE = Field(description="The stop sequence that ended the message, if one did")


class TextContent(TypedDict):
    """Text that the model generated."""

    type: Annotated[Literal["text"], Field(description="The kind of block")]
    text: Annotated[str, Field(description="The text")]
    citations: Annotated[None, Field(description="Always null")]


class ThinkingContent(TypedDict):
    """The model's reasoning."""

    type: Annotated[Literal["thinking"], Field(description="The kind of block")]
    thinking: Annotated[str, Field(description="The reasoning")]
    signature: Annotated[str, Field(description="A text to send back with the block. It contains omitted reasoning")]


class ToolUseContent(TypedDict):
    """A tool call."""

    type: Annotated[Literal["tool_use"], Field(description="The kind of block")]
    id: Annotated[str, Field(description="The id of the call, for the block with its result")]
    name: Annotated[str, Field(description="The name of the tool")]
    input: Annotated[dict[str, Any], Field(description="The arguments, which comply with the tool's `input_schema`")]


class ServerToolUseContent(TypedDict):
    """A search for tools, which the server ran."""

    type: Annotated[Literal["server_tool_use"], Field(description="The kind of block")]
    id: Annotated[str, Field(description="The id of the search, for the block with its result")]
    name: Annotated[Literal["tool_search_tool_bm25"], Field(description="The name of the search")]
    input: Annotated[dict[str, Any], Field(description="What was searched for: `query`")]


class FoundTool(TypedDict):
    """A tool that a search found."""

    type: Annotated[Literal["tool_reference"], Field(description="The kind of object")]
    tool_name: Annotated[str, Field(description="The name of the tool")]


class FoundTools(TypedDict):
    """The tools that a search found."""

    type: Annotated[Literal["tool_search_tool_search_result"], Field(description="The kind of object")]
    tool_references: Annotated[list[FoundTool], Field(description="The tools, best first")]


class ToolSearchResultContent(TypedDict):
    """The result of a search for tools."""

    type: Annotated[Literal["tool_search_tool_result"], Field(description="The kind of block")]
    tool_use_id: Annotated[str, Field(description="The id of the search")]
    content: Annotated[FoundTools, Field(description="What was found")]


GeneratedBlock = TextContent | ThinkingContent | ToolUseContent
"""A block that the model generates."""

ContentBlock = Annotated[
    GeneratedBlock | ServerToolUseContent | ToolSearchResultContent,
    Field(discriminator="type", description="A part of the message"),
]


class GeneratedTokensDetails(TypedDict):
    """Details of `output_tokens`."""

    thinking_tokens: Annotated[int, Field(ge=0, description="Tokens of the reasoning")]


class MessageUsage(TypedDict):
    """Token counts."""

    input_tokens: Annotated[int, Field(ge=0, description="Tokens of the prompt that were not cached")]
    cache_creation_input_tokens: Annotated[int, Field(ge=0, description="Always 0: caching is free, and not counted")]
    cache_read_input_tokens: Annotated[int, Field(ge=0, description="Tokens of the prompt that were in the engine's cache")]
    output_tokens: Annotated[int, Field(ge=0, description="Generated tokens")]
    output_tokens_details: NotRequired[
        Annotated[GeneratedTokensDetails, Field(description="Details of `output_tokens`, if the model can reason")]
    ]


class ClearedThinking(TypedDict):
    """Thinking that was removed from the conversation."""

    type: Annotated[str, Field(description="The type of the edit in the request: `clear_thinking_20251015`")]
    cleared_thinking_turns: Annotated[int, Field(ge=0, description="The number of turns without their thinking")]
    cleared_input_tokens: Annotated[int, _CLEARED_TOKENS]


class ClearedToolUses(TypedDict):
    """Results of tool calls that were removed from the conversation."""

    type: Annotated[str, Field(description="The type of the edit in the request: `clear_tool_uses_20250919`")]
    cleared_tool_uses: Annotated[int, Field(ge=0, description="The number of calls without their result")]
    cleared_input_tokens: Annotated[int, _CLEARED_TOKENS]


AppliedEdit = ClearedThinking | ClearedToolUses


class AppliedContextManagement(TypedDict):
    """What was removed from the conversation."""

    applied_edits: Annotated[list[AppliedEdit], Field(description="The edits that removed something")]


class CountContextManagement(TypedDict):
    """What was removed from the conversation before its tokens were counted."""

    original_input_tokens: Annotated[int, Field(ge=0, description="Tokens of the prompt without the edits")]


class MessageObject(TypedDict):
    """A message that the model generated."""

    id: Annotated[str, Field(description="The id of the message")]
    type: Annotated[Literal["message"], Field(description="The kind of object")]
    role: Annotated[Literal["assistant"], Field(description="The author")]
    model: Annotated[str, Field(description="The id of the model that generated the message")]
    content: Annotated[list[ContentBlock], Field(description="The parts of the message")]
    stop_reason: Annotated[StopReason | None, _STOP_REASON]
    stop_sequence: Annotated[str | None, _STOP_SEQUENCE]
    usage: Annotated[MessageUsage, Field(description="Token counts")]
    context_management: NotRequired[Annotated[AppliedContextManagement, _CONTEXT_MANAGEMENT]]
    warnings: NotRequired[Annotated[list[WarningObject], _WARNINGS]]


class TokenCount(TypedDict):
    """The size of a prompt."""

    input_tokens: Annotated[int, Field(ge=0, description="Tokens of the prompt")]
    context_management: NotRequired[Annotated[CountContextManagement, _CONTEXT_MANAGEMENT]]
    warnings: NotRequired[Annotated[list[WarningObject], _WARNINGS]]


class MessageStart(TypedDict):
    """The first event."""

    type: Annotated[Literal["message_start"], Field(description="The kind of event")]
    message: Annotated[MessageObject, Field(description="The message, still without content")]


class ContentBlockStart(TypedDict):
    """A block of the message begins."""

    type: Annotated[Literal["content_block_start"], Field(description="The kind of event")]
    index: Annotated[int, _INDEX]
    content_block: Annotated[ContentBlock, Field(description="The block, still empty")]


class TextDelta(TypedDict):
    """More text."""

    type: Annotated[Literal["text_delta"], Field(description="The kind of delta")]
    text: Annotated[str, Field(description="Text to append")]


class ThinkingDelta(TypedDict):
    """More reasoning."""

    type: Annotated[Literal["thinking_delta"], Field(description="The kind of delta")]
    thinking: Annotated[str, Field(description="Text to append")]


class InputJsonDelta(TypedDict):
    """More arguments of a call."""

    type: Annotated[Literal["input_json_delta"], Field(description="The kind of delta")]
    partial_json: Annotated[str, Field(description="Text to append; all of it together is a JSON object")]


class SignatureDelta(TypedDict):
    """The signature of the reasoning, at its end."""

    type: Annotated[Literal["signature_delta"], Field(description="The kind of delta")]
    signature: Annotated[str, Field(description="The block's signature")]


BlockDelta = Annotated[
    TextDelta | ThinkingDelta | InputJsonDelta | SignatureDelta, Field(discriminator="type", description="More of the block")
]


class ContentBlockDelta(TypedDict):
    """A block of the message grows."""

    type: Annotated[Literal["content_block_delta"], Field(description="The kind of event")]
    index: Annotated[int, _INDEX]
    delta: Annotated[BlockDelta, Field(description="More of the block")]


class ContentBlockStop(TypedDict):
    """A block of the message is complete."""

    type: Annotated[Literal["content_block_stop"], Field(description="The kind of event")]
    index: Annotated[int, _INDEX]


class StopDelta(TypedDict):
    """Why generation ended."""

    stop_reason: Annotated[StopReason | None, _STOP_REASON]
    stop_sequence: Annotated[str | None, _STOP_SEQUENCE]


class MessageDeltaEvent(TypedDict):
    """The message is complete."""

    type: Annotated[Literal["message_delta"], Field(description="The kind of event")]
    delta: Annotated[StopDelta, Field(description="Why generation ended")]
    usage: Annotated[MessageUsage, Field(description="Token counts")]
    context_management: NotRequired[Annotated[AppliedContextManagement, _CONTEXT_MANAGEMENT]]
    warnings: NotRequired[Annotated[list[WarningObject], _WARNINGS]]


class MessageStop(TypedDict):
    """The last event."""

    type: Annotated[Literal["message_stop"], Field(description="The kind of event")]


MessageEvent = MessageStart | ContentBlockStart | ContentBlockDelta | ContentBlockStop | MessageDeltaEvent | MessageStop
