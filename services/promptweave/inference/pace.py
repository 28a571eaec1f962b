"""How fast an engine decodes, and from when on appending a text is faster."""

from promptweave.inference.client import Counts

_OVERHEAD_MS = 10.0
"""What stopping and going on takes at first; then it is learnt."""
_SAVED = 0.6
"""Which part of a token's time is saved where it is evaluated together with others, on a processor of few cores."""
_CHARACTERS = 4
"""Of a token, about."""
_SHORTEST = 6
_TOLERATED = 8
"""Tokens."""
_WEIGHT = 0.2
"""Of what is new, against what was known."""


class Pace:
    """Learnt from an engine's messages."""

    def __init__(self) -> None:
        self._token_ms: float | None = None
        self._overhead_ms = _OVERHEAD_MS

    def learn(self, counts: Counts) -> None:
        """What a completion took. Its first token is none of the decoding's time."""
        if counts.completion_tokens > 1 and counts.predicted_ms > 0:
            self._token_ms = _mixed(self._token_ms, counts.predicted_ms / (counts.completion_tokens - 1))

    def learn_round(self, counts: Counts, appended: int) -> None:
        """What going on took, with so many tokens to evaluate. An engine that cannot take tokens back evaluates far more."""
        evaluated = counts.prompt_tokens - counts.cached_tokens
        wasted = max(evaluated - appended - _TOLERATED, 0)
        self._overhead_ms = _mixed(self._overhead_ms, _OVERHEAD_MS + counts.prompt_ms * wasted / max(evaluated, 1))

    @property
    def worth(self) -> int | None:
        """How many characters must be certain for appending them to be faster than decoding. None: not known yet."""
        if not self._token_ms:
            return None
        return max(_SHORTEST, int(_CHARACTERS * self._overhead_ms / (_SAVED * self._token_ms)))


def _mixed(known: float | None, new: float) -> float:
    return new if known is None else (1 - _WEIGHT) * known + _WEIGHT * new
