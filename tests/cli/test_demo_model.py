"""`promptweave demo-model`."""

import os
import stat
from pathlib import Path

import pytest

from promptweave.compiler.template.from_gguf import template_from_gguf
from tests.support.cli.invoke import run


def test_writes_a_model_and_says_how_to_serve_it(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "demo.gguf"
    result = run("demo-model", path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (f"Wrote {path}: 0.2 MB, random weights.\nTo serve it: promptweave serve --model '{path}'\n")
    assert path.read_bytes()[:4] == b"GGUF"
    assert os.listdir(path.parent) == ["demo.gguf"]


def test_the_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    run("demo-model", tmp_path / "demo.gguf")
    (tmp_path / "other").touch()
    assert stat.S_IMODE((tmp_path / "demo.gguf").stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


def test_overwrites_only_when_told_to(tmp_path: Path) -> None:
    path = tmp_path / "demo.gguf"
    path.write_text("mine")
    result = run("demo-model", path)
    assert (result.exit_code, result.stderr) == (2, f"invalid: {path} already exists; overwrite it with --force\n")
    assert path.read_text() == "mine"
    assert run("demo-model", path, "--force").exit_code == 0
    assert path.read_bytes()[:4] == b"GGUF"


def test_takes_a_template(tmp_path: Path) -> None:
    (tmp_path / "chat.jinja").write_text("{{ messages[0].content }} é", encoding="utf-8")
    assert run("demo-model", tmp_path / "m.gguf", "--template", tmp_path / "chat.jinja").exit_code == 0
    assert template_from_gguf(tmp_path / "m.gguf").source == "{{ messages[0].content }} é"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        pytest.param(["m.gguf", "--template", "none"], "invalid: none: No such file or directory", id="no-template"),
        pytest.param(["m.gguf", "--template", "bytes"], "invalid: bytes: not UTF-8: ", id="template-of-bytes"),
        pytest.param(["m.gguf", "--vocab", "none"], "invalid: none: No such file or directory", id="no-vocabulary"),
        pytest.param(["m.gguf", "--vocab", "bytes"], "invalid: bytes: not a GGUF file", id="no-gguf"),
        pytest.param(["bytes/m.gguf"], "invalid: bytes/m.gguf: ", id="no-folder"),
        pytest.param(["/proc/m.gguf"], "invalid: /proc/m.gguf: ", id="no-room"),
    ],
)
def test_refuses_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], line: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bytes").write_bytes(b"\xff\xff\xff")
    result = run("demo-model", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(line)
    assert len(result.stderr.splitlines()) == 1
    assert os.listdir() == ["bytes"]
