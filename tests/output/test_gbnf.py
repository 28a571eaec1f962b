"""Grammars as GBNF text. What llama.cpp makes of them is asked in `tests/compiler/test_engine_grammar.py`."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from promptweave.output.grammar.expr import (
    ANY_CHAR,
    EMPTY,
    NOTHING,
    Alt,
    Chars,
    Expr,
    Grammar,
    Lit,
    Ref,
    Rep,
    Rules,
    Seq,
    chars,
    none_of,
)
from promptweave.output.grammar.gbnf import MAX_REPEAT, to_gbnf
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts, sample
from tests.support.output.random_exprs import EXPRS, TEXTS, says

A, B = Lit("a"), Lit("b")


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        pytest.param(Lit('say "hi"\\\n\t\r'), r'"say \"hi\"\\\n\t\r"', id="escapes"),
        pytest.param(Lit("é😀 東"), '"é😀 東"', id="what-can-be-read-stays"),
        pytest.param(Lit("\0\x7f\x85\u2028\ufeff\U000e0001"), r'"\x00\x7F\x85\u2028\uFEFF\U000E0001"', id="what-cannot"),
        pytest.param(Lit(""), '""', id="empty-literal"),
        pytest.param(EMPTY, '""', id="empty"),
        pytest.param(chars("abc9"), "[9a-c]", id="class"),
        pytest.param(chars("]^-\\"), r"[\x2D\x5C-\x5E]", id="class-of-signs"),
        pytest.param(none_of('"'), r"[\x00-\x21\x23-\uD7FF\uE000-\U0010FFFF]", id="complement"),
        pytest.param(Rep(ANY_CHAR), r"[\x00-\uD7FF\uE000-\U0010FFFF]*", id="star"),
        pytest.param(Rep(A, 1), '("a")+', id="plus"),
        pytest.param(Rep(Ref("r"), 0, 1), "r?", id="question"),
        pytest.param(Rep(Ref("r"), 2, 2), "r{2}", id="exactly"),
        pytest.param(Rep(Ref("r"), 2, 5), "r{2,5}", id="between"),
        pytest.param(Rep(Ref("r"), 2), "r{2,}", id="at-least"),
        pytest.param(Rep(Ref("r"), 0, 5), "r{0,5}", id="at-most"),
        pytest.param(Seq((A, Alt((B, EMPTY)), Ref("r"))), '"a" ("b" | "") r', id="nested"),
        pytest.param(Rep(Seq((A, Ref("r")))), '("a" r)*', id="repeated-sequence"),
        pytest.param(Alt((Seq((A, Ref("r"))), B)), '"a" r | "b"', id="choice"),
        pytest.param(Seq((A, Seq(()), Alt((A, Alt((B,)))))), '"a" ("") ("a" | ("b"))', id="raw"),
    ],
)
def test_prints(expr: Expr, text: str) -> None:
    assert to_gbnf(Grammar(expr, {})) == f"root ::= {text}\n"


def test_prints_the_root_and_then_the_rules() -> None:
    rules = Rules()
    item = rules.add("item", Alt((A, B)))
    assert to_gbnf(rules.grammar(Rep(item))) == 'root ::= item*\nitem ::= "a" | "b"\n'


@pytest.mark.parametrize(
    ("expr", "why"),
    [
        pytest.param(NOTHING, "matches nothing", id="nothing"),
        pytest.param(Seq((A, NOTHING)), "matches nothing", id="nothing-inside"),
        pytest.param(Chars(()), "matches nothing", id="empty-class"),
        pytest.param(Rep(Ref("r"), MAX_REPEAT + 1), "counts above", id="low"),
        pytest.param(Rep(Ref("r"), 0, MAX_REPEAT + 1), "counts above", id="high"),
    ],
)
def test_refuses_what_the_engine_would_take_for_something_else(expr: Expr, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        to_gbnf(Grammar(expr, {}))


@given(EXPRS, TEXTS)
def test_the_text_says_what_the_grammar_says(expr: Expr, text: str) -> None:
    root = Rules().grammar(expr).root
    if root == NOTHING:
        return
    read = grammar_from_gbnf(to_gbnf(Grammar(root, {})))
    assert accepts(read, text) == says(expr, text)
    assert accepts(read, sample(Grammar(root, {}), random.Random(len(text))))


@given(st.lists(st.text(max_size=5), min_size=1, max_size=3), st.text(max_size=5))
@example([""], ",*")  # a dash of its own beside a range
def test_any_text_survives(literals: list[str], excluded: str) -> None:
    grammar = Grammar(Seq((*(Lit(text) for text in literals), Rep(none_of(excluded)))), {})
    read = grammar_from_gbnf(to_gbnf(grammar))
    whole = "".join(literals)
    assert accepts(read, whole)
    assert not accepts(read, whole + excluded) or not excluded
    assert accepts(read, whole + "".join(char for char in "x\0\ud7ff\ue000\U0010ffff" if char not in excluded))
