"""Results: saved as lines, gone on with, summed up in tables."""

from pathlib import Path
from typing import Any

import pytest
from benchmarks.accuracy import results, tables, tool_eval
from benchmarks.accuracy.__main__ import parser


def row(place: int, *, right: bool, mode: str = "auto", **more: Any) -> dict[str, Any]:
    found = {"model": "m", "mode": mode, "category": "simple", "id": f"simple_{place}", "right": right, "valid": True}
    found |= {"calls": [{}] * right, "seconds": place, "prompt_tokens": 10, "tokens": 5, **more}
    return found if right else {"cause": "no call", **found}


def test_later_rows_replace_earlier_ones(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    for file, right in ((first, False), (first, True), (second, False)):
        results.append(file, row(1, right=right))
    results.append(first, row(2, right=True))
    assert [one["right"] for one in results.load([first]).values()] == [True, True]
    assert [one["right"] for one in results.load([first, second]).values()] == [False, True]


def test_a_cell_is_summed_up() -> None:
    rows = [row(1, right=True), row(2, right=False, finish_reason="length"), row(9, right=True)]
    rows.append(row(4, right=False, error="500", cause="error"))
    found = results.summary(rows)
    assert (found.number, found.right, found.calls, found.cut, found.errors, found.seconds) == (4, 2, 2, 1, 1, 2)


@pytest.mark.parametrize(("right", "number", "low", "high"), [(0, 10, 0, 0.28), (10, 10, 0.72, 1), (100, 200, 0.43, 0.57)])
def test_intervals(right: int, number: int, low: float, high: float) -> None:
    assert results.wilson(right, number) == pytest.approx((low, high), abs=0.006)


def test_tables() -> None:
    rows = [row(1, right=True), row(2, right=False), row(1, right=False, mode="engine")]
    changed = {"place": "syntax", "before": "x", "wanted": "a|b", "got": "\n", "logprob": -1}
    rows[0] |= {"read_tokens": 8, "ruled_out": [changed]}
    assert tables.right(rows)[2:5] == ["| right, % (N) | auto | engine |", "|---|---|---|", "| simple | 50 (2) | 0 (1) |"]
    assert tables.paired(rows)[2:] == ["| `auto`, `engine` | 1 | 0 | 1 | 0 |"]
    assert tables.causes(rows)[-1] == "| no call | 1 | 1 |"
    assert "| **auto** | **1** of 8 tokens in 1 answers | | | | |" in tables.changes(rows)
    assert "`` a\\|b ``" in tables.changes(rows)[-1]
    assert len(tables.details(rows)) == 4


def test_the_help_names_every_mode_and_category(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--help"])
    text = capsys.readouterr().out
    assert all(word in text for word in ("engine-required", "live_irrelevance", "python -m benchmarks.accuracy run"))


def test_an_unknown_mode_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["table", "x.jsonl", "--modes", "auto,other"])
    assert "'other' is unknown; use auto, required" in capsys.readouterr().err


def report(*statuses: str) -> dict[str, Any]:
    results_ = [{"scenario_id": f"T{n}", "expected_behavior": "Go.", "status": status} for n, status in enumerate(statuses)]
    scores = {"scenario_results": results_, "total_points": 2, "max_points": 4, "total_tokens": 9, "median_turn_ms": 1.6}
    return {"scores": scores}


def test_scenarios_of_both_sides_are_compared() -> None:
    found = tool_eval.table({"promptweave": report("pass", "fail"), "engine": report("fail", "partial")})
    assert found == [
        "| scenario | promptweave | engine |",
        "|---|---|---|",
        "| T0 Go. | pass | fail |",
        "| T1 Go. | fail | partial |",
        "| points | 2 of 4 | 2 of 4 |",
        "| tokens | 9 | 9 |",
        "| median turn, ms | 2 | 2 |",
    ]
