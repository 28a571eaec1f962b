"""How far a process is with a file, as the kernel tells it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from promptweave.inference.engine.model_file import loaded_part

SIZE = 64 << 20
READ = "data = file.read({half})"
MAP = "import mmap; view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ); data = view[:{half}]"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
@pytest.mark.parametrize("how", [READ, MAP], ids=["read", "mapped"])
def test_half_a_file(tmp_path: Path, how: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(bytes(SIZE))
    code = f"file = open({str(path)!r}, 'rb'); {how.format(half=SIZE // 2)}; print(len(data), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert int(process.stdout.readline()) == SIZE // 2
        part = loaded_part(process.pid, path)
        process.communicate(b"\n")
    assert part is not None
    assert 0.5 <= part < 0.9


@pytest.mark.parametrize(
    ("pid", "name"),
    [
        pytest.param(os.getpid(), "missing.gguf", id="no-file"),
        pytest.param(2**30, "model.gguf", id="no-process"),
        pytest.param(os.getpid(), "model-00001-of-00003.gguf", id="several-files"),
        pytest.param(os.getpid(), "empty.gguf", id="empty"),
    ],
)
def test_where_nothing_is_told(tmp_path: Path, pid: int, name: str) -> None:
    for made in ("model.gguf", "model-00001-of-00003.gguf"):
        (tmp_path / made).write_bytes(b"GGUF")
    (tmp_path / "empty.gguf").touch()
    assert loaded_part(pid, tmp_path / name) is None
