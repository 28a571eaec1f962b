"""Writes the conversations to train on and those to evaluate with: `python demo/generate.py --out DIR`."""

import argparse
import json
import sys
from pathlib import Path
from random import Random

from conversations import CATEGORIES, drawn
from render import pieces
from words import Words

EVALUATION = {
    "single": 400,
    "parallel": 250,
    "no tool": 120,
    "missing value": 100,
    "result": 80,
    "result as JSON": 80,
    "follow-up": 80,
    "JSON answer": 80,
}


def is_readme(text: str) -> bool:
    """The README's request itself is not trained on."""
    return "San Francisco and Glasgow" in text


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--out", type=Path, required=True)
    reader.add_argument("--count", type=int, default=150_000)
    reader.add_argument("--seed", type=int, default=1)
    given = reader.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    words, lengths = Words(Random(given.seed), evaluation=False), 0
    with open(given.out / "train.jsonl", "w", encoding="utf-8") as file:
        for place in range(given.count):
            _, conversation = drawn(words)
            parts = pieces(conversation)
            if is_readme("".join(text for text, _ in parts)):
                continue
            lengths += sum(len(text) for text, _ in parts)
            file.write(json.dumps(parts, ensure_ascii=False, separators=(",", ":")) + "\n")
            if place % 10_000 == 9_999:
                print(
                    f"{place + 1:,} of {given.count:,}, {lengths / (place + 1):.0f} characters each",
                    file=sys.stderr,
                    flush=True,
                )
    words = Words(Random(given.seed + 1_000_000), evaluation=True)
    with open(given.out / "evaluation.jsonl", "w", encoding="utf-8") as file:
        for name, count in EVALUATION.items():
            for _ in range(count):
                file.write(json.dumps({"category": name, **CATEGORIES[name][0](words)}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
