"""The algebra of grammars: what it builds has the language that it should have."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
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
    alt,
    chars,
    none_of,
    optional,
    seq,
    split_literal,
)
from tests.support.output.grammar_matcher import sample
from tests.support.output.random_exprs import EXPRS, TEXTS, says


@given(EXPRS, EXPRS, TEXTS)
def test_a_sequence_is_one_after_the_other(first: Expr, second: Expr, text: str) -> None:
    apart = any(says(first, text[:cut]) and says(second, text[cut:]) for cut in range(len(text) + 1))
    assert says(seq(first, second), text) == apart


@given(EXPRS, EXPRS, TEXTS)
def test_a_choice_is_one_or_the_other(first: Expr, second: Expr, text: str) -> None:
    assert says(alt(first, second), text) == (says(first, text) or says(second, text))


@given(EXPRS, TEXTS)
def test_optional_adds_the_empty_text(expr: Expr, text: str) -> None:
    assert says(optional(expr), text) == (says(expr, text) or text == "")


@given(st.lists(EXPRS, max_size=3), TEXTS)
def test_flattening_changes_no_language(items: list[Expr], text: str) -> None:
    assert says(seq(*items), text) == says(Seq(tuple(items)), text)
    assert says(alt(*items), text) == says(Alt(tuple(items)), text)


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        pytest.param(seq(), EMPTY, id="empty"),
        pytest.param(seq(Lit("a"), EMPTY, Lit(""), Seq((Lit("b"), Lit("c")))), Lit("abc"), id="literals-join"),
        pytest.param(seq(Lit("a"), NOTHING), NOTHING, id="nothing-in-a-sequence"),
        pytest.param(alt(), NOTHING, id="nothing"),
        pytest.param(alt(Lit("a"), NOTHING, Alt((Lit("b"), Lit("a")))), Alt((Lit("a"), Lit("b"))), id="no-repeats"),
        pytest.param(alt(Lit("a"), Lit("a")), Lit("a"), id="one-is-itself"),
        pytest.param(optional(EMPTY), EMPTY, id="optional-empty"),
        pytest.param(chars("cab"), Chars(((97, 99),)), id="neighbours"),
        pytest.param(none_of(""), ANY_CHAR, id="none-of-none"),
    ],
)
def test_builds_the_short_form(built: Expr, expected: Expr) -> None:
    assert built == expected


BORDERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from("\0\ud7ff\ue000\U0010ffff")


@given(st.text(BORDERS), BORDERS)
def test_a_class_and_its_complement_share_every_character(text: str, char: str) -> None:
    assert says(chars(text), char) == (char in text)
    assert says(none_of(text), char) == (char not in text)


@given(st.text(BORDERS))
def test_classes_are_ascending_apart_and_hold_no_surrogates(text: str) -> None:
    for built in (chars(text), none_of(text)):
        ends = [code for low, high in built.ranges for code in (low, high)]
        assert ends == sorted(ends)
        assert all(high + 1 < low for (_, high), (low, _) in pairwise(built.ranges))
        assert not any(low <= 0xDFFF and high >= 0xD800 for low, high in built.ranges)


# -- what every sentence begins with --


@given(EXPRS, TEXTS)
def test_the_literal_beginning_is_cut_off_and_the_rest_stays(expr: Expr, text: str) -> None:
    prefix, rest = split_literal(expr)
    assert says(rest, text) == says(expr, prefix + text)
    if not text.startswith(prefix):
        assert not says(expr, text)


@pytest.mark.parametrize(
    ("expr", "prefix", "rest"),
    [
        pytest.param(Lit("abc"), "abc", EMPTY, id="literal"),
        pytest.param(Alt((Lit("abc"), Lit("abd"))), "ab", Alt((Lit("c"), Lit("d"))), id="choice"),
        pytest.param(Seq((Lit("a"), Alt((Lit("bc"), Lit("bd"))), Lit("e"))), "ab", None, id="into-a-choice"),
        pytest.param(Alt((Lit("ab"), Lit("a"))), "a", Alt((Lit("b"), EMPTY)), id="one-ends"),
        pytest.param(Ref("rule"), "", Ref("rule"), id="not-into-rules"),
        pytest.param(NOTHING, "", NOTHING, id="nothing"),
    ],
)
def test_splits(expr: Expr, prefix: str, rest: Expr | None) -> None:
    got = split_literal(expr)
    assert got[0] == prefix
    assert rest in (None, got[1])


# -- rules --


def test_names_are_those_of_gbnf_and_unique() -> None:
    rules = Rules()
    hints = ["a", "a", "A", "root", "get_Wetter!", "größe", "9", "", "-", "x" * 60, "a-2"]
    names = [rules.reserve(hint).name for hint in hints]
    assert names[:3] == ["a", "a-2", "a-3"]
    assert len(set(names)) == len(names)
    assert "root" not in names
    assert all(name[0].isalpha() and name.replace("-", "").isalnum() and name.isascii() for name in names)


def test_the_same_body_is_the_same_rule() -> None:
    rules = Rules()
    assert rules.add("x", Lit("a")) == rules.add("y", Lit("a")) != rules.add("x", Lit("b"))


def test_only_what_can_be_reached_stays() -> None:
    rules = Rules()
    used = rules.add("used", Rep(rules.add("deep", alt(Lit("a"), Lit("b")))))
    rules.add("unused", Lit("b"))
    assert list(rules.grammar(seq(used, Lit("!"))).rules) == ["deep", "used"]


def test_what_has_no_end_is_left_out() -> None:
    rules = Rules()
    endless = rules.reserve("endless")
    rules.define(endless, seq(Lit("a"), endless))
    either = rules.add("either", alt(seq(Lit("b"), endless), Lit("c"), Seq((Rep(endless), Lit("d")))))
    grammar = rules.grammar(either)
    assert list(grammar.rules) == ["either"]
    assert {sample(grammar, random.Random(seed)) for seed in range(20)} == {"c", "d"}
    assert rules.grammar(endless) == Grammar(NOTHING, {})
    assert rules.grammar(seq(Lit("x"), Rep(endless, 1))) == Grammar(NOTHING, {})
    assert rules.grammar(seq(Lit("x"), Rep(endless))).root == Lit("x")


NAMES = ["p", "q", "r"]
BODIES = st.recursive(
    st.one_of(st.builds(Lit, TEXTS), st.sampled_from([Ref(name) for name in NAMES])),
    lambda exprs: st.one_of(
        st.builds(Seq, st.lists(exprs, max_size=3).map(tuple)), st.builds(Alt, st.lists(exprs, max_size=3).map(tuple))
    ),
    max_leaves=5,
)


def _derives(bodies: dict[str, Expr], expr: Expr, depth: int) -> set[str]:
    """The sentences of at most six characters that need at most `depth` rules inside each other."""
    match expr:
        case Lit(text):
            return {text} if len(text) <= 6 else set()
        case Ref(name):
            return _derives(bodies, bodies[name], depth - 1) if depth else set()
        case Alt(items):
            return set().union(*(_derives(bodies, item, depth) for item in items))
        case Seq(items):
            found = {""}
            for item in items:
                more = _derives(bodies, item, depth)
                found = {left + right for left in found for right in more if len(left + right) <= 6}
            return found
    raise AssertionError(expr)


@given(BODIES, BODIES, BODIES)
def test_leaving_out_loses_no_sentence(first: Expr, second: Expr, third: Expr) -> None:
    bodies = dict(zip(NAMES, (first, second, third), strict=True))
    rules = Rules()
    refs = [rules.reserve(name) for name in NAMES]
    for ref in refs:
        rules.define(ref, bodies[ref.name])
    grammar = rules.grammar(refs[0])
    for depth in (1, 3):
        assert _derives(bodies, Ref("p"), depth) <= _derives(dict(grammar.rules), grammar.root, depth)
        # Rules that only stood for another one are gone, so what is left is less deep.
        assert _derives(dict(grammar.rules), grammar.root, depth) <= _derives(bodies, Ref("p"), depth + len(NAMES))
    # What is left can end, wherever one looks.
    if grammar.root != NOTHING:
        sample(grammar, random.Random(0), budget=10)
