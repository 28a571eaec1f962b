"""Events of a streamed response."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from promptweave.facade.openai.chat.response.objects import TokenLogprob
from promptweave.facade.openai.responses.response.objects import (
    OutputItem,
    OutputRefusal,
    OutputText,
    ReasoningText,
    ResponseObject,
    SummaryText,
)

_TYPE = Field(description="The kind of event")
_DELTA = Field(description="Text to append")


class _Event(TypedDict):
    sequence_number: Annotated[int, Field(ge=0, description="The number of the event, from 0")]


class _ItemEvent(_Event):
    item_id: Annotated[str, Field(description="The id of the item")]
    output_index: Annotated[int, Field(ge=0, description="The index of the item in the response's `output`")]


class _PartEvent(_ItemEvent):
    content_index: Annotated[int, Field(ge=0, description="The index of the part in the item's `content`")]


class ResponseStateEvent(_Event):
    """The response begins, or ends."""

    type: Annotated[
        Literal[
            "response.created",
            "response.queued",
            "response.in_progress",
            "response.completed",
            "response.incomplete",
            "response.failed",
        ],
        _TYPE,
    ]
    response: Annotated[ResponseObject, Field(description="The response so far")]


class OutputItemEvent(_Event):
    """An item of the output begins, or ends."""

    type: Annotated[Literal["response.output_item.added", "response.output_item.done"], _TYPE]
    output_index: Annotated[int, Field(ge=0, description="The index of the item in the response's `output`")]
    item: Annotated[OutputItem, Field(description="The item so far")]


class ContentPartEvent(_PartEvent):
    """A part of an item begins, or ends."""

    type: Annotated[Literal["response.content_part.added", "response.content_part.done"], _TYPE]
    part: Annotated[OutputText | OutputRefusal | ReasoningText, Field(description="The part so far")]


class OutputTextDelta(_PartEvent):
    """More text of a message."""

    type: Annotated[Literal["response.output_text.delta"], _TYPE]
    delta: Annotated[str, _DELTA]
    logprobs: Annotated[list[TokenLogprob], Field(description="Log-probabilities, if the request has `top_logprobs`")]


class OutputTextDone(_PartEvent):
    """The text of a part is complete."""

    type: Annotated[Literal["response.output_text.done"], _TYPE]
    text: Annotated[str, Field(description="The complete text")]
    logprobs: Annotated[list[TokenLogprob], Field(description="Log-probabilities, if the request has `top_logprobs`")]


class RefusalDelta(_PartEvent):
    """More text of a refusal."""

    type: Annotated[Literal["response.refusal.delta"], _TYPE]
    delta: Annotated[str, _DELTA]


class RefusalDone(_PartEvent):
    """A refusal is complete."""

    type: Annotated[Literal["response.refusal.done"], _TYPE]
    refusal: Annotated[str, Field(description="The complete text")]


class ReasoningTextDelta(_PartEvent):
    """More reasoning."""

    type: Annotated[Literal["response.reasoning_text.delta"], _TYPE]
    delta: Annotated[str, _DELTA]


class ReasoningTextDone(_PartEvent):
    """Reasoning is complete."""

    type: Annotated[Literal["response.reasoning_text.done"], _TYPE]
    text: Annotated[str, Field(description="The complete text")]


class _SummaryEvent(_ItemEvent):
    summary_index: Annotated[int, Field(ge=0, description="The index of the part in the item's `summary`")]


class SummaryPartEvent(_SummaryEvent):
    """A part of a summary begins, or ends."""

    type: Annotated[Literal["response.reasoning_summary_part.added", "response.reasoning_summary_part.done"], _TYPE]
    part: Annotated[SummaryText, Field(description="The part so far")]


class SummaryTextDelta(_SummaryEvent):
    """More text of a summary."""

    type: Annotated[Literal["response.reasoning_summary_text.delta"], _TYPE]
    delta: Annotated[str, _DELTA]


class SummaryTextDone(_SummaryEvent):
    """The text of a part of a summary is complete."""

    type: Annotated[Literal["response.reasoning_summary_text.done"], _TYPE]
    text: Annotated[str, Field(description="The complete text")]


class CallTextDelta(_ItemEvent):
    """More arguments of a function, or more input of a custom tool."""

    type: Annotated[Literal["response.function_call_arguments.delta", "response.custom_tool_call_input.delta"], _TYPE]
    delta: Annotated[str, _DELTA]


class FunctionArgumentsDone(_ItemEvent):
    """The arguments of a function are complete."""

    type: Annotated[Literal["response.function_call_arguments.done"], _TYPE]
    name: Annotated[str, Field(description="The name of the function")]
    arguments: Annotated[str, Field(description="The complete arguments")]


class CustomInputDone(_ItemEvent):
    """The input of a custom tool is complete."""

    type: Annotated[Literal["response.custom_tool_call_input.done"], _TYPE]
    input: Annotated[str, Field(description="The complete input")]


class _CommandEvent(_Event):
    output_index: Annotated[int, Field(ge=0, description="The index of the item in the response's `output`")]
    command_index: Annotated[int, Field(ge=0, description="The index of the command")]


class ShellCommandEvent(_CommandEvent):
    """A command of a shell call begins, or ends."""

    type: Annotated[Literal["response.shell_call_command.added", "response.shell_call_command.done"], _TYPE]
    command: Annotated[str, Field(description="The command so far")]


class ShellCommandDelta(_CommandEvent):
    """More of a command of a shell call."""

    type: Annotated[Literal["response.shell_call_command.delta"], _TYPE]
    delta: Annotated[str, _DELTA]


ResponseEvent = (
    ResponseStateEvent
    | OutputItemEvent
    | ContentPartEvent
    | OutputTextDelta
    | OutputTextDone
    | RefusalDelta
    | RefusalDone
    | ReasoningTextDelta
    | ReasoningTextDone
    | SummaryPartEvent
    | SummaryTextDelta
    | SummaryTextDone
    | CallTextDelta
    | FunctionArgumentsDone
    | CustomInputDone
    | ShellCommandEvent
    | ShellCommandDelta
)
