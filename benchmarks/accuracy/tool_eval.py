"""Runs tool-eval-bench on both sides: `python -m benchmarks.accuracy.tool_eval --model FILE --out FOLDER [-- OPTIONS]`.

tool-eval-bench (PyPI) has conversations of several turns with mock tools, and scores them without a judge or a network.
Install it into an environment of its own: `pip install tool-eval-bench==3.0.0`. OPTIONS are those of `tool-eval-bench run`,
such as `--scenarios TC-01 TC-02`; without any, its 15 core scenarios (`--short`) run.
"""

import argparse
import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.accuracy.modes import ENGINE, PROMPTWEAVE
from benchmarks.speed.sides import ours, peer

_LIMIT = {"max_tokens": 512}
"""Its own limit is 16,384: an answer that rambles would take minutes."""


def main() -> None:
    """Run both sides and print their scores."""
    reader = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy.tool_eval",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    reader.add_argument("--model", type=Path, required=True, help="GGUF file")
    reader.add_argument("--out", type=Path, required=True, help="folder for its reports")
    reader.add_argument("--command", default="tool-eval-bench", help="its command (default: %(default)s, from PATH)")
    reader.add_argument("--context", type=int, default=8192, help="context of each side, in tokens (default: %(default)s)")
    reader.add_argument("options", nargs="*", help="of `tool-eval-bench run`, after `--` (default: --short)")
    given = reader.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    reports = {}
    for side in (PROMPTWEAVE, ENGINE):
        with ExitStack() as stack:
            server: Any = (
                stack.enter_context(ours(given.model, 1, given.context))
                if side == PROMPTWEAVE
                else stack.enter_context(peer(given.model, 1, given.context, tcp=True))
            )
            reports[side] = _run(given, side, str(server.http.base_url))
    print("\n".join(table(reports)))


def _run(given: argparse.Namespace, side: str, url: str) -> dict[str, Any]:
    report = given.out / f"{side}.json"
    command = [given.command, "run", "--base-url", f"{url.rstrip('/')}/v1", "--seed", "1", "--no-live", "--no-warmup"]
    command += ["--timeout", "300", "--backend-kwargs", json.dumps(_LIMIT), "--json-file", str(report)]
    command += ["--output-dir", str(given.out / side), *(given.options or ["--short"])]
    print(side, file=sys.stderr, flush=True)
    subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 - the given command
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def table(reports: dict[str, dict[str, Any]]) -> list[str]:
    """Return the scores of the scenarios, and the sums."""
    lines = ["| scenario | " + " | ".join(reports) + " |", "|---" * (len(reports) + 1) + "|"]
    columns = [{one["scenario_id"]: one for one in report["scores"]["scenario_results"]} for report in reports.values()]
    for name, first in columns[0].items():
        cells = [column[name]["status"] for column in columns]
        lines.append(f"| {name} {first['expected_behavior']} | " + " | ".join(cells) + " |")
    scores = [report["scores"] for report in reports.values()]
    lines.append("| points | " + " | ".join(f"{one['total_points']} of {one['max_points']}" for one in scores) + " |")
    lines.append("| tokens | " + " | ".join(str(one["total_tokens"]) for one in scores) + " |")
    lines.append("| median turn, ms | " + " | ".join(f"{one['median_turn_ms']:.0f}" for one in scores) + " |")
    return lines


if __name__ == "__main__":
    main()
