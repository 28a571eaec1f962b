"""What clients receive when all processes are stopped during their responses."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.serving import Serving, serving

pytestmark = pytest.mark.anyio

ENDLESS: dict[str, Any] = {
    "model": "demo",
    "messages": [{"role": "user", "content": "hi"}],
    "max_tokens": 100_000,
    # Never the end of the turn, nor another special token.
    "logit_bias": {str(token): -100 for token in range(257, 264)},
}


def stop(served: Serving) -> None:
    served.process.send_signal(signal.SIGINT)


async def test_answers_end_with_an_error_when_the_grace_is_over(demo_model: Path) -> None:
    with serving(
        "--model", str(demo_model), "--parallel", "2", "--ctx-size", "32768", "--shutdown-timeout", "0.5"
    ) as served:
        async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
            whole = asyncio.create_task(client.post("chat/completions", json=ENDLESS))
            async with client.stream("POST", "chat/completions", json={**ENDLESS, "stream": True}) as response:
                lines = response.aiter_lines()
                await anext(lines)
                await until_both_are_written(served)
                stop(served)
                events = [line.removeprefix("data: ") async for line in lines if line]
            assert events[-1] != "[DONE]"
            error = json.loads(events[-1])["error"]
            assert (error["type"], error["message"]) == ("server_error", "the service is stopping")
            answer = await whole
            assert (answer.status_code, answer.json()["error"]["message"]) == (503, "the service is stopping")
        assert served.process.wait(30) == 0


async def test_an_answer_that_ends_within_the_grace_is_whole(demo_model: Path) -> None:
    with serving("--model", str(demo_model), "--ctx-size", "32768", "--shutdown-timeout", "30") as served:
        async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
            asked = {**ENDLESS, "max_tokens": 50, "stream": True}
            async with client.stream("POST", "chat/completions", json=asked) as response:
                lines = response.aiter_lines()
                await anext(lines)
                stop(served)
                events = [line.removeprefix("data: ") async for line in lines if line]
            assert events[-1] == "[DONE]"
            assert json.loads(events[-2])["choices"][0]["finish_reason"] == "length"
        assert served.process.wait(30) == 0


async def until_both_are_written(served: Serving) -> None:
    async with httpx.AsyncClient(base_url=served.url.removesuffix("/v1"), timeout=60) as client:
        async with asyncio.timeout(30):
            # These two, and the question itself.
            while "http_requests_in_flight 3.0" not in (await client.get("metrics")).text:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_metrics(served: Serving) -> None:
    async with httpx.AsyncClient(base_url=served.url.removesuffix("/v1"), timeout=60) as client:
        await client.get("/no/such/page")
        await client.get("/v1/models")
        text = (await client.get("/metrics")).text
    assert 'http_requests_total{handler="/v1/models",method="GET",status="200"}' in text
    assert 'http_requests_total{handler="none",method="none",status="404"}' in text
    assert 'http_request_duration_seconds_bucket{handler="/v1/models",le="0.005",method="GET"}' in text
