"""Tokens that the next message of a 2,000-token conversation evaluates: with a session, in a fork, and after restarts.

    python benchmarks/sessions.py                prints a table

`promptweave inference` with the random-weight model and one slot, which another call takes before each of the messages.
Tokens are counted by the engine, and milliseconds are its time for the prompt.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
import psutil

from promptweave.demo.model import write_demo_model
from promptweave.output.tree import Region, Syntax, TextNode
from promptweave.output.wire import syntax_to_wire
from promptweave.rpc.channel import channel
from promptweave.v1.inference_pb2 import Finish, GenerateRequest, GetModelRequest
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from promptweave.v1.prompt_compiler_pb2 import CompiledPrompt, PromptSegment

CONVERSATION = "hello world " * 160
"""About 2,000 tokens: the vocabulary is bytes."""

OTHER = "Well, " + CONVERSATION


def asked(words: str, **session: str) -> GenerateRequest:
    """Return a request whose answer is certain."""
    prompt = CompiledPrompt(
        version=1,
        segments=[PromptSegment(text=words)],
        syntax=syntax_to_wire(Syntax(TextNode(Region.CONTENT))),
        gbnf='root ::= "yes"',
    )
    return GenerateRequest(prompt=prompt, **session)  # type: ignore[arg-type]


async def finish(stub: InferenceServiceStub, request: GenerateRequest) -> Finish:
    """Run a request and return its finish."""
    last = Finish()
    async for response in stub.Generate(request):
        for event in response.events:
            if event.HasField("finish"):
                last = event.finish
    return last


async def row(stub: InferenceServiceStub, what: str, request: GenerateRequest) -> None:
    """Print a row, after another call has taken the slot."""
    await finish(stub, asked("another one " * 100))
    ended = await finish(stub, request)
    usage = ended.usage
    new = usage.prompt_tokens - usage.cached_tokens
    print(f"| {what} | {usage.prompt_tokens} | {new} | {ended.timings.prompt_ms:.0f} |", flush=True)


@asynccontextmanager
async def service(model: Path, folder: Path) -> AsyncIterator[tuple[InferenceServiceStub, subprocess.Popen[bytes]]]:
    """Run the service, with its model loaded."""
    address = f"unix:{folder / 'socket'}"
    command = [sys.executable, "-P", "-m", "promptweave.cli.main", "inference", "--listen", address, "--model", str(model)]
    command += ["--session-dir", str(folder / "sessions"), "--parallel", "1", "--ctx-size", "8192"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: ASYNC220, S603 - at its start
        try:
            async with channel(address) as connection:
                stub = InferenceServiceStub(connection)
                await ready(stub)
                yield stub, process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


async def ready(stub: InferenceServiceStub) -> None:
    """Wait until the model is loaded."""
    while True:
        try:
            await stub.GetModel(GetModelRequest(), wait_for_ready=True, timeout=60)
            return
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            await asyncio.sleep(0.1)


async def table(folder: Path) -> None:
    """Print the table."""
    model = folder / "demo.gguf"
    write_demo_model(model)
    print("| message | tokens of its prompt | evaluated | ms |\n|---|---|---|---|")
    async with service(model, folder) as (stub, process):
        await row(stub, "the first one", asked(CONVERSATION, session_id="a"))
        await row(stub, "the second one, in the same session", asked(CONVERSATION + "yes and then", session_id="a"))
        forked = asked(CONVERSATION + "yes but then", session_id="b", parent_session_id="a")
        await row(stub, "another second one, in a fork", forked)
        await finish(stub, asked(OTHER))
        await row(stub, "another conversation's second one, without a session", asked(OTHER + "yes and then"))
        for engine in psutil.Process(process.pid).children():
            os.kill(engine.pid, signal.SIGKILL)
        await asyncio.sleep(1)
        await ready(stub)
        await row(
            stub, "the third one, after the engine was killed", asked(CONVERSATION + "yes and then yes so", session_id="a")
        )
    async with service(model, folder) as (stub, _):
        words = CONVERSATION + "yes and then yes so yes or"
        await row(stub, "the fourth one, after a restart of the service", asked(words, session_id="a"))
        words = CONVERSATION + "yes but then yes so"
        await row(stub, "the fork's next one, after that", asked(words, session_id="b"))
        await row(stub, "the other conversation's next one, after that", asked(OTHER + "yes and then yes so"))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(table(Path(folder)))


if __name__ == "__main__":
    main()
