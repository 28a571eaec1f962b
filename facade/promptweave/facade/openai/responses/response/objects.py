"""Objects of the responses of `/v1/responses`. `event_objects.py` has the events of a stream."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from promptweave.facade.openai.chat.response.objects import TokenLogprob, WarningObject
from promptweave.facade.openai.responses.response.defined_call_objects import DefinedCallItem

_ID = Field(description="The id of the item, for references to it")
_STATUS = Field(description="`incomplete`: the item was truncated")
_NAMESPACE = Field(description="The namespace of the tool, if it has one")
_WARNINGS = Field(description="Warnings, if there are any. promptweave's addition")
_CALL_ID = Field(description="The id of the call, for the item with its output")

ItemStatus = Literal["in_progress", "completed", "incomplete"]


class OutputText(TypedDict):
    """Text that the model generated."""

    type: Annotated[Literal["output_text"], Field(description="The kind of part")]
    text: Annotated[str, Field(description="The text")]
    annotations: Annotated[list[dict[str, Any]], Field(description="Always empty")]
    logprobs: Annotated[list[TokenLogprob], Field(description="Log-probabilities, if the request has `top_logprobs`")]


class OutputRefusal(TypedDict):
    """Stands for an answer or a call that broke its schema."""

    type: Annotated[Literal["refusal"], Field(description="The kind of part")]
    refusal: Annotated[str, Field(description="Why the answer or the call was dropped")]


class ReasoningText(TypedDict):
    """Reasoning of the model."""

    type: Annotated[Literal["reasoning_text"], Field(description="The kind of part")]
    text: Annotated[str, Field(description="The reasoning")]


class SummaryText(TypedDict):
    """Reasoning of the model, as its summary."""

    type: Annotated[Literal["summary_text"], Field(description="The kind of part")]
    text: Annotated[str, Field(description="The reasoning")]


class OutputMessage(TypedDict):
    """A message of the model."""

    id: Annotated[str, _ID]
    type: Annotated[Literal["message"], Field(description="The kind of item")]
    status: Annotated[ItemStatus, _STATUS]
    role: Annotated[Literal["assistant"], Field(description="The author")]
    content: Annotated[list[OutputText | OutputRefusal], Field(description="The parts of the message")]


class OutputReasoning(TypedDict):
    """Reasoning of the model."""

    id: Annotated[str, _ID]
    type: Annotated[Literal["reasoning"], Field(description="The kind of item")]
    status: Annotated[ItemStatus, _STATUS]
    summary: Annotated[list[SummaryText], Field(description="The reasoning, if the request has `reasoning.summary`")]
    content: Annotated[list[ReasoningText], Field(description="The reasoning")]
    encrypted_content: NotRequired[
        Annotated[str, Field(description="The reasoning in base64, if `include` has `reasoning.encrypted_content`")]
    ]


class OutputFunctionCall(TypedDict):
    """A call of a function."""

    id: Annotated[str, _ID]
    type: Annotated[Literal["function_call"], Field(description="The kind of item")]
    status: Annotated[ItemStatus, _STATUS]
    call_id: Annotated[str, _CALL_ID]
    name: Annotated[str, Field(description="The name of the function")]
    arguments: Annotated[str, Field(description="The arguments: JSON that complies with the function's `parameters`")]
    namespace: NotRequired[Annotated[str, _NAMESPACE]]


class OutputCustomCall(TypedDict):
    """A call of a custom tool."""

    id: Annotated[str, _ID]
    type: Annotated[Literal["custom_tool_call"], Field(description="The kind of item")]
    status: Annotated[ItemStatus, _STATUS]
    call_id: Annotated[str, _CALL_ID]
    name: Annotated[str, Field(description="The name of the tool")]
    input: Annotated[str, Field(description="The input: text that complies with the tool's `format`")]
    namespace: NotRequired[Annotated[str, _NAMESPACE]]


class OutputToolSearch(TypedDict):
    """A search for tools, which the client runs."""

    id: Annotated[str, _ID]
    type: Annotated[Literal["tool_search_call"], Field(description="The kind of item")]
    status: Annotated[ItemStatus, _STATUS]
    call_id: Annotated[str, _CALL_ID]
    execution: Annotated[Literal["server", "client"], Field(description="Who searches")]
    arguments: Annotated[Any, Field(description="The arguments: JSON that complies with the tool's `parameters`")]


class OutputFoundTools(TypedDict):
    """The tools that a search on the server found."""

    id: Annotated[str, _ID]
    type: Annotated[Literal["tool_search_output"], Field(description="The kind of item")]
    status: Annotated[ItemStatus, _STATUS]
    call_id: Annotated[str, Field(description="The id of the call")]
    execution: Annotated[Literal["server"], Field(description="Who searched")]
    tools: Annotated[list[dict[str, Any]], Field(description="The tools, best first, as in a request")]


OutputItem = Annotated[
    OutputMessage
    | OutputReasoning
    | OutputFunctionCall
    | OutputCustomCall
    | OutputToolSearch
    | OutputFoundTools
    | DefinedCallItem,
    Field(discriminator="type", description="An item of the output"),
]


class InputTokensDetails(TypedDict):
    """Which tokens of the prompt are counted."""

    cached_tokens: Annotated[int, Field(ge=0, description="Tokens that were in the engine's cache")]
    cache_write_tokens: Annotated[int, Field(ge=0, description="Tokens that are in the engine's cache since")]


class OutputTokensDetails(TypedDict):
    """Which generated tokens are counted."""

    reasoning_tokens: Annotated[int, Field(ge=0, description="Tokens of reasoning")]


class ResponseUsage(TypedDict):
    """Token counts."""

    input_tokens: Annotated[int, Field(ge=0, description="Tokens of the prompt, cached ones included")]
    input_tokens_details: Annotated[InputTokensDetails, Field(description="Details of `input_tokens`")]
    output_tokens: Annotated[int, Field(ge=0, description="Generated tokens")]
    output_tokens_details: Annotated[OutputTokensDetails, Field(description="Details of `output_tokens`")]
    total_tokens: Annotated[int, Field(ge=0, description="Sum of the two")]


class ResponseFailure(TypedDict):
    """Why a response failed."""

    code: Annotated[str, Field(description="`server_error`, `rate_limit_exceeded` or `invalid_prompt`")]
    message: Annotated[str, Field(description="What went wrong")]


class IncompleteDetails(TypedDict):
    """Why a response is incomplete."""

    reason: Annotated[Literal["max_output_tokens"], Field(description="The limit that was reached")]


class ReasoningOptions(TypedDict):
    """The request's options for reasoning."""

    effort: Annotated[str | None, Field(description="As in the request")]
    summary: Annotated[str | None, Field(description="As in the request")]


class ConversationId(TypedDict):
    """A conversation."""

    id: Annotated[str, Field(description="The id of the conversation")]


class ConversationObject(ConversationId):
    """A conversation, without its items."""

    object: Annotated[Literal["conversation"], Field(description="The kind of object")]
    created_at: Annotated[int, Field(ge=0, description="When it was created, in seconds of the UNIX epoch")]
    metadata: Annotated[dict[str, str], Field(description="As in the request")]
    warnings: NotRequired[Annotated[list[WarningObject], _WARNINGS]]


class DeletedConversation(ConversationId):
    """A conversation that was deleted."""

    object: Annotated[Literal["conversation.deleted"], Field(description="The kind of object")]
    deleted: Annotated[Literal[True], Field(description="Always true")]


class ResponseObject(TypedDict):
    """A response. Fields that OpenAI repeats from the request have the values of the request, or their defaults."""

    id: Annotated[str, Field(description="The id of the response")]
    object: Annotated[Literal["response"], Field(description="The kind of object")]
    created_at: Annotated[int, Field(ge=0, description="When the response was created, in seconds of the UNIX epoch")]
    completed_at: Annotated[int | None, Field(description="When it was completed, in seconds of the UNIX epoch")]
    status: Annotated[
        Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"],
        Field(description="`incomplete`: truncated, see `incomplete_details`; `failed`: see `error`"),
    ]
    background: Annotated[bool, Field(description="As in the request")]
    conversation: NotRequired[
        Annotated[
            ConversationId | None,
            Field(description="The conversation that it was added to; null if it could not be added"),
        ]
    ]
    error: Annotated[ResponseFailure | None, Field(description="Why it failed, if it did")]
    incomplete_details: Annotated[IncompleteDetails | None, Field(description="Why it is incomplete, if it is")]
    instructions: Annotated[str | None, Field(description="As in the request")]
    max_output_tokens: Annotated[int | None, Field(description="As in the request")]
    max_tool_calls: Annotated[int | None, Field(description="As in the request; it has no effect")]
    metadata: Annotated[dict[str, str], Field(description="As in the request")]
    model: Annotated[str, Field(description="The id of the model that generated the response")]
    output: Annotated[list[OutputItem], Field(description="What the model generated, in order")]
    parallel_tool_calls: Annotated[bool, Field(description="As in the request; true by default")]
    previous_response_id: Annotated[str | None, Field(description="As in the request")]
    prompt_cache_key: Annotated[str | None, Field(description="As in the request")]
    reasoning: Annotated[ReasoningOptions, Field(description="As in the request")]
    safety_identifier: Annotated[str | None, Field(description="As in the request; it has no effect")]
    service_tier: Annotated[Literal["default"], Field(description="Always `default`")]
    store: Annotated[bool, Field(description="Whether the response is stored, and can be continued")]
    temperature: Annotated[float | None, Field(description="As in the request")]
    text: Annotated[dict[str, Any], Field(description="The format of the answer, as in the request; text by default")]
    tool_choice: Annotated[str | dict[str, Any], Field(description="As in the request; `auto` by default")]
    tools: Annotated[list[dict[str, Any]], Field(description="As in the request")]
    top_logprobs: Annotated[int, Field(ge=0, description="As in the request; 0 by default")]
    top_p: Annotated[float | None, Field(description="As in the request")]
    truncation: Annotated[Literal["auto", "disabled"], Field(description="As in the request; it has no effect")]
    usage: NotRequired[Annotated[ResponseUsage, Field(description="Token counts, once generation has ended")]]
    user: NotRequired[Annotated[str, Field(description="As in the request; it has no effect")]]
    warnings: NotRequired[Annotated[list[WarningObject], _WARNINGS]]


class DeletedResponse(TypedDict):
    """A response that was deleted."""

    id: Annotated[str, Field(description="The id of the response")]
    object: Annotated[Literal["response"], Field(description="The kind of object")]
    deleted: Annotated[Literal[True], Field(description="Always true")]


class InputTokenCount(TypedDict):
    """The tokens of a prompt."""

    object: Annotated[Literal["response.input_tokens"], Field(description="The kind of object")]
    input_tokens: Annotated[int, Field(ge=0, description="Tokens of the prompt")]
    warnings: NotRequired[Annotated[list[WarningObject], _WARNINGS]]


class CompactedConversation(TypedDict):
    """A shorter form of a conversation."""

    id: Annotated[str, Field(description="The id of the compaction")]
    object: Annotated[Literal["response.compaction"], Field(description="The kind of object")]
    created_at: Annotated[int, Field(ge=0, description="When it was created, in seconds of the UNIX epoch")]
    output: Annotated[
        list[dict[str, Any]],
        Field(description="The messages of users and developers, tools that were added, and an item with a summary"),
    ]
    usage: Annotated[ResponseUsage, Field(description="Token counts of the summary")]
    warnings: NotRequired[Annotated[list[WarningObject], _WARNINGS]]


class ItemList(TypedDict):
    """A page of the items that a response was generated from, or of those of a conversation."""

    object: Annotated[Literal["list"], Field(description="The kind of object")]
    data: Annotated[list[dict[str, Any]], Field(description="Items, as they were sent, with ids")]
    first_id: Annotated[str | None, Field(description="The id of the first item of the page")]
    last_id: Annotated[str | None, Field(description="The id of the last item of the page, for `after`")]
    has_more: Annotated[bool, Field(description="Whether more items follow")]
    warnings: NotRequired[Annotated[list[WarningObject], _WARNINGS]]
