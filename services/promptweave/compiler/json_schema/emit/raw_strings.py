"""Strings that stand in a text as they are, without quotes and escapes, up to a text that ends them.

A reader takes what comes before the first occurrence of that text, with the white space before it or without, as the
string. So a string may be written only if that gives it back: it holds no such text, and forms none together with its end.
"""

from promptweave.compiler.json_schema.emit.dfa_to_grammar import automaton_expr
from promptweave.compiler.json_schema.logic.formula import Formulas
from promptweave.compiler.json_schema.logic.string_atoms import MAX_TIGHT_STATES, string_language
from promptweave.compiler.regex import charset, dfa
from promptweave.compiler.regex.dfa import Dfa
from promptweave.output.grammar.expr import NOTHING, Expr, Lit, Rules


def raw_string(formula: int, formulas: Formulas, rules: Rules, end: str) -> Expr:
    """The strings for which a (settled) formula holds, each followed by `end`. NOTHING if there are none.

    Where a large maxLength would need too many states, strings that hold the beginning of what ends them are left out.
    """
    high = max((value for value in _longest(formula, formulas)), default=0)
    core = end.lstrip()
    most = max(1, MAX_TIGHT_STATES // max(high, 1))
    found = string_language(formula, formulas, before(end, core[:most]))
    return NOTHING if found.is_empty else automaton_expr(found, rules, "raw", end=Lit(end), raw=True)


def _longest(formula: int, formulas: Formulas) -> list[int]:
    return [high for part in formulas.parts(formula) if (high := getattr(formulas.values[part], "high", None)) is not None]


def before(end: str, without: str) -> Dfa:
    """The texts that do not hold `without`, a beginning of what ends them, and after which `end` is the first to occur."""
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
        # `state` is how much of `without` the text ends with: nothing that ends strings begins before that.
        return (state + end).find(core) == len(state) + len(end) - len(core)

    return dfa.build("", step, ends, [*classes, others])
