"""An answer that is streamed says what the same answer says in one piece: content, reasoning and calls."""

from typing import Any

import openai
import pytest

from ..serving import Serving
from .test_custom_tools import CODE, LOOK

FIELDS: list[Any] = [
    pytest.param({"max_tokens": 40}, id="text"),
    pytest.param({"tools": [LOOK, CODE], "max_tokens": 120}, id="auto"),
    pytest.param({"tools": [LOOK, CODE], "tool_choice": "required", "max_tokens": 80}, id="required"),
    pytest.param({"tools": [LOOK], "extra_body": {"tool_style": "generic"}, "max_tokens": 60}, id="envelope"),
    pytest.param({"response_format": {"type": "json_object"}, "max_tokens": 40}, id="json"),
]


@pytest.mark.parametrize("fields", FIELDS)
def test_streamed_is_whole(served: Serving, fields: dict[str, Any]) -> None:
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as client:
        for seed in range(3):
            given = {"model": "demo", "messages": [{"role": "user", "content": "Go on."}], "seed": seed, **fields}
            choice = client.chat.completions.create(**given).choices[0].model_dump()
            message = choice["message"]
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
            assert reason == choice["finish_reason"]
            assert said == {name: message.get(name) or "" for name in said}
            assert calls == [
                {
                    "type": call["type"],
                    "name": call[call["type"]]["name"],
                    "text": call[call["type"]]["input" if call["type"] == "custom" else "arguments"],
                }
                for call in message.get("tool_calls") or []
            ]
