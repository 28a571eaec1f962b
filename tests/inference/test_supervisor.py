"""The supervisor and its engine: start, crash, restart, stop. The fake is only there to misbehave."""

import asyncio
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from promptweave.errors import Code
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.errors import EngineUnavailableError, StartError
from promptweave.inference.options import InferenceOptions
from promptweave.inference.process import supervisor as module
from tests.support.inference.in_process import (
    LONG_S,
    alive,
    calling,
    eventually,
    left,
    options,
    served,
    socket_folders,
    watched,
)
from tests.support.inference.requests import answer, endless, program, refused, refused_rest, request, text

pytestmark = pytest.mark.anyio


def fake_options(model: Path, fake: str, *args: str, **given: object) -> InferenceOptions:
    return options(model, engine=fake, engine_args=args, grace_s=5.0, **given)


async def test_a_real_engine_starts_serves_and_stops(demo_model: Path) -> None:
    async with served(options(demo_model)) as (stub, engine):
        assert (await answer(stub, request(program(gbnf='root ::= "x"')))).content == "x"
        assert engine.pid
        pid, used = engine.pid, socket_folders(engine.pid)
        assert used
        assert alive(pid)
    assert not alive(pid)
    assert not left(used)
    with pytest.raises(EngineUnavailableError, match="is not running"):
        engine.ready()


async def test_calls_are_told_what_the_engine_does_meanwhile(demo_model: Path, fake: str) -> None:
    engine = Supervisor(fake_options(demo_model, fake, "--fake", "never"))
    async with watched(engine, ready=False), calling(engine) as stub:
        await eventually(lambda: engine.pid)
        error = await refused(stub, request())
        assert (error.code, error.reason) == (Code.UNAVAILABLE, "ERROR_REASON_ENGINE_UNAVAILABLE")
        assert "is loading the model (100%, for " in error.message  # Of a file as small as the fake's program is large.
        assert error.retry_after_s
    assert not alive(engine.pid or 0)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        pytest.param(b"GGUF", "broken GGUF|failed to|error|invalid", id="nothing-but-the-magic"),
        pytest.param(b"GGUF" + bytes(200), "version|failed to|error|invalid", id="rubbish"),
    ],
)
async def test_a_model_that_the_engine_cannot_load(tmp_path: Path, content: bytes, cause: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    began = time.monotonic()
    with pytest.raises(StartError, match=rf"the engine exited during startup \(.*\): .*({cause})"):
        async with watched(Supervisor(options(path))):
            pass
    assert time.monotonic() - began < LONG_S


@pytest.fixture(params=[0.01, 0.5, 0.99])
def cut_model(demo_model: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A part of the demo model."""
    path, whole = tmp_path / "model.gguf", demo_model.read_bytes()
    path.write_bytes(whole[: int(len(whole) * request.param)])
    return path


async def test_a_model_that_is_cut(cut_model: Path) -> None:
    with pytest.raises(StartError, match=r"corrupted or incomplete|failed to read"):
        async with watched(Supervisor(options(cut_model))):
            pass


@pytest.mark.parametrize(
    ("args", "given", "message"),
    [
        pytest.param(
            ("--fake", "dying"), {}, r"\(exit status 1\): .*error loading model: the fake was told to die$", id="dies"
        ),
        pytest.param(("--fake", "never"), {"start_timeout_s": 0.3}, r"was not ready after 0.3 s;", id="too-slow"),
        pytest.param(("--fake", "strange"), {}, r"not a supported llama.cpp server", id="strange"),
        pytest.param(("--fake", "locked"), {}, r"rejected the service's API key", id="another-key"),
    ],
)
async def test_a_first_start_that_fails_is_not_repeated(
    demo_model: Path, fake: str, args: tuple[str, ...], given: dict[str, float], message: str
) -> None:
    engine = Supervisor(fake_options(demo_model, fake, *args, **given))
    with pytest.raises(StartError, match=message) as raised:
        async with watched(engine):
            pass
    assert "\n" not in str(raised.value)
    assert not alive(engine.pid or 0)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("missing.gguf", None, "cannot read the model file .*missing.gguf: No such file", id="missing"),
        pytest.param("a.gguf", b"PK\3\4", "is not a GGUF file", id="not-a-gguf"),
        pytest.param("a.gguf", b"", "is not a GGUF file", id="empty"),
        pytest.param(".", None, "cannot read the model file .*: Is a directory", id="folder"),
    ],
)
def test_a_wrong_model_file_is_refused_at_once(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StartError, match=message):
        Supervisor(options(path))


@pytest.fixture
def once(demo_model: Path, fake: str, tmp_path: Path) -> Supervisor:
    """An engine that starts once; a second start fails. It notes beside the model that it was started."""
    model = tmp_path / "model.gguf"
    model.write_bytes(demo_model.read_bytes())
    return Supervisor(fake_options(model, fake, "--fake", "once"))


async def killed_once_ready(engine: Supervisor) -> list[bool]:
    """Kills the engine when it is ready, and waits until `run` gives up; what was heard until then."""
    async with watched(engine) as watch:
        os.kill(engine.pid or 0, signal.SIGKILL)
        await asyncio.wait([watch.task], timeout=LONG_S)
        with pytest.raises(StartError, match="the fake was told to die"):
            watch.task.result()
    return watch.heard


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restarts without waiting long."""
    monkeypatch.setattr(module, "_FIRST_DELAY_S", 0.05)


@pytest.mark.usefixtures("quick")
async def test_a_crash_ends_what_was_begun_and_the_engine_comes_back(demo_model: Path) -> None:
    engine = Supervisor(options(demo_model, parallel=1, ctx_size=32_768))
    async with watched(engine) as watch, calling(engine) as stub:
        writing = stub.Generate(endless(), timeout=30)
        await writing.read()
        waiting = [asyncio.create_task(answer(stub, request(program(gbnf='root ::= "x"')))) for _ in range(3)]
        await eventually(lambda: engine.ready().slot_queue.waiting == 3)
        pid = engine.pid or 0
        os.kill(pid, signal.SIGKILL)
        error = await refused_rest(writing)
        assert (error.code, error.reason) == (Code.UNAVAILABLE, "ERROR_REASON_ENGINE_UNAVAILABLE")
        assert error.retry_after_s
        assert [each.content for each in await asyncio.gather(*waiting)] == ["x"] * 3
        await watch.until_heard(True, False, True)
        assert engine.pid != pid


@pytest.mark.usefixtures("quick")
async def test_an_engine_that_crashes_in_mid_stream(demo_model: Path, fake: str) -> None:
    engine = Supervisor(fake_options(demo_model, fake))
    async with watched(engine) as watch, calling(engine) as stub:
        error = await refused(stub, request(program(text("crash"))))
        assert error.code is Code.UNAVAILABLE
        await watch.until_heard(True, False, True)


@pytest.mark.usefixtures("quick")
async def test_restarts_that_fail_are_given_up(once: Supervisor) -> None:
    assert await killed_once_ready(once) == [True, False]


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits before restarts, which then are short."""
    noted: list[float] = []
    sleep = asyncio.sleep

    async def note(delay: float) -> None:
        if delay >= 0.5:  # The tests' own ones are shorter.
            noted.append(delay)
        await sleep(min(delay, 0.01))

    monkeypatch.setattr(module.asyncio, "sleep", note)
    return noted


async def test_the_wait_before_a_restart_doubles(once: Supervisor, delays: list[float]) -> None:
    await killed_once_ready(once)
    assert delays == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(("steady_s", "expected"), [(0, [0.5, 0.5]), (1000, [0.5, 1.0])], ids=["steady", "crashing"])
async def test_an_engine_that_was_steady_is_started_again_soon(
    demo_model: Path, fake: str, delays: list[float], monkeypatch: pytest.MonkeyPatch, steady_s: float, expected: list[float]
) -> None:
    monkeypatch.setattr(module, "_STEADY_S", steady_s)
    engine = Supervisor(fake_options(demo_model, fake))
    async with watched(engine) as watch:
        for lives in (1, 2):
            os.kill(engine.pid or 0, signal.SIGKILL)
            await watch.until_heard(*[True, False] * lives, True)
    assert delays == expected


@pytest.mark.parametrize(
    ("args", "ready", "grace_s"),
    [
        pytest.param(("--fake", "well"), True, 5.0, id="ready"),
        pytest.param(("--fake", "never"), False, 5.0, id="loading"),
        pytest.param(("--fake", "well", "--stubborn"), True, 0.2, id="ready-and-stubborn"),
        pytest.param(("--fake", "never", "--stubborn"), False, 0.2, id="loading-and-stubborn"),
    ],
)
async def test_cancelling_stops_the_engine(
    demo_model: Path, fake: str, args: tuple[str, ...], ready: bool, grace_s: float
) -> None:
    engine = Supervisor(options(demo_model, engine=fake, engine_args=args, grace_s=grace_s))
    async with watched(engine, ready=ready):
        await eventually(lambda: engine.pid and socket_folders(engine.pid))
        pid, used = engine.pid or 0, socket_folders(engine.pid or 0)
        started = [child.pid for child in psutil.Process(pid).children()]
        assert bool(started) == ("--stubborn" in args)
    assert not any(map(alive, [pid, *started]))
    assert not left(used)


async def test_a_busy_engine_is_left_alone(demo_model: Path) -> None:
    """It evaluates a long prompt, and answers all the while."""
    engine = Supervisor(options(demo_model, parallel=1, ctx_size=32_768, hang_timeout_s=5.0))
    async with watched(engine) as watch, calling(engine) as stub:
        asked = request(program(text("word " * 800), gbnf='root ::= "x"'))
        writing, used = asyncio.create_task(answer(stub, asked)), []
        while not writing.done():
            await engine.ready().watchdog.poll()
            used.append(engine.ready().watchdog.context_use)
            await asyncio.sleep(0.01)
        assert (await writing).content == "x"
        assert 0.1 < max(used) <= 1
        assert watch.heard == [True]


async def test_the_wait_before_a_restart_has_a_ceiling(
    demo_model: Path, fake: str, delays: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_DELAY_S", 1.5)
    engine = Supervisor(fake_options(demo_model, fake))
    async with watched(engine) as watch:
        for lives in range(1, 5):
            os.kill(engine.pid or 0, signal.SIGKILL)
            await watch.until_heard(*[True, False] * lives, True)
    assert delays == [0.5, 1.0, 1.5, 1.5]


async def test_cancelling_while_it_waits_for_a_restart(demo_model: Path, fake: str) -> None:
    engine = Supervisor(fake_options(demo_model, fake))
    async with watched(engine) as watch:
        os.kill(engine.pid or 0, signal.SIGKILL)
        await watch.until_heard(True, False)
        await eventually(lambda: "about to be restarted" in problem(engine))
    assert "is not running" in problem(engine)


def problem(engine: Supervisor) -> str:
    try:
        engine.ready()
    except EngineUnavailableError as error:
        return error.message
    return ""


async def test_cancelling_at_any_moment_of_a_start_leaves_nothing(
    demo_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    me = psutil.Process()
    before = {child.pid for child in me.children(recursive=True)}
    for delay_ms in range(0, 40, 2):
        async with watched(Supervisor(options(demo_model)), ready=False):
            await asyncio.sleep(delay_ms / 1000)
    assert {child.pid for child in me.children(recursive=True) if alive(child.pid)} == before
    assert not os.listdir(tmp_path)


async def test_what_a_caller_cancels_twice_stops_all_the_same(demo_model: Path, fake: str) -> None:
    engine = Supervisor(options(demo_model, engine=fake, engine_args=("--stubborn",), grace_s=60.0))
    async with watched(engine) as watch:
        pid = engine.pid or 0
        watch.task.cancel()
        await asyncio.sleep(0.05)
        await watch.stop()
    assert not alive(pid)
