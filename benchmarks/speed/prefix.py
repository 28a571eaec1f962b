"""How much of the engine's cache a template preserves in an agent's loop: `python benchmarks/speed/prefix.py FOLDER`.

For each template (`*.jinja`) in the folder, `promptweave serve` with random weights: ten turns, each with a question, a call
and its result. Ideally a turn evaluates only what it adds to the last turn's prompt and answer. More is evaluated again if
the template writes the history differently from how it was generated, or if tokens end in other positions: without --vocab
each byte is a token, so only the first is measured; with a GGUF's vocabulary, both.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from agent import CONTEXT, run
from sides import ours

from promptweave.demo.model import write_demo_model

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

OPTIONS = {"thinking_budget_tokens": 0, "logprobs": True}
"""No reasoning, which noise would never end; and with log-probabilities all tokens are decoded, so all are in the cache."""


def tool(name: str, places: list[str]) -> dict[str, Any]:
    """Return a tool whose arguments are short, whatever the model."""
    properties = {"place": {"type": "string", "enum": places}, "day": {"type": "string", "enum": DAYS}}
    parameters = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": f"Does {name}", "parameters": parameters}}


TOOLS = [tool("get_weather", ["Rome", "Oslo", "Lima"]), tool("find_trains", ["Ghent", "Turin"]), tool("book", ["A", "B"])]


def main() -> None:
    """Measure, and print the table."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("templates", type=Path, help="a folder of chat templates")
    reader.add_argument("--vocab", type=Path, help="a GGUF whose vocabulary is taken")
    reader.add_argument("--turns", type=int, default=10)
    given = reader.parse_args()
    print("| template | turns | tokens of the turns before | of them cached | ended by |\n|" + "---|" * 5)
    for path in sorted(given.templates.glob("*.jinja")):
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder, "random.gguf")
            write_demo_model(model, template=path.read_text(encoding="utf-8"), vocab=given.vocab)
            with ours(model, 1, 4 * CONTEXT) as promptweave:
                found = run(promptweave, given.turns, TOOLS, OPTIONS)
            share = 1 - found.again / max(found.old, 1)
            ended = " ".join(found.ended.split())[:100]
            print(f"| {path.stem} | {found.turns} | {found.old:,} | {share:.2%} | {ended} |", flush=True)


if __name__ == "__main__":
    main()
