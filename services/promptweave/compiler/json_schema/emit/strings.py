"""The grammar of the strings that satisfy a formula."""

from promptweave.compiler.json_schema.emit.dfa_to_grammar import json_string
from promptweave.compiler.json_schema.emit.json_grammar import any_char, counted, trie
from promptweave.compiler.json_schema.logic.formula import FormulaId, Formulas
from promptweave.compiler.json_schema.logic.string_atoms import finite_texts, lengths_apart, string_language
from promptweave.compiler.json_text import dumps
from promptweave.compiler.regex import dfa as automaton
from promptweave.output.grammar.expr import NOTHING, Expr, Lit, Rules, seq


def string_expr(formula: FormulaId, formulas: Formulas, rules: Rules, hint: str) -> Expr:
    """Return the grammar of the strings that satisfy a (resolved) formula. NOTHING if there are none."""
    members = finite_texts(formula, formulas)
    if members is not None:
        return trie([dumps(text) for text in members]) if members else NOTHING
    low, high, _, rest = lengths_apart(formula, formulas)
    if high is not None and high < low:
        return NOTHING
    if not rest:
        return seq(Lit('"'), counted(any_char(rules), low, high, rules), Lit('"'))
    found = string_language(formula, formulas, automaton.ALL)
    return NOTHING if found.is_empty else json_string(found, rules, hint)
