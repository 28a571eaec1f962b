"""When an engine is taken to hang: it is silent, or it works and does not get on."""

from collections.abc import Iterator
from itertools import count
from typing import cast

import pytest

from promptweave.inference.client.llama_client import EngineClient, Slot
from promptweave.inference.engine import watchdog as module
from promptweave.inference.engine.watchdog import Watchdog
from promptweave.inference.errors import EngineFailedError, EngineUnavailableError
from promptweave.inference.process.managed_process import PERIOD_S

pytestmark = pytest.mark.anyio

LIMIT_S = 60.0


def slot(tokens: int, *, processing: bool = True) -> Slot:
    return Slot(id=0, processing=processing, task=7, tokens=tokens, context_size=512)


class Clock:
    """Stands where it is put."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class FakeEngine:
    """An engine that answers as told, and takes some time for it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.healthy_now = True
        self.told: Iterator[list[Slot] | Exception] = iter(())

    async def healthy(self, *, timeout_s: float) -> bool:
        self.clock.now += 0.0 if self.healthy_now else timeout_s
        return self.healthy_now

    async def slots(self, *, timeout_s: float) -> list[Slot]:
        found = next(self.told)
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def engine(clock: Clock) -> FakeEngine:
    return FakeEngine(clock)


@pytest.fixture
def pulse(engine: FakeEngine) -> Watchdog:
    return Watchdog(cast("EngineClient", engine), LIMIT_S)


async def taken(pulse: Watchdog, clock: Clock, seconds: float) -> None:
    """Takes it for so long, as the supervisor does."""
    end = clock.now + seconds
    while clock.now < end:
        await pulse.poll()
        clock.now += PERIOD_S


async def test_silence(pulse: Watchdog, engine: FakeEngine, clock: Clock) -> None:
    engine.healthy_now = False
    await taken(pulse, clock, LIMIT_S - 10)
    assert pulse.hang is None
    await taken(pulse, clock, 20)
    assert pulse.hang
    assert not pulse.hang.at_work
    assert "no response for" in pulse.hang.what


async def test_work_that_does_not_get_on(pulse: Watchdog, engine: FakeEngine, clock: Clock) -> None:
    engine.told = iter(lambda: [slot(5)], None)
    await taken(pulse, clock, 10 * LIMIT_S - 10)
    assert pulse.hang is None
    await taken(pulse, clock, 20)
    assert pulse.hang
    assert pulse.hang.at_work
    assert not pulse.made_progress


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(([slot(tokens)] for tokens in count()), id="it-writes"),
        pytest.param(iter(lambda: [slot(5, processing=False)], None), id="it-has-nothing-to-do"),
        pytest.param(iter(lambda: EngineFailedError("no /slots"), None), id="it-does-not-tell"),
    ],
)
async def test_what_is_no_trouble(
    pulse: Watchdog, engine: FakeEngine, clock: Clock, told: Iterator[list[Slot] | Exception]
) -> None:
    engine.told = told
    await taken(pulse, clock, 20 * LIMIT_S)
    assert pulse.hang is None
    assert pulse.made_progress


async def test_a_machine_that_was_paused_is_no_trouble(pulse: Watchdog, engine: FakeEngine, clock: Clock) -> None:
    """Nothing moved for a day, and the first question after it finds no answer in time."""
    engine.told = iter(lambda: [slot(5)], None)
    await taken(pulse, clock, 5)
    clock.now += 86_400
    engine.healthy_now = False
    await pulse.poll()
    assert pulse.hang is None
    engine.healthy_now = True
    await taken(pulse, clock, 20)
    assert pulse.hang is None
    assert not pulse.made_progress


async def test_no_answer_about_slots_is_no_news(pulse: Watchdog, engine: FakeEngine, clock: Clock) -> None:
    """Builds whose `/slots` waits for the computing thread."""
    engine.told = iter([[slot(5)], *[EngineUnavailableError("no answer in time")] * 30, [slot(6)]])
    await taken(pulse, clock, 31)
    assert not pulse.made_progress
    assert (pulse.busy, pulse.context_use) == (1, 5 / 512)
    await pulse.poll()
    assert pulse.made_progress
