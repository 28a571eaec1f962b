"""`promptweave serve` as a process: how it starts, how it fails, how it ends."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from promptweave.demo import shipped_model
from tests.support.inference.fake_llama_server import install
from tests.support.serving import COMMAND, FREE_PORTS, START_S, gone, serving

ONE_SLOT = ("--ctx-size", "512")


def fail(*arguments: str) -> tuple[int, str, float]:
    """Exit status, stderr and seconds of a `serve` that should not come up."""
    began = time.monotonic()
    done = subprocess.run(
        [*COMMAND, "serve", *FREE_PORTS, *arguments], capture_output=True, text=True, timeout=START_S, check=False
    )
    return done.returncode, done.stderr, time.monotonic() - began


def started_with(mark: str) -> list[psutil.Process]:
    """The processes that were started with an environment variable of this name, whoever their parent is now."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if mark in process.environ():
                found.append(process)
    return found


@pytest.fixture
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Asserts that a test leaves no process behind. Others may run the product on this machine at the same time."""
    mark = f"PROMPTWEAVE_TEST_{secrets.token_hex(8)}"
    monkeypatch.setenv(mark, "1")
    yield
    left = started_with(mark)
    assert gone(left), [process.pid for process in left]


def test_the_screen_says_what_runs_where(demo_model: Path, nothing_left: None) -> None:
    with serving("--model", str(demo_model), "--model-id", "tiny", "--alias", "small", *ONE_SLOT) as served:
        assert "tiny, also as small" in served.screen
        assert len(served.screen.splitlines()) < 24
        # serve, compiler and its worker, inference and its engine, facade
        assert len(served.family) == 6
        family = served.family
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(START_S) == 0
        assert gone(family)


def test_without_a_model_it_takes_its_own(tmp_path: Path, nothing_left: None) -> None:
    home = {"XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    with serving(*ONE_SLOT, env=home) as served:
        assert "demo model" in served.screen
        assert "--model FILE" in served.screen
        assert str(shipped_model()) in served.screen
    assert not [*tmp_path.rglob("*.gguf")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_however_it_ends(demo_model: Path, number: signal.Signals, nothing_left: None) -> None:
    with serving("--model", str(demo_model), *ONE_SLOT) as served:
        family = served.family
        served.process.send_signal(number)
        assert gone(family)


def test_a_kill_during_a_request_leaves_nothing(demo_model: Path, nothing_left: None) -> None:
    with serving("--model", str(demo_model), "--ctx-size", "32768", "--shutdown-timeout", "30") as served:
        family = served.family
        endless = {"messages": [{"role": "user", "content": "x"}], "stream": True, "max_tokens": 100_000}
        never_end = {"logit_bias": {str(token): -100 for token in range(257, 264)}}
        with httpx.stream("POST", f"{served.url}/chat/completions", json=endless | never_end, timeout=30) as response:
            pieces = response.iter_raw()
            next(pieces)
            served.process.kill()
            began = time.monotonic()
            assert gone(family)
            assert time.monotonic() - began < 15


def test_a_hard_ctrl_c_ends_it_at_once(demo_model: Path, nothing_left: None) -> None:
    with serving("--model", str(demo_model), "--shutdown-timeout", "30", *ONE_SLOT) as served:
        family = served.family
        # Every one of them stands still, so nothing ends in order.
        for process in family[1:]:
            process.suspend()
        served.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        served.process.send_signal(signal.SIGINT)
        began = time.monotonic()
        assert gone(family)
        assert time.monotonic() - began < 10


def test_a_ctrl_c_while_it_starts(demo_model: Path, tmp_path: Path, nothing_left: None) -> None:
    command = [
        *COMMAND,
        "serve",
        *FREE_PORTS,
        "--model",
        str(demo_model),
        "--engine",
        install(tmp_path),
        "--",
        "--fake",
        "never",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(3)
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=START_S)
        assert (process.returncode, out, error) == (0, "", "")
        assert gone(family)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", ["compiler", "inference", "facade"])
def test_a_service_that_dies_ends_the_rest(demo_model: Path, name: str, nothing_left: None) -> None:
    with serving("--model", str(demo_model), *ONE_SLOT) as served:
        family = served.family
        # In the order of their start: the compiler, inference and its engine, the facade.
        workers = [process for process in family if "promptweave.cli.supervisor.service_process" in process.cmdline()]
        workers[["compiler", "inference", "facade"].index(name)].kill()
        # First: whoever waits for a process learns its status, and psutil throws it away.
        assert served.process.wait(START_S) == 1
        assert gone(family)


def test_a_wrong_model_path_is_one_line(nothing_left: None) -> None:
    status, error, seconds = fail("--model", "/nowhere/model.gguf")
    assert (status, error) == (
        1,
        "promptweave inference: cannot read the model file /nowhere/model.gguf: No such file or directory\n",
    )
    assert seconds < 20


def test_a_file_that_is_no_model_is_one_line(tmp_path: Path, nothing_left: None) -> None:
    path = tmp_path / "model.gguf"
    path.write_text("hello")
    status, error, _ = fail("--model", str(path))
    assert status == 1
    assert error.count("\n") == 1
    assert f"{path} is not a GGUF file" in error


def test_a_broken_model_is_one_line(demo_model: Path, tmp_path: Path, nothing_left: None) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(demo_model.read_bytes()[:30_000])
    status, error, seconds = fail("--model", str(path))
    assert status == 1
    assert error.count("\n") == 1, error
    assert "the engine exited during startup" in error
    assert seconds < 30


def test_an_engine_that_dies_at_start_is_one_line(demo_model: Path, tmp_path: Path, nothing_left: None) -> None:
    arguments = ("--model", str(demo_model), "--engine", install(tmp_path), "--", "--fake", "dying")
    status, error, seconds = fail(*arguments)
    assert status == 1
    assert error.count("\n") == 1, error
    assert "the fake was told to die" in error
    assert seconds < 20


@pytest.mark.parametrize("option", ["--port", "--compiler-listen", "--inference-listen"])
def test_a_port_in_use_is_one_line(demo_model: Path, option: str, nothing_left: None) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        value = str(port) if option == "--port" else f"127.0.0.1:{port}"
        status, error, seconds = fail("--model", str(demo_model), option, value)
    assert status == 1
    assert error.count("\n") == 1, error
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in error
    assert seconds < 20


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        pytest.param(("--engine", "/nowhere/llama-server"), "--engine: /nowhere/llama-server is not", id="engine"),
        pytest.param(("--hf-repo", "a/b"), "exactly one of --model, --hf-repo or --endpoint is required", id="two-models"),
        pytest.param(("--hf-file", "a.gguf"), "--hf-file requires --hf-repo", id="file-without-repository"),
        pytest.param(("--endpoint", "ftp://x"), "is not an http:// or https:// URL", id="endpoint"),
        pytest.param(
            ("--endpoint", "http://127.0.0.1:1", "--engine", "x"), "cannot be combined with --endpoint", id="contradiction"
        ),
    ],
)
def test_options_that_cannot_be_are_one_line(
    demo_model: Path, arguments: tuple[str, ...], reason: str, nothing_left: None
) -> None:
    model = () if "--endpoint" in arguments else ("--model", str(demo_model))
    status, error, _ = fail(*model, *arguments)
    assert status == 1
    assert error.count("\n") == 1, error
    assert reason in error


def test_an_endpoint_instead_of_an_engine_of_our_own(demo_model: Path, nothing_left: None) -> None:
    engine = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(demo_model)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert engine.stdout is not None
        url = engine.stdout.readline().strip()
        shown = {name: f"127.0.0.1:{free_port()}" for name in ("compiler", "inference")}
        metrics = [word for name, address in shown.items() for word in (f"--{name}-metrics", address)]
        with serving("--endpoint", url, *metrics) as served:
            assert len(served.family) == 5
            compiler = httpx.get(f"http://{shown['compiler']}/metrics").text
            assert "promptweave_compiler_workers_busy 0.0" in compiler
            assert "promptweave_compiler_cache_hits_total 0.0" in compiler
            inference = httpx.get(f"http://{shown['inference']}/metrics").text
            assert f'promptweave_engine_up{{endpoint="{url}",role="chat"}} 1.0' in inference
    finally:
        engine.kill()
        engine.wait()
        engine.stdout.close()  # type: ignore[union-attr]


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


_SERVER = """
import sys, threading
from xllamacpp import CommonParams, Server
params = CommonParams()
params.model.path, params.n_ctx, params.port, params.ui = sys.argv[1], 512, 0, False
params.hostnames = ["127.0.0.1"]
server = Server(params)
print(server.listening_address, flush=True)
threading.Event().wait()
"""


def test_log_levels_are_the_users_choice(demo_model: Path) -> None:
    env = {"PROMPTWEAVE_LOG_LEVEL": "info"}
    command = [*COMMAND, "serve", *FREE_PORTS, "--model", str(demo_model), *ONE_SLOT]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **env})
    try:
        assert process.stdout is not None
        while "Ctrl-C" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=START_S)
    finally:
        process.kill()
        process.wait()
    assert "promptweave inference INFO: the engine is ready" in error
