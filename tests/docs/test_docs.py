"""The documentation: its commands print what it says, its options and the tests that it names exist, the site is built."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from promptweave.cli.main import main

from ..serving import Serving

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").glob("**/README.md"))]
BLOCK = re.compile(r"(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```console\n(?P<text>.*?)```", re.DOTALL)
NOT_RUN = 4
"""Blocks that say why they are not run. One more needs a reason that a reader accepts."""


@dataclass(frozen=True)
class Block:
    """Commands (`$ ...`, with the lines of its quotes or its here-document), and what they print; `...` is anything."""

    page: str
    text: str
    reason: str | None

    @property
    def commands(self) -> list[tuple[str, str]]:
        found = []
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            size = next(n for n in range(1, len(lines) + 1) if _complete("\n".join(lines[:n])))
            found.append(("\n".join(lines[:size]), "\n".join(lines[size:])))
        return found


def _complete(command: str) -> bool:
    """Whether a shell needs no more lines for it. It warns of a here-document that has no end."""
    read = subprocess.run(["bash", "-n"], input=command, capture_output=True, text=True, check=False)
    return read.returncode == 0 and not read.stderr


def _blocks() -> list[Block]:
    return [
        Block(str(page.relative_to(ROOT)), found["text"], found["reason"])
        for page in PAGES
        for found in BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]


BLOCKS = _blocks()
RUN = [each for each in BLOCKS if not each.reason]


def test_what_is_not_run_is_counted() -> None:
    assert len(BLOCKS) - len(RUN) == NOT_RUN
    assert RUN


@pytest.mark.parametrize("block", RUN, ids=[f"{each.page}-{n}" for n, each in enumerate(RUN)])
def test_commands_print_what_is_said(block: Block, default_served: Serving, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command, expected in block.commands:
        here = command.replace("http://localhost:8080/v1", default_served.url)
        printed = subprocess.run(
            ["bash", "-c", here],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
        ).stdout
        pattern = ".*".join(re.escape(piece.strip()) for piece in re.split(r"\.\.\.|\n", expected))
        assert re.search(pattern, printed, re.DOTALL), f"{command}\nprinted\n{printed}"


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
