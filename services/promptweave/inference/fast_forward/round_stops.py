"""Chooses the stop strings of a round: where they end, text is forced that is worth appending."""

from collections.abc import Sequence

from promptweave.inference.fast_forward.forced_text import follow
from promptweave.output.grammar.derivative import Derivative

MIN_CHARACTERS = 8
"""Minimum length of forced text that ends a round: two or three tokens take longer to sample than a round takes to start.

A constant: forced text that is sampled freely gets other tokens, and the output must not depend on how fast the engine was
before."""

_MAX_BEGINNINGS = 16
_MAX_FORKS, _MAX_STOP_LENGTH = 64, 100
"""Maximum number of texts to distinguish, such as tool names; maximum length of a prefix that identifies one."""
_BEFORE = ("", "0", "a")
"""Probes for values: what may precede the character that ends one."""
_ENDS = '",}]\n'
"""Characters that end values."""


def round_stops(state: Derivative, tags: Sequence[str]) -> list[str]:
    """Return the texts at which to stop because at least `MIN_CHARACTERS` are forced after them.

    `tags`: special tokens of the calling style, which may end a value.
    """
    tail = state.forced_text()
    ahead = follow(state, tail)
    # Characters of one alternative recur in the text of others, so either every alternative has a stop or none has.
    found = _forks(state) or []
    found += [tail + tag for tag in tags if _is_worth(ahead, tag)]
    found += [end for end in _ENDS if end not in tail and any(_is_worth(ahead, before + end) for before in _BEFORE)]
    return list(dict.fromkeys(found))


def _is_worth(state: Derivative | None, text: str) -> bool:
    """Return whether stopping after `text` is worth the round that it begins."""
    following = follow(state, text)
    return following is not None and len(following.forced_text()) >= MIN_CHARACTERS


def _forks(state: Derivative) -> list[str] | None:
    """Return, if only a few texts may come next, each one's prefix that identifies it. None: there are others, too."""
    found: list[str] = []
    waiting = [("", state)]
    while waiting:
        before, at = waiting.pop(0)
        tail = at.forced_text()
        ahead = follow(at, tail)
        begin = ahead.first_characters(_MAX_BEGINNINGS) if ahead and len(before + tail) < _MAX_STOP_LENGTH else None
        if not begin or len(found) + len(waiting) + len(begin) > _MAX_FORKS:
            return None
        for char in begin:
            following = follow(ahead, char)
            if following is None:
                return None
            if len(following.forced_text()) >= MIN_CHARACTERS:
                found.append(before + tail + char)
            else:
                waiting.append((before + tail + char, following))
    return found
