"""The grammar of the numbers that satisfy a formula."""

from collections import Counter

from promptweave.compiler.json_schema.emit.dfa_to_grammar import automaton_expr
from promptweave.compiler.json_schema.emit.json_grammar import scalar, trie
from promptweave.compiler.json_schema.logic.formula import FormulaId, Formulas
from promptweave.compiler.json_schema.logic.number_atoms import (
    Whole,
)
from promptweave.compiler.json_schema.logic.number_language import (
    MAX_FRACTION_DIGITS,
    MAX_WHOLE_DIGITS,
    finite_spellings,
    language,
)
from promptweave.compiler.regex import charset
from promptweave.compiler.regex import dfa as automaton
from promptweave.compiler.regex.dfa import DEAD, Dfa, State
from promptweave.output.grammar.expr import EMPTY, NOTHING, Expr, Rules

_MULTIPLE_DIGITS = 18
_MAX_COUNTED_STATES = 2_000
"""Multiples have at most `_MULTIPLE_DIGITS` digits before the decimal point, if that does not need too many states."""


def number_expr(formula: FormulaId, formulas: Formulas, rules: Rules, hint: str) -> Expr:
    """Return the grammar of the numbers that satisfy a (resolved) formula. NOTHING if there are none."""
    if formula == Formulas.TRUE:
        return scalar("number", rules)
    if formulas.values[formula] == Whole():
        return scalar("integer", rules)
    texts = finite_spellings(formula, formulas)
    if texts is not None:
        return trie(texts) if texts else NOTHING
    dfa = language(formula, formulas)
    if dfa.is_empty:
        return NOTHING
    limits = (MAX_WHOLE_DIGITS - 1, MAX_FRACTION_DIGITS - 1)
    return automaton_expr(_that_ends(dfa), rules, hint, end=EMPTY, loop_limits=limits)


def _that_ends(dfa: Dfa) -> Dfa:
    """Return `dfa` with limited number lengths if it has cycles of several states; self-loops are limited when printed."""
    if dfa.longest is not None or len(dfa.table) * _MULTIPLE_DIGITS > _MAX_COUNTED_STATES or not _goes_round(dfa):
        return dfa
    behind = {place for place, ranges in enumerate(dfa.classes) if charset.holds(ranges, 0x2E)}

    def step(state: State, place: int) -> State | None:
        inner, count = state
        target = dfa.table[inner][place]
        if target == DEAD or (count == _MULTIPLE_DIGITS and place not in behind):
            return None
        # Digits after the decimal point are not counted.
        return (target, -1 if place in behind or count < 0 else count + 1)

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
