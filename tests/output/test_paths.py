"""Paths through a grammar as an engine follows them: counts, and the grammars that are rejected for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.output.grammar import paths
from promptweave.output.grammar.derivative import MAX_STACKS
from promptweave.output.grammar.expr import Alt, Chars, Expr, Grammar, Lit, Ref, Rep, Seq
from promptweave.output.grammar.paths import MAX_PATHS, has_too_many_paths
from promptweave.output.grammar.prefixes import ambiguous_prefix

LETTERS = Chars(((0x61, 0x7A),))


def doubling(levels: int) -> dict[str, Expr]:
    """Rules that each refer to two others: few stacks, and paths that double at each level."""
    rules: dict[str, Expr] = {"root": Ref(f"a{levels}"), "a0": Rep(LETTERS, 1), "b0": LETTERS}
    for level in range(1, levels + 1):
        below = (Ref(f"a{level - 1}"), Ref(f"b{level - 1}"))
        rules |= {f"a{level}": Alt(below), f"b{level}": Alt(below[::-1])}
    return rules


def optional_pairs(levels: int) -> dict[str, Expr]:
    """Rules of two optional parts each: as many stacks as paths."""
    rules: dict[str, Expr] = {"root": Ref(f"a{levels}"), "a0": Lit("a")}
    for level in range(1, levels + 1):
        part = Rep(Ref(f"a{level - 1}"), 0, 1)
        rules[f"a{level}"] = Alt((Seq((Ref(f"a{level - 1}"), part)), Ref(f"a{level - 1}")))
    return rules


def naive_starts(expr: Expr, rules: dict[str, Expr]) -> tuple[int, int]:
    """The counts of `Paths`, by following each path."""
    match expr:
        case Lit(text):
            return (1, 0) if text else (0, 1)
        case Chars():
            return 1, 0
        case Ref(name):
            return naive_starts(rules[name], rules)
        case Alt(items):
            each = [naive_starts(item, rules) for item in items]
            return sum(starts for starts, _ in each), sum(empties for _, empties in each)
        case Seq(items):
            if not items:
                return 0, 1
            starts, empties = naive_starts(items[0], rules)
            more = naive_starts(Seq(items[1:]), rules) if empties else (0, 0)
            return starts + empties * more[0], empties * more[1]
        case Rep(item, low, _):
            starts, empties = naive_starts(item, rules)
            return starts, empties if low else 1


def expressions(names: list[str]) -> st.SearchStrategy[Expr]:
    leaves: st.SearchStrategy[Expr] = st.sampled_from([Lit("a"), Lit(""), LETTERS, *map(Ref, names)])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda items: Seq(tuple(items))),
            st.lists(inner, min_size=1, max_size=3).map(lambda items: Alt(tuple(items))),
            inner.map(lambda item: Rep(item, 0, 1)),
        ),
        max_leaves=6,
    )


@given(st.tuples(expressions([]), expressions(["a"]), expressions(["a", "b"])))
def test_counts_are_those_of_following_each_path(bodies: tuple[Expr, Expr, Expr]) -> None:
    rules = dict(zip(("a", "b", "root"), bodies, strict=True))
    known: dict[str, paths.Paths] = {}
    for name in rules:
        paths._count_rule(name, rules, known)
    assert {name: tuple(counted) for name, counted in known.items()} == {
        name: naive_starts(body, rules) for name, body in rules.items()
    }


@pytest.mark.parametrize(("levels", "is_rejected"), [(4, False), (60, True)])
def test_doubling_rules(levels: int, is_rejected: bool) -> None:
    rules = doubling(levels)
    assert bool(has_too_many_paths(rules)) == is_rejected
    assert (ambiguous_prefix(Grammar(rules["root"], rules)) is not None) == is_rejected


def test_a_place_within_a_rule_counts() -> None:
    rules = {**doubling(60), "root": Seq((Lit("x"), Alt((Ref("a59"), Ref("b59")))))}
    assert has_too_many_paths(rules)


def test_left_recursion_has_infinitely_many() -> None:
    assert has_too_many_paths({"root": Ref("a"), "a": Alt((Seq((Ref("b"), Lit("x"))), Lit("y"))), "b": Ref("a")})


def test_a_long_chain_of_rules_and_a_long_choice_are_none() -> None:
    chain: dict[str, Expr] = {f"c{place}": Ref(f"c{place + 1}") for place in range(9_000)}
    assert not has_too_many_paths({"root": Ref("c0"), **chain, "c9000": LETTERS})
    assert not has_too_many_paths({"root": Alt(tuple(Lit(f"{number}") for number in range(MAX_PATHS // 2)))})


BEGINNINGS = [
    pytest.param(Lit("x"), id="nothing"),
    pytest.param(Lit("forced text that is longer than any fixed number of characters"), id="forced"),
    pytest.param(Seq((Rep(Chars(((0x30, 0x39),)), 1), Lit(","))), id="loop"),
    pytest.param(Seq((Rep(LETTERS, 40, 40), Lit(" "))), id="counted"),
]


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_ambiguity_is_found_behind_any_beginning(beginning: Expr) -> None:
    rules = optional_pairs(12)
    assert ambiguous_prefix(Grammar(Seq((beginning, rules["root"])), rules)) is not None


def test_grammars_with_few_readings_pass() -> None:
    words = Seq((Rep(LETTERS, 1), Rep(Seq((Lit(" "), Rep(LETTERS, 1))))))
    assert ambiguous_prefix(Grammar(words, {})) is None
    assert ambiguous_prefix(Grammar(optional_pairs(4)["root"], optional_pairs(4))) is None
    assert MAX_STACKS > 16
