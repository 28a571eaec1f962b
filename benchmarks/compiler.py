"""The cost of a compilation, and the throughput of a core. Prints tables; asserts nothing.

    python benchmarks/compiler.py [--template FILE]

A request message in, a response message out, as in a worker process (`worker_service.compile_message`): milliseconds of CPU
time, so other work on the machine counts little. *first* is a request with new tools, *again* one with the same tools and
another text. Over gRPC: wall-clock milliseconds for one caller, compilations per second for many, and the time of an
identical call, which is answered from the cache, over gRPC and in process. Last, one replica and two, each on its own core
(`promptweave compiler`, Linux): their total throughput for many callers.
"""

import argparse
import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from promptweave.compiler.plan_cache import cached_plan
from promptweave.compiler.service.response_cache import ResponseCache
from promptweave.compiler.service.servicer import PromptCompiler, register
from promptweave.compiler.service.worker import compile_message
from promptweave.compiler.service.worker_pool import WorkerPool
from promptweave.demo.model import demo_template
from promptweave.facade.openai.chat.request.to_grpc import compile_request_from_openai
from promptweave.rpc.channel import channel
from promptweave.rpc.server import RpcServer
from promptweave.v1 import prompt_compiler_pb2
from promptweave.v1.prompt_compiler_pb2_grpc import PromptCompilerServiceStub

TIMES = 7
WORD = "The quick brown fox jumps over the lazy dog. "

Body = dict[str, Any]


def tool(number: int) -> Body:
    """Return a tool with five parameters, about 600 characters."""
    properties: Body = {
        "city": {"type": "string", "description": f"The city of place {number}, e.g. San Francisco"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "description": "The unit of temperatures"},
        "days": {"type": "integer", "minimum": 1, "maximum": 14},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 8},
        "options": {"type": "object", "properties": {"verbose": {"type": "boolean"}}, "required": ["verbose"]},
    }
    parameters = {"type": "object", "properties": properties, "required": ["city", "unit"]}
    about = f"Looks up report number {number} of a city"
    return {"type": "function", "function": {"name": f"get_report_{number}", "description": about, "parameters": parameters}}


def conversation(characters: int, number: int) -> list[Body]:
    """Return questions and answers with `characters` characters in total; `number` makes them different."""
    turns = max(1, min(200, characters // 2000))
    text = WORD * (characters // (2 * turns) // len(WORD) + 1)
    messages: list[Body] = []
    for turn in range(turns):
        messages.append({"role": "user", "content": f"question {number}.{turn}: {text}"})
        messages.append({"role": "assistant", "content": f"answer {number}.{turn}: {text}"})
    return [*messages, {"role": "user", "content": f"And now, number {number}?"}]


def schema(properties: int) -> Body:
    """Return the schema of an object with `properties` properties."""
    kinds: list[Body] = [{"type": "string"}, {"type": "integer"}, {"enum": ["a", "b"]}, {"type": ["number", "null"]}]
    names = [f"property_{n}" for n in range(properties)]
    members = {name: kinds[n % len(kinds)] for n, name in enumerate(names)}
    return {"type": "object", "properties": members, "required": names, "additionalProperties": False}


def cases() -> Iterator[tuple[str, Body]]:
    """Yield names and requests, without their messages."""
    yield "plain chat, 1 KB", {"size": 1_000}
    for number in (1, 8, 64, 263):
        yield f"{number} tools, 1 KB", {"size": 1_000, "tools": [tool(n) for n in range(number)]}
    yield "8 tools, 50 KB", {"size": 50_000, "tools": [tool(n) for n in range(8)]}
    yield "8 tools, 500 KB", {"size": 500_000, "tools": [tool(n) for n in range(8)]}
    form = {"type": "json_schema", "json_schema": {"name": "large", "strict": True, "schema": schema(1_000)}}
    yield "a schema of 1,000 properties, 1 KB", {"size": 1_000, "response_format": form}


def requests(template: str, body: Body) -> Iterator[bytes]:
    """Yield the same request with a different text each time, as messages on the wire."""
    rest = {key: value for key, value in body.items() if key != "size"}
    for number in count():
        wire, _ = compile_request_from_openai({"messages": conversation(body["size"], number), **rest})
        wire.template.inline.source = template
        yield wire.SerializeToString()


def compiled(asked: Iterator[bytes], known: bool, seconds: float = 0.5) -> float:
    """Return milliseconds of CPU time per compilation. Some systems count it in ticks, so many are measured together."""
    spent, times = 0.0, 0
    while spent < seconds or times < TIMES:
        if not known:
            cached_plan.cache_clear()
        data = [next(asked) for _ in range(4 if known else 1)]
        start = time.process_time()
        for each in data:
            compile_message(prompt_compiler_pb2.CompileRequest.FromString(each)).SerializeToString()
        spent, times = spent + time.process_time() - start, times + len(data)
    return spent * 1e3 / times


def in_process(template: str) -> None:
    """Print the first table."""
    print(f"| {'':36} | first ms | again ms | again, a second and core |\n|---|---|---|---|")
    for name, body in cases():
        asked = requests(template, body)
        compiled(asked, True, 0.0)  # Caches the template's profile.
        first, again = compiled(asked, False), compiled(asked, True)
        print(f"| {name:36} | {first:.1f} | {again:.2f} | {1e3 / again:,.0f} |", flush=True)


async def over_grpc(template: str) -> None:
    """Print the second table: a service with its own pool, in the event loop of this process, like the caller."""
    server, pool, answers = RpcServer(), WorkerPool(), ResponseCache()
    services = register(server.grpc, pool, answers)
    service = PromptCompiler(pool, answers)
    address = server.listen("127.0.0.1:0")
    await server.start(services)
    columns = ["over gRPC", "one caller, p50 ms", "16 callers, a second", "the same call again, p50 ms", "in process, ms"]
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    async with channel(address) as connection:
        stub = PromptCompilerServiceStub(connection)
        for name, body in cases():
            asked = varied(next(requests(template, body)))
            for _ in range(4):
                await stub.Compile(next(asked), timeout=60)
            one = [await clock(stub.Compile(next(asked), timeout=60)) for _ in range(32)]
            rate = await together([stub], asked, callers=16, seconds=2)
            same = next(asked)
            await stub.Compile(same, timeout=60)
            again = [await clock(stub.Compile(same, timeout=60)) for _ in range(32)]
            inside = [await clock(answered(service, same.SerializeToString())) for _ in range(32)]
            medians = [statistics.median(each) for each in (one, again, inside)]
            print(f"| {name} | {medians[0]:.1f} | {rate:,.0f} | {medians[1]:.2f} | {medians[2]:.2f} |", flush=True)
    await server.stop(0)
    await pool.close()


async def answered(service: PromptCompiler, data: bytes) -> bytes:
    """Run a call without the network: from the bytes of the request to those of the response."""
    request = prompt_compiler_pb2.CompileRequest.FromString(data)
    return (await service.Compile(request, None)).SerializeToString()


async def clock(call: Awaitable[object]) -> float:
    """Return the milliseconds that a call takes."""
    start = time.perf_counter()
    await call
    return (time.perf_counter() - start) * 1e3


def varied(data: bytes) -> Iterator[prompt_compiler_pb2.CompileRequest]:
    """Yield the same request with a different last message each time."""
    for number in count():
        request = prompt_compiler_pb2.CompileRequest.FromString(data)
        request.messages[-1].content[0].text = f"And now, number {number}?"
        yield request


@contextmanager
def replica(core: int) -> Iterator[str]:
    """Run a separate compiler on one core; yields its address."""
    command = [sys.executable, "-P", "-m", "promptweave.cli.main", "compiler", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(  # noqa: S603 - our own program
        ["taskset", "-c", str(core), *command],  # noqa: S607
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout
        yield next(found[0] for line in process.stdout if (found := re.search(r"127\.0\.0\.1:\d+", line)))
    finally:
        process.terminate()
        process.wait(30)


async def together(
    stubs: list[PromptCompilerServiceStub],
    asked: Iterator[prompt_compiler_pb2.CompileRequest],
    callers: int = 8,
    seconds: float = 6,
) -> float:
    """Return compilations per second, of round-robin calls by `callers` callers per service."""
    numbers, until = count(), time.perf_counter() + seconds

    async def caller() -> None:
        while time.perf_counter() < until:
            await stubs[next(numbers) % len(stubs)].Compile(next(asked), timeout=60)

    start = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers * len(stubs))))
    return next(numbers) / (time.perf_counter() - start)


async def at(template: str, addresses: list[str], name: str) -> float:
    """Return the same for services at some addresses."""
    async with AsyncExitStack() as stack:
        stubs = [PromptCompilerServiceStub(await stack.enter_async_context(channel(address))) for address in addresses]
        asked = varied(next(requests(template, dict(cases())[name])))
        # Every worker caches the template and the tools.
        await asyncio.gather(*(stub.Compile(next(asked), timeout=120) for stub in stubs for _ in range(64)))
        return await together(stubs, asked)


def replicas(template: str) -> None:
    """Print the third table."""
    print(f"\n| {'compilations a second':36} | 1 replica | 2 replicas | ratio |\n|---|---|---|---|")
    with replica(0) as first, replica(1) as second:
        for name in ("8 tools, 1 KB", "263 tools, 1 KB", "8 tools, 50 KB"):
            alone, both = [], []
            for _ in range(3):
                alone.append(asyncio.run(at(template, [first], name)))
                both.append(asyncio.run(at(template, [first, second], name)))
            one, two = statistics.median(alone), statistics.median(both)
            print(f"| {name:36} | {one:,.0f} | {two:,.0f} | {two / one:.2f} |", flush=True)


def main() -> None:
    """Print all tables."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--template", type=Path, help="a chat template; the demo model's without")
    given = reader.parse_args()
    template = given.template.read_text(encoding="utf-8") if given.template else demo_template()
    print(json.dumps({"template": str(given.template or "demo")}))
    in_process(template)
    asyncio.run(over_grpc(template))
    replicas(template)


if __name__ == "__main__":
    main()
