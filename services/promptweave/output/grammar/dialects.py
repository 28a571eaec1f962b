"""The syntaxes that grammars are printed in."""

from typing import Literal

from promptweave.output.grammar.expr import Grammar
from promptweave.output.grammar.gbnf import to_gbnf
from promptweave.output.grammar.lark import to_lark

Dialect = Literal["gbnf", "llguidance"]
"""llama.cpp's GBNF or llguidance's Lark."""


def grammar_text(grammar: Grammar, dialect: Dialect) -> str:
    """Print a satisfiable grammar; it starts at `root`, or `start` in Lark. Raises GrammarTooLargeError."""
    return to_gbnf(grammar) if dialect == "gbnf" else to_lark(grammar)
