"""The documentation: the options and the tests that it names exist, and the site is built."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import click
import pytest

from promptweave.cli.main import main
from tests.support.docs.documented_commands import PAGES, ROOT


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
    for page in PAGES:
        for name, function in re.findall(
            r"`((?:tests/[\w/]+/)?test_\w+\.py)(?:::(\w+))?`", page.read_text(encoding="utf-8")
        ):
            found = list(ROOT.glob(name if "/" in name else f"tests/*/{name}"))
            assert found, f"{page.name} names {name}"
            assert not function or f"def {function}(" in found[0].read_text(encoding="utf-8"), (
                f"{page.name} names {function}"
            )


SUITE_FILES = {
    "true": "boolean_schema",
    "if": "if-then-else",
    "recursion": "infinite-loop-detection",
    "other documents": "refRemote",
}
"""Files of the official suite that are not named like their keyword."""


def test_the_figures_of_the_official_suite_are_those_of_its_verdicts() -> None:
    verdicts = json.loads((ROOT / "tests/compiler/schema_suite.json").read_text(encoding="utf-8"))
    drafts: dict[str, dict[str, Counter[str]]] = {name: defaultdict(Counter) for name in verdicts}
    for name, draft in verdicts.items():
        for case, verdict in draft.items():
            if not case.startswith("optional/"):
                drafts[name][case.partition("/")[0]][verdict] += 1
    _check_guarantees(drafts)
    page = (ROOT / "docs/json-schema.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w-]+) \| (–|\d+ / \d+ / \d+) \| (–|\d+ / \d+ / \d+) \|$", page, re.MULTILINE)
    for name, told in (
        ("draft2020-12", {each[0]: each[1] for each in rows}),
        ("draft7", {each[0]: each[2] for each in rows}),
    ):
        written = {file: f"{n['exact']} / {n['tight']} / {n['refused']}" for file, n in drafts[name].items()}
        assert {file: counts for file, counts in told.items() if counts != "–"} == written


def _check_guarantees(drafts: dict[str, dict[str, Counter[str]]]) -> None:
    files: dict[str, Counter[str]] = defaultdict(Counter)
    for draft in drafts.values():
        for name, counts in draft.items():
            files[name] += counts
    page = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \|.*\| (\d+) / (\d+) / (\d+) \|$", page, re.MULTILINE)
    told = {words: Counter(exact=int(e), tight=int(t), refused=int(r)) for words, e, t, r in rows}
    every = told.pop("all")
    assert every == sum(told.values(), Counter()) == sum(files.values(), Counter())
    for words, said in told.items():
        keywords = [word.strip("`$") for word in re.split(r", | and ", words)]
        assert said == sum((files.pop(SUITE_FILES.get(each, each), Counter()) for each in keywords), Counter()), words
    assert not files
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert (
        f"{every.total()} schemas for drafts 7 and 2020-12. Of these, {every['exact']} are enforced exactly, "
        f"{every['tight']} more strictly than required (some valid values cannot be generated), "
        f"and {every['refused']} are rejected." in readme
    )


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
