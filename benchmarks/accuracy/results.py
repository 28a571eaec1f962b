"""Results as lines of JSON: a row for each answer. A run that is started again goes on where it was."""

import json
import math
import statistics
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accuracy import ruled_out

Row = dict[str, Any]
Key = tuple[str, str, str, str]
Cell = tuple[str, str, str]
"""Model, category, mode."""


def key(row: Row) -> Key:
    """Return what identifies an answer."""
    return row["model"], row["mode"], row["category"], row["id"]


def load(files: Iterable[Path]) -> dict[Key, Row]:
    """Return the rows of files; a later row replaces an earlier one of the same answer."""
    rows = {}
    for file in files:
        for line in file.read_text().splitlines():
            found = json.loads(line)
            rows[key(found)] = found
    return rows


def append(file: Path, row: Row) -> None:
    """Add a row."""
    with file.open("a") as lines:
        lines.write(json.dumps(row, ensure_ascii=False) + "\n")


def commit() -> str:
    """Return the commit of this checkout, with a `+` if it has changes."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603

    changed = git("status", "--porcelain", "--untracked-files=no")
    return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


@dataclass(frozen=True)
class Summary:
    """A cell of the table."""

    number: int
    right: int
    calls: int
    answers_with_calls: int
    valid: int
    """Answers without a call that is not valid."""
    errors: int
    cut: int
    seconds: float
    """Median."""
    prompt_tokens: float
    """Median."""
    tokens: float
    """Median."""
    ruled_out: int
    read_tokens: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the share that is right (Wilson)."""
        return wilson(self.right, self.number)


def wilson(right: int, number: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share."""
    z, share = 1.96, right / number
    middle = share + z * z / (2 * number)
    spread = z * math.sqrt(share * (1 - share) / number + z * z / (4 * number * number))
    return max((middle - spread) / (1 + z * z / number), 0), min((middle + spread) / (1 + z * z / number), 1)


def cells(rows: Iterable[Row]) -> dict[Cell, list[Row]]:
    """Return the rows of each cell."""
    found: dict[Cell, list[Row]] = {}
    for row in rows:
        found.setdefault((row["model"], row["category"], row["mode"]), []).append(row)
    return found


def summary(rows: list[Row]) -> Summary:
    """Return the summary of a cell's rows."""

    def median(field: str) -> float:
        return float(statistics.median([row[field] for row in rows if "error" not in row] or [0]))

    ruled, read = ruled_out.share(rows)
    return Summary(
        number=len(rows),
        right=sum(row["right"] for row in rows),
        calls=sum(len(row["calls"]) for row in rows),
        answers_with_calls=sum(bool(row["calls"]) for row in rows),
        valid=sum(row["valid"] for row in rows),
        errors=sum("error" in row for row in rows),
        cut=sum(row.get("finish_reason") == "length" for row in rows),
        seconds=median("seconds"),
        prompt_tokens=median("prompt_tokens"),
        tokens=median("tokens"),
        ruled_out=ruled,
        read_tokens=read,
    )
