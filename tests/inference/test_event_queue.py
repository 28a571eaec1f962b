"""What is written waits for its reader, up to a bound, and nothing of it is lost."""

import asyncio
from dataclasses import replace

import pytest

from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.errors import OverloadedError
from promptweave.inference.generation.generate import Numbered, generate
from promptweave.inference.prompt.request import CompiledPrompt, PlainText, Request
from promptweave.inference.scheduling import event_queue as module
from promptweave.inference.scheduling.event_queue import EventQueue
from promptweave.output.deltas import ContentDelta
from promptweave.output.tree import Region, Syntax, TextNode
from tests.support.inference.in_process import eventually

pytestmark = pytest.mark.anyio


async def test_what_is_ready_comes_together() -> None:
    buffer: EventQueue[int] = EventQueue(1)
    for item in range(100):
        await buffer.put(item, 1)
    buffer.close()
    batches = [batch async for batch in buffer.read()]
    assert [item for batch in batches for item in batch] == list(range(100))
    assert [len(batch) for batch in batches] == [64, 36]


async def test_an_error_comes_after_what_was_written() -> None:
    buffer: EventQueue[int] = EventQueue(2)
    await buffer.put(1, 1)
    buffer.close(KeyError("first"))
    await buffer.put(2, 1)
    buffer.close(KeyError("second"))
    batches = buffer.read()
    assert await anext(batches) == [1, 2]
    with pytest.raises(KeyError, match="first"):
        await anext(batches)


async def test_a_writer_waits_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROOM", 3)
    buffer: EventQueue[int] = EventQueue(2)
    written: list[int] = []

    async def write(items: range) -> None:
        for item in items:
            await buffer.put(item, 1)
            written.append(item)
        buffer.close()

    writers = [asyncio.create_task(write(items)) for items in (range(20), range(20, 40))]
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(written) == 3
    read = [item async for batch in buffer.read() for item in batch]
    await asyncio.gather(*writers)
    assert sorted(read) == list(range(40))


async def test_a_writer_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROOM", 1)
    monkeypatch.setattr(module, "_PATIENCE_S", 0.01)
    buffer: EventQueue[int] = EventQueue(1)
    await buffer.put(1, 1)
    with pytest.raises(OverloadedError):
        await buffer.put(2, 1)


WORDS = Request(CompiledPrompt((PlainText("hello"),), Syntax(TextNode(Region.CONTENT)), 'root ::= "a" root'), max_tokens=100)


def text_of(batches: list[list[Numbered]]) -> str:
    return "".join(event.text for batch in batches for _, event in batch if isinstance(event, ContentDelta))


async def test_a_message_that_nobody_reads_frees_its_slot(engine: Supervisor) -> None:
    message = generate(engine, WORDS)
    first = await anext(message)
    await eventually(lambda: engine.ready().slot_queue.running == 0)
    assert text_of([first, *[batch async for batch in message]]) == "a" * 100


async def test_a_message_that_is_too_long_to_wait_ends(engine: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written until then can still be read; then the error says why it ends."""
    monkeypatch.setattr(module, "_ROOM", 10)
    monkeypatch.setattr(module, "_PATIENCE_S", 0.1)
    message = generate(engine, replace(WORDS, max_tokens=400))
    batches = [await anext(message)]
    await eventually(lambda: engine.ready().slot_queue.running == 0)
    batches += [await anext(message)]
    with pytest.raises(OverloadedError):
        await anext(message)
    assert 10 <= len(text_of(batches)) < 400
