"""Custom tools over a real engine, with OpenAI's own client: called with text, streamed or not."""

import re
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.support.serving import Serving

CODE = {
    "type": "custom",
    "custom": {
        "name": "code",
        "description": "A code",
        "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": r'[a-c]{2,6}"\n\d'}},
    },
}
SUM = {
    "type": "custom",
    "custom": {
        "name": "sum",
        "format": {
            "type": "grammar",
            "grammar": {"syntax": "lark", "definition": 'start: N ("+" N)~1..2\nN: /[0-9]{1,3}/'},
        },
    },
}
LOOK = {"type": "function", "function": {"name": "look"}}
INPUTS = {"code": r'[a-c]{2,6}"\n\d', "sum": r"\d{1,3}(\+\d{1,3}){1,2}"}
FIELDS: dict[str, Any] = {
    "model": "demo",
    "messages": [
        {"role": "user", "content": "Write the code."},
        {
            "role": "assistant",
            "tool_calls": [{"id": "call_1", "type": "custom", "custom": {"name": "code", "input": 'ab"\n1'}}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "again"},
    ],
    "tools": [CODE, SUM, LOOK],
    "max_tokens": 100,
}
CHOICES: list[Any] = [
    pytest.param("required", {"code", "sum", "look"}, id="required"),
    pytest.param({"type": "custom", "custom": {"name": "code"}}, {"code"}, id="named"),
    pytest.param(
        {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "required", "tools": [{"type": "custom", "custom": {"name": "sum"}}]},
        },
        {"sum"},
        id="allowed",
    ),
]


@pytest.fixture(scope="module")
def client(served: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as found:
        yield found


@pytest.mark.parametrize(("choice", "names"), CHOICES)
@pytest.mark.parametrize("style", ["", "generic"])
def test_calls_carry_texts_of_their_grammars(client: openai.OpenAI, choice: Any, names: set[str], style: str) -> None:
    whole = 0
    for seed in range(2):
        fields = {**FIELDS, "tool_choice": choice, "seed": seed, "extra_body": {"tool_style": style}}
        answer = client.chat.completions.create(**fields, parallel_tool_calls=False).choices[0]
        calls = answer.message.tool_calls or []
        if answer.finish_reason == "length":  # A thought, in the envelope, may be long.
            continue
        assert len(calls) == 1
        whole += 1
        call = calls[0]
        if call.type == "custom":
            assert call.custom.name in names
            assert re.fullmatch(INPUTS[call.custom.name], call.custom.input)
        else:
            assert call.function.name in names
    assert whole or style or choice == "required"


def test_streamed_calls_are_the_same(client: openai.OpenAI) -> None:
    fields = {**FIELDS, "tool_choice": CHOICES[1].values[0], "seed": 7}
    whole = client.chat.completions.create(**fields).choices[0].message.tool_calls
    assert whole
    stream = client.chat.completions.create(**fields, stream=True)
    parts = [part for chunk in stream for part in chunk.choices[0].delta.tool_calls or []]
    head, *rest = (part.model_dump(exclude_unset=True) for part in parts)
    assert (head["index"], head["type"], head["custom"]) == (0, "custom", {"name": "code", "input": ""})
    assert head["id"]
    assert all(part.keys() == {"index", "custom"} and part["index"] == 0 for part in rest)
    assert [call.custom.input for call in whole if call.type == "custom"] == ["".join(p["custom"]["input"] for p in rest)]
