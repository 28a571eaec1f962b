"""Checks which prefixes a grammar accepts, and which of them have too many readings for an engine."""

from heapq import heappop, heappush

from promptweave.output.grammar.derivative import MAX_STACKS, AmbiguousGrammarError, Derivative, DerivativeCache
from promptweave.output.grammar.expr import Grammar
from promptweave.output.grammar.paths import has_too_many_paths

_MAX_STATES = 1_000
"""Maximum number of different states that the search for ambiguous prefixes opens."""

_MAX_WORK = 50_000
"""Maximum number of readings that it follows."""

_CHARACTERS = 16
"""Maximum number of characters that it tries in one state."""


def is_viable_prefix(grammar: Grammar, text: str) -> bool:
    """Return whether a sentence begins with `text`; True as well if that has too many readings to decide.

    The grammar must be productive and safe (`check_safe`).
    """
    try:
        return _start(grammar).after(text) is not None
    except AmbiguousGrammarError:
        return True


def ambiguous_prefix(grammar: Grammar) -> str | None:
    """Return a prefix that has more than `MAX_STACKS` readings, or None if none was found.

    An engine follows each reading for every token. The search opens the state with the most readings first, and no state
    twice, so that it leaves loops. The grammar must be as for `is_viable_prefix`.
    """
    if has_too_many_paths({"root": grammar.root, **grammar.rules}):
        return ""
    try:
        start = _start(grammar)
    except AmbiguousGrammarError:
        return ""
    seen = {start}
    waiting: list[tuple[int, int, str, Derivative]] = [(-start.readings, 0, "", start)]
    work = 0
    while waiting and len(seen) <= _MAX_STATES:
        _, _, text, state = heappop(waiting)
        for char in state.sample_characters(_CHARACTERS):
            try:
                after = state.after(char)
            except AmbiguousGrammarError:
                return text + char
            if after is None or after in seen:
                continue
            seen.add(after)
            heappush(waiting, (-after.readings, len(seen), text + char, after))
            work += after.readings
            if work > _MAX_WORK:
                return text + char if after.readings > MAX_STACKS // 10 else None
    return None


def _start(grammar: Grammar) -> Derivative:
    return DerivativeCache({**grammar.rules, "root": grammar.root}).start()
