"""A cluster of network namespaces on this machine, as `python -m benchmarks.cluster` makes it: its short form."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONG_S = 900


@pytest.mark.timeout(LONG_S + 60)
def test_a_cluster(tmp_path: Path) -> None:
    """Who is refused, conversations that come back, a replica that is killed, frozen, cut off, and one that is added."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.cluster", "--short", "--keep", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )
    try:
        said, _ = process.communicate(timeout=LONG_S)
    finally:
        # It takes its hosts away.
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    if said.startswith("skipped: "):
        pytest.skip(said.removeprefix("skipped: ").strip())
    assert process.returncode == 0, said
