"""The bodies of requests for embeddings and rankings."""

from typing import Literal

from pydantic import Field

from promptweave.facade.bodies.body import Body, example
from promptweave.facade.bodies.text_or_tokens import Texts


class EmbeddingsBody(Body):
    """A request for embeddings."""

    model_config = example({"model": "text-embedding-3-small", "input": ["a cat", "a dog"]})

    input: Texts
    """A text, or up to 2048 of them; each may be a list of token ids."""
    model: str | None = None
    """The embedding model; by default the one that is loaded."""
    encoding_format: Literal["float", "base64"] = "float"
    """How vectors are written: as numbers, or as base64 of little-endian 32-bit floats."""
    dimensions: int | None = Field(None, ge=1, lt=2**31)
    """The length of the vectors, if they are to be shortened; the model must have been trained for that."""


class TextDocument(Body):
    """A document, in the form that Cohere's clients may send."""

    text: str
    """The text of the document."""


class RerankBody(Body):
    """A request to rank documents."""

    model_config = example({"query": "pets", "documents": ["a cat", "a stone"], "top_n": 1})

    query: str
    """What the documents should be relevant to."""
    documents: list[str | TextDocument]
    """The documents to rank."""
    model: str | None = None
    """The reranking model; by default the one that is loaded."""
    top_n: int | None = Field(None, ge=1, lt=2**31)
    """The number of documents to return; by default all of them."""
    return_documents: bool = False
    """Whether the response repeats the documents."""
