"""Embeds texts and ranks documents. Independent of gRPC."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from promptweave.common.tasks import run_all
from promptweave.inference.client.llama_client import EngineClient
from promptweave.inference.engine.engine import ReadyEngine
from promptweave.inference.errors import ContextOverflowError, EngineFailedError, RequestError
from promptweave.inference.scheduling.slot_queue import Caller

TokenIds = Sequence[int]

_MAX_BATCH = 32
"""Maximum inputs per engine request, which limits how long one call delays others."""

_WORD = "a"
"""An arbitrary word."""


@dataclass(frozen=True)
class Embeddings:
    """A vector of length 1 for each input, in order."""

    vectors: list[list[float]]
    prompt_tokens: int


@dataclass(frozen=True)
class Score:
    """How well a document matches the query; higher is better, and the scale depends on the model."""

    index: int
    """Of the document."""
    score: float


@dataclass(frozen=True)
class Ranking:
    """The documents, best first."""

    scores: list[Score]
    prompt_tokens: int


async def embed(engine: ReadyEngine, inputs: Sequence[str | TokenIds], dimensions: int | None = None) -> Embeddings:
    """Return the inputs' vectors. `dimensions`: only this many of their numbers, normalized to length 1 again.

    Token ids are passed on unchanged; a text gets the special tokens around it that the model requires, and those that it
    spells stay text. Nothing is truncated: too long an input is refused before anything is evaluated. Raises InferenceError.
    """
    if not inputs:
        raise RequestError("no input to embed; at least one is required", path="/inputs")
    for place, given in enumerate(inputs):
        if not given:
            raise RequestError("the input is empty", path=f"/inputs/{place}")
    if dimensions == 0:
        raise RequestError("dimensions is 0; it must be at least 1", path="/dimensions")
    caller = Caller()
    async with engine.slot_queue.slot(caller):
        texts = [given for given in inputs if isinstance(given, str)]
        tokenized = iter(await _tokenize(engine.client, texts, add_special=True))
        tokens = [next(tokenized) if isinstance(given, str) else list(given) for given in inputs]
        for place, ids in enumerate(tokens):
            _check_length(len(ids), engine.model_info.context_size, f"/inputs/{place}")
    vectors: list[list[float]] = []
    for group in _groups(tokens, engine.model_info.context_size * engine.model_info.slots):
        # A slot for each group, so that other calls have their turn in between.
        async with engine.slot_queue.slot(caller):
            try:
                vectors += await engine.client.embed(group)
            except RequestError as error:
                # The engine does not report which input it refers to.
                raise RequestError(error.message, path="/inputs") from None
            except ContextOverflowError:
                # For a model with a cache, the engine reserves room for one more token (b11549).
                for place, ids in enumerate(tokens):
                    _check_length(len(ids), engine.model_info.context_size - 1, f"/inputs/{place}")
                raise
        _check_dimensions(dimensions, vectors[-1])
    if not all(math.isfinite(sum(vector)) for vector in vectors):
        raise EngineFailedError("the embedding model returned a vector with non-finite values")
    if dimensions is not None:
        vectors = [_normalized(vector[:dimensions]) for vector in vectors]
    return Embeddings(vectors, sum(map(len, tokens)))


async def rerank(engine: ReadyEngine, query: str, documents: Sequence[str], top_n: int | None = None) -> Ranking:
    """Return the documents, at most `top_n`, that match the query best. Raises InferenceError."""
    if not query:
        raise RequestError("the query is empty", path="/query")
    if not documents:
        raise RequestError("no documents to rank; at least one is required", path="/documents")
    if top_n == 0:
        raise RequestError("top_n is 0; it must be at least 1", path="/top_n")
    scores, prompt_tokens = [], 0
    caller = Caller()
    async with engine.slot_queue.slot(caller):
        sizes = [len(ids) for ids in await _tokenize(engine.client, [query, *documents], add_special=False)]
        around = sizes[0] + await _tokens_around(engine.client)
        for place, size in enumerate(sizes[1:]):
            _check_length(around + size, engine.model_info.context_size, f"/documents/{place}")
    for first in range(0, len(documents), _MAX_BATCH):
        group = documents[first : first + _MAX_BATCH]
        async with engine.slot_queue.slot(caller):
            found, tokens = await engine.client.rerank(query, group)
        scores += [Score(first + index, score) for index, score in found]
        prompt_tokens += tokens
    if not all(math.isfinite(score.score) for score in scores):
        raise EngineFailedError("the rerank model returned a non-finite score")
    scores.sort(key=lambda score: (-score.score, score.index))
    return Ranking(scores[:top_n], prompt_tokens)


async def _tokenize(client: EngineClient, texts: Sequence[str], *, add_special: bool) -> list[list[int]]:
    """Return the texts' token ids. In groups: the engine can handle this many besides its other work."""
    found: list[list[int]] = []
    for first in range(0, len(texts), _MAX_BATCH):
        group = texts[first : first + _MAX_BATCH]
        found += await run_all(*(client.tokenize(text, parse_special=False, add_special=add_special) for text in group))
    return found


async def _tokens_around(client: EngineClient) -> int:
    """Return how many tokens the engine adds around a query and a document: markers, or the model's template for it."""
    _, whole = await client.rerank(_WORD, [_WORD])
    return whole - 2 * len(await client.tokenize(_WORD, parse_special=False, add_special=False))


def _check_length(tokens: int, longest: int, path: str) -> None:
    if tokens > longest:
        raise RequestError(
            f"the input has {tokens} tokens; the model accepts at most {longest}",
            path=path,
            metadata={"prompt_tokens": str(tokens), "context_size": str(longest)},
        )


def _groups(tokens: Sequence[list[int]], most_tokens: int) -> Iterator[list[list[int]]]:
    """Yield the inputs in order, in groups that are evaluated together."""
    group: list[list[int]] = []
    size = 0
    for ids in tokens:
        if group and (len(group) == _MAX_BATCH or size + len(ids) > most_tokens):
            yield group
            group, size = [], 0
        group.append(ids)
        size += len(ids)
    yield group


def _check_dimensions(dimensions: int | None, vector: list[float]) -> None:
    if dimensions is not None and dimensions > len(vector):
        raise RequestError(f"dimensions is {dimensions}; the model's vectors have only {len(vector)}", path="/dimensions")


def _normalized(vector: list[float]) -> list[float]:
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else vector
