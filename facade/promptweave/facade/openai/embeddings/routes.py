"""`/v1/embeddings` as in OpenAI's API, `/v1/rerank` as in Jina's, Cohere's and llama.cpp's."""

import base64
import struct
from collections.abc import Sequence

from fastapi import Request
from fastapi.responses import JSONResponse

from promptweave.facade.backend.lookup import model_of
from promptweave.facade.bodies.error_paths import error_paths
from promptweave.facade.bodies.text_or_tokens import as_list, is_several
from promptweave.facade.errors import RequestError
from promptweave.facade.http.request import options_of
from promptweave.facade.http.router import WARNED, ApiRouter
from promptweave.facade.openai.chat.pipeline import warning_headers
from promptweave.facade.openai.chat.request.translated import Notes
from promptweave.facade.openai.chat.response.from_grpc import warning_objects
from promptweave.facade.openai.embeddings.body import EmbeddingsBody, RerankBody
from promptweave.facade.openai.embeddings.objects import EmbeddingList, RankedDocument, Ranking
from promptweave.facade.policy import embeddings as policy
from promptweave.facade.policy.rules import apply_field_rules, first_steps, warn_of_unknown_fields
from promptweave.v1 import inference_pb2

_MAX_INPUTS = 2048
"""OpenAI's limit."""

router = ApiRouter()


@router.post("/v1/embeddings", response_model=EmbeddingList, responses=WARNED, summary="Create embeddings (OpenAI)")
async def create_embeddings(request: Request, body: EmbeddingsBody) -> JSONResponse:
    """Return the vector of each input. The service must have an embedding model."""
    notes = Notes()
    check_served(body, notes)
    embed = inference_pb2.EmbedRequest(inputs=inputs_of(body), dimensions=body.dimensions)
    with error_paths(lambda path: _place(path, body)):
        model = await model_of(request, body.model, inference_pb2.MODEL_ROLE_EMBEDDING)
        found = await model.services.embed(embed, options_of(request).request_timeout_s)
    embeddings: EmbeddingList = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": place, "embedding": _written(item.values, body.encoding_format)}
            for place, item in enumerate(found.embeddings)
        ],
        "model": model.info.id,
        "usage": {"prompt_tokens": found.prompt_tokens, "total_tokens": found.prompt_tokens},
    }
    if notes.warnings:
        embeddings["warnings"] = warning_objects(notes.warnings)
    return JSONResponse(embeddings, headers=warning_headers(notes.warnings))


def check_served(body: EmbeddingsBody, notes: Notes) -> None:
    """Warn of fields that are left out or unknown. Raises UnsupportedError for those that are refused."""
    apply_field_rules(body, policy.FIELDS, notes.warn)
    known = EmbeddingsBody.model_fields.keys() | first_steps(policy.FIELDS) | policy.HOUSEKEEPING
    warn_of_unknown_fields(body.model_extra or {}, known, notes.warn)


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


def _place(path: str, body: EmbeddingsBody) -> str:
    if not path.startswith("/inputs"):
        return path
    return "/input" + (path.removeprefix("/inputs") if is_several(body.input) else "")


def _written(values: Sequence[float], encoding: str) -> list[float] | str:
    """Return numbers or, for base64, the same ones as little-endian 32-bit floats."""
    if encoding == "float":
        return [*values]
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


@router.post("/v1/rerank", response_model=Ranking, summary="Rerank documents (Jina, Cohere, llama.cpp)")
@router.post("/v1/reranking", response_model=Ranking, summary="Alias of `/v1/rerank`")
@router.post("/rerank", response_model=Ranking, summary="Alias of `/v1/rerank`")
@router.post("/reranking", response_model=Ranking, summary="Alias of `/v1/rerank`")
async def rerank(request: Request, body: RerankBody) -> JSONResponse:
    """Return documents by their relevance to a query. The service must have a reranking model."""
    model = await model_of(request, body.model, inference_pb2.MODEL_ROLE_RERANK)
    documents = [item if isinstance(item, str) else item.text for item in body.documents]
    found = await model.services.rerank(
        inference_pb2.RerankRequest(query=body.query, documents=documents, top_n=body.top_n),
        options_of(request).request_timeout_s,
    )
    results: list[RankedDocument] = [
        {"index": item.index, "relevance_score": item.relevance_score} for item in found.results
    ]
    if body.return_documents:
        for result in results:
            result["document"] = {"text": documents[result["index"]]}
    ranking: Ranking = {
        "object": "list",
        "model": model.info.id,
        "usage": {"prompt_tokens": found.prompt_tokens, "total_tokens": found.prompt_tokens},
        "results": results,
    }
    return JSONResponse(ranking)
