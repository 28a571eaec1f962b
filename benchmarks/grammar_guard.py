"""Checking an answer against its grammar (`inference/grammar/grammar_guard.py`): CPU time per token, on one core.

    python benchmarks/grammar_guard.py

*New*: the first answer with a grammar; *known*: an answer that was read before. A token is four characters here.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from promptweave.compiler import json_schema_to_gbnf
from promptweave.inference.grammar.grammar_guard import GbnfGuard
from promptweave.output.grammar.derivative import DerivativeCache
from promptweave.output.grammar.gbnf_reader import read_printed

ROUNDS = 30
TEXT = {"type": "string", "maxLength": 400}
WORDS = "hello world, this is a text. " * 10


def record(**properties: Any) -> dict[str, Any]:
    """Return the schema of a closed object."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


CASES: dict[str, tuple[Any, Any]] = {
    "eight texts of up to 400": (record(**dict.fromkeys("abcdefgh", TEXT)), dict.fromkeys("abcdefgh", WORDS)),
    "any object": ({"type": "object"}, {"a": [1, 2, {"x": "y" * 100}], "b": WORDS}),
    "an email address": (record(mail={"type": "string", "format": "email", "maxLength": 40}), {"mail": "ab.c@example.org"}),
    "one of 300": ({"enum": [f"value_{number}" for number in range(300)]}, "value_299"),
    "a pattern": ({"type": "string", "pattern": "^[a-z]{1,40}(-[a-z0-9]{1,20}){0,5}$"}, "abcdef" * 5 + "-abc12" * 4),
}


def milliseconds(work: Callable[[], object]) -> float:
    """Return the CPU time of the work."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000


def main() -> None:
    """Print the table."""
    print(f"{'schema':26}{'grammar':>9}{'read it':>10}{'new':>14}{'known':>14}")
    for name, (schema, value) in CASES.items():
        gbnf, text = json_schema_to_gbnf(schema), json.dumps(value)
        tokens = [text[place : place + 4] for place in range(0, len(text), 4)]
        reading = milliseconds(lambda gbnf=gbnf: DerivativeCache(read_printed(gbnf)).start())  # type: ignore[misc]
        start = DerivativeCache(read_printed(gbnf)).start()

        def read(start: Any = start, tokens: list[str] = tokens) -> None:
            guard = GbnfGuard(start)
            for token in tokens:
                guard.read(token)
            guard.end()

        new = milliseconds(read) * 1000 / len(tokens)
        known = milliseconds(lambda read=read: [read() for _ in range(ROUNDS)]) * 1000 / len(tokens) / ROUNDS  # type: ignore[misc]
        print(f"{name:26}{len(gbnf):>9,}{reading:>7.1f} ms{new:>8.2f} µs/token{known:>6.2f} µs/token")


if __name__ == "__main__":
    main()
