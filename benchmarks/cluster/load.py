"""Clients: conversations of several turns, and requests that continue while something breaks."""

import asyncio
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

_ANSWER_S = 60.0
_FIRST_S = 20.0
"""How long a client waits for the first byte, before it tries another facade."""
_SHUNNED_S = 5.0
_REPEATED = (408, 409, 429, *range(500, 600))
_TRIES = 3
"""Like OpenAI's clients: once, and two retries."""

_SYSTEM = "You are a helpful assistant of a company that sells everything. " + "Be brief, and never guess."
_WORDS = "weather train hotel music light garden kitchen letter mountain river window coffee paper summer winter"


@dataclass
class Turns:
    """Totals of the conversations."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def cached(self) -> float:
        """Return the share of later turns' prompts that an engine had cached."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else 0.0


async def warm_up(urls: Sequence[str], at_once: int = 8) -> None:
    """Send requests until all succeed. Each of a compiler's workers needs some time for a template that it sees for the
    first time."""
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello."}], "max_tokens": 4}
    async with httpx.AsyncClient(timeout=_ANSWER_S) as client:
        for _ in range(5):
            asked = [
                client.post(f"{url}/v1/chat/completions", json=body) for url in urls for _ in range(at_once // len(urls))
            ]
            if all(answer.is_success for answer in await asyncio.gather(*asked)):
                return


async def conversations(urls: Sequence[str], count: int, turns: int, at_once: int = 6) -> Turns:
    """Run conversations of several turns that share a system prompt. Counts all turns but the first ones."""
    seen, gate = Turns(), asyncio.Semaphore(at_once)

    async def hold(number: int, client: httpx.AsyncClient) -> None:
        dice = random.Random(number)
        messages: list[dict[str, str]] = [{"role": "system", "content": _SYSTEM}]
        for turn in range(turns):
            question = f"Question {number}.{turn}: " + " ".join(dice.choices(_WORDS.split(), k=40)) + "?"
            messages.append({"role": "user", "content": question})
            # Each turn by itself: people think between turns, and other conversations come in between.
            async with gate:
                body = {"model": "gpt-4o", "messages": messages, "max_tokens": 24, "temperature": 0}
                url = urls[(number + turn) % len(urls)]
                answer = await client.post(f"{url}/v1/chat/completions", json=body, timeout=_ANSWER_S)
            if not answer.is_success:
                seen.failed += 1
                seen.reasons[f"{answer.status_code} {_code(answer.text)}"] += 1
                messages.pop()
                continue
            usage = answer.json()["usage"]
            if turn:
                seen.prompt_tokens += usage["prompt_tokens"]
                seen.cached_tokens += usage["prompt_tokens_details"]["cached_tokens"]
            messages.append({"role": "assistant", "content": answer.json()["choices"][0]["message"]["content"] or "Yes."})

    async with httpx.AsyncClient() as client:
        await asyncio.gather(*(hold(number, client) for number in range(count)))
    return seen


@dataclass
class Load:
    """Clients that send requests without a pause, and the outcomes. All are streams of some tokens."""

    urls: Sequence[str]
    clients: int = 4
    outcomes: Counter[str] = field(default_factory=Counter)
    """`whole`; `cut`: the stream had begun; `failed`: it had not, at any of three tries; `refused`: a retry does not
    help, for example after a compilation that timed out on an overloaded machine."""
    repeated: int = 0
    """Tries that failed before the first byte, and were retried."""
    reasons: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    last_trouble: float = 0.0
    """When something was last cut, failed, or retried; on the monotonic clock."""
    _shunned: dict[str, float] = field(default_factory=dict)

    async def __aenter__(self) -> "Load":
        self._stop = asyncio.Event()
        self._numbers = itertools.count()
        self._clients = [asyncio.ensure_future(self._client()) for _ in range(self.clients)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._clients)

    async def _client(self) -> None:
        async with httpx.AsyncClient(timeout=httpx.Timeout(_ANSWER_S, connect=2.0)) as client:
            while not self._stop.is_set():
                await self._ask(client, next(self._numbers))

    async def _ask(self, client: httpx.AsyncClient, number: int) -> None:
        begun = time.monotonic()
        question = f"Tell me about number {number} and {random.choice(_WORDS.split())}."
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": question}], "max_tokens": 40, "stream": True}
        outcome = "failed"
        for attempt in range(_TRIES):
            url = self._facade(number + attempt)
            outcome, reason = await self._try(client, url, body)
            if outcome != "whole":
                self.last_trouble = time.monotonic()
                self.reasons[reason] += 1
            if outcome != "failed":
                break
            # As an ingress does with a backend that does not respond.
            self._shunned[url] = time.monotonic() + _SHUNNED_S
            self.repeated += attempt + 1 < _TRIES
        self.outcomes[outcome] += 1
        self.slowest_s = max(self.slowest_s, time.monotonic() - begun)

    def _facade(self, number: int) -> str:
        now = time.monotonic()
        good = [url for url in self.urls if self._shunned.get(url, 0.0) < now]
        return (good or list(self.urls))[number % len(good or self.urls)]

    async def _try(self, client: httpx.AsyncClient, url: str, body: dict[str, Any]) -> tuple[str, str]:
        began = False
        try:
            async with client.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=_FIRST_S) as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    outcome = "failed" if answer.status_code in _REPEATED else "refused"
                    return outcome, f"{answer.status_code} {_code(answer.text)}"
                async for line in answer.aiter_lines():
                    if not line.startswith("data: "):
                        continue
                    if line == "data: [DONE]":
                        return "whole", ""
                    event = json.loads(line[6:])
                    if "error" in event:
                        return ("cut" if began else "failed"), f"event {_code(line[6:])}"
                    began = began or bool(event["choices"] and event["choices"][0]["delta"].get("content"))
            return ("cut" if began else "failed"), "no end"
        except httpx.HTTPError as error:
            return ("cut" if began else "failed"), type(error).__name__


def _code(text: str) -> str:
    try:
        error = json.loads(text)["error"]
        return str(error.get("code") or error.get("message"))
    except (ValueError, KeyError, TypeError):
        return text[:40]
