"""What tools cost that are not called: `python benchmarks/speed/many.py [--model heavy]`.

An answer in text with 0, 1, 8, 64 and 263 tools that the model may call: tokens a second once it writes, and the time to
the first token when the prompt is known but for its end. Both sides, in turns; medians, and ratios to no tools at all.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from cases import many_tools
from gguf import GGUFReader
from models import model
from sides import Side, ours, peer

CONTEXT = 16_384
TOKENS = 150
NUMBERS = (0, 1, 8, 64, 263)


def ends_of(file: Path) -> dict[str, int]:
    """A bias against all that would end the text: it goes on until it is cut."""
    tokens = GGUFReader(file).fields["tokenizer.ggml.tokens"].contents()
    return {str(place): -100 for place, token in enumerate(tokens) if token.startswith("<") and token.endswith(">")}


def stream(side: Side, body: dict[str, Any]) -> tuple[float, float]:
    """Milliseconds to the first text, and tokens a second after it."""
    start, times, written = time.perf_counter(), list[float](), 0
    given = {"model": "gpt-4o", "stream": True, "stream_options": {"include_usage": True}, **body}
    with side.http.stream("POST", "/v1/chat/completions", json=given) as answer:
        if not answer.is_success:
            raise SystemExit(f"{side.name}: {answer.read().decode()[:300]}")
        for line in answer.iter_lines():
            if not line.startswith("data: {"):
                continue
            chunk = json.loads(line[6:])
            written = (chunk.get("usage") or {}).get("completion_tokens", written)
            if chunk.get("choices") and chunk["choices"][0]["delta"].get("content"):
                times.append(time.perf_counter())
    return (times[0] - start) * 1e3, (written - 1) / (times[-1] - times[0])


def main() -> None:
    """Measures and prints."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    # The demo model itself has no room for so many.
    reader.add_argument("--model", choices=["heavy", "random"], default="heavy")
    reader.add_argument("--rounds", type=int, default=4, help="for each number of tools; the first is not counted")
    reader.add_argument("--models", type=Path, default=Path(tempfile.gettempdir()), help="where models are kept")
    given = reader.parse_args()
    file = model(given.model, given.models)
    bias = ends_of(file)
    base: dict[str, tuple[float, float]] = {}
    print("| tools | side | first token ms | tokens/s | of those without tools |\n|---|---|---|---|---|")
    with peer(file, 1, CONTEXT) as engine, ours(file, 1, CONTEXT) as promptweave:
        for number in NUMBERS:
            seen: dict[str, list[tuple[float, float]]] = {engine.name: [], promptweave.name: []}
            for turn in range(given.rounds):
                messages = [{"role": "user", "content": f"Tell me a story ({turn})"}]
                body = {"messages": messages, "temperature": 0, "seed": 1, "max_tokens": TOKENS, "logit_bias": bias}
                body |= {"tools": many_tools(number)} if number else {}
                for side in (engine, promptweave) if turn % 2 else (promptweave, engine):
                    seen[side.name].append(stream(side, body))
            for name, rows in seen.items():
                first, rate = (statistics.median(column) for column in zip(*rows[1:], strict=True))
                base.setdefault(name, (first, rate))
                print(f"| {number} | {name} | {first:.1f} | {rate:,.0f} | {rate / base[name][1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
