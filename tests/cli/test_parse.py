"""`promptweave parse`."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli.invoke import REQUEST, answers, lines, run, tagged

CALL = '<call>\n{"name": "get_weather", "arguments": {"city": "Zürich"}}\n</call>'


@pytest.fixture(scope="module")
def compiled() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run("compile", *tagged(), stdin=REQUEST).stdout)
    return document


@pytest.fixture
def file(tmp_path: Path, compiled: dict[str, Any]) -> Path:
    path = tmp_path / "compiled.json"
    path.write_text(json.dumps(compiled, ensure_ascii=False), encoding="utf-8")
    return path


def test_prints_the_message(file: Path) -> None:
    result = run("parse", "--compiled", file, stdin=f"<think>\nhm\n</think>\n\nOne moment.\n{CALL}".encode())
    assert (result.exit_code, result.stderr) == (0, "")
    answer = json.loads(result.stdout)
    (call,) = answer["message"].pop("tool_calls")
    assert call.pop("id").startswith("call_")
    assert call == {
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city": "Zürich"}'},
        "complete": True,
    }
    assert answer == {
        "message": {"role": "assistant", "content": "One moment.", "reasoning_content": "hm"},
        "finish_reason": "tool_calls",
        "complete": True,
        "violations": [],
        "warnings": [],
    }


def test_text_is_a_message_without_calls(file: Path) -> None:
    answer = json.loads(run("parse", "--compiled", file, stdin="Sunny.").stdout)
    assert answer["message"] == {"role": "assistant", "content": "Sunny.", "reasoning_content": None, "tool_calls": []}
    assert (answer["finish_reason"], answer["complete"]) == ("stop", True)


def test_a_call_that_was_cut_is_not_whole(file: Path) -> None:
    answer = json.loads(run("parse", "--truncated", "--compiled", file, stdin=CALL[:-20].encode()).stdout)
    assert (answer["finish_reason"], answer["complete"]) == ("length", False)
    assert [call["complete"] for call in answer["message"]["tool_calls"]] == [False]


def test_output_beside_the_syntax_is_content_with_a_warning(file: Path) -> None:
    answer = json.loads(run("parse", "--compiled", file, stdin=f"{CALL}and more".encode()).stdout)
    assert answer["message"]["content"] == "and more"
    assert (answer["complete"], answer["warnings"][0]["offset"]) == (False, len(CALL))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(None, "No such file or directory", id="no-file"),
        pytest.param("{", "not JSON: ", id="not-json"),
        pytest.param(b"\xff", "not JSON: ", id="bytes"),
        pytest.param("[]", "not the output of `promptweave compile`", id="array"),
        pytest.param('{"syntax": {"version": 99}}', "unsupported output syntax version 99", id="version"),
        pytest.param('{"syntax": {"version": 1}}', "invalid output syntax: a node is empty", id="no-tree"),
        pytest.param('{"syntax": {"root": 3}}', "Failed to parse root field", id="shape"),
    ],
)
def test_refuses_in_one_line(tmp_path: Path, content: str | bytes | None, reason: str) -> None:
    path = tmp_path / "compiled.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = run("parse", "--compiled", path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"invalid: {path}: {reason}")
    assert len(result.stderr.splitlines()) == 1


def test_refuses_output_that_is_no_text(file: Path) -> None:
    result = run("parse", "--compiled", file, stdin=b"\xff")
    assert result.exit_code == 2
    assert result.stderr.startswith("invalid: the output on stdin is not UTF-8: ")


def test_needs_to_know_how_to_read() -> None:
    result = run("parse")
    assert (result.exit_code, result.stderr) == (
        2,
        "invalid: --compiled is required; pass the output of `promptweave compile`\n",
    )


def test_answers_line_by_line(compiled: dict[str, Any]) -> None:
    given = lines(
        {"compiled": compiled, "text": CALL},
        {"compiled": compiled, "text": CALL[:-20], "finished": False},
        {"compiled": compiled, "text": "half \ud800"},
        {"compiled": compiled, "text": 3},
        {"compiled": compiled, "text": "x", "finished": "yes"},
        {"compiled": {}, "text": "x"},
        {"compiled": {"syntax": {"version": 1, "root": {"literal": 3}}}, "text": "x"},
        {"compiled": {"syntax": {"version": 1, "root": {"text": {"kind": "\ud800"}}}}, "text": "x"},
        "x",
        {"compiled": compiled, "text": "Sunny.", "finished": True},
    )
    got = answers(run("parse", "--jsonl", stdin=given))
    assert [next(iter(answer)) for answer in got] == ["result"] * 3 + ["error"] * 6 + ["result"]
    assert got[0]["result"]["finish_reason"] == "tool_calls"
    assert (got[1]["result"]["finish_reason"], got[1]["result"]["complete"]) == ("length", False)
    assert got[2]["result"]["message"]["content"] == "half \ud800"
    paths = [answer["error"]["path"] for answer in got[3:9]]
    assert paths == ["", "/finished", "/compiled", "/compiled/syntax", "/compiled/syntax", ""]
    assert {answer["error"]["reason"] for answer in got[3:9]} == {"ERROR_REASON_REQUEST_INVALID"}
    assert got[9]["result"]["message"]["content"] == "Sunny."
