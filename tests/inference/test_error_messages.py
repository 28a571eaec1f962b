"""The exact texts of common errors. Other tests match only the part that matters to them."""

from pathlib import Path
from typing import Any

import pytest

from promptweave.inference.errors import ContextOverflowError, GrammarQuarantinedError, StartError
from promptweave.inference.options import InferenceOptions

URL = "http://127.0.0.1:8080"
MODEL = Path("model.gguf")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "exactly one of --model, --hf-repo or --endpoint is required"),
        ({"endpoints": ("host",)}, "--endpoint 'host' is not an http:// or https:// URL"),
        ({"endpoints": (URL, URL)}, f"--endpoint '{URL}' is given twice"),
        (
            {"endpoints": (URL,), "mmproj": MODEL},
            "--mmproj cannot be combined with --endpoint; load the projector in that server instead",
        ),
        (
            {"endpoints": (URL,), "engine": "x"},
            "--engine and engine arguments cannot be combined with --endpoint; configure that server instead",
        ),
        ({"model": MODEL, "embedding_pooling": "mean"}, "--embedding-pooling requires --embedding-model"),
        ({"model": MODEL, "whisper_server": "x"}, "--whisper-server and --whisper-args require --whisper-model"),
        ({"model": MODEL, "embedding_ctx_size": 0}, "--embedding-ctx-size is 0; it must be at least 1"),
        ({"model": MODEL, "parallel": 0}, "--parallel is 0; it must be at least 1"),
        ({"model": MODEL, "ctx_size": 0}, "--ctx-size is 0; it must be at least 1"),
        ({"model": MODEL, "max_waiting": -1}, "--max-queue is -1; it must be at least 0"),
    ],
)
def test_options(given: dict[str, Any], text: str) -> None:
    with pytest.raises(StartError) as raised:
        InferenceOptions(**given)
    assert str(raised.value) == text


def test_requests() -> None:
    assert ContextOverflowError(600, 512).message == "the prompt has 600 tokens, but the context size is 512"
    blocked = "this grammar has crashed the engine and is blocked until the service restarts"
    assert GrammarQuarantinedError("abc").message == blocked
