"""The exact texts of error messages."""

from typing import Any

import pytest

from promptweave.errors import PromptweaveError
from promptweave.facade.anthropic.errors import anthropic_error
from promptweave.facade.errors import HttpError, to_http
from promptweave.facade.openai.chat.request.to_grpc import compile_request_from_openai

USER = {"role": "user", "content": "hi"}
TEXTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "missing": ({}, "messages", "messages: field required"),
    "type": ({"messages": [USER], "temperature": "0.5", "n": "1"}, "n", "n: input should be a valid integer"),
    "unsupported": (
        {"messages": [USER], "audio": {"voice": "x"}},
        "audio",
        "'audio' is not supported: only text output is available",
    ),
    "other name": (
        {"messages": [USER], "n_predict": 5},
        "n_predict",
        "'n_predict' is not supported: use max_completion_tokens instead",
    ),
    "image": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.org/a.png"}}]}]},
        "messages[0].content[0].image_url.url",
        "images must be base64 data URLs (data:image/png;base64,...); remote URLs are not fetched; or leave such images out "
        "with --unusable-images placeholder",
    ),
    "hosted tool": (
        {"messages": [USER], "tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}},
        "tool_choice",
        "tool_choice: tools of type 'web_search' are not served: the server has no such tool; provide a function instead",
    ),
    "two constraints": (
        {"messages": [USER], "guided_regex": "a", "structured_outputs": {"json": {}}},
        "structured_outputs.json",
        "structured_outputs.json: cannot be combined with guided_regex; send one of them",
    ),
    "structural tag": (
        {"messages": [USER], "response_format": {"type": "structural_tag", "structures": [], "triggers": []}},
        "response_format.type",
        "'type' is not supported: tags within free text are not constrained; use a json_schema, grammar or regex for the"
        " complete answer, or tools",
    ),
    "two formats": (
        {"messages": [USER], "grammar": 'root ::= "a"', "response_format": {"type": "json_object"}},
        "grammar",
        "response_format and grammar are mutually exclusive; send one of them",
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_chat(name: str) -> None:
    body, param, message = TEXTS[name]
    with pytest.raises(PromptweaveError) as refused:
        compile_request_from_openai(body)
    told = to_http(refused.value, "req_1")
    assert (told.param, told.message) == (param, message)


def test_anthropic_names_the_position_once() -> None:
    named = HttpError(400, "invalid_request_error", None, "messages: field required", "messages")
    bare = HttpError(400, "invalid_request_error", None, "field required", "messages")
    assert anthropic_error(named, "req_1") == anthropic_error(bare, "req_1")
