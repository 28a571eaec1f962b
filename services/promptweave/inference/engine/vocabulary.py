"""The texts of a model's tokens, and where a text may end so that no token is cut.

In BPE vocabularies a quote and what follows it are often one token (` "/`, `[""`). A model that is given the quote can not
write that token any more, and writes something else. So a text that is appended has to end where the model's own tokens
would end, whatever it writes next. (Known elsewhere as token healing; llguidance's docs/fast_forward.md describes the
trap.)
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from promptweave.inference.client.llama_client import EngineClient
from promptweave.inference.errors import InferenceError
from promptweave.output.grammar.derivative import AmbiguousGrammarError, Derivative

_BATCH = 16_384
"""Tokens that are asked for at once."""

_FEW = 32

_NOT_TEXT = "\ufffd"
"""What the engine writes for bytes that are not a whole character."""


class Vocabulary:
    """The tokens' texts, by their ids."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._sorted = sorted({text for text in texts if len(text) > 1})
        self._longest = max(map(len, self._sorted), default=0)

    def text(self, token: int) -> str | None:
        """A token's text. None: it is not whole characters, or there is no such token."""
        text = self._texts[token] if 0 <= token < len(self._texts) else _NOT_TEXT
        return None if _NOT_TEXT in text else text

    def crossings(self, text: str, following: Derivative) -> Iterator[int]:
        """The places in `text` at which a token may begin that goes on beyond its end, as the grammar allows it."""
        for place in range(max(len(text) - self._longest + 1, 0), len(text)):
            if self._crosses(text[place:], following):
                yield place

    def _crosses(self, begin: str, following: Derivative) -> bool:
        firsts = following.first_characters(_FEW)
        # Where a few characters may come, only tokens that go on with one of them are looked at: 50,000 begin with a space.
        begins = [begin] if firsts is None or following.allows_non_ascii else [begin + first for first in firsts]
        return any(_allows(following, token[len(begin) :]) for each in begins for token in self._beginning_with(each, begin))

    def _beginning_with(self, text: str, shorter: str) -> Iterator[str]:
        """The tokens that begin with `text` and are longer than `shorter`."""
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
        return True  # Not known: it may be.
    return after is not None and (not broken or after.allows_non_ascii)


async def learn_vocabulary(client: EngineClient, size: int | None, separator: str) -> Vocabulary | None:
    """Asks the engine for the text of each of its tokens (a tenth of a second for 152k). None: it does not tell.

    `separator`: the text of a special token, which comes between them.
    """
    try:
        between = await client.tokenize(separator, parse_special=True, add_special=False) if separator else []
        if not size or len(between) != 1:
            return None
        texts: list[str] = []
        other = int(between[0] == 0)
        for start in range(0, size, _BATCH):
            ids = range(start, min(start + _BATCH, size))
            # In the place of the separator itself stands some other token.
            listed = [other if one == between[0] else one for one in ids]
            answer = await client.detokenize([token for one in listed for token in (one, *between)])
            found = answer.split(separator)[:-1]
            if len(found) != len(ids):
                return None
            texts += [separator if one == between[0] else text for one, text in zip(ids, found, strict=True)]
    except (InferenceError, KeyError, TypeError):
        return None  # A server that is older, or none of llama.cpp's.
    return Vocabulary(texts)
