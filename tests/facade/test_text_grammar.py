"""Responses to requests with a grammar are sentences of it, on a real engine with random weights."""

import re
from typing import Any

import openai
import pytest

from tests.support.facade.weather_request import REQUEST
from tests.support.serving import Serving

HEX = r"[a-f]{3,6}-\d{2}"
PAIRS = r"(?:\((?:[a-z]{1,3}, )?[a-z]\))+"

FORMS: list[Any] = [
    pytest.param({"response_format": {"type": "regex", "pattern": HEX}}, HEX, id="regex"),
    pytest.param({"extra_body": {"grammar": 'root ::= h "-" [0-9]{2}\nh ::= [a-f]{3,6}'}}, HEX, id="gbnf"),
    pytest.param(
        {"response_format": {"type": "grammar", "grammar": 'root ::= p p?\np ::= "(" ([a-z]{1,3} ", ")? [a-z] ")"'}},
        PAIRS,
        id="gbnf-as-format",
    ),
    pytest.param(
        {
            "response_format": {
                "type": "grammar",
                "grammar": {
                    "syntax": "lark",
                    "definition": 'start: H "-" D~2\nH: /[a-f]{3,6}/\n%import common.DIGIT -> D',
                },
            }
        },
        HEX,
        id="lark",
    ),
]


@pytest.mark.parametrize(("fields", "pattern"), FORMS)
def test_an_answer_keeps_to_its_grammar_streamed_or_not(served: Serving, fields: dict[str, Any], pattern: str) -> None:
    given = {"model": "demo", "messages": REQUEST["messages"], "max_tokens": 60, **fields}
    whole = 0
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as client:
        for seed in range(3):
            # A stop string does not cut the answer: it is no free text.
            choice = client.chat.completions.create(**given, seed=seed, stop=["a", "-", ","]).choices[0]
            streamed = "".join(
                chunk.choices[0].delta.content or ""
                for chunk in client.chat.completions.create(**given, seed=seed, stream=True)
                if chunk.choices
            )
            assert streamed == (choice.message.content or "")
            if choice.finish_reason == "stop":
                assert re.fullmatch(pattern, choice.message.content or "")
                whole += 1
    assert whole


def test_an_answer_of_a_grammar_or_a_call(served: Serving) -> None:
    fields: dict[str, Any] = {
        "model": "demo",
        "messages": REQUEST["messages"],
        "tools": [{"type": "function", "function": {"name": "look"}}],
        "parallel_tool_calls": False,
        "response_format": {"type": "regex", "pattern": HEX},
        "max_tokens": 60,
    }
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as client:
        for seed in range(8):
            choice = client.chat.completions.create(**fields, seed=seed).choices[0]
            if choice.finish_reason == "tool_calls":
                assert [call.function.arguments for call in choice.message.tool_calls or []] == ["{}"]
            else:
                assert choice.finish_reason == "stop"
                assert re.fullmatch(HEX, choice.message.content or "")
