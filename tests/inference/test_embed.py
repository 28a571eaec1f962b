"""Embed and Rerank on real engines with random-weight models: what comes out is noise, and where it comes out is not."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from promptweave.demo.embedding_model import CONTEXT, WIDTH, write_embedding_model
from promptweave.errors import Code
from promptweave.inference.auxiliary_engines import AuxiliaryEngines, EngineRole
from promptweave.inference.embeddings.embed import embed
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.errors import OverloadedError, RequestError
from promptweave.rpc.client_errors import from_rpc_error
from promptweave.rpc.status import RemoteError
from promptweave.v1 import inference_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import LONG_S, calling, options, watched

pytestmark = pytest.mark.anyio

CLS, SEP, A = 2, 3, 73
"""Token ids of the demo's vocabulary: the special ones, and the letter `a` inside a word."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an embedding model and a reranker."""
    folder = tmp_path_factory.mktemp("vectors")
    write_embedding_model(folder / "embedding.gguf")
    write_embedding_model(folder / "rerank.gguf", pooling="RANK")
    return folder


@pytest.fixture(scope="module")
async def side(anyio_backend: str, models: Path) -> AsyncIterator[AuxiliaryEngines]:
    """Engines for both, running."""
    given = options(models / "no.gguf", embedding_model=models / "embedding.gguf", rerank_model=models / "rerank.gguf")
    side = AuxiliaryEngines.supervised(given)
    async with AsyncExitStack() as stack:
        for engine in side.engines.values():
            await stack.enter_async_context(watched(engine))
        yield side


@pytest.fixture(scope="module")
async def vectors(engine: Supervisor, side: AuxiliaryEngines) -> AsyncIterator[InferenceServiceStub]:
    """A service that has everything."""
    async with calling(engine, side=side) as stub:
        yield stub


def an_input(given: str | Sequence[int]) -> inference_pb2.EmbedRequest.Input:
    if isinstance(given, str):
        return inference_pb2.EmbedRequest.Input(text=given)
    return inference_pb2.EmbedRequest.Input(tokens=inference_pb2.Tokens(ids=given))


async def embedded(stub: InferenceServiceStub, *inputs: str | Sequence[int], **fields: Any) -> inference_pb2.EmbedResponse:
    return await stub.Embed(inference_pb2.EmbedRequest(inputs=map(an_input, inputs), **fields), timeout=LONG_S)


async def ranked(stub: InferenceServiceStub, query: str, *documents: str, **fields: Any) -> inference_pb2.RerankResponse:
    request = inference_pb2.RerankRequest(query=query, documents=documents, **fields)
    return await stub.Rerank(request, timeout=LONG_S)


def numbers(response: inference_pb2.EmbedResponse) -> list[list[float]]:
    return [list(item.values) for item in response.embeddings]


def near(vector: list[float]) -> Any:
    # Texts that are evaluated together differ a little from the same ones alone.
    return pytest.approx(vector, abs=1e-3)


async def refused(call: Any) -> RemoteError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return from_rpc_error(raised.value)


async def test_vectors_have_length_one_and_tokens_are_counted(vectors: InferenceServiceStub) -> None:
    response = await embedded(vectors, "hello", "a b")
    assert [len(vector) for vector in numbers(response)] == [WIDTH, WIDTH]
    assert [math.hypot(*vector) for vector in numbers(response)] == [pytest.approx(1), pytest.approx(1)]
    assert response.prompt_tokens == (2 + 5) + (2 + 2)


async def test_a_text_and_its_tokens_are_the_same(vectors: InferenceServiceStub) -> None:
    by_text, by_tokens, without_marks = numbers(await embedded(vectors, "aaa", [CLS, A - 68, A, A, SEP], [A - 68, A, A]))
    assert by_tokens == near(by_text)
    assert without_marks != near(by_text)


async def test_special_tokens_that_a_text_spells_are_text(vectors: InferenceServiceStub) -> None:
    response = await embedded(vectors, "a[SEP]a")
    assert response.prompt_tokens == 2 + 7


async def test_more_inputs_than_any_batch_holds_keep_their_order(vectors: InferenceServiceStub) -> None:
    words = ["ab" * (number % 60) + chr(97 + number % 26) for number in range(150)]
    together = numbers(await embedded(vectors, *words))
    for place in (0, 31, 32, 77, 149):
        (alone,) = numbers(await embedded(vectors, words[place]))
        assert together[place] == near(alone)


async def test_dimensions(vectors: InferenceServiceStub) -> None:
    (whole,), (short,) = numbers(await embedded(vectors, "hello")), numbers(await embedded(vectors, "hello", dimensions=8))
    length = math.hypot(*whole[:8])
    assert short == near([value / length for value in whole[:8]])
    (all_of_it,) = numbers(await embedded(vectors, "hello", dimensions=WIDTH))
    assert all_of_it == near(whole)


@pytest.mark.parametrize(
    ("inputs", "fields", "path", "message"),
    [
        pytest.param([], {}, "/inputs", "no input to embed", id="nothing"),
        pytest.param(["a", ""], {}, "/inputs/1", "the input is empty", id="empty-text"),
        pytest.param([[]], {}, "/inputs/0", "the input is empty", id="empty-tokens"),
        pytest.param(["a"], {"dimensions": 0}, "/dimensions", "at least 1", id="no-dimensions"),
        pytest.param(["a"], {"dimensions": 33}, "/dimensions", "have only 32", id="more-dimensions"),
        pytest.param(["a", [2, 9999]], {}, "/inputs", "invalid tokens", id="unknown-token"),
        pytest.param(["a", [2, -1]], {}, "/inputs", "invalid tokens", id="negative-token"),
        pytest.param(["a", "a" * 127], {}, "/inputs/1", "has 129 tokens; the model accepts at most 128", id="long-text"),
        pytest.param([[A] * 5000], {}, "/inputs/0", "has 5000 tokens; the model accepts at most 128", id="long-tokens"),
    ],
)
async def test_refusals(
    vectors: InferenceServiceStub, inputs: list[str | list[int]], fields: dict[str, Any], path: str, message: str
) -> None:
    error = await refused(embedded(vectors, *inputs, **fields))
    assert (error.code, error.path) == (Code.INVALID_ARGUMENT, path)
    assert message in error.message


async def test_an_input_without_anything(vectors: InferenceServiceStub) -> None:
    request = inference_pb2.EmbedRequest(inputs=[inference_pb2.EmbedRequest.Input()])
    error = await refused(vectors.Embed(request, timeout=LONG_S))
    assert (error.code, error.path) == (Code.INVALID_ARGUMENT, "/inputs/0")


async def test_the_longest_input(vectors: InferenceServiceStub) -> None:
    response = await embedded(vectors, *(["a" * (CONTEXT - 2)] * 6))
    assert response.prompt_tokens == 6 * CONTEXT
    first, *others = numbers(response)
    assert others == [near(first)] * 5


async def test_ranking(vectors: InferenceServiceStub) -> None:
    documents = [f"{'ab ' * (number % 7)}c{number}" for number in range(70)]
    whole = await ranked(vectors, "a c", *documents)
    assert sorted(result.index for result in whole.results) == list(range(70))
    scores = [result.relevance_score for result in whole.results]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) > 60
    best = await ranked(vectors, "a c", *documents, top_n=3)
    assert [result.index for result in best.results] == [result.index for result in whole.results[:3]]
    (alone,) = (await ranked(vectors, "a c", documents[41])).results
    (among,) = (result for result in whole.results if result.index == 41)
    assert alone.relevance_score == pytest.approx(among.relevance_score, abs=1e-3)


@pytest.mark.parametrize(
    ("query", "documents", "fields", "path", "message"),
    [
        pytest.param("", ["a"], {}, "/query", "the query is empty", id="no-query"),
        pytest.param("a", [], {}, "/documents", "no documents to rank", id="no-documents"),
        pytest.param("a", ["a"], {"top_n": 0}, "/top_n", "at least 1", id="none-wanted"),
        # The query, the document, and the two marks that this model has.
        pytest.param("aa", ["a", "a" * 125], {}, "/documents/1", "has 129 tokens", id="long-document"),
    ],
)
async def test_refused_rankings(
    vectors: InferenceServiceStub, query: str, documents: list[str], fields: dict[str, Any], path: str, message: str
) -> None:
    error = await refused(ranked(vectors, query, *documents, **fields))
    assert (error.code, error.path) == (Code.INVALID_ARGUMENT, path)
    assert message in error.message


async def test_the_longest_document(vectors: InferenceServiceStub) -> None:
    assert (await ranked(vectors, "aa", "a" * 124)).prompt_tokens == CONTEXT


@pytest.mark.parametrize(
    ("role", "name"),
    [
        (inference_pb2.MODEL_ROLE_UNSPECIFIED, "demo"),
        (inference_pb2.MODEL_ROLE_CHAT, "demo"),
        (inference_pb2.MODEL_ROLE_EMBEDDING, "embedding"),
        (inference_pb2.MODEL_ROLE_RERANK, "rerank"),
    ],
)
async def test_the_models(vectors: InferenceServiceStub, role: inference_pb2.ModelRole, name: str) -> None:
    model = (await vectors.GetModel(inference_pb2.GetModelRequest(role=role), timeout=LONG_S)).model
    assert model.id == name
    assert model.context_size == (512 if name == "demo" else CONTEXT)
    assert model.embeddings
    assert bool(model.dialects) == (name == "demo")


async def test_without_the_models(stub: InferenceServiceStub) -> None:
    asked = {
        "--embedding-model": [
            embedded(stub, "a"),
            stub.GetModel(inference_pb2.GetModelRequest(role=inference_pb2.MODEL_ROLE_EMBEDDING), timeout=LONG_S),
        ],
        "--rerank-model": [
            ranked(stub, "a", "b"),
            stub.GetModel(inference_pb2.GetModelRequest(role=inference_pb2.MODEL_ROLE_RERANK), timeout=LONG_S),
        ],
    }
    for option, calls in asked.items():
        for call in calls:
            error = await refused(call)
            assert (error.code, error.reason) == (Code.UNIMPLEMENTED, "ERROR_REASON_UNSUPPORTED")
            assert option in error.message


async def test_calls_wait_for_each_other_and_not_too_many(models: Path) -> None:
    """As many calls at once as the engine has slots, and of those who wait a bounded number."""
    side = AuxiliaryEngines.supervised(options(models / "no.gguf", embedding_model=models / "embedding.gguf", max_waiting=1))
    async with watched(side.engines[EngineRole.EMBEDDING]):
        ready = side.ready(EngineRole.EMBEDDING)
        calls = [asyncio.ensure_future(embed(ready, ["ab" * 60] * 50)) for _ in range(ready.model_info.slots + 2)]
        done, others = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        (refusal,) = done
        assert isinstance(refusal.exception(), OverloadedError)
        cancelled, *rest = others
        cancelled.cancel()
        results = await asyncio.gather(*rest)
        assert {len(result.vectors) for result in results} == {50}
        assert cancelled.cancelled()
        # The slot is free again.
        assert len((await embed(ready, ["a"])).vectors) == 1


async def test_a_deadline_ends_the_call(vectors: InferenceServiceStub) -> None:
    request = inference_pb2.EmbedRequest(inputs=[an_input("ab" * 60)] * 3000)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await vectors.Embed(request, timeout=0.2)
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert (await embedded(vectors, "a")).embeddings


@pytest.mark.parametrize("pooling", ["last", "mean"])
async def test_a_model_that_writes_can_embed(demo_model: Path, pooling: str) -> None:
    """Its tokens look back only, and have a cache, which all texts share."""
    given = options(demo_model, embedding_model=demo_model, embedding_pooling=pooling, embedding_ctx_size=200)
    side = AuxiliaryEngines.supervised(given)
    async with watched(side.engines[EngineRole.EMBEDDING]):
        ready = side.ready(EngineRole.EMBEDDING)
        texts = [f"{number} " + "x" * (number * 4 % 241) for number in range(40, 60)]
        together = (await embed(ready, texts)).vectors
        for place in (0, 10, 19):
            assert together[place] == near((await embed(ready, [texts[place]])).vectors[0])
        longest = 255 if pooling == "last" else 256
        assert len((await embed(ready, ["x" * longest] * 3)).vectors) == 3
        with pytest.raises(RequestError, match=f"has {longest + 1} tokens; the model accepts at most {longest}") as raised:
            await embed(ready, ["x", "x" * (longest + 1)])
        assert raised.value.path == "/inputs/1"
