"""What the engine answers, and what it means to a caller."""

import json
from typing import Any

import pytest

from promptweave.inference.client.error_mapping import from_response, unreachable
from promptweave.inference.errors import (
    ContextOverflowError,
    EngineFailedError,
    EngineUnavailableError,
    InferenceError,
    RequestError,
)


def body(message: Any = "it hurts", **more: Any) -> bytes:
    return json.dumps({"error": {"message": message, **more}}).encode()


EMPTY = "got exception: Unexpected empty grammar stack after accepting piece:  (30)"
OVERFLOWS = "exceed_context_size_error"
OVERFLOW = body(type=OVERFLOWS, n_prompt_tokens=600, n_ctx=512)


@pytest.mark.parametrize(
    ("status", "answer", "kind", "path", "words"),
    [
        pytest.param(400, OVERFLOW, ContextOverflowError, "/prompt/segments", "600 tokens, but", id="overflow"),
        pytest.param(500, OVERFLOW, ContextOverflowError, "/prompt/segments", "600", id="overflow-in-mid-stream"),
        pytest.param(400, body("failed to parse grammar"), RequestError, "/prompt/gbnf", "failed to parse", id="grammar"),
        pytest.param(400, body("Prompt contains invalid tokens"), RequestError, "/prompt/segments", "invalid", id="tokens"),
        pytest.param(400, body("Field 'top_k': no"), RequestError, "/sampling/top_k", "Field 'top_k'", id="field"),
        pytest.param(400, body(), RequestError, "", "it hurts", id="bad-request"),
        pytest.param(404, body(), RequestError, "", "it hurts", id="not-found"),
        pytest.param(422, body(), RequestError, "", "it hurts", id="unprocessable"),
        pytest.param(401, body("key sk-secret"), EngineFailedError, None, "the service's API key", id="unauthorised"),
        pytest.param(403, body("key sk-secret"), EngineFailedError, None, "the service's API key", id="forbidden"),
        pytest.param(503, body("Loading model"), EngineUnavailableError, None, "Loading model", id="loading"),
        pytest.param(500, body(EMPTY), RequestError, "/prompt/gbnf", "the grammar has a dead end", id="dead-end"),
        pytest.param(500, body(), EngineFailedError, None, "it hurts", id="failed"),
        pytest.param(200, b"", EngineFailedError, None, "no reason given", id="strange"),
        pytest.param(400, b"<html>", RequestError, "", "no reason given", id="no-json"),
        pytest.param(400, b"[]", RequestError, "", "no reason given", id="no-object"),
        pytest.param(400, b'{"error": "words"}', RequestError, "", "words", id="error-as-text"),
        pytest.param(400, b'{"error": null}', RequestError, "", "no reason given", id="error-of-null"),
        pytest.param(400, b'\xff{"error', RequestError, "", "no reason given", id="no-utf-8"),
        pytest.param(400, body(type=OVERFLOWS), ContextOverflowError, "/prompt/segments", "", id="no-sizes"),
    ],
)
def test_meanings(status: int, answer: bytes, kind: type[InferenceError], path: str | None, words: str) -> None:
    error = from_response(status, answer)
    assert type(error) is kind
    assert error.path == path
    assert words in error.message
    assert "secret" not in error.message


def test_long_reasons_are_cut() -> None:
    assert len(from_response(400, body("x" * 100_000)).message) < 1000


@pytest.mark.parametrize("error", [None, OSError("/run/secret.sock")], ids=["ended", "broken"])
def test_unreachable(error: Exception | None) -> None:
    meaning = unreachable(error)
    assert meaning.retry_after_s
    assert "secret" not in meaning.message
