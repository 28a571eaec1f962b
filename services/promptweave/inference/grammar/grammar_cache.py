"""Cache of the derivatives of recently used grammars, since parsing a large grammar takes time."""

import asyncio
import logging

from cachetools import LRUCache

from promptweave.inference.errors import RequestError
from promptweave.output.grammar.derivative import AmbiguousGrammarError, Derivative, DerivativeCache
from promptweave.output.grammar.gbnf_reader import ForeignGrammarError, read_printed
from promptweave.output.grammar.paths import has_too_many_paths

logger = logging.getLogger(__name__)

_MAX_GRAMMARS, _MAX_CHARACTERS = 500, 8_000_000
"""Of all cached grammars."""

_MAX_REMEMBERED = 300_000
"""Frames and states of all cached grammars, of about half a kilobyte each."""

_LARGE = 5_000
"""Characters. A grammar of this size takes about 3 ms to parse; a larger one is parsed outside the event loop."""

_known: LRUCache[str, tuple[int, Derivative | None]] = LRUCache(_MAX_CHARACTERS, getsizeof=lambda value: value[0])
"""With the weight of each: its characters, and at least the share that limits the cache to `_MAX_GRAMMARS`."""


async def derivative_of(gbnf: str) -> Derivative | None:
    """Return what a grammar allows at its start. None: it was not printed by promptweave.

    Raises RequestError if it is so ambiguous that it would block the engine.
    """
    if gbnf not in _known:
        start = await asyncio.to_thread(_read, gbnf) if len(gbnf) > _LARGE else _read(gbnf)
        while _known and sum(each.remembered for _, each in _known.values() if each) > _MAX_REMEMBERED:
            _known.popitem()
        _known[gbnf] = (max(len(gbnf), _MAX_CHARACTERS // _MAX_GRAMMARS), start)
        return start
    return _known[gbnf][1]


def _read(gbnf: str) -> Derivative | None:
    try:
        rules = read_printed(gbnf)
        if name := has_too_many_paths(rules):
            raise _too_ambiguous(f"rule {name!r} of the grammar")
        return DerivativeCache(rules, len(gbnf)).start()
    except AmbiguousGrammarError:
        raise _too_ambiguous("the grammar") from None
    except (ForeignGrammarError, RecursionError):
        # Once per grammar: what is found out is cached.
        logger.info("a GBNF grammar cannot be followed; its answers are not checked, only the engine enforces it")
        return None


def _too_ambiguous(what: str) -> RequestError:
    return RequestError(f"{what} has too many parses for an engine; make it less ambiguous", path="/prompt/gbnf")
