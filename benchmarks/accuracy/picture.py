"""Plots results: `python -m benchmarks.accuracy.picture FILE... OUT.png`. Needs matplotlib.

A panel for each model, a row for each category, a dot for each mode: the share of right answers, with its 95 % interval.
"""

import sys
from pathlib import Path
from typing import Any

import matplotlib
from benchmarks.accuracy.bfcl import CATEGORIES
from benchmarks.accuracy.modes import MODES
from benchmarks.accuracy.results import Cell, Summary, cells, load, summary

matplotlib.use("agg")
import matplotlib.pyplot as plt

MARKS = {
    "auto": ("tab:blue", "o"),
    "required": ("tab:cyan", "o"),
    "one": ("tab:purple", "o"),
    "generic": ("tab:green", "s"),
    "generic-required": ("tab:olive", "s"),
    "engine": ("tab:red", "D"),
    "engine-required": ("tab:orange", "D"),
    "free": ("black", "x"),
}


def main() -> None:
    """Read the files and write the plot."""
    *files, out = sys.argv[1:]
    found = {cell: summary(rows) for cell, rows in cells(load(map(Path, files)).values()).items()}
    models = list(dict.fromkeys(model for model, _, _ in found))
    figure, panels = plt.subplots(1, len(models), squeeze=False, sharex=True, sharey=True, layout="constrained")
    for panel, model in zip(panels[0], models, strict=True):
        _draw(panel, model, found)
    handles = {
        label: handle for panel in panels[0] for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    shown = [mode for mode in MODES if mode in handles]
    figure.legend([handles[mode] for mode in shown], shown, loc="outside lower center", ncols=4, fontsize=8)
    figure.set_size_inches(2 + 4.5 * len(models), 6)
    figure.savefig(out, dpi=110)


def _draw(panel: Any, model: str, found: dict[Cell, Summary]) -> None:
    modes = [mode for mode in MODES if any(cell[0] == model and cell[2] == mode for cell in found)]
    for row, category in enumerate(CATEGORIES):
        for place, mode in enumerate(modes):
            if one := found.get((model, category, mode)):
                colour, marker = MARKS[mode]
                low, high = one.interval
                y = row - 0.35 + 0.7 * place / max(len(modes) - 1, 1)
                panel.plot([100 * low, 100 * high], [y, y], color=colour, linewidth=0.8, alpha=0.5)
                panel.plot(100 * one.right / one.number, y, marker, color=colour, markersize=5, linestyle="", label=mode)
    panel.set_yticks(range(len(CATEGORIES)), list(CATEGORIES), fontsize=8)
    panel.set_ylim(len(CATEGORIES) - 0.5, -0.5)
    for row in range(1, len(CATEGORIES)):
        panel.axhline(row - 0.5, color="grey", linewidth=0.4)
    panel.set_xlim(-2, 102)
    panel.set_xlabel("right answers, %", fontsize=8)
    panel.set_title(model, fontsize=9)
    panel.grid(axis="x", linewidth=0.3)


if __name__ == "__main__":
    main()
