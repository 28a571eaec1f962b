"""How long schemas take to be compiled, how large their grammars are, and what the worst ones cost. Prints; asserts nothing.

python benchmarks/schema.py
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from promptweave.compiler import SchemaError
from promptweave.compiler.json_schema.compile import compile_schema

SUITE = Path(__file__).parents[2] / "shared" / "corpus" / "json-schema-test-suite" / "tests"

WORST: dict[str, Any] = {
    "maxLength 10^9": {"type": "string", "maxLength": 10**9},
    "pattern and maxLength 10^9": {"type": "string", "pattern": "^[a-z]+(-[a-z]+)*$", "maxLength": 10**9},
    "([a-z]{1,1000}){2}": {"type": "string", "pattern": "^[a-z]{1,1000}[a-z]{1,1000}$"},
    "a.{20}$": {"type": "string", "pattern": "a.{20}$"},
    "10,000 properties": {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(10_000)}},
    "200 optional properties": {
        "type": "object",
        "properties": {f"p{n}": {"type": "string"} for n in range(200)},
        "additionalProperties": False,
    },
    "enum of 5,000": {"enum": [f"value number {n}" for n in range(5_000)]},
    "oneOf of 200 kinds": {
        "oneOf": [
            {"type": "object", "properties": {"kind": {"const": f"k{n}"}, "x": {"type": "integer"}}, "required": ["kind"]}
            for n in range(200)
        ]
    },
    "anyOf of 200 closed objects": {
        "anyOf": [
            {
                "type": "object",
                "properties": {f"Kind{n}": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}},
                "required": [f"Kind{n}"],
                "additionalProperties": False,
            }
            for n in range(200)
        ]
    },
    "40 conditions": {
        "type": "object",
        "properties": {"k": {"enum": [f"v{n}" for n in range(40)]}},
        "allOf": [
            {"if": {"properties": {"k": {"const": f"v{n}"}}, "required": ["k"]}, "then": {"required": [f"r{n}"]}}
            for n in range(40)
        ],
    },
    "60 levels of double references": {
        "$ref": "#/$defs/a0",
        "$defs": {
            **{
                f"a{n}": {"properties": {"x": {"$ref": f"#/$defs/a{n + 1}"}, "y": {"$ref": f"#/$defs/a{n + 1}"}}}
                for n in range(60)
            },
            "a60": {"type": "string"},
        },
    },
}


def suite() -> Iterator[Any]:
    """Yield the schemas of the official suites, if they are available."""
    for draft, uri in (
        ("draft2020-12", "https://json-schema.org/draft/2020-12/schema"),
        ("draft7", "http://json-schema.org/draft-07/schema#"),
    ):
        for path in sorted((SUITE / draft).glob("*.json")):
            for case in json.loads(path.read_text()):
                schema = case["schema"]
                yield {"$schema": uri, **schema} if isinstance(schema, dict) and "$schema" not in schema else schema


def timed(schema: Any) -> tuple[float, float, str]:
    """Return milliseconds of CPU time and wall-clock time, and the outcome."""
    start, began = time.process_time(), time.perf_counter()
    try:
        outcome = f"{len(compile_schema(schema).grammar):,} characters"
    except SchemaError as refusal:
        outcome = str(refusal)
    return (time.process_time() - start) * 1e3, (time.perf_counter() - began) * 1e3, outcome


def main() -> None:
    """Print all results."""
    schemas = list(suite())
    for label in ("first time", "again"):
        each = [timed(schema) for schema in schemas]
        for what, place in (("CPU", 0), ("clock", 1)) if each else ():
            times = sorted(float(found[place]) for found in each)
            shown = ", ".join(
                f"{name} {times[int(len(times) * part) - 1]:.3f}" for name, part in (("p50", 0.5), ("p99", 0.99), ("max", 1))
            )
            print(f"suite, {len(times)} schemas, {label}, {what}: ms {shown}")
    for name, schema in WORST.items():
        took, _, outcome = timed(schema)
        print(f"{name:32} {took:9.1f} ms  {outcome[:100]}")


if __name__ == "__main__":
    main()
