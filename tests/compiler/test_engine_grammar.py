"""Our grammars, judged by llama.cpp's own grammar code: it loads them, and accepts and rejects the same texts as we do."""

import importlib.util
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.request import ToolChoice
from promptweave.output.grammar.expr import Grammar
from promptweave.output.grammar.gbnf import to_gbnf
from tests.compiler.test_schema import ACCEPTED, REJECTED
from tests.support.compiler.schema_grammar import grammar_of
from tests.support.compiler.templates import template
from tests.support.compiler.tool_calls import QUESTION
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts, sample

TOOL = Path(__file__).parents[3] / "shared" / "tools" / "gbnf_engine.py"

pytestmark = [
    pytest.mark.skipif(not TOOL.exists(), reason="shared/tools/gbnf_engine.py is not here"),
    pytest.mark.skipif(not importlib.util.find_spec("xllamacpp"), reason="xllamacpp is not installed"),
]


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    spec = importlib.util.spec_from_file_location("gbnf_engine", TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.GbnfEngine() as running:
        yield running


def agree(engine: Any, grammar: Grammar, texts: list[str]) -> None:
    answer = engine.check(to_gbnf(grammar), texts)
    assert answer["ok"], answer
    assert [result["accept"] for result in answer["results"]] == [accepts(grammar, text) for text in texts]


@pytest.mark.parametrize(
    ("schema", "texts"), [*ACCEPTED, *(pytest.param(*case.values, id=f"not-{case.id}") for case in REJECTED)]
)
def test_schemas(engine: Any, schema: Any, texts: list[str]) -> None:
    grammar = grammar_of(schema)
    sampled = [sample(grammar, random.Random(seed)) for seed in range(20)]
    hostile = [text.replace('"', "\\u0022", 1) for text in sampled] + [text + " " for text in sampled] + [json.dumps(texts)]
    agree(engine, grammar, [*texts, *sampled, *hostile])


@pytest.mark.parametrize("name", ["tagged", "listed", "bare", "keyed", "braces"])
@pytest.mark.parametrize("required", [True, False], ids=["required", "auto"])
def test_answers(engine: Any, name: str, required: bool) -> None:
    compiled = compile_prompt(replace(QUESTION, tool_choice=ToolChoice(required)), template(name))
    assert compiled.grammar
    grammar = grammar_from_gbnf(compiled.grammar)
    sampled = [sample(grammar, random.Random(seed)) for seed in range(40)]
    agree(engine, grammar, [*sampled, *(text[: len(text) // 2] for text in sampled), *(text + "<call>" for text in sampled)])
