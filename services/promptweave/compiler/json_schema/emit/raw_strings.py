"""Verbatim strings, without quotes and escapes, up to a terminator.

A parser takes the text before the first occurrence of the terminator as the string, with or without the white space before
it. So a string may only be generated if parsing returns it: it must neither contain the terminator nor form one together
with the terminator that ends it.
"""

from promptweave.compiler.json_schema.emit.dfa_to_grammar import automaton_expr
from promptweave.compiler.json_schema.logic.formula import FormulaId, Formulas
from promptweave.compiler.json_schema.logic.string_atoms import MAX_TIGHT_STATES, string_language
from promptweave.compiler.regex import charset, dfa
from promptweave.compiler.regex.dfa import Dfa
from promptweave.output.grammar.expr import NOTHING, Expr, Lit, Rules


def raw_string(formula: FormulaId, formulas: Formulas, rules: Rules, end: str, unlike: str = "") -> Expr:
    """Return the strings that satisfy a (resolved) formula, each followed by `end`. NOTHING if there are none.

    Those that begin with a character of `unlike` are left out.

    If a large maxLength would need too many states, strings that contain a prefix of the terminator are left out.
    """
    high = max((value for value in _longest(formula, formulas)), default=0)
    core = end.lstrip()
    most = max(1, MAX_TIGHT_STATES // max(high, 1))
    possible = before(end, core[:most])
    if unlike:
        possible = dfa.difference(possible, _beginning_with(unlike))
    found = string_language(formula, formulas, possible)
    return NOTHING if found.is_empty else automaton_expr(found, rules, "raw", end=Lit(end), raw=True)


def _longest(formula: FormulaId, formulas: Formulas) -> list[int]:
    return [high for part in formulas.parts(formula) if (high := getattr(formulas.values[part], "high", None)) is not None]


def _beginning_with(characters: str) -> Dfa:
    first = charset.of(characters)
    return dfa.build(0, lambda state, place: 1 if state or place == 0 else None, bool, [first, charset.invert(first)])


def before(end: str, without: str) -> Dfa:
    """Return the texts that do not contain `without`, a prefix of the terminator, and after which `end` occurs first."""
    core = end.lstrip()
    alphabet = sorted(set(without))
    classes = [charset.of(char) for char in alphabet]
    others = charset.invert(charset.of("".join(alphabet)))

    def step(state: str, place: int) -> str | None:
        seen = state + alphabet[place] if place < len(alphabet) else ""
        if seen.endswith(without):
            return None
        return next(seen[start:] for start in range(len(seen) + 1) if without.startswith(seen[start:]))

    def ends(state: str) -> bool:
        # `state` is the part of `without` that the text ends with: a terminator cannot begin before it.
        return (state + end).find(core) == len(state) + len(end) - len(core)

    return dfa.build("", step, ends, [*classes, others])
