"""The forced prefix: the special tokens that an answer must begin with go into the prompt, so that they are special
tokens."""

from collections.abc import Iterable, Sequence

from promptweave.compiler.template.special_tokens import Spellings
from promptweave.output.grammar.expr import EMPTY, Expr, Lit, seq, split_literal
from promptweave.output.parse.parser import OutputParser
from promptweave.output.tree import Node, Region, Syntax

_SYNTAX = (None, Region.TOOL_CALL, Region.DISCARD)
"""What the parser reads as these was written by the style: names, arguments and values are other people's."""


def split_forced_prefix(
    tree: Node, grammar: Expr, own: Sequence[str], spellings: Spellings, special_tokens: Sequence[str]
) -> tuple[str, Expr]:
    """The text that the answer `tree` certainly begins with, up to its last special token, and the rest of its `grammar`.

    `own`: the texts of the style; special tokens that are not in them end it, since a schema may spell some. Behind a
    special token every vocabulary begins a token anew. Elsewhere only the engine's vocabulary tells where a token may end:
    a quote and what follows it may be one (the inference service appends the rest). Something is always left for the engine
    to write, or its grammar would be empty.
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
    """The length of the beginning that spells no special tokens but the style's own."""
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
    """Where `text` is not the style's syntax, or nothing is certain yet."""
    parser = OutputParser(Syntax(tree, text))
    parser.start()
    place = 0
    for length, region in parser.take_spans():
        if region not in _SYNTAX:
            yield place, place + length
        place += length
    yield place, len(text)
