"""Finds where forced text may end, so that it is tokenized as the model would have, whatever it generates next."""

from collections.abc import Iterator, Sequence

from promptweave.inference.client.llama_client import EngineClient
from promptweave.inference.engine.model_info import ModelInfo
from promptweave.inference.engine.vocabulary import Vocabulary
from promptweave.inference.prompt.prompt import inner_tokens
from promptweave.output.grammar.derivative import Derivative

TextToken = tuple[str, int]
"""A token's text and id."""


class Seams:
    """The ends of forced texts, and their tokens up to there."""

    def __init__(self, client: EngineClient, model_info: ModelInfo, vocabulary: Vocabulary) -> None:
        self._client, self._model_info, self._vocabulary = client, model_info, vocabulary

    async def tokens(self, text: str, following: Derivative, own: Sequence[str]) -> list[TextToken]:
        """Return the tokens of a forced text, as far as they are the same whatever comes next.

        The model might generate a token that begins in the text and extends beyond it. The text before such a token is
        tokenized separately, and only the tokens that are the same in all these cases are returned. `own`: the special
        tokens that may occur in the text; no token begins inside one.
        """
        key = (self._vocabulary, text, following, tuple(own))
        if key not in following.memo:
            following.memo[key] = await self._find(text, following, own)
        found: list[TextToken] = following.memo[key]
        return found

    async def _find(self, text: str, following: Derivative, own: Sequence[str]) -> list[TextToken]:
        tokens = await self._tokenized(text)
        if following.over:
            return tokens
        inside = inside_special(text, own)
        for position in self._vocabulary.crossings(text, following):
            if position not in inside:
                tokens = _common_prefix(tokens, await self._tokenized(text[:position]) if position else [])
                if not tokens:
                    break
        return tokens

    async def _tokenized(self, text: str) -> list[TextToken]:
        """Return the tokens up to the first one that is not complete characters."""
        ids = await inner_tokens(self._client, self._model_info, text, parse_special=True)
        tokens: list[TextToken] = []
        length = 0
        for token in ids:
            piece = self._vocabulary.text(token)
            if piece is None or not text.startswith(piece, length):
                break
            tokens.append((piece, token))
            length += len(piece)
        return tokens


def inside_special(text: str, own: Sequence[str]) -> set[int]:
    """Return the positions inside special tokens."""
    return {inner for one in own for start in occurrences(text, one) for inner in range(start + 1, start + len(one))}


def occurrences(text: str, part: str) -> Iterator[int]:
    """Yield the positions of `part`, which may overlap."""
    position = text.find(part)
    while position >= 0:
        yield position
        position = text.find(part, position + 1)


def _common_prefix(one: list[TextToken], other: list[TextToken]) -> list[TextToken]:
    pairs = enumerate(zip(one, other, strict=False))
    return one[: next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))]
