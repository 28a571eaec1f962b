"""The API without `/v1`, for clients whose base URL lacks it; and what models report about themselves there."""

from typing import Any

import httpx
import pytest

from promptweave.facade.http.unprefixed import UnprefixedPaths
from tests.support.serving import Serving

ASKED = [{"role": "user", "content": "hi"}]
BODIES: dict[str, dict[str, Any]] = {
    "/chat/completions": {"messages": ASKED, "max_tokens": 2},
    "/completions": {"prompt": "a", "max_tokens": 2},
    "/responses": {"input": "hi", "max_output_tokens": 16, "store": False},
    "/messages": {"messages": ASKED, "max_tokens": 2},
    "/messages/count_tokens": {"messages": ASKED},
}


@pytest.fixture(scope="module")
def root(served: Serving) -> str:
    return served.url.removesuffix("/v1")


@pytest.mark.parametrize("path", BODIES)
def test_requests(root: str, path: str) -> None:
    answers = [httpx.post(root + prefix + path, json=BODIES[path], timeout=60) for prefix in ("", "/v1")]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json().keys() == answers[1].json().keys()


def test_streams(root: str) -> None:
    answer = httpx.post(f"{root}/chat/completions", json={**BODIES["/chat/completions"], "stream": True}, timeout=60)
    assert answer.text.endswith("data: [DONE]\n\n")


def test_models_and_errors(root: str) -> None:
    assert httpx.get(f"{root}/models").json() == httpx.get(f"{root}/v1/models").json()
    assert httpx.get(f"{root}/models/demo").json()["id"] == "demo"
    assert httpx.get(f"{root}/models/none").status_code == 404
    # There is no embedding model; the errors have the form of their API.
    assert httpx.post(f"{root}/embeddings", json={"input": "a"}).status_code == 501
    assert httpx.post(f"{root}/messages", json={}).json()["type"] == "error"
    assert httpx.get(f"{root}/nothing").status_code == 404
    assert httpx.get(f"{root}/health").status_code == 200


@pytest.mark.anyio
async def test_only_paths_of_routes_change() -> None:
    seen: list[tuple[str, bytes]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["path"], scope["raw_path"]))

    outer = UnprefixedPaths(app, ["/v1/things/{id}", "/v1/rank", "/rank", "/health"])
    for path in ("/things", "/things/a%20b", "/v1/things", "/rank", "/health", "/", "/thing"):
        await outer({"type": "http", "path": path, "raw_path": path.encode()}, None, None)  # type: ignore[arg-type]
    assert [path for path, _ in seen] == [
        *("/v1/things", "/v1/things/a%20b", "/v1/things", "/rank", "/health", "/", "/thing")
    ]
    assert all(path.encode() == raw for path, raw in seen)


# -- models --


def test_models_report_the_context_that_a_request_has(served: Serving) -> None:
    (model,) = httpx.get(f"{served.url}/models").json()["data"]
    assert model["max_model_len"] == 2048
    # The model was trained with more, which no request can use.
    assert model["meta"] == {"n_ctx": 2048, "n_ctx_train": 2048}


def test_names_of_codex_select_the_loaded_model(served: Serving) -> None:
    for name in ("codex-mini-latest", "gpt-5.1-codex"):
        answer = httpx.post(
            f"{served.url}/chat/completions", json={**BODIES["/chat/completions"], "model": name}, timeout=60
        )
        assert answer.json()["model"] == "demo"


def test_the_fingerprint_is_that_of_the_model_and_its_engine(served: Serving) -> None:
    found = {
        httpx.post(served.url + path, json=BODIES[path], timeout=60).json()["system_fingerprint"]
        for path in ("/chat/completions", "/completions", "/chat/completions")
    }
    (fingerprint,) = found
    assert fingerprint.startswith("fp_")


def test_properties_in_llama_cpps_form(root: str) -> None:
    props = httpx.get(f"{root}/props").json()
    assert props["default_generation_settings"] == {"n_ctx": 2048}
    assert props["total_slots"] == 4
    assert (props["model_alias"], props["model_path"]) == ("demo", "demo")
    assert props["modalities"] == {"vision": False, "audio": False}
    assert "{%" in props["chat_template"]
    assert props["build_info"]
    assert httpx.get(f"{root}/props", params={"model": "gpt-4o"}).json() == props
    assert httpx.get(f"{root}/props", params={"model": "none"}).status_code == 404
