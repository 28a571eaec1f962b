"""How long templates take to be profiled, and the README's request to be compiled with each. Prints; asserts nothing.

python benchmarks/templates.py [CORPUS_FOLDER]

Milliseconds of CPU time, so that other work on the machine does not count; over gRPC wall-clock time, the best of four
calls.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.main import register
from promptweave.compiler.plan_cache import cached_plan
from promptweave.compiler.profile import probe_capabilities
from promptweave.compiler.profile import profile as profiles
from promptweave.compiler.request import ChatRequest
from promptweave.compiler.service.convert import chat_request_from_wire
from promptweave.compiler.service.worker_pool import WorkerPool
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.facade.openai.chat.request.to_grpc import compile_request_from_openai
from promptweave.rpc.channel import channel
from promptweave.rpc.server import RpcServer
from promptweave.v1 import prompt_compiler_pb2
from promptweave.v1.prompt_compiler_pb2_grpc import PromptCompilerServiceStub

HERE = Path(__file__).parent
CORPUS = HERE.parents[1] / "shared" / "corpus" / "templates"
OWN = HERE.parent / "tests" / "compiler" / "templates"


def readme_request() -> dict[str, Any]:
    """Return the body of the README's curl command."""
    found = re.search(r"-d '(\{.*?\})'\n```", (HERE.parent / "README.md").read_text(), re.DOTALL)
    assert found
    body: dict[str, Any] = json.loads(found[1])
    return body


def mean(run: Callable[[], object], times: int) -> float:
    """Return milliseconds of CPU time per run."""
    start = time.process_time()
    for _ in range(times):
        run()
    return (time.process_time() - start) * 1e3 / times


def cold(template: ChatTemplate) -> None:
    """Profile a template without any cached results."""
    profiles._cached.cache_clear()
    probe_capabilities._cached.cache_clear()
    profiles.profile(template)
    probe_capabilities.template_capabilities(template)


def in_process(template: ChatTemplate, request: ChatRequest) -> list[float]:
    """Measure profiling, then the first compilation of a request, then others with the same tools."""

    def first() -> None:
        cached_plan.cache_clear()
        compile_prompt(request, template)

    return [
        mean(lambda: cold(template), 3),
        mean(first, 10),
        mean(lambda: compile_prompt(request, template), 100),
    ]


async def over_grpc(templates: list[ChatTemplate], wire: prompt_compiler_pb2.CompileRequest) -> list[list[float]]:
    """Return, for each template, the milliseconds of five consecutive calls, each with a different text."""
    server, pool = RpcServer(), WorkerPool()
    services = register(server.grpc, pool)
    address = server.listen("127.0.0.1:0")
    await server.start(services)
    all_took = []
    async with channel(address) as connection:
        stub = PromptCompilerServiceStub(connection)
        for template in templates:
            request = prompt_compiler_pb2.CompileRequest()
            request.CopyFrom(wire)
            request.template.inline.source = template.source
            request.template.inline.bos_token, request.template.inline.eos_token = template.bos_token, template.eos_token
            took = []
            for number in range(5):
                request.messages[-1].content[0].text = f"What is the weather like, number {number}?"
                start = time.perf_counter()
                await stub.Compile(request, timeout=60)
                took.append((time.perf_counter() - start) * 1e3)
            all_took.append(took)
    await server.stop(0)
    await pool.close()
    return all_took


def main() -> None:
    """Print all results."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else CORPUS if CORPUS.is_dir() else OWN
    paths = sorted(folder.glob("*.jinja"))
    templates = [ChatTemplate(path.read_text(), "<s>", "</s>") for path in paths]
    wire, _ = compile_request_from_openai(readme_request())
    request = chat_request_from_wire(wire)
    grpc = asyncio.run(over_grpc(templates, wire))
    print(f"{'template':46} {'profile':>8} {'compile':>8} {'again':>8} | gRPC {'first':>8} {'again':>8}   (ms)")
    columns: list[list[float]] = [[], [], [], [], []]
    for path, template, took in zip(paths, templates, grpc, strict=True):
        row = [*in_process(template, request), took[0], min(took[1:])]
        print(_line(path.stem[:46], row))
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    for name, part in (("median", 0.5), ("worst", 1.0)):
        values = [sorted(column)[int(len(column) * part) - 1] for column in columns]
        print(_line(name, values))


def _line(name: str, row: list[float]) -> str:
    return f"{name:46} {row[0]:8.1f} {row[1]:8.2f} {row[2]:8.2f} |      {row[3]:8.1f} {row[4]:8.2f}"


if __name__ == "__main__":
    main()
