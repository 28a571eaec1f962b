"""Every request field of OpenAI's description and llama.cpp's own has its effect, or is rejected by name."""

import re
from typing import Any

import httpx
import pytest

from tests.support.facade.openai_fields import fields
from tests.support.facade.openai_spec import described, document
from tests.support.serving import Serving

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"enum": ["x"]}}}}}

TAKEN: dict[str, list[Any]] = {
    # What they do is tested elsewhere: test_chat.py, test_choices.py, and the services' own tests.
    "messages": [[{"role": "user", "content": "hi"}]],
    "model": ["demo", "gpt-4o"],
    "frequency_penalty": [-2, 0.5],
    "presence_penalty": [2, 0.5],
    "temperature": [0, 2],
    "top_p": [0, 1],
    "seed": [-(2**63), 0, 2**63 - 1],
    "n": [1, 2],
    "logit_bias": [{}, {"5": 1}],
    "logprobs": [True, False],
    "max_completion_tokens": [2],
    "max_tokens": [2],
    "stop": ["x", ["x", "y"]],
    "stream": [True, False],
    "stream_options": [{"include_usage": True}, {"include_obfuscation": False}],
    "tools": [[TOOL], []],
    "tool_choice": ["none", "auto"],
    "parallel_tool_calls": [True, False],
    "response_format": [{"type": "text"}],
    "reasoning_effort": ["none", "low"],
    "prompt_cache_key": ["k"],
    # There is one tier, and the answer names it.
    "service_tier": ["auto", "default", "flex", "priority", "scale"],
    # What they ask for is what there is anyway.
    "verbosity": ["low", "medium", "high"],
    "modalities": [["text"]],
    "functions": [[], [{"name": "f", "parameters": {"properties": {"a": {"enum": ["x"]}}}}]],
    "function_call": ["none", "auto"],
    # They promise speed, which is the same without them.
    "prediction": [{"type": "content", "content": "x"}],
    "prompt_cache_retention": ["in_memory", "24h"],
    "prompt_cache_options": [{}],
    # For the provider's records, of which there are none.
    "metadata": [{"a": "b"}],
    "store": [True],
    "user": ["me"],
    "safety_identifier": ["me"],
}

LEFT_OUT: dict[str, list[Any]] = {
    "moderation": [{"model": "omni-moderation-latest"}],
    "web_search_options": [{}, {"search_context_size": "low"}],
    # llama.cpp's own.
    "id_slot": [1],
    "cache_prompt": [False],
    "return_tokens": [True],
    "priority": [5],
}

UNSERVED: dict[str, list[Any]] = {
    "audio": [{"voice": "alloy", "format": "mp3"}],
    "modalities": [["text", "audio"]],
    # llama.cpp's own.
    "ignore_eos": [True],
    "n_predict": [5],
    "n_probs": [5],
}

WRONG: dict[str, list[Any]] = {
    "messages": [[], "hi", 5],
    "model": [5],
    "frequency_penalty": [-2.1, 2.1, "1"],
    "presence_penalty": [-2.1, 2.1, True],
    "temperature": [-1, "1"],
    "top_p": [-0.1, 1.1],
    "seed": [0.5, "1"],
    "n": [0, 129, 1.5],
    "logit_bias": [{"5": 101}, {"5": "x"}, []],
    "logprobs": [1, "yes"],
    "top_logprobs": [-1, 21, 1.5],
    "max_completion_tokens": [0, -1, 1.5],
    "max_tokens": [0, "5"],
    "stop": [5, [5], [""]],
    "stream": [1],
    "stream_options": [5],
    "tools": [5, [{"type": "function"}]],
    "tool_choice": ["other", 5],
    "functions": [5, [{}]],
    "function_call": ["required", {"name": "f"}],
    "parallel_tool_calls": ["yes"],
    "response_format": [{"type": "xml"}, 5],
    "prompt_cache_key": [5],
    "service_tier": [5],
    "verbosity": [5],
    "top_k": [-1, 1.5],
    "min_p": [2],
    "repeat_penalty": [0],
    "samplers": ["top_k", ["tfs_z"]],
    "dry_sequence_breakers": [[5]],
}


def cases(table: dict[str, list[Any]]) -> list[Any]:
    return [
        pytest.param(name, value, id=f"{name}-{place}")
        for name, values in table.items()
        for place, value in enumerate(values)
    ]


def ask(served: Serving, name: str, value: Any) -> httpx.Response:
    body = {"model": "demo", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 2, name: value}
    return httpx.post(f"{served.url}/chat/completions", json=body, timeout=60)


@pytest.mark.parametrize(("name", "value"), cases(TAKEN))
def test_taken(served: Serving, name: str, value: Any) -> None:
    response = ask(served, name, value)
    assert response.status_code == 200, response.text
    if name == "service_tier":
        assert response.json()["service_tier"] == "default"


@pytest.mark.parametrize(("name", "value"), cases(LEFT_OUT))
def test_left_out_with_a_warning(served: Serving, name: str, value: Any) -> None:
    response = ask(served, name, value)
    assert response.status_code == 200, response.text
    (warning,) = response.json()["warnings"]
    assert (warning["code"], warning["path"]) == ("not_applied", f"/{name}")


@pytest.mark.parametrize(("name", "value"), cases(UNSERVED))
def test_unserved(served: Serving, name: str, value: Any) -> None:
    response = ask(served, name, value)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, "unsupported_parameter", name)


def test_an_option_that_is_left_out(served: Serving) -> None:
    (warning,) = ask(served, "stream_options", {"include_obfuscation": True}).json()["warnings"]
    assert (warning["code"], warning["path"]) == ("not_applied", "/stream_options/include_obfuscation")


@pytest.mark.parametrize(("name", "value"), cases(WRONG))
def test_wrong(served: Serving, name: str, value: Any) -> None:
    response = ask(served, name, value)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"].startswith(name)


@described
def test_the_tables_hold_all_of_openais_fields() -> None:
    known = fields(document()["components"]["schemas"], "CreateChatCompletionRequest")
    assert {re.split(r"[.<\[]", place)[0] for place in known} <= {*TAKEN, *LEFT_OUT, *UNSERVED, "top_logprobs"}
