"""The engine's HTTP, when the engine misbehaves: an answer that was cut is never taken for a whole one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from promptweave.inference.client.llama_client import Chunk, EngineClient
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.errors import EngineFailedError, EngineUnavailableError, InferenceError
from promptweave.v1 import output_pb2
from tests.support.inference.in_process import calling, eventually, options, watched
from tests.support.inference.requests import answer, program, request, text

pytestmark = pytest.mark.anyio


@pytest.fixture
async def misbehaving(demo_model: Path, fake: str) -> AsyncIterator[Supervisor]:
    """An engine that is ready, and does with a prompt what the prompt says."""
    engine = Supervisor(options(demo_model, engine=fake, engine_args=("--fake", "well")))
    async with watched(engine):
        yield engine


async def chunks(engine: Supervisor, prompt: str) -> list[Chunk]:
    got: list[Chunk] = []
    async with engine.ready().client.complete({"prompt": prompt}) as batches:
        async for batch in batches:
            got += batch
    return got


@pytest.mark.parametrize(
    ("prompt", "kind", "words"),
    [
        pytest.param("error", EngineFailedError, "it hurts", id="error-in-mid-stream"),
        pytest.param("error-text", EngineFailedError, "it hurts", id="error-as-text-in-mid-stream"),
        pytest.param("vanish", EngineUnavailableError, "exited during the request", id="vanishes"),
        pytest.param("short", EngineUnavailableError, "exited during the request", id="ends-too-early"),
        pytest.param("no-json", EngineFailedError, "not a supported llama.cpp server", id="no-json"),
        pytest.param("no-event", EngineFailedError, "not a supported llama.cpp server", id="no-event"),
        pytest.param("gibberish", EngineUnavailableError, "exited during the request", id="another-answer"),
        pytest.param("refuse", EngineFailedError, "API key", id="refused"),
    ],
)
async def test_errors(misbehaving: Supervisor, prompt: str, kind: type[InferenceError], words: str) -> None:
    with pytest.raises(kind, match=words):
        await chunks(misbehaving, prompt)


async def test_a_stream_in_the_smallest_pieces(misbehaving: Supervisor) -> None:
    got = await chunks(misbehaving, "pieces")
    assert [(chunk.text, chunk.stop_type) for chunk in got] == [("a", None), ("b", None), ("", "limit")]


async def test_a_message_that_ends_for_no_reason_is_not_complete(misbehaving: Supervisor) -> None:
    async with calling(misbehaving) as stub:
        got = await answer(stub, request(program(text("none"))))
    assert (got.content, got.finish.reason, got.finish.complete) == ("a", output_pb2.FINISH_REASON_LENGTH, False)


async def test_a_client_that_is_closed(misbehaving: Supervisor) -> None:
    client = misbehaving.ready().client
    async with client.complete({"prompt": "hang"}) as batches:
        assert await anext(batches)
        await client.__aexit__()
        with pytest.raises(EngineUnavailableError):
            await anext(batches)
    with pytest.raises(EngineUnavailableError):
        await client.props()
    assert not await client.healthy()


async def test_a_call_that_is_cancelled_at_any_moment_leaves_no_connection(tmp_path: Path) -> None:
    """Each time one step of the event loop later, from before it connects until it waits for the answer."""
    # What was accepted, and its end: the other side sees each connection that stays open.
    opened, ended = 0, 0

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened, ended
        opened += 1
        while await reader.read(1024):
            pass
        ended += 1
        writer.close()

    path = str(tmp_path / "s")
    async with await asyncio.start_unix_server(accept, path), EngineClient("http://engine", socket=path) as client:

        async def complete() -> None:
            async with client.complete({"prompt": "a"}):
                pass

        for steps in range(40):
            call = asyncio.create_task(complete())
            for _ in range(steps):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait([call])
        await client.healthy(timeout_s=0.05)
        await eventually(lambda: ended == opened)
        assert opened > 10
        assert client._http
        assert not client._http.connector._acquired  # type: ignore[union-attr]
