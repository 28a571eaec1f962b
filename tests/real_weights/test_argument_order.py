"""A small real model keeps all arguments that it is told, in whatever order they are declared, and ends after its call."""

import json
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import httpx
import pytest

from tests.support.models.real_models import QWEN_CODER, real_model
from tests.support.serving import Serving, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PROPERTIES = {
    "limit": {"type": "integer", "description": "How many lines to read"},
    "offset": {"type": "integer", "description": "The first line to read"},
    "path": {"type": "string", "description": "The file"},
}
QUESTIONS = ["Read the file notes.txt with offset 10 and limit 20.", "Read notes.txt with limit 20 and offset 10."]


@pytest.fixture(scope="module")
def qwen() -> Iterator[Serving]:
    with serving("--model", str(real_model(QWEN_CODER)), "--ctx-size", "4096", "--parallel", "1") as server:
        yield server


def calls(server: Serving, question: str, function: dict[str, Any]) -> list[Any]:
    body = {
        "messages": [{"role": "user", "content": question}],
        "tools": [{"type": "function", "function": function}],
        "tool_choice": "required",
        "temperature": 0,
        "max_tokens": 200,
    }
    response = httpx.post(f"{server.url}/chat/completions", json=body, timeout=600)
    assert response.status_code == 200, response.text
    choice = response.json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    return [json.loads(call["function"]["arguments"]) for call in choice["message"]["tool_calls"]]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("order", [*permutations(PROPERTIES)], ids="-".join)
def test_no_optional_argument_is_lost(qwen: Serving, order: tuple[str, ...], question: str) -> None:
    parameters = {"type": "object", "properties": {name: PROPERTIES[name] for name in order}, "required": ["path"]}
    made = calls(qwen, question, {"name": "read_file", "description": "Read a file", "parameters": parameters})
    assert made == [{"path": "notes.txt", "offset": 10, "limit": 20}]


def test_a_call_is_not_repeated(qwen: Serving) -> None:
    """Question 18 of BFCL's `simple`: the model writes a line break after the call, and used to have to call again."""
    about = {"type": "integer", "description": "The number for which the prime factors need to be calculated"}
    parameters = {"type": "object", "properties": {"number": about}, "required": ["number"]}
    function = {
        "name": "number_analysis_prime_factors",
        "description": "Compute the prime factors of a number.",
        "parameters": parameters,
    }
    assert calls(qwen, "What are the prime factors of the number 123456?", function) == [{"number": 123456}]
