"""Are the calls right? BFCL's questions through promptweave and through the engine's own chat endpoint, in one run.

Each question is asked in every mode, one after the other, before the next question, so that a run that is stopped early has
comparable figures. Every answer is a line of JSON in --out: started again, a run goes on where it was.
"""

import argparse
import json
import sys
import time
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path

from benchmarks.accuracy import results, tables
from benchmarks.accuracy.ask import Asker, scored_again
from benchmarks.accuracy.bfcl import CATEGORIES, Checker, MissingDataError, Question, bfcl_folder, questions
from benchmarks.accuracy.causes import CAUSES
from benchmarks.accuracy.modes import ENGINE, MODES, PROMPTWEAVE
from benchmarks.accuracy.ruled_out import ruled_out
from benchmarks.speed.sides import Side, ours, peer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_EXAMPLES = """
Examples:
  pip install --no-deps bfcl-eval==2026.3.23
  python -m benchmarks.accuracy run --model model.gguf --number 20 --out model.jsonl
  python -m benchmarks.accuracy run --model model.gguf --categories simple,irrelevance --modes auto,engine --out model.jsonl
  python -m benchmarks.accuracy table model.jsonl
  python -m benchmarks.accuracy wrong model.jsonl --modes auto --cause "wrong value"
  python -m benchmarks.accuracy.picture model.jsonl docs/accuracy.png
"""


def _names(known: dict[str, object], field: str, text: str) -> list[str]:
    chosen = text.split(",") if text else list(known)
    if unknown := [name for name in chosen if name not in known]:
        raise argparse.ArgumentTypeError(f"{field}: {unknown[0]!r} is unknown; use {', '.join(known)}")
    return chosen


def _categories(text: str) -> list[str]:
    return _names(dict(CATEGORIES), "--categories", text)


def _modes(text: str) -> list[str]:
    return _names(dict(MODES), "--modes", text)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    modes = "".join(f"\n  {name:<18}{mode.about}" for name, mode in MODES.items())
    reader = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy",
        description=f"{__doc__}\nModes:{modes}\n\nCategories: {', '.join(CATEGORIES)}\n{_EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = reader.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="ask, and save every answer", description=__doc__)
    run.add_argument("--model", type=Path, required=True, help="GGUF file")
    run.add_argument("--out", type=Path, required=True, help="JSON lines, one for each answer; extended if it exists")
    run.add_argument("--number", type=int, default=20, help="questions per category (default: %(default)s)")
    run.add_argument("--seed", type=int, default=0, help="of the sample of questions (default: %(default)s)")
    run.add_argument("--seconds", type=float, default=float("inf"), help="then no further question is asked")
    run.add_argument("--max-tokens", type=int, default=256, help="of an answer (default: %(default)s)")
    run.add_argument("--context", type=int, default=8192, help="context of each side, in tokens (default: %(default)s)")
    run.add_argument(
        "--ruled-out", type=int, default=10, help="questions per category that are asked promptweave a second time, "
        "to count the tokens that the grammar ruled out (default: %(default)s)"
    )  # fmt: skip
    run.set_defaults(command=_run)
    table = commands.add_parser("table", help="print the tables for docs/accuracy.md")
    table.add_argument("--details", action="store_true", help="also a line for each cell")
    table.set_defaults(command=_table)
    wrong = commands.add_parser("wrong", help="list wrong answers, with a first cause and what differs")
    wrong.add_argument("--cause", choices=CAUSES, help="only answers with this first cause")
    wrong.add_argument("--number", type=int, default=50, help="answers to list (default: %(default)s)")
    wrong.set_defaults(command=_wrong)
    score = commands.add_parser("score", help="print saved answers with the scores and causes of this version")
    score.set_defaults(command=_score)
    for reading in (table, wrong, score):
        reading.add_argument(
            "files", type=Path, nargs="+", help="results of run; later ones replace answers of earlier ones"
        )
    for each in (run, table, wrong, score):
        each.add_argument("--categories", type=_categories, default=list(CATEGORIES), help="comma-separated (default: all)")
        each.add_argument("--modes", type=_modes, default=list(MODES), help="comma-separated (default: all)")
    for each in (run, wrong, score):
        each.add_argument("--bfcl", type=Path, help="folder of the package bfcl_eval (default: where it is installed)")
    return reader


def _run(given: argparse.Namespace) -> None:
    folder = bfcl_folder(given.bfcl)
    model = given.model.stem
    done = {key for key, row in results.load([given.out] if given.out.exists() else []).items() if "error" not in row}
    plan = [
        (place, mode, question)
        for place, round_ in enumerate(_rounds(folder, given))
        for question in round_
        for mode in _turned(given.modes, place)
        if MODES[mode].fits(question) and (model, mode, question.category, question.id) not in done
    ]
    if not plan:
        print(f"{given.out}: all of these questions have an answer", file=sys.stderr)
        return
    sides = {MODES[mode].side for _, mode, _ in plan} | ({PROMPTWEAVE} if "free" in given.modes else set())
    stamp = {"model": model, "commit": results.commit(), "seed": given.seed, "max_tokens": given.max_tokens}
    end = time.monotonic() + given.seconds
    with ExitStack() as stack, _progress() as progress:
        asker = Asker(_start(sides, given, stack), Checker(folder), given.max_tokens)
        task = progress.add_task("", total=len(plan))
        right: dict[str, list[bool]] = {}
        for place, mode, question in plan:
            if time.monotonic() > end:
                break
            row = {**stamp, **asker.ask(mode, question)}
            if place < given.ruled_out and MODES[mode].side == PROMPTWEAVE:
                tokens = asker.explained(mode, question)
                row |= {"explain_error": tokens} if isinstance(tokens, str) else ruled_out(tokens)
            results.append(given.out, row)
            right.setdefault(mode, []).append(row["right"])
            progress.update(task, advance=1, description="  ".join(f"{m} {sum(r)}/{len(r)}" for m, r in right.items()))
            if not progress.console.is_terminal and not sum(map(len, right.values())) % 20:
                print(
                    progress.tasks[0].completed, "of", len(plan), progress.tasks[0].description, file=sys.stderr, flush=True
                )
    print("\n".join(tables.right(results.load([given.out]).values())))


def _rounds(folder: Path, given: argparse.Namespace) -> list[list[Question]]:
    """Return the first question of each category, the second of each, and so on."""
    columns = [questions(folder, category, given.number, given.seed) for category in given.categories]
    return [[question for question in round_ if question] for round_ in zip_longest(*columns)]


def _turned(modes: list[str], place: int) -> list[str]:
    """Return the modes in another order for each question: the first one on a side has to evaluate the prompt."""
    turn = place % len(modes)
    return [*modes[turn:], *modes[:turn]]


def _start(names: set[str], given: argparse.Namespace, stack: ExitStack) -> dict[str, Side]:
    found: dict[str, Side] = {}
    if PROMPTWEAVE in names:
        found[PROMPTWEAVE] = stack.enter_context(ours(given.model, 1, given.context))
    if ENGINE in names:
        found[ENGINE] = stack.enter_context(peer(given.model, 1, given.context))
    return found


def _progress() -> Progress:
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("right: {task.description}"))
    console = Console(stderr=True)
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _chosen(given: argparse.Namespace) -> list[results.Row]:
    rows = results.load(given.files).values()
    return [row for row in rows if row["mode"] in given.modes and row["category"] in given.categories]


def _table(given: argparse.Namespace) -> None:
    rows = _chosen(given)
    parts = [tables.right(rows), tables.paired(rows), [""], tables.causes(rows), [""], tables.changes(rows)]
    if given.details:
        parts += [[""], tables.details(rows)]
    print("\n".join(line for part in parts for line in part))


def _wrong(given: argparse.Namespace) -> None:
    folder = bfcl_folder(given.bfcl)
    known = {question.id: question for category in given.categories for question in questions(folder, category)}
    rows = [row for row in _chosen(given) if not row["right"] and given.cause in (None, row["cause"])]
    for row in rows[: given.number]:
        question = known[row["id"]]
        print(f"{row['id']}  {row['model']}  {row['mode']}: {row['cause']}")
        print(f"  asked     {question.messages[-1]['content'][:600]!r}")
        print(f"  expected  {question.expected or 'no call'}")
        for call in row["calls"]:
            print(f"  call      {call['name']}({call['arguments']})")
        if row.get("content"):
            print(f"  text      {row['content'][:600]!r}")
        for difference in row.get("differences", []):
            print(f"  differs   {difference}")
        print(f"  checker   {row.get('checker', row.get('error'))}\n")
    print(f"{min(len(rows), given.number)} of {len(rows)} wrong answers")


def _score(given: argparse.Namespace) -> None:
    folder = bfcl_folder(given.bfcl)
    checker = Checker(folder)
    known = {question.id: question for category in given.categories for question in questions(folder, category)}
    for row in _chosen(given):
        print(json.dumps(scored_again(known[row["id"]], row, checker), ensure_ascii=False))


def main() -> None:
    """Run the command."""
    given = parser().parse_args()
    try:
        given.command(given)
    except MissingDataError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
