"""The child process before it is the engine."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from promptweave.inference.process.launcher import Order

ORDER = Order(os.getpid(), "/no/such/engine", "/m.gguf", "/s.sock", "secret", 1, None, None, ())


def launch(line: bytes, **env: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-P", "-m", "promptweave.inference.process.launcher"]
    return subprocess.run(command, input=line, capture_output=True, timeout=60, env={**os.environ, **env})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(b"", b"the parent process exited", id="nobody-says-what-to-run"),
        pytest.param(ORDER.to_line()[:20], b"the parent process exited", id="half-an-order"),
        pytest.param(
            Order(1, None, "", "", "", 1, None, None, ()).to_line(), b"the parent process exited", id="another-parent"
        ),
        pytest.param(ORDER.to_line(), b"cannot run /no/such/engine: No such file or directory", id="no-engine"),
    ],
)
def test_ends_with_one_line(line: bytes, said: bytes) -> None:
    ended = launch(line)
    assert (ended.returncode, ended.stderr.strip()) == (1, said)


@pytest.mark.parametrize(
    ("env", "policy"),
    [pytest.param({}, b"passive", id="asleep"), pytest.param({"OMP_WAIT_POLICY": "active"}, b"active", id="as-told")],
)
def test_how_the_engines_threads_wait(
    tmp_path: Path, env: dict[str, str], policy: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    engine = tmp_path / "engine"
    engine.write_text('#!/bin/sh\necho "$OMP_WAIT_POLICY"\n')
    engine.chmod(0o755)
    ended = launch(replace(ORDER, binary=str(engine)).to_line(), **env)
    assert (ended.returncode, ended.stdout.strip()) == (0, policy)
