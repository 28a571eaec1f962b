"""Errors that clients recognize by their text: a prompt that exceeds the context, and a wrong API key.

`tests/clients/test_error_classes.py` asks the clients themselves, where they are installed.
"""

import json
import re
from typing import Any

import httpx
import pytest

from promptweave.errors import Code
from promptweave.facade.errors import ContextOverflow, to_http
from promptweave.rpc.status import RemoteError
from tests.support.serving import Serving, running

LONG = "word " * 3000
BODIES: dict[str, dict[str, Any]] = {
    "/chat/completions": {"messages": [{"role": "user", "content": LONG}]},
    "/responses": {"input": LONG, "store": False},
    "/completions": {"prompt": LONG},
}
RECOGNIZED = (
    # opencode and pi, LiteLLM, LangChain, pydantic-ai: the expressions and texts that they look for.
    r"maximum context length is \d+ tokens",
    r"(?i)prompt is too long",
    r"prompt is too long: \d+ tokens > \d+ maximum",
    r"This model's maximum context length is",
    r"(?i)reduce the length of the messages",
    r"your messages resulted in \d+ tokens",
)


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_prompt_that_exceeds_the_context(served: Serving, path: str, stream: bool) -> None:
    answer = httpx.post(served.url + path, json={**BODIES[path], "stream": stream}, timeout=60)
    # A stream of responses has begun when the engine counts.
    body = answer.json() if answer.status_code == 400 else _failure(answer)
    error = body["error"]
    assert error["code"] == "context_length_exceeded"
    for pattern in RECOGNIZED:
        assert re.search(pattern, error["message"]), pattern
    limit, tokens = re.findall(r"\d+", error["message"])[:2]
    assert limit == "2048"
    assert int(tokens) > 2048


def _failure(answer: httpx.Response) -> dict[str, Any]:
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    found: dict[str, Any] = events[-1]["response"]
    return found


def test_the_sizes_are_those_of_the_services_error() -> None:
    sizes = {"prompt_tokens": "5030", "context_size": "4096"}
    error = RemoteError(Code.OUT_OF_RANGE, "ERROR_REASON_CONTEXT_OVERFLOW", "too long", path="/messages", metadata=sizes)
    http = to_http(error, "r")
    assert (http.status, http.type, http.code) == (400, "invalid_request_error", "context_length_exceeded")
    assert http.overflow == ContextOverflow(5030, 4096)
    assert http.message == (
        "This model's maximum context length is 4096 tokens. However, your messages resulted in 5030 tokens."
        " Please reduce the length of the messages. (prompt is too long: 5030 tokens > 4096 maximum)"
    )


@pytest.mark.parametrize("metadata", [{}, {"prompt_tokens": "5"}, {"prompt_tokens": "x", "context_size": "4"}])
def test_without_sizes_the_services_text_remains(metadata: dict[str, str]) -> None:
    error = RemoteError(Code.OUT_OF_RANGE, "ERROR_REASON_CONTEXT_OVERFLOW", "too long", metadata=metadata)
    http = to_http(error, "r")
    assert (http.message, http.overflow) == ("too long", None)


def test_a_wrong_key(served: Serving) -> None:
    with running(
        "facade", "--port", "0", "--compiler", served.compiler, "--inference", served.inference,
        until="listening", env={"PROMPTWEAVE_API_KEY": "sesame"},
    ) as (_, said):  # fmt: skip
        url = f"http://{said.split()[-1]}/v1"
        for path in ("/chat/completions", "/responses"):
            wrong = httpx.post(url + path, json=BODIES[path], headers={"Authorization": "Bearer wrong-key"})
            error = wrong.json()["error"]
            assert (wrong.status_code, error["code"]) == (401, "invalid_api_key")
            assert error["message"].startswith("Incorrect API key provided")
            assert "wrong-key" not in wrong.text
            none = httpx.post(url + path, json=BODIES[path])
            assert (none.status_code, none.json()["error"]["code"]) == (401, "invalid_api_key")
            assert "a valid API key is required" in none.text
