"""The engine dies: what was not begun is written by the next one, and what was begun ends with what there is."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from promptweave.errors import Code
from promptweave.inference.client.llama_client import EngineClient
from promptweave.inference.engine.engine import ReadyEngine
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.engine.model_info import ModelInfo
from promptweave.inference.engine.watchdog import Watchdog
from promptweave.inference.errors import EngineAwayError, EngineUnavailableError
from promptweave.inference.generation import generate
from promptweave.inference.generation.events import Event
from promptweave.inference.process import supervisor
from promptweave.inference.process.managed_process import OnReady
from promptweave.inference.prompt.request import CompiledPrompt, Request
from promptweave.inference.scheduling.quarantine import Quarantine
from promptweave.inference.scheduling.slot_queue import SlotQueue
from promptweave.output.deltas import ContentDelta
from promptweave.output.tree import Region, Syntax, TextNode
from promptweave.v1 import inference_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import calling, eventually, options, served, watched
from tests.support.inference.requests import (
    TIMEOUT_S,
    answer,
    answers,
    endless,
    program,
    refused,
    refused_rest,
    request,
    text,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_DELAY_S", 0.05)


@pytest.fixture
async def one_slot(demo_model: Path) -> AsyncIterator[tuple[InferenceServiceStub, Supervisor]]:
    async with served(options(demo_model, parallel=1, ctx_size=8192)) as (stub, engine):
        yield stub, engine


def kill(engine: Supervisor) -> None:
    assert engine.pid
    os.kill(engine.pid, signal.SIGKILL)


async def test_a_stream_keeps_what_it_has_and_those_that_wait_survive(
    one_slot: tuple[InferenceServiceStub, Supervisor],
) -> None:
    stub, engine = one_slot
    writing: Any = stub.Generate(endless(), timeout=TIMEOUT_S)
    first = await writing.read()
    assert first.events[0].delta.content
    waiting = [asyncio.create_task(answer(stub, request(program(gbnf='root ::= "xyz"')))) for _ in range(5)]
    await eventually(lambda: engine.ready().slot_queue.waiting == 5)
    before = engine.ready()
    kill(engine)
    error = await refused_rest(writing)
    assert (error.code, error.reason) == (Code.UNAVAILABLE, "ERROR_REASON_ENGINE_UNAVAILABLE")
    assert error.retry_after_s
    assert [each.content for each in await asyncio.gather(*waiting)] == ["xyz"] * 5
    after = engine.ready()
    assert after is not before
    assert after.slot_queue.running == 0


AWAY, LOST, BEGUN = EngineAwayError(), EngineUnavailableError("gone"), ContentDelta("a")


class Scripted:
    """An engine that is always ready, and is another one each time."""

    def ready(self) -> ReadyEngine:
        facts = ModelInfo("m", "e", 512, 1, "", "", adds_bos=False, template=None)
        client = EngineClient("http://nowhere")
        return ReadyEngine(client, facts, SlotQueue(1, 1), Quarantine(), Watchdog(client, 60.0))

    async def run(self, on_ready: OnReady) -> None:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("lives", "given"),
    [
        pytest.param([[LOST], [BEGUN]], ["a"], id="once-more"),
        pytest.param([[LOST], [LOST]], [LOST], id="not-twice"),
        pytest.param([[BEGUN, LOST]], ["a", LOST], id="not-what-was-begun"),
        pytest.param([[LOST], [BEGUN, LOST]], ["a", LOST], id="nor-then"),
        # An engine that was not there has not tried.
        pytest.param([[AWAY], [AWAY], [LOST], [AWAY], [BEGUN]], ["a"], id="away"),
        pytest.param([[AWAY], [LOST], [AWAY], [LOST]], [LOST], id="away-and-twice"),
    ],
)
async def test_lives(
    monkeypatch: pytest.MonkeyPatch, lives: list[list[Event | Exception]], given: list[str | Exception]
) -> None:
    left = iter(lives)

    async def write_message(*_: object) -> AsyncIterator[list[Event]]:
        for step in next(left):
            if isinstance(step, Exception):
                raise step
            yield [step]

    monkeypatch.setattr(generate, "write_message", write_message)
    monkeypatch.setattr(generate, "_READY_CHECK_S", 0)
    seen: list[str | Exception] = []
    try:
        async for batch in generate.generate(Scripted(), Request(CompiledPrompt((), Syntax(TextNode(Region.CONTENT))))):
            seen += [event.text for _, event in batch if isinstance(event, ContentDelta)]
    except EngineUnavailableError as error:
        seen.append(error)
    assert seen == given
    assert next(left, None) is None


class Dying(Scripted):
    """Ready when the request comes, and for a while not when its messages are begun."""

    asked = 0

    def ready(self) -> ReadyEngine:
        self.asked += 1
        if self.asked in (2, 3, 4):
            raise EngineUnavailableError("it starts again")
        return super().ready()


async def test_one_that_dies_just_before_a_message_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def write_message(*_: object) -> AsyncIterator[list[Event]]:
        yield [BEGUN]

    monkeypatch.setattr(generate, "write_message", write_message)
    monkeypatch.setattr(generate, "_READY_CHECK_S", 0)
    written = generate.generate(Dying(), Request(CompiledPrompt((), Syntax(TextNode(Region.CONTENT))), n=2))
    assert sorted([item async for batch in written for item in batch]) == [(0, BEGUN), (1, BEGUN)]


async def test_messages_of_one_call(one_slot: tuple[InferenceServiceStub, Supervisor]) -> None:
    """Each is on its own: of those that wait nothing is lost, but what was begun ends the call."""
    stub, engine = one_slot
    call: Any = stub.Generate(endless(n=3), timeout=TIMEOUT_S)
    await call.read()
    kill(engine)
    assert (await refused_rest(call)).code is Code.UNAVAILABLE


def fake_served(fake: str, demo_model: Path, *arguments: str) -> Supervisor:
    return Supervisor(options(demo_model, engine=fake, engine_args=arguments))


async def test_a_message_that_was_not_begun_is_written_again(demo_model: Path, fake: str) -> None:
    engine = fake_served(fake, demo_model)
    async with watched(engine) as watch, calling(engine) as stub:
        got = await answers(stub, request(program(text("die-once")), n=2))
        assert [each.content for each in got] == ["a", "a"]
        assert watch.heard == [True, False, True]


async def test_once(demo_model: Path, fake: str) -> None:
    engine = fake_served(fake, demo_model)
    async with watched(engine) as watch, calling(engine) as stub:
        error = await refused(stub, request(program(text("die"))))
        assert (error.code, bool(error.retry_after_s)) == (Code.UNAVAILABLE, True)
        await watch.until_heard(True, False, True, False, True)


async def test_the_deadline_holds_while_the_engine_is_away(
    demo_model: Path, fake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_DELAY_S", 1000)
    engine = fake_served(fake, demo_model)
    async with watched(engine), calling(engine) as stub:
        call = stub.Generate(request(program(text("die-once"))), timeout=1)
        assert (await refused_rest(call)).code is Code.DEADLINE_EXCEEDED


async def test_an_engine_that_stays_away(demo_model: Path, fake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_DELAY_S", 1000)
    monkeypatch.setattr(generate, "_MAX_WAIT_S", 0.2)
    engine = fake_served(fake, demo_model)
    async with watched(engine), calling(engine) as stub:
        assert (await refused(stub, request(program(text("die-once"))))).code is Code.UNAVAILABLE


@pytest.mark.parametrize("order", [("die", "wait"), ("wait", "die")], ids="-first,".join)
async def test_the_guilty_grammar_is_found_and_its_neighbour_is_served(
    demo_model: Path, fake: str, order: tuple[str, str]
) -> None:
    """Both are lost and written again. Together they would both be taken for guilty."""
    guilty, neighbour = 'root ::= "guilty"', 'root ::= "a"'

    def asked(prompt: str) -> inference_pb2.GenerateRequest:
        return request(program(text(prompt), gbnf=guilty if prompt == "die" else neighbour))

    engine = fake_served(fake, demo_model, "--fake-slots", "2")
    async with watched(engine) as watch, calling(engine) as stub:
        lost = asyncio.create_task(refused(stub, asked("die"))) if order[0] == "die" else None
        kept = asyncio.create_task(answer(stub, asked("wait")))
        if lost is None:
            await eventually(lambda: engine.ready().slot_queue.running == 0)
            lost = asyncio.create_task(refused(stub, asked("die")))
        assert (await lost).code is Code.UNAVAILABLE
        assert (await kept).content == "a"
        await watch.until_heard(True, False, True, False, True)
        error = await refused(stub, asked("die"))
        assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "ERROR_REASON_GRAMMAR_QUARANTINED")
        assert (await answer(stub, asked("wait"))).content == "a"
