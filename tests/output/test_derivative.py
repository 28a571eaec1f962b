"""What may follow a text that has begun, and reading printed grammars, which it starts from."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.output.grammar.derivative import AmbiguousGrammarError, Derivative, DerivativeCache
from promptweave.output.grammar.expr import NOTHING, Alt, Chars, Expr, Grammar, Lit, Ref, Rep, Seq
from promptweave.output.grammar.gbnf import to_gbnf
from promptweave.output.grammar.gbnf_reader import ForeignGrammarError, read_printed
from tests.support.output.gbnf_parser import grammar_from_gbnf
from tests.support.output.grammar_matcher import accepts, sample
from tests.support.output.random_exprs import EXPRS, GRAMMARS, TEXTS, WIDE, says


def start(expr: Expr, **rules: Expr) -> Derivative:
    return DerivativeCache({"root": expr, **rules}).start()


@given(EXPRS, TEXTS, st.integers(0, 6))
def test_it_is_the_grammar_of_what_may_follow(expr: Expr, text: str, split: int) -> None:
    rest = start(expr).after(text[:split])
    assert (rest is not None and accepts(rest.grammar(), text[split:])) == says(expr, text)


@given(EXPRS, TEXTS)
def test_whether_it_may_end(expr: Expr, text: str) -> None:
    rest = start(expr).after(text)
    assert (rest is not None and rest.may_end) == says(expr, text)


@given(EXPRS, TEXTS)
def test_what_is_certain_comes(expr: Expr, text: str) -> None:
    if says(expr, text):
        rest = start(expr)
        assert text.startswith(rest.forced_text())
        assert rest.over == (rest.may_end and rest.first_characters(0) == [])


@given(GRAMMARS, st.randoms(use_true_random=False))
def test_a_rest_is_what_the_grammar_admits_behind_a_beginning(grammar: Grammar, rng: random.Random) -> None:
    """Sampled both ways: sentences of the grammar are read to their end, and what the rest says makes a sentence."""
    start = DerivativeCache({"root": grammar.root, **grammar.rules}).start()
    text = sample(grammar, rng, budget=30)
    split = rng.randint(0, len(text))
    rest = start.after(text[:split])
    assert rest
    assert accepts(rest.grammar(), text[split:])
    whole = rest.after(text[split:])
    assert whole
    assert whole.may_end
    assert accepts(grammar, text[:split] + sample(rest.grammar(), rng, budget=30))
    changed = text[:split] + rng.choice(WIDE) + text[split + 1 :]
    after = start.after(changed)
    assert (after is not None and after.may_end) == accepts(grammar, changed)


@given(GRAMMARS)
def test_a_grammar_is_printed_as_it_was_read(grammar: Grammar) -> None:
    # What was read has literals side by side as one.
    rules = read_printed(to_gbnf(grammar))
    printed = to_gbnf(Grammar(rules.pop("root"), rules))
    again = read_printed(printed)
    assert to_gbnf(Grammar(again.pop("root"), again)) == printed


@given(GRAMMARS, st.randoms(use_true_random=False))
def test_two_readers_read_the_same(grammar: Grammar, rng: random.Random) -> None:
    """The reader of the tests, which shares nothing with ours, and the derivative, on what is almost a sentence."""
    start, other = DerivativeCache(read_printed(to_gbnf(grammar))).start(), grammar_from_gbnf(to_gbnf(grammar))
    text = sample(grammar, rng, budget=30)
    for place in range(len(text)):
        for changed in (text[:place] + text[place + 1 :], text[:place] + rng.choice(WIDE) + text[place:]):
            after = start.after(changed)
            assert (after is not None and after.may_end) == accepts(other, changed)


def test_what_follows_an_escaped_number_in_a_class_is_a_character() -> None:
    """`\\x2BA-Z` is `+` and the letters. Read as one number it admitted `@`: answers came with two of them."""
    (chars,) = (body for body in read_printed("root ::= [\\x2BA-Z\\x2F0-9]\n").values())
    assert chars == Chars(((0x2B, 0x2B), (0x41, 0x5A), (0x2F, 0x2F), (0x30, 0x39)))


def test_a_rest_is_printed_in_the_same_way_each_time() -> None:
    expr = Alt(
        (Seq((Lit("ab"), Ref("x"), Lit("1"))), Seq((Lit("a"), Rep(Chars(((98, 99),)), 1, None), Lit("2"))), Lit("abc3"))
    )
    printed = {start(expr, x=Lit("c")).after("ab").gbnf() for _ in range(5)}  # type: ignore[union-attr]
    assert len(printed) == 1


def test_rules_that_double_are_followed() -> None:
    """22 rules that each name the one before twice have 4 million ways to begin, and one character."""
    rules: dict[str, Expr] = {"d0": Rep(Chars(((97, 122),)), 1, None)}
    for number in range(1, 23):
        rules[f"d{number}"] = Alt((Ref(f"d{number - 1}"), Ref(f"d{number - 1}")))
    rest = start(Ref("d22"), **rules).after("abc")
    assert rest
    assert rest.may_end


def test_a_text_that_is_read_in_too_many_ways_or_too_deep() -> None:
    deep: dict[str, Expr] = {f"d{number}": Ref(f"d{number + 1}") for number in range(5000)}
    with pytest.raises(AmbiguousGrammarError):
        start(Ref("d0"), **deep, d5000=Lit("x"))


def test_a_long_row_of_what_may_be_left_out_is_read_in_a_moment() -> None:
    """3,900 of them took 5 s and more than a gigabyte once."""
    row = Seq(tuple(Rep(Chars(((97, 97 + number % 20),)), 0, 1) for number in range(3900)))
    rest = start(Seq(row.items[:900])).after("aab")
    assert rest
    assert rest.may_end
    for more in (row, Seq(row.items * 6)):
        with pytest.raises(AmbiguousGrammarError):
            start(more).after("a")


def test_what_is_remembered_is_forgotten() -> None:
    """Also what is reached from the start, which somebody holds."""
    text = Seq((Rep(Chars(((97, 99),)), 0, 500), Lit("x")))
    cache = DerivativeCache({"root": Rep(Ref("text"), 0, 500), "text": text})
    start, most = cache.start(), 0
    state = start
    for _ in range(200):
        following = state.after("a" * 500 + "x")
        assert following
        state, most = following, max(most, cache.size)
    assert 40_000 < most < 60_000
    reached, waiting = {start}, [start]
    while waiting:
        for each in waiting.pop()._next.values():
            if each and each not in reached:
                reached.add(each)
                waiting.append(each)
    assert len(reached) < 60_000


def test_a_rest_that_is_longer_than_engines_are_given() -> None:
    words = [Seq((Ref("k"), Lit(str(number)))) for number in range(8)]
    known = Alt(tuple(Lit(f"{number:06d}" * 5) for number in range(2000)))
    cache = DerivativeCache({"root": Seq((Lit("x"), Alt(tuple(words)))), "k": Seq((Lit("a"), known))}, 1_900_000)
    rest = cache.start().after("xa")
    assert rest
    assert rest.fits() == (len(rest.gbnf()) <= 2_000_000)


@given(EXPRS, TEXTS)
def test_a_printed_grammar_is_read_back(expr: Expr, text: str) -> None:
    if expr != NOTHING and "Alt(items=())" not in repr(expr):
        rules = read_printed(to_gbnf(Grammar(expr, {})))
        assert accepts(Grammar(rules["root"], rules), text) == says(expr, text)


def test_characters_are_read_back() -> None:
    expr = Seq(
        (Lit('say "hi"\\\n\t\r\0é😀\u2028'), Chars(((0, 8), (45, 45), (93, 94), (0xD7FF, 0xD7FF), (0xE000, 0x10FFFF))))
    )
    assert read_printed(to_gbnf(Grammar(expr, {}))) == {"root": expr}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "root ::= ",
        'root ::= "a',
        "root ::= [^a]",
        "root ::= .",
        'root ::= ("a"',
        'root ::= "a")',
        "root ::= <think>",
        "root ::= *",
        'root ::= "a" # comment',
        'root ::= "a" |\n  "b"',
        'root ::= "a"\nroot ::= "b"',
        "root ::= missing",
        'root ::= "\\q"',
        'root ::= "\\U00110000"',
        "root ::= [\\uD800]",
    ],
)
def test_what_is_not_printed_so_is_refused(text: str) -> None:
    with pytest.raises(ForeignGrammarError):
        read_printed(text)


def test_recursion() -> None:
    nested = Alt((Lit("x"), Seq((Lit("("), Ref("nested"), Lit(")")))))
    rest = start(Ref("nested"), nested=nested).after("((x")
    assert rest
    assert (rest.forced_text(), rest.gbnf()) == ("))", 'root ::= "))"\n')


def test_a_grammar_that_forces_a_text_without_end() -> None:
    assert len(start(Ref("a"), a=Seq((Lit("a"), Ref("a")))).forced_text()) == 4096


def test_a_text_that_can_be_read_in_too_many_ways() -> None:
    either = Alt((Seq((Lit("x"), Ref("a"), Lit("y"))), Seq((Lit("x"), Ref("a"), Lit("z"))), Lit("x")))
    with pytest.raises(AmbiguousGrammarError):
        start(Ref("a"), a=either).after("x" * 100)


def test_how_it_may_begin() -> None:
    rest = start(Seq((Rep(Chars(((48, 50),)), 0, 3), Lit("x"))))
    assert rest.first_characters(16) == ["0", "1", "2", "x"]
    assert rest.first_characters(3) is None
    assert start(Chars(((0, 0x10FFFF),))).first_characters(16) is None
