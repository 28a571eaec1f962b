"""A streamed response has the same content, reasoning and calls as the same response without streaming."""

from typing import Any

import openai
import pytest

from tests.facade.test_custom_tools import CODE, LOOK
from tests.support.serving import Serving

FIELDS: list[Any] = [
    pytest.param({"max_tokens": 40}, id="text"),
    pytest.param({"tools": [LOOK, CODE], "max_tokens": 120}, id="auto"),
    pytest.param({"tools": [LOOK, CODE], "tool_choice": "required", "max_tokens": 80}, id="required"),
    pytest.param({"tools": [LOOK], "extra_body": {"tool_style": "generic"}, "max_tokens": 60}, id="envelope"),
    pytest.param({"response_format": {"type": "json_object"}, "max_tokens": 40}, id="json"),
]


Said = tuple[str | None, dict[str, str], list[dict[str, Any]]]
"""Why it ended, its texts, its calls."""


def whole(client: openai.OpenAI, given: dict[str, Any]) -> Said:
    choice = client.chat.completions.create(**given).choices[0].model_dump()
    message = choice["message"]
    calls = [
        {
            "type": call["type"],
            "name": call[call["type"]]["name"],
            "text": call[call["type"]]["input" if call["type"] == "custom" else "arguments"],
        }
        for call in message.get("tool_calls") or []
    ]
    return choice["finish_reason"], {name: message.get(name) or "" for name in ("content", "reasoning_content")}, calls


def streamed(client: openai.OpenAI, given: dict[str, Any]) -> Said:
    said: dict[str, str] = {"content": "", "reasoning_content": ""}
    calls: list[dict[str, Any]] = []
    reason = None
    for chunk in client.chat.completions.create(**given, stream=True):
        part = chunk.choices[0].model_dump(exclude_unset=True)
        reason = part["finish_reason"] or reason
        for name in said:
            said[name] += part["delta"].get(name) or ""
        for call in part["delta"].get("tool_calls") or []:
            kind = "custom" if "custom" in call else "function"
            text = "input" if kind == "custom" else "arguments"
            if call["index"] == len(calls):
                calls.append({"type": call["type"], "name": call[kind]["name"], "text": ""})
            calls[call["index"]]["text"] += call[kind][text]
    return reason, said, calls


@pytest.mark.parametrize("fields", FIELDS)
def test_streamed_is_whole(served: Serving, fields: dict[str, Any]) -> None:
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as client:
        for seed in range(3):
            given = {"model": "demo", "messages": [{"role": "user", "content": "Go on."}], "seed": seed, **fields}
            # The engine's sums differ in their last bits between a prompt that it remembers and one that it does not, and
            # now and then a token with them: what differs every time is ours.
            pairs = ((whole(client, given), streamed(client, given)) for _ in range(4))
            assert any(one == other for one, other in pairs), seed
