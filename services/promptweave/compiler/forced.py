"""The forced prefix: what is certain to come first goes into the prompt, so nobody has to decode it."""

import re
from collections.abc import Iterable, Sequence

from promptweave.compiler.marks import Spellings
from promptweave.output.grammar import EMPTY, Expr, Lit, seq, split_literal
from promptweave.output.parser import OutputParser
from promptweave.output.tree import Node, Region, Syntax

_SYNTAX = (None, Region.TOOL_CALL, Region.DISCARD)
"""What the parser reads as these was written by the style: names, arguments and values are other people's."""


def forced(tree: Node, grammar: Expr, own: Sequence[str], spellings: Spellings) -> tuple[str, Expr]:
    """The text that the answer `tree` certainly begins with, and the rest of its `grammar`.

    It ends where tokens do: not before white space, which tokens begin with, and not inside a word or a tag. It ends before
    special tokens that are not of the style's `own` texts: a schema may spell some. Something is always left for the engine
    to write, or its grammar would be empty.
    """
    text, rest = split_literal(grammar)
    trusted = text[: _trusted(text, tree, own, spellings)]
    if rest == EMPTY and trusted == text:
        length = text.rfind("\n") if "\n" in text else 0
    elif trusted[-1:].isspace():
        length = len(trusted.rstrip())
    else:
        length = len(re.sub(r"[\w-]+$|<[^<>\s]*$", "", trusted))
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
