"""Objects of the responses of `/v1/completions`."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from promptweave.facade.openai.chat.response.objects import FINGERPRINT, WARNINGS, Usage, WarningObject


class PlainLogprobs(TypedDict):
    """The log-probabilities of a text. All lists have an item for each token."""

    tokens: Annotated[list[str], Field(description="The text of the token; `bytes:\\xe2` for a part of a character")]
    token_logprobs: Annotated[
        list[float], Field(description="The natural logarithm of the token's probability, at least -9999")
    ]
    top_logprobs: Annotated[list[dict[str, float]], Field(description="The most likely tokens: text → log-probability")]
    text_offset: Annotated[list[int], Field(description="The start of the token, in characters of the text")]


class PlainChoice(TypedDict):
    """One of the texts, or a part of it in a stream."""

    text: Annotated[str, Field(description="The generated text, after the prompt if the request has `echo`")]
    index: Annotated[int, Field(ge=0, description="The index of the choice: `n` for each prompt")]
    logprobs: Annotated[PlainLogprobs | None, Field(description="Log-probabilities, if the request has `logprobs`")]
    finish_reason: Annotated[
        Literal["stop", "length"] | None,
        Field(description="Why generation ended: at a stop, or at `max_tokens`; null before that, in a stream"),
    ]


class PlainCompletion(TypedDict):
    """A complete response, or a chunk of a streamed one."""

    id: Annotated[str, Field(description="The id of the response, the same in all chunks of a stream")]
    object: Annotated[Literal["text_completion"], Field(description="The kind of object")]
    created: Annotated[int, Field(ge=0, description="When the response was created, in seconds of the UNIX epoch")]
    model: Annotated[str, Field(description="The id of the model that generated the response")]
    choices: Annotated[list[PlainChoice], Field(description="The texts; one of them in a chunk")]
    system_fingerprint: Annotated[str, FINGERPRINT]
    usage: NotRequired[
        Annotated[
            Usage | None,
            Field(description="Token counts; of a stream in the last chunk, if `stream_options.include_usage` is set"),
        ]
    ]
    warnings: NotRequired[Annotated[list[WarningObject], WARNINGS]]
