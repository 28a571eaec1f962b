"""A grammar that takes the engine down is refused before it does so a third time; its bystanders are not."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from promptweave.errors import Code
from promptweave.inference.engine import watchdog
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.errors import EngineUnavailableError, GrammarQuarantinedError, RequestError
from promptweave.inference.process import child
from promptweave.inference.process import supervisor as module
from promptweave.inference.scheduling.quarantine import Quarantine
from promptweave.v1 import inference_pb2
from tests.support.inference.in_process import calling, eventually, options, served, watched
from tests.support.inference.requests import TIMEOUT_S, answer, program, refused, refused_rest, request, text

pytestmark = pytest.mark.anyio

CRASH, END, FAULT, CANCEL = EngineUnavailableError("gone"), None, RequestError("no"), GeneratorExit()


@pytest.mark.parametrize(
    ("history", "refuses"),
    [
        pytest.param([], False, id="new"),
        pytest.param([CRASH], False, id="once"),
        pytest.param([CRASH, CRASH], True, id="twice"),
        pytest.param([CRASH, END, CRASH], False, id="a-message-acquits"),
        pytest.param([CRASH, FAULT, CANCEL, CRASH], True, id="nothing-else-does"),
        pytest.param([FAULT, FAULT, CANCEL, CANCEL], False, id="other-errors-do-not-count"),
    ],
)
def test_history(history: list[BaseException | None], refuses: bool) -> None:
    quarantine = Quarantine()
    for life, error in enumerate(history):
        with suppress(EngineUnavailableError, RequestError, GeneratorExit), quarantine.track("guilty", life):
            if error:
                raise error
    assert refused_by(quarantine, "guilty") == refuses
    assert not refused_by(quarantine, "innocent")
    assert not refused_by(quarantine, None)


def test_one_crash_counts_once_however_many_calls_it_ends() -> None:
    quarantine = Quarantine()
    for _ in range(5):
        with suppress(EngineUnavailableError), quarantine.track("common", 1):
            raise CRASH
    assert not refused_by(quarantine, "common")


def test_a_hang_counts_against_those_that_were_at_work_when_it_began() -> None:
    quarantine = Quarantine()
    for life in (1.0, 2.0):
        with suppress(EngineUnavailableError), quarantine.track("writing", life):
            with suppress(GeneratorExit), quarantine.track("given up long ago", life):
                raise CANCEL
            quarantine.on_progress()
            with suppress(GeneratorExit), quarantine.track("given up", life):
                raise CANCEL
            with suppress(RequestError), quarantine.track("refused", life):
                raise FAULT
            with quarantine.track("ended", life):
                quarantine.on_progress()
            # From here on nothing gets on.
            with suppress(EngineUnavailableError), quarantine.track("waits in the engine's queue", life):
                quarantine.on_hang(life, at_work=True)
                raise CRASH
            raise CRASH
    told = ("writing", "given up", "refused", "ended", "given up long ago", "waits in the engine's queue")
    assert [refused_by(quarantine, grammar) for grammar in told] == [True, True, True, False, False, False]


def test_a_machine_that_stands_still_is_no_grammars_fault() -> None:
    quarantine = Quarantine()
    for life in (1.0, 2.0):
        with suppress(EngineUnavailableError), quarantine.track("common", life):
            quarantine.on_progress()
            quarantine.on_hang(life, at_work=False)
            raise CRASH
    assert not refused_by(quarantine, "common")


def test_that_somebody_kills_the_engine_is_no_grammars_fault() -> None:
    quarantine = Quarantine()
    for life in (1.0, 2.0):
        with suppress(EngineUnavailableError), quarantine.track("heard of before the end is", life):
            raise CRASH
        quarantine.clear(life)
        with suppress(EngineUnavailableError), quarantine.track("and after it", life):
            raise CRASH
    assert not refused_by(quarantine, "heard of before the end is")
    assert not refused_by(quarantine, "and after it")


def refused_by(quarantine: Quarantine, grammar: str | None) -> bool:
    try:
        with quarantine.track(grammar, 99):
            return False
    except GrammarQuarantinedError:
        return True


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_DELAY_S", 0.05)


def crashing(grammar: str) -> inference_pb2.GenerateRequest:
    return request(program(text("crash"), gbnf=grammar))


@pytest.mark.usefixtures("_quick")
async def test_it_outlives_the_engine(demo_model: Path, fake: str) -> None:
    guilty, innocent = 'root ::= "a"', 'root ::= "a" | "b"'
    engine = Supervisor(options(demo_model, engine=fake))
    async with watched(engine) as watch, calling(engine) as stub:
        for crashes in (1, 2):
            assert (await refused(stub, crashing(guilty))).code is Code.UNAVAILABLE
            await watch.until_heard(*[True, False] * crashes, True)
        error = await refused(stub, crashing(guilty))
        assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "ERROR_REASON_GRAMMAR_QUARANTINED")
        assert (error.path, len(error.metadata["grammar_hash"])) == ("/prompt/gbnf", 64)
        assert (await answer(stub, request(program(text("none"), gbnf=innocent)))).content == "a"
        assert watch.heard[-1]


@pytest.mark.usefixtures("_quick")
async def test_what_holds_the_engine_up_is_found_though_its_caller_is_gone(
    demo_model: Path, fake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its neighbours wait in the engine until the hang is noticed, and are served by the next one."""
    # It may be slow to answer, on a busy machine; that it does not get on is noticed after 3 s.
    monkeypatch.setattr(watchdog, "_PATIENCE", 0.2)
    guilty, innocent = 'root ::= "a"', 'root ::= "a" | "b"'
    engine = Supervisor(options(demo_model, engine=fake, hang_timeout_s=15.0))
    async with watched(engine) as watch, calling(engine) as stub:
        for hangs in (1, 2):
            call = stub.Generate(request(program(text("stick"), gbnf=guilty)), timeout=TIMEOUT_S)
            await eventually(lambda: engine.ready().watchdog.busy)
            call.cancel()
            await eventually(lambda: not engine.ready().slot_queue.running)
            assert (await answer(stub, request(program(text("none"), gbnf=innocent)))).content == "a"
            await watch.until_heard(*[True, False] * hangs, True)
        error = await refused(stub, request(program(text("stick"), gbnf=guilty)))
        assert error.reason == "ERROR_REASON_GRAMMAR_QUARANTINED"
        assert engine.ready().quarantine.size == 1


@pytest.mark.usefixtures("_quick")
async def test_an_engine_that_stands_still_as_a_whole_quarantines_nothing(demo_model: Path) -> None:
    grammar = 'root ::= "a" root'
    async with served(options(demo_model, parallel=1, ctx_size=32_768, hang_timeout_s=3.0)) as (stub, engine):
        for losses in (1, 2):
            call = stub.Generate(request(program(gbnf=grammar)), timeout=TIMEOUT_S)
            await call.read()
            os.kill(engine.pid or 0, signal.SIGSTOP)
            assert (await refused_rest(call)).code is Code.UNAVAILABLE
            await eventually(lambda losses=losses: engine.crash_count == losses and engine.is_ready)
        assert engine.ready().quarantine.size == 0
        call = stub.Generate(request(program(gbnf=grammar)), timeout=TIMEOUT_S)
        await call.read()
        call.cancel()


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(
    ("number", "refused"),
    [pytest.param(signal.SIGKILL, 0, id="killed"), pytest.param(signal.SIGSEGV, 1, id="crashed")],
)
async def test_who_ended_it(demo_model: Path, monkeypatch: pytest.MonkeyPatch, number: int, refused: int) -> None:
    """What kills an engine for want of memory is the kernel, which counts it."""
    monkeypatch.setattr(child, "_oom_kills", lambda: 7)
    async with served(options(demo_model, parallel=1, ctx_size=32_768)) as (stub, engine):
        for losses in (1, 2):
            call = stub.Generate(request(program(gbnf='root ::= "a" root')), timeout=TIMEOUT_S)
            await call.read()
            os.kill(engine.pid or 0, number)
            assert (await refused_rest(call)).code is Code.UNAVAILABLE
            await eventually(lambda losses=losses: engine.crash_count == losses and engine.is_ready)
        assert engine.ready().quarantine.size == refused


@pytest.mark.usefixtures("_quick")
async def test_the_kernels_kill_for_want_of_memory_counts(demo_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_oom_kills", iter(range(100)).__next__)
    async with served(options(demo_model, parallel=1, ctx_size=32_768)) as (stub, engine):
        for losses in (1, 2):
            call = stub.Generate(request(program(gbnf='root ::= "a" root')), timeout=TIMEOUT_S)
            await call.read()
            os.kill(engine.pid or 0, signal.SIGKILL)
            assert (await refused_rest(call)).code is Code.UNAVAILABLE
            await eventually(lambda losses=losses: engine.crash_count == losses and engine.is_ready)
        assert engine.ready().quarantine.size == 1
