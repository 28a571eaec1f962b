"""A grammar that takes the engine down is refused before it does so a third time; its bystanders are not."""

from contextlib import suppress
from pathlib import Path

import pytest

from promptweave.errors import Code
from promptweave.inference import supervisor as module
from promptweave.inference.errors import EngineUnavailableError, GrammarQuarantinedError, RequestError
from promptweave.inference.quarantine import Quarantine
from promptweave.inference.supervisor import Supervisor
from promptweave.v1 import inference_pb2

from .requests import answer, program, refused, request, text
from .running import calling, options, watched

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
        with suppress(EngineUnavailableError, RequestError, GeneratorExit), quarantine.watch("guilty", life):
            if error:
                raise error
    assert refused_by(quarantine, "guilty") == refuses
    assert not refused_by(quarantine, "innocent")
    assert not refused_by(quarantine, None)


def test_one_crash_counts_once_however_many_calls_it_ends() -> None:
    quarantine = Quarantine()
    for _ in range(5):
        with suppress(EngineUnavailableError), quarantine.watch("common", 1):
            raise CRASH
    assert not refused_by(quarantine, "common")


def refused_by(quarantine: Quarantine, grammar: str | None) -> bool:
    try:
        with quarantine.watch(grammar, 99):
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
    guilty, innocent = 'root ::= "a"', 'root ::= "b"'
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
