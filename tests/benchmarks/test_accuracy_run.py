"""BFCL's own data and checker, if they are there; and a run with the demo model."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.accuracy.bfcl import CATEGORIES, Call, Checker, MissingDataError, Question, bfcl_folder, questions
from benchmarks.accuracy.tools import as_tool_name

from promptweave.compiler import json_schema_to_gbnf

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder() -> Path:
    try:
        return bfcl_folder()
    except MissingDataError as error:
        pytest.skip(str(error))


def right_calls(question: Question) -> list[Call]:
    """The expected calls, each argument with the first value that is not "may be left out"."""
    found = []
    for expected in question.expected:
        ((name, parameters),) = expected.items()
        values = {key: next((one for one in allowed if one != ""), None) for key, allowed in parameters.items()}
        given = {key: _plain(value) for key, value in values.items() if value is not None}
        found.append(Call(as_tool_name(name), json.dumps(given)))
    return found


def _plain(value: object) -> object:
    """A value of an object is a list of allowed values."""
    if isinstance(value, dict):
        allowed = {key: [one for one in values if one != ""] for key, values in value.items()}
        return {key: values[0] for key, values in allowed.items() if values}
    is_list_of_objects = isinstance(value, list) and any(isinstance(one, dict) for one in value)
    return [_plain(one) for one in value] if is_list_of_objects else value


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_checker_accepts_the_expected_calls(folder: Path, category: str) -> None:
    checker = Checker(folder)
    asked = questions(folder, category, 40)
    verdicts = [checker.verdict(question, right_calls(question)) for question in asked]
    # Some answers of BFCL's own do not have the types that it asks for.
    assert sum(verdict.right for verdict in verdicts) >= len(asked) * 0.95, [one for one in verdicts if not one.right]
    wrong = [Call("no_such_function", "{}")]
    assert not any(checker.verdict(question, wrong).right for question in asked)


@pytest.mark.parametrize("category", CATEGORIES)
def test_converted_schemas_compile(folder: Path, category: str) -> None:
    for question in questions(folder, category, 20):
        for tool in question.tools:
            assert json_schema_to_gbnf(tool["function"]["parameters"])


@pytest.mark.timeout(240)
def test_a_run_is_gone_on_with(folder: Path, demo_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    command = [sys.executable, "-m", "benchmarks.accuracy", "run", "--model", str(demo_model), "--out", str(out)]
    command += ["--categories", "simple,irrelevance", "--context", "4096", "--max-tokens", "48", "--ruled-out", "1"]

    def run(number: int, modes: str) -> str:
        options = ["--number", str(number), "--modes", modes]
        done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "| simple |" in run(1, "auto,required")
    first = out.read_text(encoding="utf-8")
    # No call is required where none is right.
    assert len(first.splitlines()) == 3
    rows = [json.loads(line) for line in first.splitlines()]
    assert all("error" not in row and row["read_tokens"] for row in rows)
    run(1, "auto,required,engine,free")
    after = out.read_text(encoding="utf-8")
    assert after.startswith(first)
    modes = sorted(json.loads(line)["mode"] for line in after.splitlines()[3:])
    assert modes == ["engine", "engine", "free", "free"]
    assert "error" not in after
