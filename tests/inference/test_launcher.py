"""The child process before it is the engine."""

import os
import subprocess
import sys

import pytest

from promptweave.inference.launcher import Order

ORDER = Order(os.getpid(), "/no/such/engine", "/m.gguf", "/s.sock", "secret", 1, None, None, ())


def launch(line: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-P", "-m", "promptweave.inference.launcher"]
    return subprocess.run(command, input=line, capture_output=True, timeout=30)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(b"", b"the parent went away", id="nobody-says-what-to-run"),
        pytest.param(ORDER.to_line()[:20], b"the parent went away", id="half-an-order"),
        pytest.param(Order(1, None, "", "", "", 1, None, None, ()).to_line(), b"the parent went away", id="another-parent"),
        pytest.param(ORDER.to_line(), b"cannot run /no/such/engine: No such file or directory", id="no-engine"),
    ],
)
def test_ends_with_one_line(line: bytes, said: bytes) -> None:
    ended = launch(line)
    assert (ended.returncode, ended.stderr.strip()) == (1, said)
