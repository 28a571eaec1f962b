"""The two sides: `promptweave serve`, and the engine's own server. The same engine, model, slots and context."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

START_S, REQUEST_S = 120.0, 120.0


@dataclass(frozen=True)
class Answer:
    """An answer, and what it cost."""

    seconds: float
    evaluated: int
    """Tokens that the engine had to evaluate: those of the prompt that were not cached, and those that were appended."""
    decoded: int
    """Tokens that the model sampled, one after the other."""
    written: int
    """Tokens of the answer."""
    text: str
    """The first call's arguments, or the content."""
    message: Any = None
    cached: int = 0
    prompt: int = 0

    @property
    def complete(self) -> bool:
        """Return whether the text is JSON: not cut."""
        try:
            json.loads(self.text)
        except ValueError:
            return False
        return True


class Side:
    """One of the two."""

    name = ""

    def __init__(self, http: httpx.Client, process: subprocess.Popen[Any]) -> None:
        self.http = http
        self.process = process

    def ask(self, body: dict[str, Any]) -> Answer | str:
        """Return a complete answer, or a text that says why there is none."""
        before, start = self._counts(), time.perf_counter()
        try:
            response = self.http.post("/v1/chat/completions", json={"model": "gpt-4o", **body})
        except httpx.TimeoutException:
            return f"no answer within {REQUEST_S:.0f} s"
        seconds = time.perf_counter() - start
        if not response.is_success:
            return f"{response.status_code}: {response.text[:200]}"
        found = response.json()
        message = found["choices"][0]["message"]
        calls = message.get("tool_calls") or []
        usage = found["usage"]
        evaluated, decoded = self._took(found, before)
        return Answer(
            seconds,
            evaluated,
            decoded,
            usage["completion_tokens"],
            calls[0]["function"]["arguments"] if calls else message.get("content") or "",
            message,
            (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0),
            usage["prompt_tokens"],
        )

    def family(self) -> list[psutil.Process]:
        """Return its processes."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def _counts(self) -> dict[str, float]:
        return {}

    def _took(self, found: Any, before: dict[str, float]) -> tuple[int, int]:
        raise NotImplementedError


class Peer(Side):
    """The engine's own chat endpoint."""

    name = "engine"

    def _took(self, found: Any, before: dict[str, float]) -> tuple[int, int]:
        return found["timings"]["prompt_n"], found["timings"]["predicted_n"]


class Ours(Side):
    """Promptweave's facade."""

    name = "promptweave"

    def __init__(self, http: httpx.Client, process: subprocess.Popen[Any], metrics: str) -> None:
        super().__init__(http, process)
        self._metrics = metrics

    def _counts(self) -> dict[str, float]:
        text = httpx.get(self._metrics, trust_env=False).text
        return {name: float(value) for name, value in re.findall(r"^promptweave_(\w+)_tokens_total (\S+)$", text, re.M)}

    def _took(self, found: Any, before: dict[str, float]) -> tuple[int, int]:
        after = self._counts()
        took = {name: int(after[name] - before.get(name, 0)) for name in after}
        forced = took.get("forced", 0)
        return took["prompt"] - took["cached_prompt"] + forced, took["generation"] - forced


@contextmanager
def peer(model: Path, slots: int, context: int, *, tcp: bool = False) -> Iterator[Peer]:
    """Run the engine by itself, started as promptweave starts it; on a socket as promptweave does, or on a free port."""
    with tempfile.TemporaryDirectory() as folder:
        address = str(_free_port()) if tcp else f"{folder}/engine.sock"
        command = [sys.executable, str(Path(__file__).with_name("engine.py")), str(model), address, str(slots), str(context)]
        # As promptweave's launcher does: otherwise results on a busy machine would not be comparable.
        env = {"OMP_WAIT_POLICY": "passive", **os.environ}
        process = subprocess.Popen(  # noqa: S603 - this file
            command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            transport = httpx.HTTPTransport(uds=None if tcp else address)
            url = f"http://127.0.0.1:{address}" if tcp else "http://engine"
            with httpx.Client(transport=transport, base_url=url, timeout=REQUEST_S) as http:
                _wait(http, "/health")
                yield Peer(http, process)
        finally:
            process.kill()
            process.wait()


@contextmanager
def ours(model: Path, slots: int, context: int, *arguments: str) -> Iterator[Ours]:
    """Run `promptweave serve` as a user starts it, on free ports."""
    metrics = f"127.0.0.1:{_free_port()}"
    command = [sys.executable, "-P", "-m", "promptweave.cli.main", "serve", "--model", str(model)]
    command += ["--port", "0", "--compiler-listen", "127.0.0.1:0", "--inference-listen", "127.0.0.1:0"]
    command += ["--parallel", str(slots), "--ctx-size", str(context), "--inference-metrics", metrics, *arguments]
    process = subprocess.Popen(  # noqa: S603 - our own program
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    try:
        screen = ""
        while "Ctrl-C" not in screen:
            line = process.stdout.readline()
            assert line, screen
            screen += line
        url = re.search(r"OpenAI API +(\S+)/v1", screen)
        assert url
        with httpx.Client(base_url=url[1], timeout=REQUEST_S, trust_env=False) as http:
            _wait(http, "/ready")
            yield Ours(http, process, f"http://{metrics}/metrics")
    finally:
        process.terminate()
        process.wait(60)


def _wait(http: httpx.Client, path: str) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            if http.get(path, timeout=5).is_success:
                return
        except httpx.HTTPError:
            pass
        if time.monotonic() > end:
            raise TimeoutError(path)
        time.sleep(0.1)


def _free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
