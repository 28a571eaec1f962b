"""The languages below schemas: patterns against Python's re, automata against their laws, numbers against arithmetic."""

import re
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptweave.compiler import SchemaError
from promptweave.compiler.json_schema.parse.json_values import exact
from promptweave.compiler.regex import dfa as automaton
from promptweave.compiler.regex.dfa import Dfa, TooManyStatesError
from promptweave.compiler.regex.ecma_parser import PatternError
from promptweave.compiler.regex.ecma_to_dfa import pattern_dfa
from promptweave.compiler.regex.formats import FORMATS, format_dfa
from tests.support.compiler.schema_grammar import grammar_of
from tests.support.output.grammar_matcher import accepts

TEXTS = st.text(alphabet="abc1_ -\n", max_size=8)

_ATOMS = st.sampled_from(["a", "b", "c", "1", ".", "[ab]", "[^a]", r"\d", r"\w", r"\W", "[a-c1]", " "])
_QUANTIFIERS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}", "*?", "{2,}"])


def _patterns(edges: bool) -> st.SearchStrategy[str]:
    """Patterns that mean the same to ECMA-262 and to Python, on ASCII."""
    plain = st.recursive(
        st.tuples(_ATOMS, _QUANTIFIERS).map("".join),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map("".join),
            st.tuples(inner, inner, _QUANTIFIERS).map(lambda parts: f"(?:{parts[0]}|{parts[1]}){parts[2]}"),
        ),
        max_leaves=5,
    )
    if not edges:
        return plain
    looks = st.tuples(st.sampled_from(["(?=", "(?!"]), plain).map(lambda parts: f"{parts[0]}{parts[1]})")
    pieces = st.one_of(plain, looks, st.sampled_from(["^", r"\b", r"\B"]))
    series = st.lists(pieces, min_size=1, max_size=4).map("".join)
    return st.lists(series, min_size=1, max_size=2).map("|".join)


@settings(deadline=None, max_examples=300)
@given(st.booleans().flatmap(_patterns), st.lists(TEXTS, max_size=12))
def test_patterns_are_pythons(pattern: str, texts: list[str]) -> None:
    try:
        dfa = pattern_dfa(pattern)
    except TooManyStatesError:
        return
    for text in texts:
        assert dfa.accepts(text) == bool(re.search(pattern, text)), (pattern, text)


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"^\u00e9\x41\u{1F600}$", ["éA😀"], ["e"]),
        (r"^[\b\cJ\0]$", ["\b", "\n", "\0"], ["b", "J"]),
        (r"^(?<name>a)b$", ["ab"], ["a"]),
        (r"^[]$", [], ["", "a"]),
        (r"^[^]$", ["a", "\n"], [""]),
        (r"(?<=a)b", ["ab", "xab"], ["b", "ba"]),
        (r"(?<!a)b", ["b", "cb", "abb"], ["ab"]),
        (r"a$|^b", ["xa", "bx"], ["ab ", "xb"]),
        (r"^\S+$", ["a"], ["a b", "\x1c", "\x85"]),
        (r"^-[\d-x]$", ["-1", "--", "-x"], ["-a"]),
        (
            r"(?!\b)a",
            ["ba"],
            ["a", "-a", "éa"],
        ),  # é is a word's character for some: there a boundary stands before a, or none
        (r"a(?!$)", ["ab"], ["a", "a\n"]),
    ],
)
def test_what_is_ecmas_own(pattern: str, good: list[str], bad: list[str]) -> None:
    dfa = pattern_dfa(pattern)
    assert [text for text in good if not dfa.accepts(text)] == []
    assert [text for text in bad if dfa.accepts(text)] == []


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        (r"a(?!$)", ["ab", "a\n"]),
        (r"(?!\b)a", ["ba", "éa"]),
        (r"(?!(?!\b))a", ["a", "-a", "éa"]),
        (r"\B", ["ab", "éa"]),
    ],
)
def test_what_a_negation_excludes_is_what_any_validator_finds(pattern: str, texts: list[str]) -> None:
    wide = pattern_dfa(pattern, wide=True)
    assert [text for text in texts if not wide.accepts(text)] == []


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", ")", "[", "a**", "*", r"\k<a>", r"\1", "(?i:a)", "a{3,2}", "[b-a]", r"\a", r"\u{110000}", "(?<=a", "{2}"),
        *("a{,2}", "a{,}", "[]a]", "[^]a]"),  # not read alike everywhere
    ],
)
def test_malformed_or_irregular_patterns_are_errors(pattern: str) -> None:
    with pytest.raises(PatternError):
        pattern_dfa(pattern)


@settings(deadline=None, max_examples=100)
@given(_patterns(False), _patterns(False), st.lists(TEXTS, max_size=8))
def test_automata_keep_the_laws(one: str, other: str, texts: list[str]) -> None:
    left, right = pattern_dfa(f"^(?:{one})$"), pattern_dfa(f"^(?:{other})$")
    both, any_of = automaton.intersection(left, right), automaton.union(left, right)
    # Equal languages are equal values: minimal, in one numbering.
    assert automaton.complement(automaton.complement(left)) == left
    assert automaton.complement(both) == automaton.union(automaton.complement(left), automaton.complement(right))
    assert automaton.difference(left, right) == automaton.intersection(left, automaton.complement(right))
    assert automaton.union(both, left) == left == automaton.intersection(any_of, left)
    assert pattern_dfa(f"^(?:(?:{one})|(?:{other}))$") == any_of
    short = automaton.limited(left, 1, 3)
    for text in texts:
        assert both.accepts(text) == (left.accepts(text) and right.accepts(text))
        assert short.accepts(text) == (left.accepts(text) and 1 <= len(text) <= 3)
    if not left.is_empty:
        assert left.longest is None or left.longest >= left.shortest


def test_texts_become_the_same_automaton_as_their_pattern() -> None:
    assert automaton.of_texts(["ab", "a", "cb"]) == pattern_dfa("^(?:a|ab|cb)$")
    assert automaton.of_texts([]) == automaton.EMPTY == pattern_dfa("^[]$")
    assert isinstance(automaton.ALL, Dfa)
    assert pattern_dfa("") == automaton.ALL


@pytest.mark.parametrize("name", sorted(FORMATS - {"json-pointer", "relative-json-pointer"}))
def test_formats_are_not_empty_and_hold_no_control_characters(name: str) -> None:
    dfa = format_dfa(name)
    assert not dfa.is_empty
    assert automaton.intersection(dfa, pattern_dfa("[\\x00-\\x1f]")).is_empty


_DECIMALS = st.decimals(-1000, 1000, places=2).map(lambda value: float(value))
_BOUNDS = st.one_of(st.integers(-120, 120), _DECIMALS)
_SPELLINGS = st.one_of(
    st.integers(-2000, 2000).map(str),
    st.tuples(st.integers(-150, 150), st.integers(0, 999)).map(lambda parts: f"{parts[0]}.{parts[1]}"),
)


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]), _BOUNDS, min_size=1),
    st.sampled_from([None, 1, 2, 3, 10, 0.5, 0.25]),
    st.booleans(),
    st.lists(_SPELLINGS, min_size=1, max_size=30),
)
def test_numbers_are_arithmetics(bounds: dict[str, Any], step: float | None, whole: bool, texts: list[str]) -> None:
    schema = {"type": "integer" if whole else "number", **bounds, **({"multipleOf": step} if step else {})}
    try:
        grammar = grammar_of(schema)
    except SchemaError as refusal:
        if refusal.kind != "unsatisfiable":
            raise
        return
    for text in texts:
        value = Fraction(text)
        exact = {key: Fraction(str(bound)) for key, bound in bounds.items()}
        valid = (
            value >= exact.get("minimum", value)
            and value <= exact.get("maximum", value)
            and value > exact.get("exclusiveMinimum", value - 1)
            and value < exact.get("exclusiveMaximum", value + 1)
            and (step is None or (value / Fraction(str(step))).denominator == 1)
            and (value.denominator == 1 or not whole)
        )
        found = accepts(grammar, text)
        assert not found or valid, (schema, text)
        # Integers have no point where they are asked for, and multiples no digits that they do not need.
        if (
            valid
            and not (text.startswith("-") and value == 0)
            and (not whole or "." not in text)
            and not (step and "." in text)
        ):
            assert found, (schema, text)


_DECIMALS = st.tuples(
    st.sampled_from(["", "-"]), st.integers(0, 120), st.sampled_from(["", ".0", ".00", ".5", ".50", ".05"])
)
_NUMBERS = _DECIMALS.map(lambda parts: f"{parts[0]}{parts[1]}{parts[2]}").filter(lambda text: float(text) or text[0] != "-")


@settings(deadline=None, max_examples=60)
@given(st.sets(_NUMBERS, min_size=1, max_size=12), st.lists(_NUMBERS, max_size=12), st.booleans())
def test_numbers_that_are_none_of_some(listed: set[str], texts: list[str], whole: bool) -> None:
    schema: dict[str, Any] = {"type": "integer" if whole else "number", "not": {"enum": [float(text) for text in listed]}}
    grammar = grammar_of(schema)
    excluded = {exact(float(text)) for text in listed}
    for text in (*texts, *listed):
        expected = exact(float(text)) not in excluded and not (whole and "." in text)
        assert accepts(grammar, text) == expected, text
