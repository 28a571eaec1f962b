"""llguidance's dialect, judged by llguidance: the same texts as our reader of grammars."""

import json
import random
from typing import Any

import llguidance
import pytest

from promptweave.compiler.json_schema.compile import compile_schema
from promptweave.compiler.json_text import COMPACT
from promptweave.output.grammar.lark import to_lark
from tests.compiler.test_schema import ACCEPTED, REJECTED
from tests.compiler.test_schema_keywords import CASES
from tests.support.compiler.schema_grammar import grammar_of
from tests.support.output.grammar_matcher import accepts, sample

TOKENIZER = llguidance.LLTokenizer("byte")


def judged(lark: str, texts: list[str]) -> list[bool]:
    """Which texts llguidance accepts, byte by byte."""
    matcher = llguidance.LLMatcher(TOKENIZER, lark, log_level=0)
    assert not matcher.is_error(), matcher.get_error()
    found = []
    for text in texts:
        matcher.reset()
        taken = all(not matcher.is_stopped() and matcher.try_consume_tokens([byte]) for byte in text.encode())
        found.append(taken and matcher.is_accepting())
    return found


SCHEMAS = [(*case.values, [])[:3] for case in (*ACCEPTED, *REJECTED)] + [case.values for case in CASES]


@pytest.mark.parametrize(("schema", "good", "bad"), SCHEMAS)
def test_llguidance_agrees(schema: Any, good: list[str], bad: list[str]) -> None:
    grammar = grammar_of(schema)
    texts = [*good, *bad, *(sample(grammar, random.Random(seed), budget=60) for seed in range(8))]
    texts = [text for text in texts if len(text) < 1000]
    texts += [text + " " for text in texts] + [text[:-1] for text in texts if text]
    assert judged(to_lark(grammar), texts) == [accepts(grammar, text) for text in texts]


@pytest.mark.parametrize(
    "schema",
    [{"type": "string", "maxLength": 10**6}, {"type": "string", "format": "email"}, {"enum": [f"e{n}" for n in range(500)]}],
    ids=["long", "format", "enum"],
)
def test_llguidance_loads_large_grammars(schema: Any) -> None:
    lark = compile_schema(schema, dialect="llguidance").grammar
    assert judged(lark, [json.dumps("e7"), json.dumps("a@b.c"), "1"])[2] is False


def test_compact_values() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}}
    lark = compile_schema(schema, dialect="llguidance", separators=COMPACT).grammar
    assert judged(lark, ['{"a":[1,2],"b":{"c":null}}', '{"a":[1, 2]}', '{"a": []}']) == [True, False, False]
