"""Many concurrent clients with different schemas: each gets its own response."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.support.serving import Serving

pytestmark = pytest.mark.anyio

PATHS = ("whole", "streamed", "tools", "responses")


def asked(number: int) -> tuple[str, dict[str, Any]]:
    """A request whose answer holds the number."""
    schema = {"type": "object", "properties": {"id": {"const": f"client {number}"}}, "required": ["id"]}
    schema["additionalProperties"] = False
    messages = [{"role": "user", "content": f"I am {number}."}]
    chat: dict[str, Any] = {"model": "gpt-4o", "messages": messages, "seed": number}
    match PATHS[number % len(PATHS)]:
        case "tools":
            tool = {"type": "function", "function": {"name": "say", "parameters": schema}}
            named = {"type": "function", "function": {"name": "say"}}
            return "chat/completions", {**chat, "tools": [tool], "tool_choice": named}
        case "responses":
            form = {"type": "json_schema", "name": "said", "schema": schema}
            return "responses", {"model": "gpt-4o", "input": f"I am {number}.", "text": {"format": form}, "store": False}
        case kind:
            form = {"type": "json_schema", "json_schema": {"name": "said", "schema": schema}}
            return "chat/completions", {**chat, "response_format": form, "stream": kind == "streamed"}


def said(text: str, kind: str) -> Any:
    """What the answer holds."""
    if kind == "streamed":
        *events, done = [line.removeprefix("data: ") for line in text.split("\n\n") if line.startswith("data: ")]
        assert done == "[DONE]"
        return json.loads("".join(json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events))
    answer = json.loads(text)
    if kind == "responses":
        return json.loads(answer["output"][-1]["content"][0]["text"])
    message = answer["choices"][0]["message"]
    return json.loads(message["tool_calls"][0]["function"]["arguments"] if kind == "tools" else message["content"])


@pytest.mark.parametrize("clients", [16, 64])
async def test_each_gets_its_own(served: Serving, clients: int) -> None:
    async with httpx.AsyncClient(base_url=served.url, timeout=240, limits=httpx.Limits(max_connections=clients)) as client:

        async def ask(number: int) -> None:
            path, body = asked(number)
            response = await client.post(path, json=body)
            assert response.status_code == 200, response.text
            assert said(response.text, PATHS[number % len(PATHS)]) == {"id": f"client {number}"}

        await asyncio.gather(*map(ask, range(clients)))
