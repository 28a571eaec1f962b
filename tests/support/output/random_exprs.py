"""Hypothesis strategies for grammar expressions without rules, and for texts that are likely to match them."""

from hypothesis import strategies as st

from promptweave.output.grammar.expr import Alt, Chars, Expr, Grammar, Lit, Ref, Rep, Seq
from tests.support.output.grammar_matcher import accepts

LETTERS = "abc"
TEXTS = st.text(alphabet=LETTERS, max_size=6)

_CHARS = st.sampled_from([Chars(((97, 97),)), Chars(((97, 98),)), Chars(((97, 97), (99, 99)))])
_LITS = st.builds(Lit, st.text(alphabet=LETTERS, max_size=3))
# What is repeated must not match the empty text.
_REPS = st.builds(
    lambda item, low, more: Rep(item, low, None if more is None else low + more),
    st.one_of(_CHARS, st.builds(Lit, st.text(alphabet=LETTERS, min_size=1, max_size=2))),
    st.integers(0, 2),
    st.none() | st.integers(0, 2),
)


def _several(exprs: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    items = st.lists(exprs, max_size=3).map(tuple)
    return st.one_of(st.builds(Seq, items), st.builds(Alt, items))


EXPRS: st.SearchStrategy[Expr] = st.recursive(st.one_of(_LITS, _CHARS, _REPS), _several, max_leaves=6)


def says(expr: Expr, text: str) -> bool:
    """Whether `text` is a sentence of `expr`."""
    return accepts(Grammar(expr, {}), text)


WIDE = [
    "a",
    "F",
    "9",
    "]",
    "[",
    "^",
    "-",
    "\\",
    '"',
    "'",
    "\n",
    "\t",
    "\0",
    "+",
    "/",
    "@",
    "é",
    "\u2028",
    "\u20ac",
    "\U0001f600",
]
_WIDE_CHARS = st.lists(st.tuples(st.sampled_from(WIDE), st.integers(0, 30)), min_size=1, max_size=4).map(
    lambda found: Chars(_apart(sorted((ord(char), ord(char) + more) for char, more in found)))
)


def _apart(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Ascending and apart, as `Chars` wants them."""
    found: list[tuple[int, int]] = []
    for low, high in ranges:
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)


_WIDE_LITS = st.builds(Lit, st.text(st.sampled_from(WIDE), min_size=1, max_size=3))
_LATER = st.sampled_from([Ref("r1"), Ref("r2")])
# A rule begins with a character, so none is left-recursive; each may end without the others, so all of them can end.
_RULES = st.builds(
    lambda first, rest, last: Seq((first, Alt((rest, Seq((_BRACKET, Ref("r1"), last)))))),
    _WIDE_CHARS,
    st.one_of(_WIDE_LITS, st.builds(lambda item, low: Rep(item, low, low + 2), _WIDE_CHARS, st.integers(0, 2))),
    _WIDE_LITS,
)
_BRACKET = Lit("(")
GRAMMARS = st.builds(
    lambda parts, r1, r2: Grammar(Seq(tuple(parts)), {"r1": r1, "r2": r2}),
    st.lists(
        st.one_of(_WIDE_CHARS, _WIDE_LITS, _LATER, st.builds(Rep, _LATER, st.just(0), st.just(3))), min_size=1, max_size=4
    ),
    _RULES,
    _RULES,
)
"""Grammars with rules that name themselves and one another, over characters that need care in print."""
