"""Folders of sockets: one's own, those of the living, and those that the dead left."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from promptweave.inference.errors import StartError
from promptweave.inference.process import listen_address
from promptweave.inference.process.listen_address import SOCKET, socket_folder

HOLD = """
from promptweave.inference.process.listen_address import socket_folder
with socket_folder() as folder:
    (folder / "engine.sock").touch()
    print(folder, flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Its path is short: pytest's own may be too long for sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        monkeypatch.setenv("TMPDIR", short)
        yield Path(short)


@contextmanager
def holder() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process with a folder."""
    with subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_it_goes_with_the_block(temporary: Path) -> None:
    with socket_folder() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "engine.sock").touch()
    assert not os.listdir(temporary)


def test_those_of_the_living_stay(temporary: Path) -> None:
    with socket_folder() as mine, holder() as (_, theirs), socket_folder() as another:
        assert sorted(temporary.iterdir()) == sorted([mine, theirs, another])


def test_those_of_the_dead_go(temporary: Path) -> None:
    with holder() as (process, left):
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (left / "engine.sock").exists()
        with socket_folder() as folder:
            assert os.listdir(temporary) == [folder.name]


@pytest.mark.parametrize("name", ["other-folder", "promptweave-engine-file", "promptweave-engine-full"])
def test_what_is_no_folder_of_ours_stays(temporary: Path, name: str) -> None:
    other = temporary / name
    other.touch() if name.endswith("file") else other.mkdir()
    if name.endswith("full"):
        (other / "thesis.txt").touch()
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    link = temporary / "promptweave-engine-link"
    link.symlink_to(elsewhere)
    with socket_folder():
        pass
    assert other.exists()
    assert link.exists()
    assert elsewhere.exists()


def test_a_path_that_is_too_long_for_a_socket_is_not_used(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = temporary / ("x" * 100)
    wanted.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(wanted))
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setattr(listen_address, "_SHORT", Path(short))
        with socket_folder() as folder, socket.socket(socket.AF_UNIX) as bound:
            assert folder.parent == Path(short)
            bound.bind(str(folder / SOCKET))
    assert not os.listdir(wanted)
    with pytest.raises(StartError, match=r"^TMPDIR: .* is too long .*; set TMPDIR to a shorter path$"), socket_folder():
        pass


def test_the_longest_path_that_is_used_can_be_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as base:
        for length in range(30, 110):
            wanted = Path(base) / ("x" * (length - len(base)))
            wanted.mkdir()
            monkeypatch.setattr(tempfile, "tempdir", str(wanted))
            with socket_folder() as folder, socket.socket(socket.AF_UNIX) as bound:
                bound.bind(str(folder / SOCKET))
                fits = len(f"{wanted}/{folder.name}/{SOCKET}") < 108
                assert folder.parent == (wanted if fits else Path("/tmp"))
