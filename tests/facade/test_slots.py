"""What many clients, and clients that go away, do to the engine's slots."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.support.facade.weather_request import CHOICES, REQUEST, check_choice
from tests.support.serving import Serving, serving

pytestmark = pytest.mark.anyio

ENDLESS: dict[str, Any] = {
    "model": "demo",
    "messages": [{"role": "user", "content": "hi"}],
    "max_tokens": 100_000,
    # Never the end of the turn, nor another special token.
    "logit_bias": {str(token): -100 for token in range(257, 264)},
}


@pytest.fixture(scope="module")
def narrow(demo_model: Path) -> Iterator[Serving]:
    """One slot, and nobody may wait for it. The context is large enough to write for many seconds."""
    with serving("--model", str(demo_model), "--max-queue", "0", "--ctx-size", "32768") as found:
        yield found


async def until_free(client: httpx.AsyncClient) -> float:
    """Seconds until the slot takes a request again."""
    began = time.monotonic()
    while True:
        response = await client.post("chat/completions", json={**ENDLESS, "max_tokens": 1})
        if response.status_code == 200:
            return time.monotonic() - began
        assert response.status_code == 429
        assert time.monotonic() - began < 20
        await asyncio.sleep(0.02)


async def test_more_than_the_queue_holds_is_a_429(narrow: Serving) -> None:
    async with httpx.AsyncClient(base_url=narrow.url, timeout=60) as client:
        async with client.stream("POST", "chat/completions", json={**ENDLESS, "stream": True}) as running:
            pieces = running.aiter_raw()
            await anext(pieces)
            response = await client.post("chat/completions", json=ENDLESS)
            assert response.status_code == 429
            assert response.json()["error"]["code"] == "rate_limit_exceeded"
            assert int(response.headers["retry-after"]) >= 1
        await until_free(client)


ROUTES = {
    "chat/completions": ENDLESS,
    "responses": {"input": "hi", "max_output_tokens": 100_000, "logit_bias": ENDLESS["logit_bias"]},
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_a_client_that_hangs_up_frees_the_slot(narrow: Serving, stream: bool, route: str) -> None:
    async with httpx.AsyncClient(base_url=narrow.url, timeout=60) as client:
        for _ in range(3):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await client.post(route, json={**ROUTES[route], "stream": stream})
            assert await until_free(client) < 5


async def test_many_clients_at_once(served: Serving) -> None:
    async with openai.AsyncOpenAI(base_url=served.url, api_key="none", max_retries=0, timeout=120) as client:

        async def ask(seed: int) -> None:
            completion = await client.chat.completions.create(
                **{**REQUEST, "tool_choice": CHOICES["required"], "seed": seed, "max_tokens": 400}
            )
            check_choice(completion.model_dump(exclude_unset=True)["choices"][0], "required")

        await asyncio.gather(*map(ask, range(12)))
