"""Images that cannot be used: an error that names the option, or a text in their place, in all APIs."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from promptweave.facade.openai.chat.request.pictures import PLACEHOLDER
from tests.support.images import data_url, image_file
from tests.support.models.projector import write_projector
from tests.support.serving import Serving, running, serving

JsonObject = dict[str, Any]

GOOD = data_url(image_file())
IMAGES = {
    "remote": "https://example.org/a.png",
    "file": "file:///etc/passwd",
    "base64": "data:image/png;base64,%%%",
    "damaged": "data:image/png;base64,AAAA",
    "other-kind": "data:image/svg+xml;base64,PHN2Zy8+",
}


def chat(url: str) -> JsonObject:
    parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": url}}]
    return {"messages": [{"role": "user", "content": parts}], "max_tokens": 2}


def tool_result(url: str) -> JsonObject:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": "c1", "content": [{"type": "image_url", "image_url": {"url": url}}]}
    return {
        "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]}, result],
        "max_tokens": 2,
    }


def responses(url: str) -> JsonObject:
    parts = [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": url}]
    return {"input": [{"role": "user", "content": parts}], "max_output_tokens": 16}


def screenshot(url: str) -> JsonObject:
    call = {"type": "computer_call", "id": "i", "call_id": "1", "action": {"type": "screenshot"}}
    shot = {"type": "computer_screenshot", "image_url": url}
    output = {"type": "computer_call_output", "call_id": "1", "output": shot}
    return {"input": [{"role": "user", "content": "x"}, call, output], "max_output_tokens": 16}


def messages(url: str) -> JsonObject:
    head, _, data = url.partition(";base64,")
    source = {"type": "base64", "media_type": head.removeprefix("data:"), "data": data}
    if not data:
        source = {"type": "url", "url": url}
    return {"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}], "max_tokens": 2}


REQUESTS = {
    "chat": ("/chat/completions", chat, "/messages/0/content/1"),
    "tool-result": ("/chat/completions", tool_result, "/messages/2/content/0"),
    "responses": ("/responses", responses, "/input/0/content/1"),
    "screenshot": ("/responses", screenshot, "/input/2/output"),
    "messages": ("/messages", messages, "/messages/0/content/0"),
    "count": ("/messages/count_tokens", messages, "/messages/0/content/0"),
    "input-tokens": ("/responses/input_tokens", responses, "/input/0/content/1"),
}


@pytest.fixture(scope="module")
def seeing(demo_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    projector = tmp_path_factory.mktemp("projector") / "mmproj.gguf"
    write_projector(projector)
    with serving("--model", str(demo_model), "--mmproj", str(projector), "--ctx-size", "4096") as everything:
        yield everything


@pytest.fixture(scope="module")
def lenient(seeing: Serving) -> Iterator[str]:
    """The URL of a facade with the option, for a model with a projector."""
    services = ("--port", "0", "--compiler", seeing.compiler, "--inference", seeing.inference)
    with running("facade", *services, "--unusable-images", "placeholder", until="listening") as (_, screen):
        yield f"http://{screen.split()[-1]}/v1"


@pytest.fixture(scope="module")
def lenient_without_projector(served: Serving) -> Iterator[str]:
    services = ("--port", "0", "--compiler", served.compiler, "--inference", served.inference)
    with running("facade", *services, "--unusable-images", "placeholder", until="listening") as (_, screen):
        yield f"http://{screen.split()[-1]}/v1"


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("kind", REQUESTS)
def test_each_cause_is_an_error_or_a_text(seeing: Serving, lenient: str, kind: str, image: str) -> None:
    path, body, place = REQUESTS[kind]
    refused = httpx.post(f"{seeing.url}{path}", json=body(IMAGES[image]), timeout=60)
    assert refused.status_code == 400
    assert "--unusable-images placeholder" in refused.json()["error"]["message"]
    answer = httpx.post(f"{lenient}{path}", json=body(IMAGES[image]), timeout=60)
    assert answer.status_code == 200, answer.text
    (warning,) = answer.json()["warnings"]
    assert warning["code"] == "image_left_out"
    assert warning["path"].startswith(place)


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_usable_image_stays(lenient: str, kind: str) -> None:
    path, body, _ = REQUESTS[kind]
    answer = httpx.post(f"{lenient}{path}", json=body(GOOD), timeout=60)
    assert answer.status_code == 200, answer.text
    assert "warnings" not in answer.json()


@pytest.mark.parametrize("kind", REQUESTS)
def test_without_a_projector_every_image_is_a_text(lenient_without_projector: str, kind: str) -> None:
    path, body, place = REQUESTS[kind]
    for url in (GOOD, *IMAGES.values()):
        answer = httpx.post(f"{lenient_without_projector}{path}", json=body(url), timeout=60)
        assert answer.status_code == 200, answer.text
        (warning,) = answer.json()["warnings"]
        assert warning["path"].startswith(place)


def test_the_prompt_has_the_text(lenient: str) -> None:
    root = lenient.removesuffix("/v1")
    for url in IMAGES.values():
        compiled = httpx.post(f"{root}/apply-template", json=chat(url), timeout=60).json()
        assert f"see{PLACEHOLDER}" in compiled["prompt"]
        assert [one["code"] for one in compiled["warnings"]] == ["image_left_out"]
