"""`promptweave inspect`."""

import json
import re
from pathlib import Path

import pytest

from promptweave.demo import shipped_model
from tests.support.cli.invoke import TEMPLATES, run


def test_describes_a_template_for_a_person() -> None:
    result = run("inspect", "--template", TEMPLATES / "tagged.jinja")
    assert (result.exit_code, result.stderr) == (0, "")
    page = dict(line.split("  ", 1) for line in result.stdout.splitlines() if re.match(r"\w.*  ", line))
    assert page["style"].strip() == "native"
    assert page["call marker"].strip() == "'<call>'"
    assert page["reasoning"].strip() == r"'<think>\n' ... '\n</think>\n\n'"
    assert "\n- the template renders the tools\n" in result.stdout
    assert not any(line != line.rstrip() for line in result.stdout.splitlines())


def test_says_how_values_are_written() -> None:
    page = run("inspect", "--template", TEMPLATES / "sections.jinja").stdout
    assert "call syntax        as the template renders calls of the history\n" in page
    assert "argument values    string: plain text, up to '<|close|>arg<|sep|>'\n" in page
    assert "integer, number, boolean, null, object, array: JSON, up to '<|close|>arg<|sep|>'\n" in page


def test_says_what_falls_back() -> None:
    result = run("inspect", "--template", TEMPLATES / "bare.jinja")
    assert "not rendered; merged into the user message" in result.stdout
    assert "- the template does not render the tools;" in result.stdout


def test_describes_a_template_for_a_program(demo_model: Path) -> None:
    found = json.loads(run("inspect", "--json", "--model", demo_model).stdout)
    assert (found["style"], found["system_role"], found["tools_published"]) == ("native", True, True)
    assert found["calls"]["opening"] == '<tool_call>\n{"name": "'
    assert found["call_example"].startswith('<tool_call>\n{"name": "NAME"')
    assert len(found["template_hash"]) == 64


@pytest.mark.parametrize(
    ("source", "line"),
    [
        pytest.param("{% for %}", "the chat template cannot be parsed: ", id="syntax"),
        pytest.param("{{ raise_exception('never') }}", "the chat template raised: never", id="raises"),
    ],
)
def test_refuses_in_one_line(tmp_path: Path, source: str, line: str) -> None:
    path = tmp_path / "chat.jinja"
    path.write_text(source)
    result = run("inspect", "--template", path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"invalid: {path}: {line}")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("env", "coloured"), [({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False), ({}, False)]
)
def test_is_in_colour_where_that_is_wanted(monkeypatch: pytest.MonkeyPatch, env: dict[str, str], coloured: bool) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    page = run("inspect", "--template", TEMPLATES / "tagged.jinja", env=env).stdout
    assert ("\x1b[36m" in page or "\x1b[2m" in page) == coloured


def test_needs_a_template() -> None:
    result = run("inspect")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("invalid: no chat template; pass --model FILE")
    assert str(shipped_model()) in result.stderr
