"""The forced prefix: special tokens that an answer must begin with go into the prompt, to be tokenized as special tokens."""

from collections.abc import Iterable, Sequence

from promptweave.compiler.template.special_tokens import Spellings
from promptweave.output.grammar.expr import EMPTY, Expr, Lit, seq, split_literal
from promptweave.output.parse.parser import OutputParser
from promptweave.output.tree import Node, Region, Syntax

_SYNTAX = (None, Region.TOOL_CALL, Region.DISCARD)
"""Parser regions whose text comes from the style; names, arguments and values are untrusted."""


def split_forced_prefix(
    tree: Node, grammar: Expr, own: Sequence[str], spellings: Spellings, special_tokens: Sequence[str]
) -> tuple[str, Expr]:
    """Split off the text that the answer `tree` certainly begins with, up to its last special token.

    Returns that text, and the rest of `grammar`. `own`: the texts of the style; a special token that is not in them ends
    the prefix, since a schema may spell some. After a special token every vocabulary begins a new token. Elsewhere only
    the engine's vocabulary determines where a token may end: a quote and the text after it may be one token (the inference
    service appends the rest). Some text is always left for the engine to generate, because its grammar would otherwise be
    empty.
    """
    text, rest = split_literal(grammar)
    trusted = text[: _trusted(text, tree, own, spellings)]
    known = {token for token in special_tokens if any(token in each for each in own)}
    ends = [found + len(token) for token in known if (found := trusted.rfind(token)) >= 0]
    if rest == EMPTY:
        ends = [trusted.find(token) + len(token) for token in known if token in trusted]
        ends = [end for end in ends if end < len(text)]
    length = max(ends, default=0)
    return text[:length], seq(Lit(text[length:]), rest)


def _trusted(text: str, tree: Node, own: Sequence[str], spellings: Spellings) -> int:
    """Return the length of the beginning that spells no special tokens other than the style's own."""
    places = spellings.places(text)
    if not places:
        return len(text)
    others = list(_of_others(text, tree))
    for start in places:
        end = start + spellings.longest(text, start)
        if any(low < end and start < high for low, high in others) or not any(text[start:end] in known for known in own):
            return start
    return len(text)


def _of_others(text: str, tree: Node) -> Iterable[tuple[int, int]]:
    """Yield the spans of `text` that are not the style's syntax, or that are not certain yet."""
    parser = OutputParser(Syntax(tree, text))
    parser.start()
    place = 0
    for length, region in parser.take_spans():
        if region not in _SYNTAX:
            yield place, place + length
        place += length
    yield place, len(text)
