"""Promptweave against the engine's own chat endpoint: `python benchmarks/speed [--model heavy] [--rounds 3]`.

The same engine, model and machine, in one run: each request goes to both, one after the other, in changing order. The first
round of a case is new to both; in the others the engine remembers the prompt but for its end, as in a conversation. Prints a
table; `--json FILE` keeps every measurement, and `python benchmarks/speed/picture.py FILE... OUT.png` draws them.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cases import Case, cases
from models import model
from sides import Answer, Side, ours, peer

CONTEXT = 4096


def measure(two: tuple[Side, Side], chosen: Iterable[Case], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Every answer, as a row."""
    rows: list[dict[str, Any]] = []
    end = time.monotonic() + seconds
    for place, case in enumerate(chosen):
        if time.monotonic() > end:
            break
        for number in range(rounds):
            sides = two if (place + number) % 2 else two[::-1]
            for side in sides:
                answer = side.ask(case.request(number, peer=side.name == "engine"))
                row = {"group": case.group, "case": case.name, "round": number, "side": side.name}
                if isinstance(answer, Answer):
                    fields = asdict(answer)
                    del fields["message"]
                    rows.append({**row, **fields, "complete": answer.complete})
                else:
                    rows.append({**row, "error": answer})
                told = (
                    answer if isinstance(answer, str) else f"{answer.seconds:.2f} s, {answer.decoded} decoded: {answer.text}"
                )
                print(f"{case.name} {number} {side.name}: {told}"[:160], file=sys.stderr, flush=True)
    return rows


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Medians of each case, and of each group the median of its cases' ratios."""
    lines = [
        "| case | engine ms | promptweave ms | ratio | decoded | evaluated | first time: ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    groups: dict[str, list[tuple[float, ...]]] = {}
    for group, case in dict.fromkeys((row["group"], row["case"]) for row in rows):
        mine = [row for row in rows if row["case"] == case and row["group"] == group]
        broken = {row["side"]: row for row in mine if "error" in row or not row["complete"]}
        if broken:
            why = "; ".join(f"{side}: {row.get('error', 'cut')[:60]}" for side, row in broken.items())
            lines.append(f"| {group}: {case} | | | | | | {why} |")
            continue
        warm, cold = ({side: _medians(mine, side, first) for side in ("engine", "promptweave")} for first in (False, True))
        theirs, our = warm["engine"], warm["promptweave"]
        ratio, first = our["seconds"] / theirs["seconds"], cold["promptweave"]["seconds"] / cold["engine"]["seconds"]
        groups.setdefault(group, []).append((ratio, our["decoded"] / theirs["decoded"], first))
        lines.append(
            f"| {group}: {case} | {theirs['seconds'] * 1000:.0f} | {our['seconds'] * 1000:.0f} | {ratio:.2f} | "
            f"{theirs['decoded']:.0f} → {our['decoded']:.0f} | {theirs['evaluated']:.0f} → {our['evaluated']:.0f} | "
            f"{first:.2f} |"
        )
    for group, found in groups.items():
        ratios, decoded, first_ratios = ([row[column] for row in found] for column in range(3))
        lines.append(
            f"| **{group}: median of {len(found)}** | | | **{statistics.median(ratios):.2f}** "
            f"({min(ratios):.2f} to {max(ratios):.2f}) | × {statistics.median(decoded):.2f} | | "
            f"{statistics.median(first_ratios):.2f} |"
        )
    return lines


def _medians(rows: list[dict[str, Any]], side: str, first: bool) -> dict[str, float]:
    found = [row for row in rows if row["side"] == side and (row["round"] == 0) == first]
    return {key: statistics.median(row[key] for row in found) for key in ("seconds", "decoded", "evaluated")}


def main() -> None:
    """Measures and prints."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--model", choices=["demo", "heavy", "random"], default="heavy")
    reader.add_argument("--rounds", type=int, default=4, help="of each case; the first is apart")
    reader.add_argument("--only", default="", help="cases whose names hold this")
    reader.add_argument("--seconds", type=float, default=float("inf"), help="then no further case is begun")
    reader.add_argument("--models", type=Path, default=Path(tempfile.gettempdir()), help="where models are kept")
    reader.add_argument("--json", type=Path)
    given = reader.parse_args()
    file = model(given.model, given.models)
    chosen = [case for case in cases() if given.only in f"{case.group}: {case.name}"]
    chosen = [*chosen[::3], *chosen[1::3], *chosen[2::3]]  # Of all kinds, where time ends it.
    with peer(file, 1, CONTEXT) as engine, ours(file, 1, CONTEXT) as promptweave:
        rows = measure((engine, promptweave), chosen, given.rounds, given.seconds)
    if given.json:
        given.json.write_text(json.dumps({"model": given.model, "rows": rows}))
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
