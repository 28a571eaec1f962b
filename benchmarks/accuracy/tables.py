"""The tables of docs/accuracy.md."""

from collections import Counter
from collections.abc import Iterable

from benchmarks.accuracy import ruled_out
from benchmarks.accuracy.bfcl import CATEGORIES
from benchmarks.accuracy.causes import CAUSES
from benchmarks.accuracy.modes import MODES
from benchmarks.accuracy.results import Row, cells, summary


def right(rows: Iterable[Row]) -> list[str]:
    """Return a table for each model: the share that is right, by category and mode."""
    found = {cell: summary(group) for cell, group in cells(rows).items()}
    lines = []
    for model in dict.fromkeys(cell[0] for cell in found):
        modes = [mode for mode in MODES if any(cell[0] == model and cell[2] == mode for cell in found)]
        lines += [f"### {model}", "", "| right, % (N) | " + " | ".join(modes) + " |", "|---" * (len(modes) + 1) + "|"]
        for category in CATEGORIES:
            group = [found.get((model, category, mode)) for mode in modes]
            if any(group):
                texts = [f"{one.right / one.number:.0%} ({one.number})".replace("%", "") if one else "" for one in group]
                lines.append(f"| {category} | " + " | ".join(texts) + " |")
        lines.append("")
    return lines


def details(rows: Iterable[Row]) -> list[str]:
    """Return a line for each cell."""
    lines = [
        "| model | category | mode | N | right | 95 % | calls | answers with calls | valid | cut | errors | seconds "
        "| prompt tokens | tokens | ruled out |",
        "|---" * 15 + "|",
    ]
    order = list(MODES)
    found = cells(rows)
    for cell in sorted(found, key=lambda cell: (cell[0], list(CATEGORIES).index(cell[1]), order.index(cell[2]))):
        one = summary(found[cell])
        low, high = one.interval
        changed = f"{one.ruled_out / one.read_tokens:.1%} of {one.read_tokens}" if one.read_tokens else ""
        lines.append(
            f"| {cell[0]} | {cell[1]} | {cell[2]} | {one.number} | {one.right} | {low:.0%} to {high:.0%} | {one.calls} "
            f"| {one.answers_with_calls} | {one.valid / one.number:.0%} | {one.cut} | {one.errors} | {one.seconds:.1f} "
            f"| {one.prompt_tokens:.0f} | {one.tokens:.0f} | {changed} |"
        )
    return lines


def paired(rows: Iterable[Row], mode: str = "auto") -> list[str]:
    """Return a table that compares a mode with each other one, on the questions that were asked in both."""
    answers = {(row["model"], row["id"], row["mode"]): bool(row["right"]) for row in rows}
    lines = ["| | questions | both right | only the first | only the second |", "|---" * 5 + "|"]
    for other in MODES:
        pairs = [
            (right, answers[model, question, other])
            for (model, question, asked), right in answers.items()
            if asked == mode != other and (model, question, other) in answers
        ]
        if pairs:
            counts = [pairs.count(pair) for pair in ((True, True), (True, False), (False, True))]
            lines.append(f"| `{mode}`, `{other}` | {len(pairs)} | " + " | ".join(map(str, counts)) + " |")
    return lines


def causes(rows: Iterable[Row]) -> list[str]:
    """Return the table of causes: wrong answers by cause and mode."""
    found = Counter((row["cause"], row["mode"]) for row in rows if not row["right"])
    modes = [mode for mode in MODES if any(mode == counted for _, counted in found)]
    lines = ["| first cause | " + " | ".join(modes) + " |", "|---" * (len(modes) + 1) + "|"]
    listed = [cause for cause in CAUSES if any(cause == counted for counted, _ in found)]
    return lines + [f"| {cause} | " + " | ".join(str(found[cause, mode] or "") for mode in modes) + " |" for cause in listed]


def changes(rows: Iterable[Row], number: int = 10) -> list[str]:
    """Return the places in which the grammar ruled out the model's first choice most often, for each mode."""
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        if "ruled_out" in row:
            grouped.setdefault(row["mode"], []).append(row)
    lines = ["| mode | times | where | the model's first choice | taken | after |", "|---" * 6 + "|"]
    for mode, group in grouped.items():
        changed, read = ruled_out.share(group)
        lines.append(f"| **{mode}** | **{changed}** of {read} tokens in {len(group)} answers | | | | |")
        for times, place, wanted, got, before in ruled_out.most_frequent(group, number):
            lines.append(f"| {mode} | {times} | {place} | {_code(wanted)} | {_code(got)} | {_code(before)} |")
    return lines


def _code(text: str) -> str:
    escaped = text.replace("\n", "\\n").replace("|", "\\|")
    return f"`` {escaped} ``" if text else ""
