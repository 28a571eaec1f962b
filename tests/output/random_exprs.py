"""Random grammar expressions without rules, with hypothesis; and texts that have a chance with them."""

from hypothesis import strategies as st

from promptweave.output.grammar import Alt, Chars, Expr, Grammar, Lit, Rep, Seq

from ..grammars import accepts

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
