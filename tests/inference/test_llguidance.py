"""Our grammars in llguidance's Lark, on the engine that takes them: random weights write nothing but valid values."""

import json
import re
from typing import Any

import jsonschema
import pytest

from promptweave.compiler.compile_schema import compile_schema
from promptweave.inference.supervisor import Supervisor

pytestmark = pytest.mark.anyio

SCHEMAS: list[Any] = [
    pytest.param({"enum": ["a", 'say "hi"\n', 12, None, {"b": [True]}]}, id="enum"),
    pytest.param({"type": "integer", "minimum": -3, "maximum": 40, "multipleOf": 7}, id="integer"),
    pytest.param({"type": "string", "pattern": "^[A-Z]{2}-\\d{3}$"}, id="pattern"),
    pytest.param({"type": "string", "format": "date"}, id="date"),
    pytest.param({"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 4}, id="array"),
    pytest.param(
        {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 5}, "n": {"type": "number", "exclusiveMinimum": 0}},
            "required": ["city"],
            "additionalProperties": False,
        },
        id="object",
    ),
]


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_whatever_is_written_is_valid(engine: Supervisor, schema: Any) -> None:
    grammar = compile_schema(schema, dialect="llguidance").grammar
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    whole = 0
    for seed in range(5):
        text, ended = "", False
        body = {"prompt": "value: ", "grammar": f"%llguidance {{}}\n{grammar}", "seed": seed, "n_predict": 200}
        async with engine.ready().client.complete(body) as batches:
            async for batch in batches:
                for chunk in batch:
                    text += chunk.text
                    ended = ended or chunk.stop_type in ("eos", "word")
        if ended:
            # The token that ended it is shown, too.
            validator.validate(json.loads(re.sub(r"<\|\w+\|>\Z", "", text)))
            whole += 1
    assert whole
