"""Objects of the responses of `/v1/embeddings` and `/v1/rerank`."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from promptweave.facade.openai.chat.response.objects import WARNINGS, WarningObject

_OBJECT = Field(description="The kind of object")
_MODEL = Field(description="The id of the model that was used")


class InputUsage(TypedDict):
    """Token counts of a request that generates nothing."""

    prompt_tokens: Annotated[int, Field(ge=0, description="Tokens of all inputs")]
    total_tokens: Annotated[int, Field(ge=0, description="Equal to `prompt_tokens`: nothing is generated")]


class Embedding(TypedDict):
    """The vector of one input."""

    object: Annotated[Literal["embedding"], _OBJECT]
    index: Annotated[int, Field(ge=0, description="The index of the input")]
    embedding: Annotated[
        list[float] | str,
        Field(
            description="The vector, normalized (Euclidean norm 1): a list of numbers or, with `encoding_format` base64, "
            "little-endian 32-bit floats in base64"
        ),
    ]


class EmbeddingList(TypedDict):
    """Embeddings, in the order of the inputs."""

    object: Annotated[Literal["list"], _OBJECT]
    data: Annotated[list[Embedding], Field(description="A vector for each input")]
    model: Annotated[str, _MODEL]
    usage: Annotated[InputUsage, Field(description="Token counts")]
    warnings: NotRequired[Annotated[list[WarningObject], WARNINGS]]


class RankedText(TypedDict):
    """A document that was ranked."""

    text: Annotated[str, Field(description="The text of the document")]


class RankedDocument(TypedDict):
    """How relevant a document is to the query."""

    index: Annotated[int, Field(ge=0, description="The index of the document in the request")]
    relevance_score: Annotated[float, Field(description="The model's score; higher is more relevant")]
    document: NotRequired[Annotated[RankedText, Field(description="The document, with `return_documents`")]]


class Ranking(TypedDict):
    """Documents, the most relevant first."""

    object: Annotated[Literal["list"], _OBJECT]
    model: Annotated[str, _MODEL]
    usage: Annotated[InputUsage, Field(description="Token counts")]
    results: Annotated[list[RankedDocument], Field(description="The `top_n` most relevant documents")]
