"""Fields that no API has are warnings, with the nearest known one; and the warnings of completions and embeddings."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from promptweave.demo.embedding_model import write_embedding_model
from tests.support.serving import Serving, serving

BODIES: dict[str, dict[str, Any]] = {
    "/chat/completions": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2},
    "/completions": {"prompt": "hi", "max_tokens": 2},
    "/embeddings": {"input": "a cat"},
}
SIMILAR = {"/chat/completions": "tool_choice", "/completions": "logit_bias", "/embeddings": "dimensions"}


@pytest.fixture(scope="module")
def vectors(demo_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """`promptweave serve` with an embedding model."""
    model = tmp_path_factory.mktemp("embedding") / "embedding.gguf"
    write_embedding_model(model)
    with serving("--model", str(demo_model), "--ctx-size", "1024", "--embedding-model", str(model)) as everything:
        yield everything


def warnings_of(answer: httpx.Response, *, stream: bool) -> list[dict[str, Any]]:
    """Return the warnings in a response, or in the one event of a stream that has them."""
    assert answer.status_code == 200, answer.text
    if not stream:
        found: list[dict[str, Any]] = answer.json()["warnings"]
        return found
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    (found,) = [event["warnings"] for event in events if "warnings" in event]
    return found


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_misspelled_field(vectors: Serving, path: str, stream: bool) -> None:
    if stream and path == "/embeddings":
        pytest.skip("it has no streams")
    misspelled = f"{SIMILAR[path]}s"
    body = {**BODIES[path], **({"stream": True} if stream else {}), misspelled: "auto", "zzz": 1, "yyy": None}
    answer = httpx.post(vectors.url + path, json=body, timeout=60)
    found = warnings_of(answer, stream=stream)
    assert [(each["code"], each["path"]) for each in found] == [
        ("unknown_field", f"/{misspelled}"),
        ("unknown_field", "/zzz"),
    ]
    assert f"did you mean {SIMILAR[path]!r}" in found[0]["message"]
    assert "did you mean" not in found[1]["message"]
    assert answer.headers["x-promptweave-warnings"] == "2"


@pytest.mark.parametrize("path", BODIES)
def test_what_clients_send_for_the_providers_records_is_none(vectors: Serving, path: str) -> None:
    answer = httpx.post(vectors.url + path, json={**BODIES[path], "user": "me", "metadata": {"a": "b"}}, timeout=60)
    assert answer.status_code == 200
    assert "warnings" not in answer.json()
    assert "x-promptweave-warnings" not in answer.headers


def test_fields_that_are_left_out_of_completions(vectors: Serving) -> None:
    body = {**BODIES["/completions"], "stream_options": {"include_obfuscation": True}}
    answer = httpx.post(f"{vectors.url}/completions", json=body, timeout=60).json()
    assert [each["path"] for each in answer["warnings"]] == ["/stream_options/include_obfuscation"]
    assert answer["system_fingerprint"].startswith("fp_")


def test_a_compiled_prompt_has_the_warnings_of_its_request(vectors: Serving) -> None:
    body = {**BODIES["/chat/completions"], "tools_choice": "auto"}
    answer = httpx.post(f"{vectors.url.removesuffix('/v1')}/apply-template", json=body, timeout=60).json()
    assert [each["code"] for each in answer["warnings"]] == ["unknown_field"]
