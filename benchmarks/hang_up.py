"""How soon a slot is free after its client hung up: after a cancelled call, and after a client that was killed.

    python benchmarks/hang_up.py                 a minute or two

One slot of an engine with the demo model generates endlessly. Times are measured from the hang-up until the engine itself
(`/slots`) reports that it is idle, and include the time of the token that was being generated.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from promptweave.demo.model import write_demo_model
from promptweave.inference.engine.engine import ReadyEngine
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.options import InferenceOptions
from promptweave.inference.service.servicer import register
from promptweave.output.tree import Region, Syntax, TextNode
from promptweave.output.wire import syntax_to_wire
from promptweave.rpc.channel import channel
from promptweave.rpc.server import RpcServer
from promptweave.v1.inference_pb2 import GenerateRequest
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from promptweave.v1.prompt_compiler_pb2 import CompiledPrompt, PromptSegment

ENDLESS = GenerateRequest(
    prompt=CompiledPrompt(
        version=1,
        segments=[PromptSegment(text="hello")],
        syntax=syntax_to_wire(Syntax(TextNode(Region.CONTENT))),
        gbnf='root ::= "a" root',
    )
)

CLIENT = """
import asyncio, sys
from promptweave.rpc.channel import channel
from promptweave.v1.inference_pb2 import GenerateRequest
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub

async def main():
    async with channel(sys.argv[1]) as connection:
        async for _ in InferenceServiceStub(connection).Generate(GenerateRequest.FromString(sys.stdin.buffer.read())):
            print("writing", flush=True)

asyncio.run(main())
"""


async def cancelled(address: str) -> Callable[[], Awaitable[None]]:
    """Start a call that generates endlessly; return the function that cancels it."""
    connection = channel(address)
    call = InferenceServiceStub(connection).Generate(ENDLESS)
    for _ in range(3):
        await call.read()

    async def hang_up() -> None:
        call.cancel()

    return hang_up


async def killed(address: str) -> Callable[[], Awaitable[None]]:
    """Start the same call from a client in a separate process; return the function that kills it."""
    client = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CLIENT, address), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert client.stdin
    assert client.stdout
    client.stdin.write(ENDLESS.SerializeToString())
    client.stdin.close()
    assert await client.stdout.readline() == b"writing\n"

    async def hang_up() -> None:
        client.kill()
        await client.wait()

    return hang_up


async def idle(engine: ReadyEngine) -> None:
    """Wait until the engine reports that no slot is busy, and the slot queue that it is free."""
    while any(slot.processing for slot in await engine.client.slots()) or engine.slot_queue.running:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.001)


async def measure(model: Path, cancels: int, kills: int) -> None:
    """Print the times."""
    engine, server = Supervisor(InferenceOptions(model=model, parallel=1, ctx_size=32_768)), RpcServer()
    became = asyncio.Event()

    async def hear(ready: bool) -> None:
        if ready:
            became.set()

    watching = asyncio.create_task(engine.run(hear))
    await became.wait()
    services = register(server.grpc, engine)
    address = server.listen("127.0.0.1:0")
    await server.start(services)
    try:
        for what, begin, count in (("call cancelled", cancelled, cancels), ("client killed", killed, kills)):
            times = []
            for _ in range(count):
                hang_up = await begin(address)
                began = time.perf_counter()
                await hang_up()
                await idle(engine.ready())
                times.append((time.perf_counter() - began) * 1000)
            times.sort()
            p50, p99 = times[count // 2], times[min(count - 1, int(count * 0.99))]
            print(f"{what}: {count} times; p50 {p50:.0f} ms, p99 {p99:.0f} ms, most {times[-1]:.0f} ms")
    finally:
        await server.stop(0)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cancels", type=int, default=300)
    parser.add_argument("--kills", type=int, default=30)
    options = parser.parse_args()
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "demo.gguf"
        write_demo_model(model)
        asyncio.run(measure(model, options.cancels, options.kills))


if __name__ == "__main__":
    main()
