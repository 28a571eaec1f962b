"""The overhead that promptweave adds to the engine: time to the first token, and CPU time per streamed token.

One engine, called alternately at its own endpoint and through the facade (`promptweave serve --endpoint`), by one client and
by several at once. Prints a table for docs/sizing.md; asserts nothing. The demo model's tokens cost little, so the overhead
is visible.

python benchmarks/facade.py --rounds 10 --tokens 200 --clients 4

With `--traces`, a second facade that sends all traces to an OpenTelemetry collector is measured as well: the cost of traces.
"""

import argparse
import asyncio
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import httpx
import psutil

from promptweave.demo.model import write_demo_model

SLOTS = 4
START_S = 180.0
ENGINE = """
import sys, threading
from xllamacpp import CommonParams, Server
params = CommonParams()
params.model.path, params.port, params.n_parallel, params.n_ctx = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), 4 * 2048
params.endpoint_slots = params.endpoint_metrics = params.special = True
params.ui = False
server = Server(params)
threading.Event().wait()
"""
OURS = ("compiler", "inference", "facade")
"""promptweave's services, in the order in which they start."""
RAW, OWN = "the engine's /completion", "the engine's chat endpoint"
THROUGH, TRACED = "through promptweave", "... with traces"


@dataclass
class Seen:
    """Measurements of one path. Seconds."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    tokens: int = 0
    cpu: dict[str, float] = field(default_factory=dict)


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def started(*command: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process for the duration of the block."""
    quiet = {**os.environ, "PROMPTWEAVE_ACCESS_LOG": "false", "OMP_WAIT_POLICY": "passive", **variables}
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen([sys.executable, *command], stdout=nowhere, stderr=nowhere, text=True, env=quiet)  # noqa: S603
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def collecting() -> Iterator[str]:
    """Run a collector that accepts everything and stores nothing; yields its URL."""
    sizes: list[int] = []

    def take(request: bytes, context: grpc.ServicerContext) -> bytes:
        sizes.append(len(request))
        return b""

    export = grpc.unary_unary_rpc_method_handler(take)
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    server = grpc.server(ThreadPoolExecutor(1), [grpc.method_handlers_generic_handler(service, {"Export": export})])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(0)
        print(f"\n{len(sizes)} batches of spans came to the collector, {sum(sizes)} bytes")


def wait_for(url: str) -> None:
    """Wait until the URL responds."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    sys.exit(f"{url} does not answer")


Processes = Mapping[str, list[psutil.Process]]


def processes(serving: int) -> Processes:
    """Return the processes of each of promptweave's services, including their workers."""
    children = sorted(psutil.Process(serving).children(), key=lambda child: child.create_time())
    services = [child for child in children if "promptweave.cli.supervisor.service_process" in child.cmdline()]
    return {name: [one, *one.children(recursive=True)] for name, one in zip(OURS, services, strict=True)}


def cpu(found: Processes) -> dict[str, float]:
    """Return the seconds of CPU time so far."""
    return {name: sum(sum(one.cpu_times()[:2]) for one in group) for name, group in found.items()}


_COUNT, _RAW_COUNT = re.compile(r'"completion_tokens": ?(\d+)'), re.compile(r'"stop":true.*"tokens_predicted":(\d+)')


async def ask(client: httpx.AsyncClient, seen: Seen, tokens: int, seed: int, *, raw: bool) -> None:
    """Run one stream. `raw`: from the engine's `/completion`, with a formatted prompt."""
    # The turn does not end by itself.
    bias = {str(token): -100 for token in range(257, 264)}
    question = f"Tell me of {seed}."
    body: dict[str, object] = {"stream": True, "seed": seed, "logit_bias": bias}
    if raw:
        prompt = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
        body |= {"prompt": prompt, "n_predict": tokens}
    else:
        body |= {"model": "gpt-4o", "messages": [{"role": "user", "content": question}]}
        body |= {"max_tokens": tokens, "stream_options": {"include_usage": True}}
    counts = _RAW_COUNT if raw else _COUNT
    began, first = time.perf_counter(), None
    async with client.stream("POST", "/completion" if raw else "/v1/chat/completions", json=body) as answer:
        if answer.status_code != 200:
            sys.exit(f"{answer.url}: {(await answer.aread()).decode()}")
        async for line in answer.aiter_lines():
            if first is None and re.search(r'"content": ?"[^"]', line):
                first = time.perf_counter() - began
            if counted := counts.search(line):
                seen.tokens += int(counted[1])
    seen.first.append(first or 0.0)
    seen.whole.append(time.perf_counter() - began)


@dataclass(frozen=True)
class Way:
    """One path to measure, and the processes that work for it."""

    name: str
    url: str
    processes: Processes
    raw: bool = False


async def measure(ways: Sequence[Way], options: argparse.Namespace, clients: int) -> None:
    """Run rounds of all paths in alternating order, and print their table."""
    seen = {way.name: Seen(cpu=dict.fromkeys(way.processes, 0.0)) for way in ways}
    async with httpx.AsyncClient(timeout=600) as client:
        for number in range(-1, options.rounds):
            for way in ways if number % 2 else reversed(ways):
                client.base_url = httpx.URL(way.url)
                into, before = seen[way.name] if number >= 0 else Seen(), cpu(way.processes)  # The first round warms up.
                await asyncio.gather(
                    *(ask(client, into, options.tokens, 100 * number + one, raw=way.raw) for one in range(clients))
                )
                if number >= 0:
                    into.cpu = {name: into.cpu[name] + now - before[name] for name, now in cpu(way.processes).items()}
    print(f"\n{clients} at once, {options.rounds} rounds, {options.tokens} tokens each\n")
    columns = ("way", "first token, ms: median (best)", "tokens/s of one stream", "CPU of a token, µs: engine", *OURS)
    columns += ("CPU of a request, ms: ours",)
    print(f"| {' | '.join(columns)} |")
    print("|" + "---|" * (len(columns)))
    for way, told in seen.items():
        rate = statistics.median(options.tokens / took for took in told.whole)
        costs = " | ".join(
            f"{told.cpu[name] / told.tokens * 1e6:.0f}" if name in told.cpu else "" for name in ("engine", *OURS)
        )
        ours = sum(told.cpu.get(name, 0.0) for name in OURS) / len(told.whole) * 1e3
        first = f"{statistics.median(told.first) * 1e3:.1f} ({min(told.first) * 1e3:.1f})"
        print(f"| {way} | {first} | {rate:.0f} | {costs} | {f'{ours:.1f}' if ours else ''} |")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--clients", type=int, default=SLOTS)
    parser.add_argument("--traces", action="store_true", help="also with traces, which needs the extra otel")
    options = parser.parse_args()
    with ExitStack() as stack:
        model, port = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "demo.gguf", free_port()
        write_demo_model(model)
        own = f"http://127.0.0.1:{port}"
        process = stack.enter_context(started("-c", ENGINE, str(model), str(port), str(SLOTS)))
        wait_for(f"{own}/health")
        engine = {"engine": [psutil.Process(process.pid)]}
        ways = [Way(RAW, own, engine, raw=True), Way(OWN, own, engine)]
        collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": stack.enter_context(collecting())} if options.traces else {}
        for name, variables in [(THROUGH, {}), *([(TRACED, collector)] if collector else [])]:
            listen = (
                "--compiler-listen",
                "127.0.0.1:0",
                "--inference-listen",
                "127.0.0.1:0",
                "--port",
                str(http := free_port()),
            )
            serve = started("-m", "promptweave.cli.main", "serve", "--endpoint", own, *listen, **variables)
            serving = stack.enter_context(serve)
            wait_for(f"http://127.0.0.1:{http}/ready")
            ways.append(Way(name, f"http://127.0.0.1:{http}", {**engine, **processes(serving.pid)}))
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {time.strftime('%-d %B %Y')}")
        for clients in (1, options.clients):
            asyncio.run(measure(ways, options, clients))


if __name__ == "__main__":
    main()
