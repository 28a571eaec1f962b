"""Matches texts with llama.cpp's own grammar code if it is available, else with `grammar_matcher`."""

import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from promptweave.output.grammar.expr import Grammar
from promptweave.output.grammar.gbnf import to_gbnf
from tests.support.output.grammar_matcher import accepts

TOOL = Path(__file__).parents[4] / "shared" / "tools" / "gbnf_engine.py"
HAS_ENGINE = TOOL.exists() and importlib.util.find_spec("xllamacpp") is not None

Judge = Callable[[Grammar, Sequence[str]], list[bool]]


@contextmanager
def engine_or_reader() -> Iterator[Judge]:
    """What tells, for each text, whether the grammar accepts it. The engine runs in a child process."""
    if not HAS_ENGINE:
        yield lambda grammar, texts: [accepts(grammar, text) for text in texts]
        return
    spec = importlib.util.spec_from_file_location("gbnf_engine", TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.GbnfEngine(python=sys.executable) as running:

        def judge(grammar: Grammar, texts: Sequence[str]) -> list[bool]:
            answer = running.check(to_gbnf(grammar), texts)
            assert answer["ok"], answer
            return [result["accept"] for result in answer["results"]]

        yield judge
