"""`/v1/embeddings` as in OpenAI's API, `/v1/rerank` as in Jina's, Cohere's and llama.cpp's."""

import base64
import struct
from collections.abc import Sequence
from typing import Any, Literal

from fastapi import FastAPI
from pydantic import Field

from promptweave.facade.bodies.body import Body
from promptweave.facade.bodies.text_or_tokens import Texts, as_list, is_several
from promptweave.facade.bodies.unsupported import EMBEDDINGS, refuse_unserved
from promptweave.facade.endpoint import ParsedRequest, route
from promptweave.facade.errors import RequestError
from promptweave.facade.options import FacadeOptions
from promptweave.v1 import inference_pb2

_MAX_INPUTS = 2048
"""OpenAI's limit."""

_RERANK_PATHS = ("/v1/rerank", "/v1/reranking", "/rerank", "/reranking")
"""llama.cpp's paths."""


class EmbeddingsBody(Body):
    """A request for embeddings."""

    input: Texts
    model: str | None = None
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(None, ge=1, lt=2**31)


class TextDocument(Body):
    """A document, in the form that Cohere's clients may send."""

    text: str


class RerankBody(Body):
    """A request to rank documents."""

    query: str
    documents: list[str | TextDocument]
    model: str | None = None
    top_n: int | None = Field(None, ge=1, lt=2**31)
    return_documents: bool = False


def add_vector_routes(app: FastAPI, options: FacadeOptions) -> None:
    """Add the routes."""
    app.add_api_route("/v1/embeddings", route(EmbeddingsBody, _embeddings, options, _place), methods=["POST"])
    for path in _RERANK_PATHS:
        app.add_api_route(path, route(RerankBody, _rerank, options), methods=["POST"])


async def _embeddings(asked: ParsedRequest[EmbeddingsBody]) -> dict[str, Any]:
    body = asked.body
    refuse_unserved(body, EMBEDDINGS)
    inputs = inputs_of(body)
    model = await asked.model(body.model, inference_pb2.MODEL_ROLE_EMBEDDING)
    request = inference_pb2.EmbedRequest(inputs=inputs, dimensions=body.dimensions)
    found = await model.services.embed(request, asked.options.request_timeout_s)
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": place, "embedding": _written(item.values, body.encoding_format)}
            for place, item in enumerate(found.embeddings)
        ],
        "model": model.info.id,
        "usage": {"prompt_tokens": found.prompt_tokens, "total_tokens": found.prompt_tokens},
    }


def inputs_of(body: EmbeddingsBody) -> list[inference_pb2.EmbedRequest.Input]:
    """Return the texts, in order. Raises RequestError."""
    given = as_list(body.input)
    if len(given) > _MAX_INPUTS:
        raise RequestError(
            f"input: {len(given)} inputs exceed the limit; send at most {_MAX_INPUTS} per request", path="/input"
        )
    return [
        inference_pb2.EmbedRequest.Input(text=item)
        if isinstance(item, str)
        else inference_pb2.EmbedRequest.Input(tokens=inference_pb2.Tokens(ids=item))
        for item in given
    ]


def _place(path: str, raw: dict[str, Any]) -> str:
    if not path.startswith("/inputs"):
        return path
    return "/input" + (path.removeprefix("/inputs") if is_several(raw["input"]) else "")


def _written(values: Sequence[float], encoding: str) -> list[float] | str:
    """Return numbers or, for base64, the same ones as little-endian 32-bit floats."""
    if encoding == "float":
        return [*values]
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


async def _rerank(asked: ParsedRequest[RerankBody]) -> dict[str, Any]:
    body = asked.body
    model = await asked.model(body.model, inference_pb2.MODEL_ROLE_RERANK)
    documents = [item if isinstance(item, str) else item.text for item in body.documents]
    request = inference_pb2.RerankRequest(query=body.query, documents=documents, top_n=body.top_n)
    found = await model.services.rerank(request, asked.options.request_timeout_s)
    results = [
        {"index": item.index, "relevance_score": item.relevance_score}
        | ({"document": {"text": documents[item.index]}} if body.return_documents else {})
        for item in found.results
    ]
    return {
        "object": "list",
        "model": model.info.id,
        "usage": {"prompt_tokens": found.prompt_tokens, "total_tokens": found.prompt_tokens},
        "results": results,
    }
