"""How much of the conversation an agent's loop evaluates again: `python benchmarks/speed/agent.py [--model demo]`.

Ten turns, each with a call and its result, on both sides; each continues from its own answers. A turn has to evaluate what
its prompt adds to the last prompt and its answer; of the rest, everything that is evaluated is evaluated again.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cases import VARIED_ASKED, VARIED_TOOLS
from models import model
from sides import Answer, Side, ours, peer

CONTEXT = 8192
NO_OPTIONS: dict[str, Any] = {}


@dataclass
class Loop:
    """Tokens and seconds of all turns but the first."""

    seconds: float = 0.0
    old: int = 0
    """Of prompts: those of the turn before, with its answer."""
    new: int = 0
    again: int = 0
    """Of `old`, those that were evaluated for the second time."""
    turns: int = 0
    ended: str = ""
    """Why it ended early."""


def run(side: Side, turns: int, tools: list[dict[str, Any]] = VARIED_TOOLS, options: dict[str, Any] = NO_OPTIONS) -> Loop:
    """Run one conversation."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": "You are an assistant with tools."}]
    found, known = Loop(), 0
    for turn in range(turns):
        messages.append({"role": "user", "content": f"{VARIED_ASKED[turn % len(VARIED_ASKED)]} ({turn})"})
        body = {"messages": messages, "tools": tools, "tool_choice": "required", "parallel_tool_calls": False, **options}
        answer = side.ask({**body, "temperature": 0, "seed": 1, "max_tokens": 300})
        if not isinstance(answer, Answer) or not answer.message.get("tool_calls"):
            found.ended = f"turn {turn}: {answer if isinstance(answer, str) else 'no call'}"
            break
        evaluated = answer.prompt - answer.cached
        if turn:
            new = answer.prompt - known
            found.turns += 1
            found.seconds += answer.seconds
            found.old, found.new = found.old + known, found.new + new
            found.again += max(0, evaluated - new)
        known = answer.prompt + answer.written
        call = answer.message["tool_calls"][0]
        kept = {key: answer.message[key] for key in ("role", "content", "tool_calls")}
        messages += [kept, {"role": "tool", "tool_call_id": call["id"], "content": f'{{"ok": true, "number": {turn}}}'}]
    return found


def main() -> None:
    """Measure, and print the table."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--model", choices=["demo", "heavy", "random"], default="heavy")
    reader.add_argument("--turns", type=int, default=10)
    reader.add_argument("--models", type=Path, default=Path(tempfile.gettempdir()), help="where models are kept")
    given = reader.parse_args()
    file = model(given.model, given.models)
    print("| | turns | old tokens | new tokens | old ones evaluated again | seconds | ended by |\n|" + "---|" * 7)
    with peer(file, 1, CONTEXT) as engine, ours(file, 1, CONTEXT) as promptweave:
        for side in (engine, promptweave):
            found = run(side, given.turns)
            share = found.again / max(found.old, 1)
            print(
                f"| {side.name} | {found.turns} | {found.old:,} | {found.new:,} | {found.again:,} ({share:.1%}) |"
                f" {found.seconds:.2f} | {' '.join(found.ended.split())[:100]} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
