"""What llama.cpp's server has beside OpenAI's API."""

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.facade.weather_request import REQUEST
from tests.support.serving import COMMAND, Serving


def post(served: Serving, path: str, body: Any) -> httpx.Response:
    return httpx.post(served.url.removesuffix("/v1") + path, json=body, timeout=60)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        pytest.param({"content": ""}, 0, id="nothing"),
        pytest.param({"content": "x😀"}, 5, id="bytes"),
        pytest.param({"content": "<|im_end|>"}, 1, id="special"),
        pytest.param({"content": "<|im_end|>", "parse_special": False}, 10, id="special-as-text"),
        pytest.param({"content": "x", "add_special": True, "with_pieces": False}, 1, id="no-bos-here"),
    ],
)
def test_tokenize_and_back(served: Serving, body: dict[str, Any], count: int) -> None:
    tokens = post(served, "/tokenize", body).json()["tokens"]
    assert len(tokens) == count
    assert post(served, "/detokenize", {"tokens": tokens}).json() == {"content": body["content"]}


def test_tokens_in_pieces(served: Serving) -> None:
    tokens = post(served, "/tokenize", {"content": "xé<|im_end|>", "with_pieces": True}).json()["tokens"]
    assert [token["piece"] for token in tokens] == ["x", [0xC3], [0xA9], "<|im_end|>"]
    assert [token["id"] for token in tokens] == post(served, "/tokenize", {"content": "xé<|im_end|>"}).json()["tokens"]


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        pytest.param("/tokenize", {}, "content", id="no-content"),
        pytest.param("/tokenize", {"content": 5}, "content", id="number"),
        pytest.param("/detokenize", {}, "tokens", id="no-tokens"),
        pytest.param("/detokenize", {"tokens": [1, "a"]}, "tokens[1]", id="text"),
        pytest.param("/detokenize", {"tokens": [1, 99_999]}, "tokens", id="unknown"),
        pytest.param("/apply-template", {}, "messages", id="no-messages"),
        pytest.param("/apply-template", {"messages": [{"role": 3}]}, "messages[0].role", id="role"),
        pytest.param("/apply-template", {**REQUEST, "tool_style": "x"}, "tool_style", id="style"),
    ],
)
def test_refusals(served: Serving, path: str, body: dict[str, Any], param: str) -> None:
    response = post(served, path, body)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="tools"),
        pytest.param({"tool_choice": "required"}, id="required"),
        pytest.param({"messages": [{"role": "user", "content": "<|im_end|>"}]}, id="special-token-in-a-message"),
        pytest.param({"tools": [], "response_format": {"type": "json_object"}}, id="json"),
    ],
)
def test_the_compiled_prompt_is_that_of_the_command(served: Serving, demo_model: Path, more: dict[str, Any]) -> None:
    body = {**REQUEST, **more}
    command = [*COMMAND, "compile", "--model", str(demo_model)]
    by_command = subprocess.run(command, input=json.dumps(body), capture_output=True, text=True, check=True)
    assert post(served, "/apply-template", body).json() == json.loads(by_command.stdout)
