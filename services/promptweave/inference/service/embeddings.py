"""Serves Embed and Rerank: converts the protobuf request, runs it, and converts the result."""

from collections.abc import Mapping

from promptweave.inference.auxiliary_engines import EngineRole
from promptweave.inference.embeddings.embed import TokenIds, embed, rerank
from promptweave.inference.engine.engine import ReadyEngine
from promptweave.inference.errors import RequestError
from promptweave.v1 import inference_pb2

ROLES: Mapping[int, EngineRole] = {
    inference_pb2.MODEL_ROLE_EMBEDDING: EngineRole.EMBEDDING,
    inference_pb2.MODEL_ROLE_RERANK: EngineRole.RERANK,
}
"""The roles in the protobuf contract that these engines have."""


async def embed_from_wire(engine: ReadyEngine, request: inference_pb2.EmbedRequest) -> inference_pb2.EmbedResponse:
    """Serve an Embed call. Raises InferenceError."""
    inputs = [_input(place, item) for place, item in enumerate(request.inputs)]
    found = await embed(engine, inputs, request.dimensions if request.HasField("dimensions") else None)
    return inference_pb2.EmbedResponse(
        embeddings=[inference_pb2.EmbedResponse.Embedding(values=vector) for vector in found.vectors],
        prompt_tokens=found.prompt_tokens,
    )


async def rerank_from_wire(engine: ReadyEngine, request: inference_pb2.RerankRequest) -> inference_pb2.RerankResponse:
    """Serve a Rerank call. Raises InferenceError."""
    top_n = request.top_n if request.HasField("top_n") else None
    found = await rerank(engine, request.query, request.documents, top_n)
    results = [inference_pb2.RerankResponse.Result(index=item.index, relevance_score=item.score) for item in found.scores]
    return inference_pb2.RerankResponse(results=results, prompt_tokens=found.prompt_tokens)


def _input(place: int, message: inference_pb2.EmbedRequest.Input) -> str | TokenIds:
    match message.WhichOneof("input"):
        case "text":
            return message.text
        case "tokens":
            return tuple(message.tokens.ids)
    raise RequestError("the input has neither text nor tokens", path=f"/inputs/{place}")
