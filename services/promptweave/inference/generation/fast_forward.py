"""Fast-forwarding: text that the grammar forces is appended to the prompt instead of being sampled.

Stop strings halt the engine at characters after which text is forced (`_stop_strings`). The answer then continues in another
round: a completion of the same prompt, the tokens so far (which the engine has cached) and the tokens of the forced text,
under the grammar of what may follow (`output/grammar/derivative.py`).

The output must be the same as without fast-forwarding:
- The tokens so far are the model's own, including the token in which it was stopped, with any text that this token contains
  after the stop string.
- Appended text ends where the model's own tokens would end, whatever follows (`_Seams`), and nothing is appended where the
  model may end the message.
- Forced text is tokenized as the vocabulary tokenizes it. A model constrained by a grammar would often choose other tokens,
  on which it was not trained. If text must not be appended (log-probabilities or token ids are requested, or
  fast-forwarding is disabled), the same tokens are sampled one by one, under a grammar of token ids. So the text is the same
  either way.
- Nothing depends on timing.
"""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from promptweave.inference.client.llama_client import NOTHING, Chunk, Counts, EngineClient
from promptweave.inference.engine.model_info import ModelInfo
from promptweave.inference.engine.rounds import token_grammar
from promptweave.inference.engine.vocabulary import Vocabulary
from promptweave.inference.errors import ContextOverflowError
from promptweave.inference.generation.grammar_cache import derivative_of
from promptweave.inference.generation.prompt import inner_tokens
from promptweave.inference.generation.request import CompiledPrompt
from promptweave.output.grammar.derivative import AmbiguousGrammarError, Derivative
from promptweave.output.grammar.gbnf import MAX_CHARACTERS
from promptweave.output.parse.parser import OutputParser
from promptweave.output.tree import Region, Syntax

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
_SEEDS, _SEED_STEP = 2**32 - 1, 7919
_SYNTAX = (None, Region.TOOL_CALL, Region.DISCARD)
"""Regions that the calling style generates; names, arguments and values are untrusted text."""

Batches = AsyncGenerator[list[Chunk], None]


async def fast_forward_state(program: CompiledPrompt, body: Mapping[str, Any], model_info: ModelInfo) -> Derivative | None:
    """Return what the grammar allows. None: it cannot be followed, or something rules out appending."""
    against = body.get("mirostat") or program.budget or not model_info.token_texts
    # Only the engine knows the tokens of prompts with images.
    against = against or not isinstance(body["prompt"], str | list)
    # The grammar of the remainder may be slightly larger.
    if program.grammar is None or against or len(program.grammar) > MAX_CHARACTERS // 2:
        return None
    state = await derivative_of(program.grammar)
    return state if state and state.printable else None


async def complete_in_rounds(
    client: EngineClient,
    model_info: ModelInfo,
    body: Mapping[str, Any],
    program: CompiledPrompt,
    state: Derivative,
    *,
    append: bool,
) -> Batches:
    """Yield the chunks of all rounds as if they were one completion. Raises InferenceError.

    `append` False: forced text is sampled, too.
    """
    assert model_info.token_texts, "`fast_forward_state` asks"
    message = _FastForward(client, model_info, model_info.token_texts, program, body, state, append=append)
    await message.begin()
    while not message.ended:
        try:
            async with client.complete(message.body()) as batches, aclosing(batches):
                async for batch in batches:
                    if chunks := [chunk for each in batch for chunk in message.read(each)]:
                        yield chunks
        except ContextOverflowError:
            if message.take_back():
                continue  # The prompt may fit without the appended text.
            raise
        if not message.ended and (chunks := await message.end_round()):
            yield chunks


def _after(state: Derivative | None, text: str) -> Derivative | None:
    """Return what may follow `text`. None: this cannot be determined."""
    try:
        return state.after(text) if state else None
    except AmbiguousGrammarError:
        return None


def _stop_strings(state: Derivative, tags: Sequence[str]) -> list[str]:
    """Return the texts at which to stop because at least `MIN_CHARACTERS` are forced after them."""

    def is_worth(text: str) -> bool:
        following = _after(ahead, text)
        return following is not None and len(following.forced_text()) >= MIN_CHARACTERS

    tail = state.forced_text()
    ahead = _after(state, tail)
    # Characters of one alternative recur in the text of others, so either every alternative has a stop or none has.
    found = _forks(state) or []
    found += [tail + tag for tag in tags if is_worth(tag)]
    found += [end for end in _ENDS if end not in tail and any(is_worth(before + end) for before in _BEFORE)]
    return list(dict.fromkeys(found))


def _forks(state: Derivative) -> list[str] | None:
    """Return, if only a few texts may come next, each one's prefix that identifies it. None: there are others, too."""
    found: list[str] = []
    waiting = [("", state)]
    while waiting:
        before, at = waiting.pop(0)
        tail = at.forced_text()
        ahead = _after(at, tail)
        begin = ahead.first_characters(_MAX_BEGINNINGS) if ahead and len(before + tail) < _MAX_STOP_LENGTH else None
        if not begin or len(found) + len(waiting) + len(begin) > _MAX_FORKS:
            return None
        for char in begin:
            following = _after(ahead, char)
            if following is None:
                return None
            if len(following.forced_text()) >= MIN_CHARACTERS:
                found.append(before + tail + char)
            else:
                waiting.append((before + tail + char, following))
    return found


class _Seams:
    """Finds where forced texts may end, and their tokens up to there."""

    def __init__(self, client: EngineClient, model_info: ModelInfo, vocabulary: Vocabulary) -> None:
        self._client, self._model_info, self._vocabulary = client, model_info, vocabulary

    async def tokens(self, text: str, following: Derivative, own: Sequence[str]) -> list[tuple[str, int]]:
        """Return the tokens of a forced text, each with its text, as far as they are the same whatever comes next.

        The model might generate a token that begins in the text and extends beyond it. The text before such a token is
        tokenized separately, and only the tokens that are the same in all these cases are returned. `own`: the special
        tokens that may occur in the text; no token begins inside one.
        """
        key = (self._vocabulary, text, following, tuple(own))
        if key not in following.memo:
            following.memo[key] = await self._find(text, following, own)
        found: list[tuple[str, int]] = following.memo[key]
        return found

    async def _find(self, text: str, following: Derivative, own: Sequence[str]) -> list[tuple[str, int]]:
        tokens = await self._tokenized(text)
        if following.over:
            return tokens
        inside = _inside(text, own)
        for place in self._vocabulary.crossings(text, following):
            if place not in inside:
                tokens = _common(tokens, await self._tokenized(text[:place]) if place else [])
                if not tokens:
                    break
        return tokens

    async def _tokenized(self, text: str) -> list[tuple[str, int]]:
        """Return the tokens up to the first one that is not complete characters."""
        ids = await inner_tokens(self._client, self._model_info, text, parse_special=True)
        tokens: list[tuple[str, int]] = []
        length = 0
        for token in ids:
            piece = self._vocabulary.text(token)
            if piece is None or not text.startswith(piece, length):
                break
            tokens.append((piece, token))
            length += len(piece)
        return tokens


def _inside(text: str, own: Sequence[str]) -> set[int]:
    """Return the positions inside special tokens."""
    return {inner for one in own for place in _places(text, one) for inner in range(place + 1, place + len(one))}


def _places(text: str, part: str) -> Iterator[int]:
    """Yield the positions of `part`."""
    place = text.find(part)
    while place >= 0:
        yield place
        place = text.find(part, place + 1)


def _common(one: list[tuple[str, int]], other: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return the common prefix of two token lists."""
    pairs = enumerate(zip(one, other, strict=False))
    return one[: next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))]


class _FastForward:
    """A message generated in rounds: each is a completion, followed by forced text."""

    def __init__(
        self,
        client: EngineClient,
        model_info: ModelInfo,
        vocabulary: Vocabulary,
        program: CompiledPrompt,
        body: Mapping[str, Any],
        state: Derivative,
        *,
        append: bool,
    ) -> None:
        self._client, self._model_info, self._vocabulary, self._program = client, model_info, vocabulary, program
        self._seams = _Seams(client, model_info, vocabulary)
        self._body, self._append = body, append
        self._start = state
        self._state: Derivative | None = state
        """What may follow the text so far. None: this can no longer be determined."""
        self._text = ""
        self._ids: list[int] = []
        """The tokens of previous rounds, and appended ones."""
        self._forced_ids: list[int] = []
        """The tokens for the next round to sample, if nothing is appended."""
        self._ahead: list[Chunk] = []
        """Text appended to the prompt, until the engine has accepted the prompt."""
        self._ahead_tokens = self._appended_tokens = 0
        self._rounds = 0
        self._first: Counts | None = None
        """The first round's counts, for those of the prompt."""
        self._prompt_ms = self._predicted_ms = 0.0
        """Of the previous rounds."""
        self._begin_round()
        self.ended = False

    def _begin_round(self) -> None:
        self._now = NOTHING
        self._given = self._own = ""
        """The round's text as returned, without what the engine holds back for a stop string, and as its tokens spell it."""
        self._new: list[int | str] = []
        """The round's tokens; the text of those that were not reported."""
        self._untold = 0
        """How many of the last ones have text that is not known yet."""
        self._stop = ""

    async def begin(self) -> None:
        """Append what is forced from the start to the prompt, whose own end is a token boundary."""
        assert self._state
        text, ids, following = await self._forced(self._state)
        # Something is left to the engine, which reports how much of the prompt was cached.
        if following.over or self._limit_within(ids):
            return
        if not self._append:
            self._forced_ids = ids
        elif text:
            self._appended(text, ids, following)
            self._ahead, self._ahead_tokens = [Chunk(text, NOTHING)], len(ids)

    def take_back(self) -> bool:
        """Remove what was appended to the prompt. False: nothing was, or the engine has accepted it."""
        if not self._ahead:
            return False
        self._ahead, self._ahead_tokens, self._appended_tokens = [], 0, 0
        self._ids, self._text, self._state = [], "", self._start
        return True

    def body(self) -> dict[str, Any]:
        """Return the request body for the next round."""
        assert self._state, "a message that cannot be followed has ended"
        before = self._body["prompt"]
        body = {**self._body}
        if self._ids:
            body["prompt"] = [*([before] if isinstance(before, str) else before), *self._ids]
            body["grammar"] = self._state.gbnf()
        if body["n_predict"] >= 0:
            body["n_predict"] -= len(self._ids)
        if self._forced_ids:
            body["grammar"] = token_grammar(self._forced_ids)
            body["n_predict"] = len(self._forced_ids)
        elif stops := _stop_strings(self._state, self._program.preserved_tokens):
            body["stop"] = stops
        if self._ids and "seed" in body:
            # Otherwise each round would draw the same numbers again. By token count, so that the rounds do not matter.
            body["seed"] = (int(body["seed"]) + _SEED_STEP * len(self._ids)) % _SEEDS
        return body

    def read(self, chunk: Chunk) -> list[Chunk]:
        """Return the chunk as one of the complete message; nothing if it only ends a round."""
        self._first = self._first or chunk.counts
        ahead, self._ahead = [replace(each, counts=self._counts()) for each in self._ahead], []
        text = self._own_text(chunk)
        self._now = chunk.counts
        self._text += text
        self._state = _after(self._state, text)
        if chunk.stop_type == "word" or (chunk.stop_type == "limit" and self._forced_ids):
            self._stop = chunk.stopping_word
            return ahead
        self.ended = chunk.stop_type is not None
        return [*ahead, replace(chunk, text=text, counts=self._counts())]

    def _own_text(self, chunk: Chunk) -> str:
        """Return the text of exactly the chunk's tokens, whatever the engine holds back for a stop string."""
        self._given += chunk.text
        # Of a character that consists of several tokens only the last one is reported.
        told = chunk.token if chunk.counts.completion_tokens - self._now.completion_tokens == 1 else None
        piece = self._vocabulary.text(told) if told is not None and not self._untold else None
        if piece in self._model_info.special_tokens and _after(self._state, piece or "") is None:
            piece = None  # The token that ends the turn, which the engine may hide.
        if chunk.stop_type is None:
            self._new.append("" if told is None or piece is None else told)
        own = self._own if piece is None else self._own + piece
        if len(own) < len(self._given):
            # Text that was held back arrives with what ends it.
            own, piece = self._given, None
        text, self._own = own[len(self._own) :], own
        if piece is None and chunk.stop_type is None:
            first = len(self._new) - 1 - self._untold
            self._untold += 1
            if text:
                self._new[first:] = [text if told is None or text != self._vocabulary.text(told) else told]
                self._untold = 0
        return text

    async def end_round(self) -> list[Chunk]:
        """End the round: append what is forced next, or leave it to the next round to sample.

        Return the resulting chunks, with the end of the message if it is reached.
        """
        for token in self._new:
            self._ids += [token] if isinstance(token, int) else await inner_tokens(self._client, self._model_info, token)
        chunks = []
        if self._stop and len(self._own) < len(self._given) + len(self._stop):
            # The token that contains it was not reported.
            self._ids += await inner_tokens(self._client, self._model_info, self._stop)
            self._text += self._stop
            self._state = _after(self._state, self._stop)
            chunks.append(self._stop)
        self._prompt_ms += self._now.prompt_ms
        self._predicted_ms += self._now.predicted_ms
        sampled, self._forced_ids = bool(self._forced_ids), []
        self._rounds += 1
        self._begin_round()
        given = [Chunk(text, self._counts()) for text in chunks]
        if self._state is None or self._limit_within(()) or not self._state.fits():
            # Invalid UTF-8, which the engine counts in its own way; too ambiguous a grammar, or too large a remainder.
            self.ended = True
            return [*given, Chunk("", self._counts(), "limit")]
        if not sampled:
            text, ids, following = await self._forced(self._state)
            if not self._limit_within(ids):
                if self._append and text:
                    self._appended(text, ids, following)
                    given.append(Chunk(text, self._counts()))
                elif ids:
                    self._forced_ids = ids
                    return given
        if self._state.over:
            self.ended = True
            counts = self._counts()
            # The token that ends a turn is counted, as in the engine.
            given.append(Chunk("", replace(counts, completion_tokens=counts.completion_tokens + 1), "eos"))
        return given

    def _appended(self, text: str, ids: Sequence[int], following: Derivative) -> None:
        self._text += text
        self._ids += ids
        self._appended_tokens += len(ids)
        self._state = following

    async def _forced(self, state: Derivative) -> tuple[str, list[int], Derivative]:
        """Return the forced text as far as it may be appended, its tokens, and what may follow it."""
        text = self._usable(state)
        following = _after(state, text)
        assert following, "it is forced"
        tokens = await self._seams.tokens(text, following, self._program.preserved_tokens) if text else []
        text = "".join(piece for piece, _ in tokens)
        following = _after(state, text)
        assert following, "it is forced"
        return text, [token for _, token in tokens], following

    def _limit_within(self, ids: Sequence[int]) -> bool:
        """Return whether these tokens would reach the token limit or the end of the context."""
        limit: int = self._body["n_predict"]
        written = len(self._ids) + len(ids)
        prompt = self._first.prompt_tokens - self._ahead_tokens if self._first else 0
        return 0 <= limit <= written or prompt + written >= self._model_info.context_size

    def _usable(self, state: Derivative) -> str:
        """Return the forced text, up to untrusted text that would be a special token."""
        text = state.forced_text()
        own = self._program.preserved_tokens
        found = [(place, one) for one in {*self._model_info.special_tokens, *own} for place in _places(text, one)]
        regions: list[Region | None] = []
        for place, special in sorted(found):
            regions = regions or self._regions(text)
            if special not in own or not all(region in _SYNTAX for region in regions[place : place + len(special)]):
                return text[:place]
        return text

    def _regions(self, forced: str) -> list[Region | None]:
        """Return the region of each of its characters."""
        parser = OutputParser(Syntax(self._program.syntax.root, self._program.syntax.prefix + self._text + forced))
        parser.start()
        regions = [region for length, region in parser.take_spans() for _ in range(length)]
        start = len(self._program.syntax.prefix) + len(self._text)
        # A region that is not known yet is not the style's.
        return [*regions[start:], *[Region.CONTENT] * (start + len(forced) - max(len(regions), start))]

    def _counts(self) -> Counts:
        """Return the counts of the complete message so far."""
        first = self._first or NOTHING
        prompt = first.prompt_tokens - self._ahead_tokens
        return Counts(
            prompt_tokens=prompt,
            cached_tokens=min(first.cached_tokens, prompt),
            completion_tokens=len(self._ids) + self._now.completion_tokens,
            prompt_ms=self._prompt_ms + self._now.prompt_ms,
            predicted_ms=self._predicted_ms + self._now.predicted_ms,
            forced_tokens=self._appended_tokens,
        )
