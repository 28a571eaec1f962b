"""Embeds a language in a larger grammar: verbatim, or as the JSON strings that encode its texts.

Each character has one spelling in a JSON string, and a grammar's leaves are characters: so any grammar can be encoded this
way, whether it is regular or not.
"""

from functools import lru_cache

from promptweave.compiler.deadline import deadline
from promptweave.compiler.errors import CompilerError, RequestError, UnsupportedError
from promptweave.compiler.json_schema.emit.dfa_to_grammar import automaton_expr
from promptweave.compiler.json_schema.emit.json_grammar import char_expr, counted
from promptweave.compiler.json_text import dumps
from promptweave.compiler.regex.dfa import TooManyStatesError
from promptweave.compiler.regex.ecma_parser import PatternError
from promptweave.compiler.regex.ecma_to_dfa import whole_dfa
from promptweave.compiler.request import GrammarSyntax, TextGrammar
from promptweave.compiler.text_grammar.cursor import GrammarTextError
from promptweave.compiler.text_grammar.gbnf_reader import read_gbnf
from promptweave.compiler.text_grammar.lark_reader import read_lark
from promptweave.output.grammar.expr import EMPTY, Alt, Chars, Expr, Grammar, Lit, Ref, Rep, Rules, Seq, alt, seq

MAX_DEFINITION_CHARACTERS = 200_000
"""The maximum length of a grammar's text."""


def read_text_grammar(grammar: TextGrammar) -> Grammar:
    """Parse a grammar. Raises RequestError and UnsupportedError, with the grammar's path."""
    error: CompilerError
    try:
        if len(grammar.definition) > MAX_DEFINITION_CHARACTERS:
            raise GrammarTextError(f"more than {MAX_DEFINITION_CHARACTERS} characters are not supported", unsupported=True)
        with deadline():
            return _read(grammar.syntax, grammar.definition)
    except GrammarTextError as found:
        kind = UnsupportedError if found.unsupported else RequestError
        error = kind(f"{grammar.syntax.value} grammar: {found}", path=grammar.pointer)
    except PatternError as found:
        error = RequestError(f"regular expression: {found}", path=grammar.pointer)
    except TooManyStatesError as found:
        error = UnsupportedError(f"regular expression: {found}", path=grammar.pointer)
    except RecursionError:
        error = UnsupportedError("the grammar is too deeply nested", path=grammar.pointer)
    except CompilerError as found:
        error = UnsupportedError(found.message, path=grammar.pointer)
    raise error from None


@lru_cache(maxsize=64)
def _read(syntax: GrammarSyntax, definition: str) -> Grammar:
    match syntax:
        case GrammarSyntax.GBNF:
            return read_gbnf(definition)
        case GrammarSyntax.LARK:
            return read_lark(definition)
    dfa = whole_dfa(definition)
    if dfa.is_empty:
        raise PatternError("it matches no text")
    rules = Rules()
    return rules.grammar(automaton_expr(dfa, rules, "text", end=EMPTY, raw=True))


def embed_text(grammar: Grammar, rules: Rules, *, as_json: bool = False) -> Expr:
    """Return the texts of a grammar; with `as_json`, the JSON strings that encode them, including quotes."""
    names = {name: rules.reserve("text") for name in grammar.rules}

    def copied(expr: Expr) -> Expr:
        match expr:
            case Lit(text):
                return Lit(dumps(text)[1:-1]) if as_json else expr
            case Chars(ranges):
                return char_expr(ranges, rules) if as_json else expr
            case Ref(name):
                return names[name]
            case Seq(items):
                return seq(*map(copied, items))
            case Alt(items):
                return alt(*map(copied, items))
            case Rep(item, low, high):
                inner = copied(item)
                # The engine multiplies a repeated group's content by its count, so the item becomes a single rule.
                one = inner if isinstance(inner, Ref | Chars) or max(low, high or 0) <= 1 else rules.add("text", inner)
                return counted(one, low, high, rules)

    for name, body in grammar.rules.items():
        rules.define(names[name], copied(body))
    # A rule, so that no part of it counts as forced text: forced text becomes part of the prompt as trusted text.
    root = rules.add("text", copied(grammar.root))
    return seq(Lit('"'), root, Lit('"')) if as_json else root
