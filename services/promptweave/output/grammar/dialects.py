"""The syntaxes that grammars are printed in."""

from typing import Literal

from promptweave.output.grammar.expr import Grammar
from promptweave.output.grammar.gbnf import to_gbnf
from promptweave.output.grammar.lark import to_lark

Dialect = Literal["gbnf", "llguidance"]
"""llama.cpp's GBNF or llguidance's Lark."""


def grammar_text(grammar: Grammar, dialect: Dialect) -> str:
    """Return the grammar as text. Its first rule is `root` in GBNF, `start` in Lark.

    The grammar must match at least one text. Raises GrammarTooLargeError.
    """
    return to_gbnf(grammar) if dialect == "gbnf" else to_lark(grammar)
