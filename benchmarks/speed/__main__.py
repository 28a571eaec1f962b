"""Promptweave against the engine's own chat endpoint: `python benchmarks/speed [--model heavy | --model FILE] [--rounds 3]`.

The same engine, model and machine, in one run: each request goes to the engine, to promptweave, and to promptweave without
fast-forwarding ("sampled"), one after the other, in changing order. The first round of a case is new to all; in the others
the engine has the prompt cached except for its end, as in a conversation. Prints a table; `--json FILE` saves every
measurement, and `python benchmarks/speed/picture.py FILE... OUT.png` plots them.
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
SIDES = ("engine", "promptweave", "sampled")


def measure(sides: list[Side], chosen: Iterable[Case], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Return all answers, as rows."""
    rows: list[dict[str, Any]] = []
    end = time.monotonic() + seconds
    for place, case in enumerate(chosen):
        if time.monotonic() > end:
            break
        for number in range(rounds):
            turn = (place + number) % len(sides)
            for side in [*sides[turn:], *sides[:turn]]:
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
    """Return the table: medians of each case and, for each group, the median of its cases' ratios.

    A case counts if the answers of all sides are complete, and fast-forwarding generates the same text as sampling all
    tokens.
    """
    lines = [
        "| case | engine ms | promptweave ms | ratio | sampled ms | ratio to sampled | sampled tokens | first time: ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[str, list[tuple[float, ...]]] = {}
    for group, case in dict.fromkeys((row["group"], row["case"]) for row in rows):
        mine = [row for row in rows if row["case"] == case and row["group"] == group]
        if why := _why_not(mine):
            lines.append(f"| {group}: {case} | | | | | | | {why} |")
            continue
        warm, cold = ({side: _medians(mine, side, first) for side in SIDES} for first in (False, True))
        theirs, our, sampled = (warm[side] for side in SIDES)
        ratio, to_sampled = our["seconds"] / theirs["seconds"], our["seconds"] / sampled["seconds"]
        first = cold["promptweave"]["seconds"] / cold["engine"]["seconds"]
        groups.setdefault(group, []).append((ratio, to_sampled, our["decoded"] / sampled["decoded"], first))
        lines.append(
            f"| {group}: {case} | {theirs['seconds'] * 1000:.0f} | {our['seconds'] * 1000:.0f} | {ratio:.2f} | "
            f"{sampled['seconds'] * 1000:.0f} | {to_sampled:.2f} | {sampled['decoded']:.0f} → {our['decoded']:.0f} | "
            f"{first:.2f} |"
        )
    for group, found in groups.items():
        ratios, to_sampled_all, decoded, first_ratios = ([row[column] for row in found] for column in range(4))
        lines.append(
            f"| **{group}: median of {len(found)}** | | | **{statistics.median(ratios):.2f}** "
            f"({min(ratios):.2f} to {max(ratios):.2f}) | | **{statistics.median(to_sampled_all):.2f}** "
            f"({min(to_sampled_all):.2f} to {max(to_sampled_all):.2f}) | × {statistics.median(decoded):.2f} | "
            f"{statistics.median(first_ratios):.2f} |"
        )
    return lines


def _why_not(rows: list[dict[str, Any]]) -> str:
    """Return why a case has no comparable times; "" if it has."""
    for row in rows:
        if "error" in row or not row["complete"]:
            return f"{row['side']}: {row.get('error', 'cut')[:60]}"
    texts = {side: {row["text"] for row in rows if row["side"] == side} for side in SIDES[1:]}
    return "" if texts["promptweave"] == texts["sampled"] else "another answer than sampled"


def _medians(rows: list[dict[str, Any]], side: str, first: bool) -> dict[str, float]:
    found = [row for row in rows if row["side"] == side and (row["round"] == 0) == first]
    return {key: statistics.median(row[key] for row in found) for key in ("seconds", "decoded", "evaluated")}


def main() -> None:
    """Measure, and print the table."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--model", default="heavy", help="demo, heavy, random, or a GGUF file")
    reader.add_argument("--rounds", type=int, default=4, help="of each case; the first is apart")
    reader.add_argument("--only", default="", help="cases whose names hold this")
    reader.add_argument("--seconds", type=float, default=float("inf"), help="then no further case is begun")
    reader.add_argument("--models", type=Path, default=Path(tempfile.gettempdir()), help="where models are kept")
    reader.add_argument("--json", type=Path)
    given = reader.parse_args()
    file = Path(given.model) if Path(given.model).is_file() else model(given.model, given.models)
    chosen = [case for case in cases() if given.only in f"{case.group}: {case.name}"]
    chosen = [*chosen[::3], *chosen[1::3], *chosen[2::3]]  # A mix of all kinds, in case time runs out.
    with (
        peer(file, 1, CONTEXT) as engine,
        ours(file, 1, CONTEXT) as promptweave,
        ours(file, 1, CONTEXT, "--no-fast-forward") as sampled,
    ):
        sampled.name = "sampled"
        rows = measure([engine, promptweave, sampled], chosen, given.rounds, given.seconds)
    if given.json:
        given.json.write_text(json.dumps({"model": given.model, "rows": rows}))
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
