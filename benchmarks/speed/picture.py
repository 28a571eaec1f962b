"""Plots the measurements of `python benchmarks/speed --json FILE`: `python benchmarks/speed/picture.py FILE... OUT.png`.

A row for each case, with a dot for its time as a share of the engine's own: left of 1, promptweave was faster. Needs
matplotlib.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt

COLOURS = {"tool call": "tab:blue", "structured output": "tab:orange"}


def ratios(rows: list[dict[str, Any]]) -> dict[tuple[str, str], float]:
    """Return promptweave's median time divided by the engine's, by group and case. Leaves out the first round and
    failures."""
    taken: dict[tuple[str, str], dict[str, list[float]]] = {}
    for row in rows:
        if row["round"] and row.get("complete"):
            taken.setdefault((row["group"], row["case"]), {}).setdefault(row["side"], []).append(row["seconds"])
    return {
        case: statistics.median(sides["promptweave"]) / statistics.median(sides["engine"])
        for case, sides in taken.items()
        if {"engine", "promptweave"} <= sides.keys()
    }


def main() -> None:
    """Read the files and write the plot."""
    *files, out = sys.argv[1:]
    found = {Path(file): json.loads(Path(file).read_text()) for file in files}
    figure, panels = plt.subplots(1, len(found), squeeze=False, sharex=True, layout="constrained")
    tallest = 0
    for panel, (file, measured) in zip(panels[0], found.items(), strict=True):
        cases = sorted(ratios(measured["rows"]).items(), key=lambda item: (item[0][0], -item[1]))
        tallest = max(tallest, len(cases))
        for place, ((group, _), ratio) in enumerate(cases):
            panel.plot(ratio, place, "o", color=COLOURS[group], label=group)
        panel.set_yticks(range(len(cases)), [case for (_, case), _ in cases], fontsize=7)
        panel.axvline(1, color="black", linewidth=0.8)
        panel.axvline(0.5, color="black", linewidth=0.8, linestyle="dotted")
        panel.set_xscale("log")
        panel.set_title(measured.get("model", file.stem), fontsize=9)
        panel.grid(axis="x", which="both", linewidth=0.3)
        handles = dict(zip(*panel.get_legend_handles_labels()[::-1], strict=True))
        panel.legend(handles.values(), handles.keys(), fontsize=7)
    figure.supxlabel("time through promptweave / time at the engine's own endpoint", fontsize=9)
    figure.set_size_inches(6.5 * len(found), 1.2 + 0.2 * tallest)
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    main()
