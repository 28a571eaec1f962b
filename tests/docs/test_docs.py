"""The documentation: the options and the tests that it names exist, and the site is built."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from promptweave.cli.main import main

from .commands import PAGES, ROOT


def test_options_of_commands_exist() -> None:
    """Of each `promptweave COMMAND --option` that is written anywhere, with arguments that may be made up."""
    unknown = []
    for page in PAGES:
        for name, rest in re.findall(r"promptweave ([a-z]+(?:-[a-z]+)?)((?: [^\n`|#]*)?)", page.read_text(encoding="utf-8")):
            command = main.get_command(click.Context(main), name)
            if command is None:
                continue
            options = {each for parameter in command.params for each in (*parameter.opts, *parameter.secondary_opts)}
            given = re.findall(r"(?<![\w-])--[a-z][a-z-]+", rest.partition(" -- ")[0])
            unknown += [(page.name, name, each) for each in given if each not in options | {"--help"}]
    assert unknown == []


def test_the_tests_that_are_named_exist() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        for name in re.findall(r"`((?:tests/[\w/]+/)?test_\w+\.py)`", page.read_text(encoding="utf-8")):
            assert list(ROOT.glob(name if "/" in name else f"tests/*/{name}")), f"{page.name} names {name}"


def test_the_site_is_built(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="MkDocs is not here: pip install -e '.[docs]'")
    pytest.importorskip("material", reason="Material for MkDocs is not here: pip install -e '.[docs]'")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    if not shutil.which("buf", path=path):
        pytest.skip("buf is not here: pip install -e '.[docs]'")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={**os.environ, "PATH": path},
    )
    assert built.returncode == 0, built.stderr
    read = {
        name: (tmp_path / "reference" / name / "index.html").read_text(encoding="utf-8") for name in ("cli", "http", "grpc")
    }
    assert "--ctx-size" in read["cli"]
    assert "/v1/chat/completions" in read["http"]
    assert "CompiledPrompt" in read["grpc"]
