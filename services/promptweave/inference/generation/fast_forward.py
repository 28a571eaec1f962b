"""Fast-forwarding: text that the grammar forces is appended to the prompt instead of being sampled.

The engine is stopped by stop strings at characters behind which a text is forced (`_stop_strings`). Then the answer goes on
in another round: a completion of the same prompt, the tokens so far and those of the forced text (the engine remembers the
former), by the grammar of what may follow (`output/grammar/derivative.py`).

What the model writes must be what it writes without this:
- The tokens so far are the model's own, the one in which it was stopped included, with the text that it holds behind the
  stop.
- Appended text ends where the model's own tokens would end, whatever follows (`_Seams`), and nothing is appended where the
  model may end the message.
- Forced text has the tokens that the vocabulary makes of it. A model under a grammar would often spell it in others, in
  which it was not trained. Where text must not be appended (log-probabilities and token ids are asked for, or
  fast-forwarding is turned off), the same tokens are sampled, one by one: by a grammar of token ids. So the words are the
  same either way.
- Nothing depends on the clock.
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
"""So much text must be forced for a round to end before it: two or three tokens take longer to sample than a round to begin.

A constant: text that is forced has other tokens where it is sampled freely, and what a model writes then must not depend on
how fast it was before."""

_MAX_BEGINNINGS = 16
_MAX_FORKS, _MAX_STOP_LENGTH = 64, 100
"""Of texts that are told apart, such as the names of tools; characters of what tells one apart."""
_BEFORE = ("", "0", "a")
"""What values are probed with: before the character that ends them comes some other."""
_ENDS = '",}]\n'
"""What ends values."""
_SEEDS, _SEED_STEP = 2**32 - 1, 7919
_SYNTAX = (None, Region.TOOL_CALL, Region.DISCARD)
"""What the style wrote; names, arguments and values are other people's."""

Batches = AsyncGenerator[list[Chunk], None]


async def fast_forward_state(program: CompiledPrompt, body: Mapping[str, Any], facts: ModelInfo) -> Derivative | None:
    """What may be written, where that can be followed and nothing stands against appending."""
    against = body.get("mirostat") or program.budget or not facts.token_texts
    # Of prompts with images only the engine knows the tokens.
    against = against or not isinstance(body["prompt"], str | list)
    # The grammar of what follows may be a little larger.
    if program.grammar is None or against or len(program.grammar) > MAX_CHARACTERS // 2:
        return None
    state = await derivative_of(program.grammar)
    return state if state and state.printable else None


async def complete_in_rounds(
    client: EngineClient,
    facts: ModelInfo,
    body: Mapping[str, Any],
    program: CompiledPrompt,
    state: Derivative,
    *,
    append: bool,
) -> Batches:
    """The chunks of `/completion`, as if it were one. `append` False: forced text is sampled, too. Raises InferenceError."""
    assert facts.token_texts, "`fast_forward_state` asks"
    message = _FastForward(client, facts, facts.token_texts, program, body, state, append=append)
    await message.begin()
    while not message.ended:
        try:
            async with client.complete(message.body()) as batches, aclosing(batches):
                async for batch in batches:
                    if chunks := [chunk for each in batch for chunk in message.read(each)]:
                        yield chunks
        except ContextOverflowError:
            if message.take_back():
                continue  # The prompt itself may be short enough.
            raise
        if not message.ended and (chunks := await message.end_round()):
            yield chunks


def _after(state: Derivative | None, text: str) -> Derivative | None:
    """What may follow then. None: that cannot be told."""
    try:
        return state.after(text) if state else None
    except AmbiguousGrammarError:
        return None


def _stop_strings(state: Derivative, tags: Sequence[str]) -> list[str]:
    """Texts at which to stop, since behind them at least `MIN_CHARACTERS` are forced."""

    def is_worth(text: str) -> bool:
        following = _after(ahead, text)
        return following is not None and len(following.forced_text()) >= MIN_CHARACTERS

    tail = state.forced_text()
    ahead = _after(state, tail)
    # Letters come again in what follows the others, so either every way has a stop or none.
    found = _forks(state) or []
    found += [tail + tag for tag in tags if is_worth(tag)]
    found += [end for end in _ENDS if end not in tail and any(is_worth(before + end) for before in _BEFORE)]
    return list(dict.fromkeys(found))


def _forks(state: Derivative) -> list[str] | None:
    """Where the next texts are a few: each up to where it is known which one it is. None: there are others, too."""
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
    """Where forced texts may end, and their tokens up to there."""

    def __init__(self, client: EngineClient, facts: ModelInfo, vocabulary: Vocabulary) -> None:
        self._client, self._facts, self._vocabulary = client, facts, vocabulary

    async def tokens(self, text: str, following: Derivative, own: Sequence[str]) -> list[tuple[str, int]]:
        """The tokens of a forced text, each with its text, as far as they are the same whatever comes next.

        A token that begins in the text and goes on beyond it may be what the model would write: then the text up to that
        token has the tokens that come before it, and only those count that are the same in each such case. `own`: the
        special tokens that may stand in the text; no token begins inside one.
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
        """The tokens up to the first one that is not whole characters."""
        ids = await inner_tokens(self._client, self._facts, text, parse_special=True)
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
    """The places inside special tokens."""
    return {inner for one in own for place in _places(text, one) for inner in range(place + 1, place + len(one))}


def _places(text: str, part: str) -> Iterator[int]:
    """Where the part stands."""
    place = text.find(part)
    while place >= 0:
        yield place
        place = text.find(part, place + 1)


def _common(one: list[tuple[str, int]], other: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The tokens that both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return one[: next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))]


class _FastForward:
    """What is written so far, in rounds: each is a completion, and then what is forced."""

    def __init__(
        self,
        client: EngineClient,
        facts: ModelInfo,
        vocabulary: Vocabulary,
        program: CompiledPrompt,
        body: Mapping[str, Any],
        state: Derivative,
        *,
        append: bool,
    ) -> None:
        self._client, self._facts, self._vocabulary, self._program = client, facts, vocabulary, program
        self._seams = _Seams(client, facts, vocabulary)
        self._body, self._append = body, append
        self._start = state
        self._state: Derivative | None = state
        """What may follow the text so far. None: that cannot be told any more."""
        self._text = ""
        self._ids: list[int] = []
        """The tokens of the rounds before, and what was appended."""
        self._forced_ids: list[int] = []
        """What the next round is to sample, where nothing is appended."""
        self._ahead: list[Chunk] = []
        """What was appended to the prompt, until the engine has taken that."""
        self._ahead_tokens = self._appended_tokens = 0
        self._rounds = 0
        self._first: Counts | None = None
        """What the first round took of the prompt."""
        self._prompt_ms = self._predicted_ms = 0.0
        """Of the rounds before."""
        self._begin_round()
        self.ended = False

    def _begin_round(self) -> None:
        self._now = NOTHING
        self._given = self._own = ""
        """The round's text as the engine gave it, which may be held back for a stop string, and as its tokens are."""
        self._new: list[int | str] = []
        """The round's tokens; the text of those that were not told."""
        self._untold = 0
        """The last ones of these whose text is not known yet."""
        self._stop = ""

    async def begin(self) -> None:
        """What is forced from the start is appended to the prompt, whose own end is where tokens end."""
        assert self._state
        text, ids, following = await self._forced(self._state)
        # Something is left to the engine, which tells how much of the prompt it remembered.
        if following.over or self._limit_within(ids):
            return
        if not self._append:
            self._forced_ids = ids
        elif text:
            self._appended(text, ids, following)
            self._ahead, self._ahead_tokens = [Chunk(text, NOTHING)], len(ids)

    def take_back(self) -> bool:
        """Takes back what was appended to the prompt. False: nothing was, or the engine has taken it."""
        if not self._ahead:
            return False
        self._ahead, self._ahead_tokens, self._appended_tokens = [], 0, 0
        self._ids, self._text, self._state = [], "", self._start
        return True

    def body(self) -> dict[str, Any]:
        """For the next round."""
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
            # Else each round would draw the same numbers again. By the tokens, so that it is the same however they came.
            body["seed"] = (int(body["seed"]) + _SEED_STEP * len(self._ids)) % _SEEDS
        return body

    def read(self, chunk: Chunk) -> list[Chunk]:
        """The chunk, as one of the whole message; none where it only ends a round."""
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
        """The text of the chunk's tokens and of no others, whatever the engine holds back for a stop string."""
        self._given += chunk.text
        # Of a character that is several tokens only the last one is told.
        told = chunk.token if chunk.counts.completion_tokens - self._now.completion_tokens == 1 else None
        piece = self._vocabulary.text(told) if told is not None and not self._untold else None
        if piece in self._facts.special_tokens and _after(self._state, piece or "") is None:
            piece = None  # The token that ends the turn, which the engine may hide.
        if chunk.stop_type is None:
            self._new.append("" if told is None or piece is None else told)
        own = self._own if piece is None else self._own + piece
        if len(own) < len(self._given):
            # What was held back comes with what ends it.
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
        """Appends what is forced to follow, or has it sampled in the next round. What that writes, and the end if it is
        one."""
        for token in self._new:
            self._ids += [token] if isinstance(token, int) else await inner_tokens(self._client, self._facts, token)
        chunks = []
        if self._stop and len(self._own) < len(self._given) + len(self._stop):
            # The token that holds it was not told.
            self._ids += await inner_tokens(self._client, self._facts, self._stop)
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
            # Bytes that are not characters, which the engine counts in its own way; too many ways, or too long a rest.
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
            # The token that ends a turn is counted, as the engine does.
            given.append(Chunk("", replace(counts, completion_tokens=counts.completion_tokens + 1), "eos"))
        return given

    def _appended(self, text: str, ids: Sequence[int], following: Derivative) -> None:
        self._text += text
        self._ids += ids
        self._appended_tokens += len(ids)
        self._state = following

    async def _forced(self, state: Derivative) -> tuple[str, list[int], Derivative]:
        """What is forced to come next as far as it may be appended, its tokens, and what may follow it."""
        text = self._usable(state)
        following = _after(state, text)
        assert following, "it is forced"
        tokens = await self._seams.tokens(text, following, self._program.preserved_tokens) if text else []
        text = "".join(piece for piece, _ in tokens)
        following = _after(state, text)
        assert following, "it is forced"
        return text, [token for _, token in tokens], following

    def _limit_within(self, ids: Sequence[int]) -> bool:
        """Whether these tokens would reach the limit, or the context's end."""
        limit: int = self._body["n_predict"]
        written = len(self._ids) + len(ids)
        prompt = self._first.prompt_tokens - self._ahead_tokens if self._first else 0
        return 0 <= limit <= written or prompt + written >= self._facts.context_size

    def _usable(self, state: Derivative) -> str:
        """What is forced, up to what others wrote that would be a special token."""
        text = state.forced_text()
        own = self._program.preserved_tokens
        found = [(place, one) for one in {*self._facts.special_tokens, *own} for place in _places(text, one)]
        regions: list[Region | None] = []
        for place, special in sorted(found):
            regions = regions or self._regions(text)
            if special not in own or not all(region in _SYNTAX for region in regions[place : place + len(special)]):
                return text[:place]
        return text

    def _regions(self, forced: str) -> list[Region | None]:
        """What each character of it is part of."""
        parser = OutputParser(Syntax(self._program.syntax.root, self._program.syntax.prefix + self._text + forced))
        parser.start()
        regions = [region for length, region in parser.take_spans() for _ in range(length)]
        start = len(self._program.syntax.prefix) + len(self._text)
        # What is not known yet is not the style's.
        return [*regions[start:], *[Region.CONTENT] * (start + len(forced) - max(len(regions), start))]

    def _counts(self) -> Counts:
        """Of the whole message so far."""
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
