"""The grammar of the numbers that satisfy a formula."""

from collections import Counter
from functools import lru_cache

from promptweave.compiler.json_schema.emit.dfa_to_grammar import automaton_expr
from promptweave.compiler.json_schema.emit.json_grammar import scalar, trie
from promptweave.compiler.json_schema.logic.formula import And, FormulaId, Formulas, Or
from promptweave.compiler.json_schema.logic.number_atoms import Compared, Divisible, Whole, decimal_digits
from promptweave.compiler.json_schema.logic.number_language import MAX_FRACTION_DIGITS, finite_spellings, language
from promptweave.compiler.regex import charset
from promptweave.compiler.regex import dfa as automaton
from promptweave.compiler.regex.dfa import DEAD, Dfa, State
from promptweave.output.grammar.expr import EMPTY, NOTHING, Expr, Rules

_MULTIPLE_DIGITS = 18
_MAX_COUNTED_STATES = 2_000
"""Multiples have at most `_MULTIPLE_DIGITS` digits before the decimal point, if that does not need too many states."""


def number_expr(formula: FormulaId, formulas: Formulas, rules: Rules, hint: str, digits: int) -> Expr:
    """Return the grammar of the numbers that satisfy a (resolved) formula. NOTHING if there are none.

    `digits`: the maximum number of digits before the decimal point, unless a bound has more.
    """
    if formula == Formulas.TRUE:
        return scalar("number", rules, digits)
    if formulas.values[formula] == Whole():
        return scalar("integer", rules, digits)
    texts = finite_spellings(formula, formulas)
    if texts is not None:
        return trie(texts) if texts else NOTHING
    dfa = language(formula, formulas)
    if dfa.is_empty:
        return NOTHING
    limits = (digits - 1, MAX_FRACTION_DIGITS - 1)
    return automaton_expr(
        _that_ends(dfa, digits, _digits_needed(formula, formulas)), rules, hint, end=EMPTY, loop_limits=limits
    )


def _digits_needed(formula: FormulaId, formulas: Formulas) -> int:
    """Return the number of digits before the decimal point of the largest bound or divisor."""
    match formulas.values[formula]:
        case And(parts) | Or(parts):
            return max((_digits_needed(part, formulas) for part in parts), default=0)
        case Compared() as bound:
            return len(bound.digits[0])
        case Divisible(of):
            return len(decimal_digits(of)[0])
    return 0


@lru_cache(maxsize=512)
def _that_ends(dfa: Dfa, digits: int, needed: int) -> Dfa:
    """Return `dfa` with at most `digits` digits before the decimal point, or as many as are `needed`.

    Those of decimals, and those that would need many states, are only limited when printed: loops of one state are.
    """
    if dfa.longest is not None:
        return dfa
    minus, point = (
        {place for place, ranges in enumerate(dfa.classes) if charset.holds(ranges, code)} for code in (0x2D, 0x2E)
    )
    goes_round = _goes_round(dfa)
    most = max(min(digits, _MULTIPLE_DIGITS) if goes_round else digits, needed)
    decimals = any(row[place] != DEAD for row in dfa.table for place in point)
    if len(dfa.table) * most > _MAX_COUNTED_STATES or (decimals and not goes_round):
        return dfa

    def step(state: State, place: int) -> State | None:
        inner, count = state
        target = dfa.table[inner][place]
        if place in point or count < 0:
            count = -1  # Digits after the decimal point are not counted.
        elif place not in minus:
            count += 1
        return None if target == DEAD or count > most else (target, count)

    return automaton.build((0, 0), step, lambda state: state[0] in dfa.accepting, dfa.classes)


def _goes_round(dfa: Dfa) -> bool:
    """Return whether the automaton has a cycle of more than one state."""
    targets = [{target for target in row if target not in (DEAD, state)} for state, row in enumerate(dfa.table)]
    entries = Counter(target for each in targets for target in each)
    waiting = [state for state in range(len(targets)) if not entries[state]]
    done = 0
    while waiting:
        done += 1
        for target in targets[waiting.pop()]:
            entries[target] -= 1
            if not entries[target]:
                waiting.append(target)
    return done < len(targets)
