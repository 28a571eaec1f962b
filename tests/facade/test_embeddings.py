"""Embeddings and ranking over HTTP, with OpenAI's own client, and everything in processes of its own."""

import base64
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from promptweave.demo.embedding_model import CONTEXT, WIDTH, write_embedding_model
from tests.support.facade.openai_spec import check, described
from tests.support.serving import Serving, serving


@pytest.fixture(scope="module")
def vectors(demo_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Everything, with an embedding model and a reranker."""
    folder = tmp_path_factory.mktemp("vectors")
    write_embedding_model(folder / "embedder.gguf")
    write_embedding_model(folder / "ranker.gguf", pooling="RANK")
    models = ("--embedding-model", str(folder / "embedder.gguf"), "--rerank-model", str(folder / "ranker.gguf"))
    with serving("--model", str(demo_model), "--ctx-size", "2048", *models) as everything:
        yield everything


@pytest.fixture(scope="module")
def client(vectors: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=vectors.url, api_key="none", max_retries=0, timeout=60) as client:
        yield client


def near(vector: list[float]) -> Any:
    return pytest.approx(vector, abs=1e-3)


@pytest.mark.parametrize("name", ["embedder", "text-embedding-3-small"])
def test_openais_client_asks_for_base64(client: openai.OpenAI, name: str) -> None:
    response = client.embeddings.create(model=name, input=["hello", "a b"])
    assert [item.index for item in response.data] == [0, 1]
    assert [len(item.embedding) for item in response.data] == [WIDTH, WIDTH]
    assert math.hypot(*response.data[0].embedding) == pytest.approx(1)
    assert response.model == "embedder"
    assert (response.usage.prompt_tokens, response.usage.total_tokens) == (11, 11)
    as_numbers = client.embeddings.create(model=name, input="hello", encoding_format="float")
    assert as_numbers.data[0].embedding == near(response.data[0].embedding)


def test_base64_is_little_endian_floats(vectors: Serving) -> None:
    body = {"model": "embedder", "input": "hello", "encoding_format": "base64", "user": "somebody"}
    answer = httpx.post(f"{vectors.url}/embeddings", json=body, timeout=60).json()
    data = base64.b64decode(answer["data"][0]["embedding"])
    values = struct.unpack(f"<{WIDTH}f", data)
    assert math.hypot(*values) == pytest.approx(1)


@pytest.mark.parametrize(
    ("given", "count"),
    [
        pytest.param("hello", 1, id="text"),
        pytest.param(["hello", "you"], 2, id="texts"),
        pytest.param([2, 80, 3], 1, id="tokens"),
        pytest.param([[2, 80, 3], [2, 3]], 2, id="lists-of-tokens"),
        pytest.param([str(number) for number in range(100)], 100, id="many"),
    ],
)
def test_all_forms_of_input(client: openai.OpenAI, given: Any, count: int) -> None:
    response = client.embeddings.create(model="embedder", input=given, dimensions=7)
    assert [len(item.embedding) for item in response.data] == [7] * count
    assert [item.index for item in response.data] == list(range(count))


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        pytest.param({}, "input", "field required", id="no-input"),
        pytest.param({"input": ""}, "input", "the input is empty", id="empty"),
        pytest.param({"input": []}, "input", "no input to embed", id="nothing"),
        pytest.param({"input": ["a", ""]}, "input[1]", "the input is empty", id="one-empty"),
        pytest.param({"input": ["a", 5]}, "input[1]", "input[1]: ", id="mixed"),
        pytest.param({"input": [5, -5]}, "input[1]", "input[1]: ", id="negative"),
        pytest.param({"input": {"text": "a"}}, "input", "input: ", id="object"),
        pytest.param({"input": "a" * 200}, "input", f"has 202 tokens; the model accepts at most {CONTEXT}", id="long"),
        pytest.param({"input": ["a", "a" * 200]}, "input[1]", "has 202 tokens", id="one-long"),
        pytest.param({"input": [2] * 200}, "input", "has 200 tokens", id="many-tokens"),
        pytest.param({"input": [99_999]}, "input", "invalid tokens", id="unknown-token"),
        pytest.param({"input": ["a"] * 2049}, "input", "at most 2048", id="too-many"),
        pytest.param({"input": "a", "dimensions": 33}, "dimensions", "have only 32", id="dimensions"),
        pytest.param({"input": "a", "dimensions": 0}, "dimensions", "greater than or equal to 1", id="no-dimensions"),
        pytest.param({"input": "a", "embd_normalize": -1}, "embd_normalize", "is not supported", id="normalisation"),
        pytest.param({"input": "a", "encoding_format": "hex"}, "encoding_format", "encoding_format: ", id="encoding"),
    ],
)
def test_refusals(vectors: Serving, body: dict[str, Any], param: str, message: str) -> None:
    response = httpx.post(f"{vectors.url}/embeddings", json={"model": "embedder", **body}, timeout=60)
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert message in error["message"]


@pytest.mark.parametrize("path", ["embeddings", "rerank"])
def test_another_models_name(vectors: Serving, path: str) -> None:
    body = {"model": "demo", "input": "a", "query": "a", "documents": ["a"]}
    response = httpx.post(f"{vectors.url}/{path}", json=body, timeout=60)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")


def test_the_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["demo", "embedder", "ranker"]
    assert client.models.retrieve("embedder").id == "embedder"
    assert client.models.retrieve("text-embedding-ada-002").owned_by == "promptweave"


DOCUMENTS = ["ab", "a longer one", {"text": "zzz zz"}]


@pytest.mark.parametrize("path", ["/v1/rerank", "/v1/reranking", "/rerank", "/reranking"])
def test_ranking(vectors: Serving, path: str) -> None:
    body = {"model": "ranker", "query": "ab", "documents": DOCUMENTS, "return_documents": True}
    answer = httpx.post(vectors.url.removesuffix("/v1") + path, json=body, timeout=60).json()
    results = answer["results"]
    assert sorted(result["index"] for result in results) == [0, 1, 2]
    assert [result["relevance_score"] for result in results] == sorted(
        (result["relevance_score"] for result in results), reverse=True
    )
    texts = ["ab", "a longer one", "zzz zz"]
    assert all(result["document"] == {"text": texts[result["index"]]} for result in results)
    assert answer["model"] == "ranker"
    assert answer["usage"]["prompt_tokens"] == answer["usage"]["total_tokens"] > 20
    best = httpx.post(f"{vectors.url}/rerank", json={"query": "ab", "documents": DOCUMENTS, "top_n": 1}, timeout=60).json()
    assert [result["index"] for result in best["results"]] == [results[0]["index"]]
    assert "document" not in best["results"][0]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        pytest.param({"documents": ["a"]}, "query", id="no-query"),
        pytest.param({"query": "", "documents": ["a"]}, "query", id="empty-query"),
        pytest.param({"query": "a"}, "documents", id="no-documents"),
        pytest.param({"query": "a", "documents": []}, "documents", id="nothing"),
        pytest.param({"query": "a", "documents": ["a", "a" * 200]}, "documents[1]", id="long"),
        pytest.param({"query": "a", "documents": ["a", 1]}, "documents[1]", id="number"),
        pytest.param({"query": "a", "documents": ["a"], "top_n": 0}, "top_n", id="none-wanted"),
    ],
)
def test_refused_rankings(vectors: Serving, body: dict[str, Any], param: str) -> None:
    response = httpx.post(f"{vectors.url}/rerank", json=body, timeout=60)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


def test_without_the_models(served: Serving) -> None:
    asked = {
        "embeddings": ({"model": "any", "input": "a"}, "--embedding-model"),
        "rerank": ({"query": "a", "documents": ["a"]}, "--rerank-model"),
    }
    for path, (body, option) in asked.items():
        response = httpx.post(f"{served.url}/{path}", json=body, timeout=60)
        assert (response.status_code, response.json()["error"]["code"]) == (501, "unsupported")
        assert option in response.json()["error"]["message"]


def test_an_engine_that_died_is_told_and_does_not_stop_the_rest(vectors: Serving, client: openai.OpenAI) -> None:
    launchers = [process for process in vectors.family if "promptweave.inference.process.launcher" in process.cmdline()]
    # Their models are not on their command lines.
    (ranker,) = (process for process in launchers if any("ranker.gguf" in file.path for file in process.memory_maps()))
    ready = vectors.url.removesuffix("/v1") + "/ready"
    assert httpx.get(ready).json() == {"status": "ok", "waiting_for": []}
    ranker.kill()
    seen: set[tuple[Any, ...]] = set()
    while len(seen) < 2:
        answer = httpx.get(ready)
        seen.add((answer.status_code, *answer.json()["waiting_for"]))
        assert client.embeddings.create(model="embedder", input="a").data
    assert seen == {(200, "rerank model"), (200,)}
    again = httpx.post(f"{vectors.url}/rerank", json={"query": "a", "documents": ["a"]}, timeout=60)
    assert again.status_code == 200


@described
@pytest.mark.parametrize("given", ["hello", ["hello", "you"], [2, 80, 3], [[2, 80, 3], [2, 3]]], ids=str)
def test_openais_description(vectors: Serving, given: Any) -> None:
    body = {"model": "embedder", "input": given, "encoding_format": "float"}
    if not isinstance(given, str) and not isinstance(given[0], int):
        check("CreateEmbeddingRequest", body)
    assert httpx.post(f"{vectors.url}/embeddings", json=body, timeout=60).status_code == 200
