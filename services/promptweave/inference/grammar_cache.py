"""The derivatives of the grammars that were asked for last. Reading a large grammar takes some time."""

import asyncio

from cachetools import LRUCache

from promptweave.output.derivative import AmbiguousGrammarError, Derivative, DerivativeCache
from promptweave.output.gbnf_reader import ForeignGrammarError, read_printed

_MAX_CHARACTERS = 8_000_000
"""Of all grammars that are remembered."""

_LARGE = 20_000
"""Characters. A grammar of that size takes some 10 ms to read, which is done beside the event loop."""

_known: LRUCache[str, tuple[int, Derivative | None]] = LRUCache(_MAX_CHARACTERS, getsizeof=lambda value: value[0])
"""With the number of characters of each."""


async def derivative_of(gbnf: str) -> Derivative | None:
    """What may be written by a grammar, before its first character. None: it is not one that we print, or too ambiguous."""
    if gbnf not in _known:
        start = await asyncio.to_thread(_read, gbnf) if len(gbnf) > _LARGE else _read(gbnf)
        _known[gbnf] = (len(gbnf), start)
        return start
    return _known[gbnf][1]


def _read(gbnf: str) -> Derivative | None:
    try:
        return DerivativeCache(read_printed(gbnf)).start()
    except (ForeignGrammarError, AmbiguousGrammarError, RecursionError):
        return None
