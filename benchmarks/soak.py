"""Mixed load at twice the capacity, with clients that hang up and an engine that is killed again and again.

    python benchmarks/soak.py                    half an hour
    python benchmarks/soak.py --seconds 120      for CI

Starts `promptweave serve` with the demo model. Each request has its own schema, which permits a single value, so an answer
that belongs to another request, or is assembled incorrectly, is detected. Exits with status 1 after a wrong answer, a hang,
an error that a client should not see, or a leak: of a slot, file descriptors or memory.
"""

import argparse
import asyncio
import json
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil

SLOTS = 4
CLIENTS = 2 * SLOTS
QUEUE = SLOTS // 2
"""Smaller than what the clients want, so that some are refused."""

EXPECTED = ("right", "hung up", "refused: 429 ", "refused: 503 ", "cut in mid-stream: engine_unavailable")
"""How requests may end: well, by the client, by the queue, and by the engine's exit."""

HANG_S = 90.0
"""A request that takes longer hangs. Above `--watchdog-timeout`, which is 60 s."""
SETTLE_S = 10.0
GROWTH_MIB, GROWTH_FDS = 64, 16
"""How much a service may grow from the first kill to the end."""


@dataclass
class Tally:
    """The observations."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    killed_at: float | None = None
    """When the engine was killed; None once a later request has been answered."""
    recoveries: list[float] = field(default_factory=list)
    """Seconds from a kill to the first right answer to a request that was sent later."""
    restarts: list[float] = field(default_factory=list)
    """Seconds from a kill until the engine is ready."""

    def answered(self, began: float) -> None:
        """Count a complete, right answer to a request that was sent at `began`."""
        self.outcomes["right"] += 1
        if self.killed_at is not None and began > self.killed_at:
            self.recoveries.append(time.monotonic() - self.killed_at)
            self.killed_at = None


@dataclass(frozen=True)
class Request:
    """A request, and its only right answer; None: free text."""

    body: dict[str, Any]
    right: Any


def make(number: int, dice: random.Random) -> Request:
    """Return a request of a random kind."""
    body: dict[str, Any] = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": f"question {number} " + "word " * dice.randrange(1, 200)}],
        "stream": dice.random() < 0.6,
    }
    value = {"id": number, "tags": [f"t{number}", None, number / 8]}
    schema = {"type": "object", "properties": {key: {"const": item} for key, item in value.items()}}
    schema |= {"required": list(value), "additionalProperties": False}
    match dice.choice(("format", "tool", "text")):
        case "format":
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            }
            return Request(body, value)
        case "tool":
            body["tools"] = [{"type": "function", "function": {"name": f"tool_{number}", "parameters": schema}}]
            body["tool_choice"] = "required"
            body["parallel_tool_calls"] = False
            return Request(body, [f"tool_{number}", value])
    body["max_tokens"] = dice.randrange(1, 60)
    return Request(body, None)


async def client(url: str, numbers: Iterator[int], seed: int, tally: Tally, end: float) -> None:
    """Send one request after the other; hang up on one in five."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    async with httpx.AsyncClient(base_url=url, timeout=HANG_S) as http:
        while time.monotonic() < end:
            request = make(next(numbers), dice)
            patience = dice.expovariate(2) if dice.random() < 0.2 else None
            began = time.monotonic()
            try:
                async with asyncio.timeout(patience):
                    outcome = await ask(http, request)
            except TimeoutError:
                outcome = "hung up"
            except httpx.TimeoutException:
                outcome = "HANG"
            except httpx.HTTPError as error:
                outcome = f"BROKEN ({type(error).__name__})"
            if outcome == "right":
                tally.answered(began)
            elif outcome.startswith("WRONG"):
                tally.outcomes["WRONG"] += 1
                tally.wrong.append(outcome)
            else:
                tally.outcomes[outcome] += 1
                await asyncio.sleep(dice.random() / 2)


async def ask(http: httpx.AsyncClient, request: Request) -> str:
    """Send a request; return its outcome."""
    if not request.body["stream"]:
        response = await http.post("chat/completions", json=request.body)
        if response.status_code != 200:
            return refused(response.status_code, response.json()["error"])
        choice = response.json()["choices"][0]
        return judge(request, choice["finish_reason"], choice["message"])
    async with http.stream("POST", "chat/completions", json=request.body) as response:
        if response.status_code != 200:
            return refused(response.status_code, json.loads(await response.aread())["error"])
        message: dict[str, Any] = {"content": "", "tool_calls": []}
        reason = None
        async for event in events(response):
            if "error" in event:
                return f"cut in mid-stream: {event['error']['code']}"
            for choice in event["choices"]:
                add(message, choice["delta"])
                reason = choice["finish_reason"] or reason
        return judge(request, reason, message)


def refused(status: int, error: dict[str, Any]) -> str:
    """Describe a refusal; with its message if it blames the request, which is never at fault."""
    return f"refused: {status} {error['message'] if status == 400 else error['code']}"


async def events(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Yield the events of a stream."""
    async for line in response.aiter_lines():
        if line.startswith("data: ") and line != "data: [DONE]":
            yield json.loads(line.removeprefix("data: "))


def add(message: dict[str, Any], delta: dict[str, Any]) -> None:
    """Add a delta to the message."""
    message["content"] += delta.get("content") or ""
    for call in delta.get("tool_calls") or ():
        if call["index"] == len(message["tool_calls"]):
            message["tool_calls"].append({"function": {"name": call["function"]["name"], "arguments": ""}})
        message["tool_calls"][call["index"]]["function"]["arguments"] += call["function"].get("arguments", "")


def judge(request: Request, reason: str | None, message: dict[str, Any]) -> str:
    """Return `right`, or `WRONG` with what is wrong."""
    if reason is None:
        return f"WRONG: a stream without an end for {request.right}"
    if request.right is None:
        return "right" if reason in ("stop", "length") else f"WRONG: {reason} for free text"
    try:
        if isinstance(request.right, list):
            (call,) = message["tool_calls"]
            got: Any = [call["function"]["name"], json.loads(call["function"]["arguments"])]
        else:
            got = json.loads(message["content"])
    except (ValueError, KeyError, TypeError) as error:
        return f"WRONG: {error!r} in {message} ({reason}) for {request.right}"
    return "right" if got == request.right else f"WRONG: {got} for {request.right}"


async def kill_engines(inference: psutil.Process, metrics: str, every_s: float, tally: Tally, end: float) -> None:
    """Kill the engine again and again."""
    due = time.monotonic() + every_s
    while due < end:
        await asyncio.sleep(due - time.monotonic())
        due += every_s
        for engine in inference.children():
            tally.killed_at = killed_at = time.monotonic()
            engine.kill()
            while not await back(metrics, len(tally.restarts) + 1):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
            tally.restarts.append(time.monotonic() - killed_at)


async def back(metrics: str, restarts: int) -> bool:
    """Return whether the engine is ready after at least `restarts` restarts."""
    now = await gauges(metrics)
    return now["promptweave_engine_crashes_total"] >= restarts and now["promptweave_engine_up"] == 1


@contextmanager
def serve(metrics: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `promptweave serve`; yields its process and the URL of its API."""
    listen = ("--port", "0", "--compiler-listen", "127.0.0.1:0", "--inference-listen", "127.0.0.1:0")
    options = ("--parallel", str(SLOTS), "--max-queue", str(QUEUE), "--ctx-size", "4096", "--inference-metrics", metrics)
    command = [sys.executable, "-P", "-m", "promptweave.cli.main", "serve", *listen, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:  # noqa: S603
        try:
            assert process.stdout
            for line in process.stdout:
                if found := re.search(r"http://\S+/v1", line):
                    yield process, found[0]
                    return
            raise SystemExit("serve did not start")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def services(process: subprocess.Popen[str]) -> dict[str, psutil.Process]:
    """Return the three services, in the order in which they start."""
    workers = [
        child
        for child in sorted(psutil.Process(process.pid).children(), key=lambda child: child.create_time())
        if "promptweave.cli.supervisor.service_process" in child.cmdline()
    ]
    return dict(zip(("compiler", "inference", "facade"), workers, strict=True))


def sizes(found: dict[str, psutil.Process]) -> dict[str, tuple[float, int]]:
    """Return MiB and file descriptors of each service, without its children."""
    return {name: (one.memory_info().rss / 2**20, one.num_fds()) for name, one in found.items()}


async def gauges(address: str) -> dict[str, float]:
    """Return the inference service's metrics: those without labels, and those of the engine for chat."""
    async with httpx.AsyncClient(timeout=30) as http:
        text = (await http.get(f"http://{address}/metrics")).text
    chat = r'(?:\{endpoint="",role="chat"\})?'
    return {name: float(value) for name, value in re.findall(rf"^([a-z_:]+){chat} (\S+)$", text, re.MULTILINE)}


async def soak(seconds: float, kill_every_s: float, seed: int) -> bool:
    """Run the test and print the observations; return whether all is well."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        metrics = f"127.0.0.1:{probe.getsockname()[1]}"
    with serve(metrics) as (process, url):
        tally, numbers, began = Tally(), iter(range(1, 1 << 31)), time.monotonic()
        end, family = began + seconds, services(process)
        load = [asyncio.create_task(client(url, numbers, seed + place, tally, end)) for place in range(CLIENTS)]
        killing = asyncio.create_task(kill_engines(family["inference"], metrics, kill_every_s, tally, end))
        await asyncio.sleep(min(2 * kill_every_s, seconds / 2))
        first = sizes(family)
        await asyncio.gather(*load)
        await killing
        await asyncio.sleep(SETTLE_S)
        last, left = sizes(family), await gauges(metrics)
    return report(tally, first, last, left)


def report(
    tally: Tally,
    first: dict[str, tuple[float, int]],
    last: dict[str, tuple[float, int]],
    left: dict[str, float],
) -> bool:
    """Print everything; return whether all is well."""
    print(f"{tally.outcomes.total()} requests, {len(tally.restarts)} kills")
    for outcome, count in tally.outcomes.most_common():
        print(f"  {count:6} {outcome}")
    for wrong in tally.wrong[:10]:
        print(f"  {wrong}")
    for what, times in (("the engine is ready", tally.restarts), ("a later request is answered", tally.recoveries)):
        if times:
            print(f"after a kill {what}: p50 {part(times, 0.5):.2f} s, p99 {part(times, 0.99):.2f} s, of {len(times)}")
    bad = sum(count for outcome, count in tally.outcomes.items() if not outcome.startswith(EXPECTED))
    bad += not tally.outcomes["right"]
    for name, (mib, fds) in last.items():
        grown_mib, grown_fds = mib - first[name][0], fds - first[name][1]
        print(f"{name}: {mib:.0f} MiB ({grown_mib:+.0f}), {fds} file descriptors ({grown_fds:+})")
        bad += (grown_mib > GROWTH_MIB) + (grown_fds > GROWTH_FDS)
    for name in ("vllm:num_requests_running", "vllm:num_requests_waiting", "promptweave_engine_slots_busy"):
        print(f"{name} {left[name]:g}")
        bad += left[name] != 0
    print(f"promptweave_engine_crashes_total {left['promptweave_engine_crashes_total']:g}")
    print("all is well" if not bad else "NOT WELL")
    return not bad


def part(times: list[float], share: float) -> float:
    """Return the time that this share of them does not exceed."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--kill-every", type=float, default=20, metavar="S")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sys.exit(not asyncio.run(soak(options.seconds, options.kill_every, options.seed)))


if __name__ == "__main__":
    main()
