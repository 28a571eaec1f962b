"""The texts of a model's tokens, and where a text may end so that no token is split.

In BPE vocabularies a quote and what follows it are often one token (` "/`, `[""`). A model that is given the quote can no
longer generate that token, and generates something else. So appended text has to end where the model's own tokens would
end, whatever it generates next. (Known elsewhere as token healing; llguidance's docs/fast_forward.md describes the trap.)
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from promptweave.inference.client.llama_client import EngineClient
from promptweave.inference.errors import InferenceError
from promptweave.output.grammar.derivative import AmbiguousGrammarError, Derivative

_BATCH = 16_384
"""Tokens per request."""

_FEW = 32

_NOT_TEXT = "\ufffd"
"""What the engine returns for bytes that are not a complete character."""


class Vocabulary:
    """The tokens' texts, by id."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._sorted = sorted({text for text in texts if len(text) > 1})
        self._longest = max(map(len, self._sorted), default=0)

    def text(self, token: int) -> str | None:
        """Return a token's text. None: it is not complete characters, or the id is unknown."""
        text = self._texts[token] if 0 <= token < len(self._texts) else _NOT_TEXT
        return None if _NOT_TEXT in text else text

    def crossings(self, text: str, following: Derivative) -> Iterator[int]:
        """Yield the positions in `text` at which a token may begin that extends beyond its end, as the grammar allows."""
        for place in range(max(len(text) - self._longest + 1, 0), len(text)):
            if self._crosses(text[place:], following):
                yield place

    def _crosses(self, begin: str, following: Derivative) -> bool:
        firsts = following.first_characters(_FEW)
        # If only a few characters may follow, only tokens that continue with one are checked: 50,000 begin with a space.
        begins = [begin] if firsts is None or following.allows_non_ascii else [begin + first for first in firsts]
        return any(_allows(following, token[len(begin) :]) for each in begins for token in self._beginning_with(each, begin))

    def _beginning_with(self, text: str, shorter: str) -> Iterator[str]:
        """Yield the tokens that begin with `text` and are longer than `shorter`."""
        low = (bisect_right if text == shorter else bisect_left)(self._sorted, text)
        for place in range(low, len(self._sorted)):
            if not self._sorted[place].startswith(text):
                return
            yield self._sorted[place]


def _allows(following: Derivative, text: str) -> bool:
    whole, broken, _ = text.partition(_NOT_TEXT)
    try:
        after = following.after(whole)
    except AmbiguousGrammarError:
        return True  # Unknown, so it may be.
    return after is not None and (not broken or after.allows_non_ascii)


async def learn_vocabulary(client: EngineClient, size: int | None, separator: str) -> Vocabulary | None:
    """Query the engine for the text of each of its tokens (a tenth of a second for 152k). None: it does not report them.

    `separator`: the text of a special token, which is put between them.
    """
    try:
        between = await client.tokenize(separator, parse_special=True, add_special=False) if separator else []
        if not size or len(between) != 1:
            return None
        texts: list[str] = []
        other = int(between[0] == 0)
        for start in range(0, size, _BATCH):
            ids = range(start, min(start + _BATCH, size))
            # Another token is sent at the position of the separator itself.
            listed = [other if one == between[0] else one for one in ids]
            answer = await client.detokenize([token for one in listed for token in (one, *between)])
            found = answer.split(separator)[:-1]
            if len(found) != len(ids):
                return None
            texts += [separator if one == between[0] else text for one, text in zip(ids, found, strict=True)]
    except (InferenceError, KeyError, TypeError):
        return None  # An older server, or not a llama.cpp server.
    return Vocabulary(texts)
