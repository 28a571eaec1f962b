"""What may follow a text that has begun, and reading printed grammars, which it starts from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.output.gbnf import to_gbnf
from promptweave.output.gbnf_reader import ForeignGrammarError, read_printed
from promptweave.output.grammar import NOTHING, Alt, Chars, Expr, Grammar, Lit, Ref, Rep, Seq
from promptweave.output.rest import AmbiguousGrammarError, Rest, Rests

from ..grammars import accepts
from .random_exprs import EXPRS, TEXTS, says


def start(expr: Expr, **rules: Expr) -> Rest:
    return Rests(rules).of(expr)


@given(EXPRS, TEXTS, st.integers(0, 6))
def test_it_is_the_grammar_of_what_may_follow(expr: Expr, text: str, split: int) -> None:
    rest = start(expr).after(text[:split])
    assert (rest is not None and says(rest.expr, text[split:])) == says(expr, text)


@given(EXPRS, TEXTS)
def test_whether_it_may_end(expr: Expr, text: str) -> None:
    rest = start(expr).after(text)
    assert (rest is not None and rest.may_end) == says(expr, text)


@given(EXPRS, TEXTS)
def test_what_is_certain_comes(expr: Expr, text: str) -> None:
    if says(expr, text):
        rest = start(expr)
        assert text.startswith(rest.certain())
        assert rest.over == (rest.may_end and rest.beginnings(0) == [])


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
    ],
)
def test_what_is_not_printed_so_is_refused(text: str) -> None:
    with pytest.raises(ForeignGrammarError):
        read_printed(text)


def test_recursion() -> None:
    nested = Alt((Lit("x"), Seq((Lit("("), Ref("nested"), Lit(")")))))
    rest = start(Ref("nested"), nested=nested).after("((x")
    assert rest
    assert (rest.certain(), rest.gbnf()) == ("))", 'root ::= "))"\n')


def test_a_grammar_that_forces_a_text_without_end() -> None:
    assert len(start(Ref("a"), a=Seq((Lit("a"), Ref("a")))).certain()) == 4096


def test_a_text_that_can_be_read_in_too_many_ways() -> None:
    either = Alt((Seq((Lit("x"), Ref("a"), Lit("y"))), Seq((Lit("x"), Ref("a"), Lit("z"))), Lit("x")))
    with pytest.raises(AmbiguousGrammarError):
        start(Ref("a"), a=either).after("x" * 100)


def test_how_it_may_begin() -> None:
    rest = start(Seq((Rep(Chars(((48, 50),)), 0, 3), Lit("x"))))
    assert rest.beginnings(16) == ["0", "1", "2", "x"]
    assert rest.beginnings(3) is None
    assert start(Chars(((0, 0x10FFFF),))).beginnings(16) is None
