"""The cost of tools that are not called: `python benchmarks/speed/many.py [--model heavy]`.

A text answer with 0, 1, 8, 64 and 263 tools that the model may call: tokens per second during generation, and the time to
the first token if the prompt is cached except for its end. Both sides, alternating; medians, and ratios to no tools at all.
The same through promptweave with text of about the same length instead of the tools: a slowdown that occurs there, too, is
due to the length of the prompt.
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
    """Return a bias against all tokens that would end the text: it continues until it is cut."""
    tokens = GGUFReader(file).fields["tokenizer.ggml.tokens"].contents()
    return {str(place): -100 for place, token in enumerate(tokens) if token.startswith("<") and token.endswith(">")}


def stream(side: Side, body: dict[str, Any]) -> tuple[float, float, int]:
    """Return the milliseconds to the first text, tokens per second after it, and the prompt's tokens."""
    start, times, written, prompt = time.perf_counter(), list[float](), 0, 0
    given = {"model": "gpt-4o", "stream": True, "stream_options": {"include_usage": True}, **body}
    with side.http.stream("POST", "/v1/chat/completions", json=given) as answer:
        if not answer.is_success:
            raise SystemExit(f"{side.name}: {answer.read().decode()[:300]}")
        for line in answer.iter_lines():
            if not line.startswith("data: {"):
                continue
            chunk = json.loads(line[6:])
            if usage := chunk.get("usage"):
                written, prompt = usage["completion_tokens"], usage["prompt_tokens"]
            if chunk.get("choices") and chunk["choices"][0]["delta"].get("content"):
                times.append(time.perf_counter())
    return (times[0] - start) * 1e3, (written - 1) / (times[-1] - times[0]), prompt


def text_as_long(side: Side, text: str, asked: dict[str, Any]) -> str:
    """Return a part of the text that takes as many tokens as the prompt of a request."""
    given = {**asked, "max_tokens": 3}
    wanted = stream(side, given)[2]
    part = text[:8_000]  # The complete text may exceed the context.
    given["messages"] = [{"role": "system", "content": part}, *given["messages"]]
    del given["tools"]
    return text[: len(part) * wanted // stream(side, given)[2]]


def main() -> None:
    """Measure, and print the table."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    # The demo model's context is too small for so many tools.
    reader.add_argument("--model", choices=["heavy", "random"], default="heavy")
    reader.add_argument("--rounds", type=int, default=4, help="for each number of tools; the first is not counted")
    reader.add_argument("--models", type=Path, default=Path(tempfile.gettempdir()), help="where models are kept")
    given = reader.parse_args()
    file = model(given.model, given.models)
    bias = ends_of(file)
    base: dict[str, float] = {}
    print("| tools | side | prompt tokens | first token ms | tokens/s | of those without tools |\n|---|---|---|---|---|---|")
    with peer(file, 1, CONTEXT) as engine, ours(file, 1, CONTEXT) as promptweave:
        for number in NUMBERS:
            asked = {"temperature": 0, "seed": 1, "max_tokens": TOKENS, "logit_bias": bias}
            tools = {"tools": many_tools(number)} if number else {}
            ways: dict[str, tuple[Side, dict[str, Any], list[dict[str, Any]]]] = {
                side.name: (side, tools, []) for side in (engine, promptweave)
            }
            if number:
                whole = asked | tools | {"messages": [{"role": "user", "content": "Tell me a story (0)"}]}
                text = text_as_long(promptweave, json.dumps(many_tools(number)), whole)
                ways["promptweave, text in their place"] = (promptweave, {}, [{"role": "system", "content": text}])
            seen: dict[str, list[tuple[float, float, int]]] = {name: [] for name in ways}
            for turn in range(given.rounds):
                for name, (side, more, before) in list(ways.items())[:: 1 if turn % 2 else -1]:
                    messages = [*before, {"role": "user", "content": f"Tell me a story ({turn})"}]
                    seen[name].append(stream(side, asked | more | {"messages": messages}))
            for name, rows in seen.items():
                first, rate, prompt = (statistics.median(column) for column in zip(*rows[1:], strict=True))
                share = rate / base.setdefault(ways[name][0].name, rate)
                print(f"| {number} | {name} | {prompt:,.0f} | {first:.1f} | {rate:,.0f} | {share:.2f} |", flush=True)


if __name__ == "__main__":
    main()
