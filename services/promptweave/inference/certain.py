"""A completion in which nobody decodes what is certain: where its grammar leaves one way only, that text is appended.

The engine is stopped at characters behind which a text is certain (`_stops`), by stop strings, so before it evaluates the
token that holds one. Then the completion goes on: of the same prompt with what was written and what is certain (the engine
remembers the former), by the grammar of what may follow (`output/rest.py`). The tokens are those that the vocabulary makes
of the text: the last ones are taken back and written again together with what is appended, and that ends where tokens do.

No token is asked for its probability there, so messages that are to tell them are decoded whole.
"""

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from promptweave.inference.client import NOTHING, Chunk, Counts, EngineClient
from promptweave.inference.facts import Facts
from promptweave.inference.pace import Pace
from promptweave.inference.prompt import inner_tokens
from promptweave.inference.request import Program
from promptweave.output.gbnf_reader import ForeignGrammarError, read_printed
from promptweave.output.parser import OutputParser
from promptweave.output.rest import AmbiguousGrammarError, Rest, Rests
from promptweave.output.tree import Region, Syntax

_MOST_BEGINNINGS = 16
_MOST_FORKS, _LONGEST_STOP = 64, 100
"""Of texts that are told apart, such as the names of tools; characters of what tells one apart."""
_BEFORE = ("", "0", "a")
"""What values are probed with: before the character that ends them comes some other."""
_ENDS = '",}]\n'
"""What ends values."""
_LITERAL, _ROOT = re.compile(r'"(?:[^"\\]|\\.)*"'), re.compile(r"(?<![\w-])root(?![\w-])")
_TAKEN_BACK = 2
"""Tokens that are written again with what is appended."""
_INSIDE = re.compile(r"[\w-]+$|<[^<>\s]*$")
"""The beginning of a word or a tag, which may go on in the same token."""
_SEEDS, _SEED_STEP = 2**32, 7919
_SYNTAX = (None, Region.TOOL_CALL, Region.DISCARD)
"""What the style wrote; names, arguments and values are other people's."""

Batches = AsyncGenerator[list[Chunk], None]


@lru_cache(maxsize=16)
def _beginning(gbnf: str) -> Rest | None:
    """What may be written by a grammar. None: it is not one that we have printed."""
    if len(_ROOT.findall(_LITERAL.sub("", gbnf))) > 1:
        return None  # Of the rest there has to be a root of its own.
    try:
        rules = read_printed(gbnf)
        return Rests(rules).of(rules["root"])
    except (ForeignGrammarError, AmbiguousGrammarError, RecursionError):
        return None


def what_may_come(program: Program, body: Mapping[str, Any], facts: Facts) -> Rest | None:
    """What may be written, where that can be followed and nothing stands against appending."""
    # Where the vocabulary puts a space before every text, the middle of a text is tokenised in another way.
    against = "n_probs" in body or body.get("mirostat") or facts.separator or program.budget
    # Of prompts with images only the engine knows the tokens.
    against = against or not isinstance(body["prompt"], str | list)
    return None if program.grammar is None or against else _beginning(program.grammar)


async def appended(
    client: EngineClient, facts: Facts, body: Mapping[str, Any], program: Program, rest: Rest, pace: Pace
) -> Batches:
    """The chunks of `/completion`, as if it were one. Raises InferenceError."""
    message = _Message(client, facts, program, body, rest, pace)
    await message.begin()
    while not message.ended:
        async with client.complete(message.body()) as batches, aclosing(batches):
            async for batch in batches:
                if chunks := [chunk for each in batch for chunk in message.read(each)]:
                    yield chunks
        if not message.ended:
            yield await message.append()


def _after(rest: Rest | None, text: str) -> Rest | None:
    """What may follow then. None: that cannot be told."""
    try:
        return rest.after(text) if rest else None
    except (AmbiguousGrammarError, RecursionError):
        return None


def _stops(rest: Rest, worth: int, tags: Sequence[str]) -> list[str]:
    """Texts at which to stop, since behind them at least `worth` characters are certain."""

    def is_worth(text: str) -> bool:
        following = _after(ahead, text)
        return following is not None and len(following.certain()) >= worth

    tail = rest.certain()
    ahead = _after(rest, tail)
    # Letters come again in what follows the others, so either every way has a stop or none.
    found = _forks(rest, worth) or []
    found += [tail + tag for tag in tags if is_worth(tag)]
    found += [end for end in _ENDS if end not in tail and any(is_worth(before + end) for before in _BEFORE)]
    return list(dict.fromkeys(found))


def _forks(rest: Rest, worth: int) -> list[str] | None:
    """Where the next texts are a few: each up to where it is known which one it is. None: there are others, too."""
    found: list[str] = []
    waiting = [("", rest)]
    while waiting:
        before, at = waiting.pop(0)
        tail = at.certain()
        ahead = _after(at, tail)
        begin = ahead.beginnings(_MOST_BEGINNINGS) if ahead and len(before + tail) < _LONGEST_STOP else None
        if not begin or len(found) + len(waiting) + len(begin) > _MOST_FORKS:
            return None
        for char in begin:
            following = _after(ahead, char)
            if following is None:
                return None
            if len(following.certain()) >= worth:
                found.append(before + tail + char)
            else:
                waiting.append((before + tail + char, following))
    return found


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    id: int | None
    """None: not told, of a character that is several tokens."""


class _Message:
    """What is written so far, in rounds: each is a completion, and then what is appended."""

    def __init__(
        self, client: EngineClient, facts: Facts, program: Program, body: Mapping[str, Any], rest: Rest, pace: Pace
    ) -> None:
        self._client, self._facts, self._program, self._pace = client, facts, program, pace
        self._body, self._grammar = body, program.grammar
        self._rest: Rest | None = rest
        self._ids: list[int] = []
        """Of the rounds before."""
        self._text = ""
        """All that was given."""
        self._new: list[_Token] = []
        self._stop = ""
        self._rounds = 0
        self._before = NOTHING
        """What the rounds before took, and how many tokens the model chose."""
        self._now = NOTHING
        self._appended = 0
        """Tokens that the last round appended, with those that it took back."""
        self._beginning = ""
        """What was certain from the start, until the engine has taken it."""
        self._begun = 0
        """Its tokens."""
        self.ended = False

    async def begin(self) -> None:
        """What is certain from the start is appended to the prompt, whose own end is where tokens end."""
        assert self._rest
        certain = self._usable(self._rest)
        following = _after(self._rest, certain)
        if not certain or not following or following.over:
            return
        seam = await self._seam("", certain)
        if 0 <= self._body["n_predict"] <= len(seam):
            return
        self._beginning, self._begun = certain, len(seam)
        self._ids += seam
        self._text += certain
        self._rest, self._grammar = following, following.gbnf()

    def body(self) -> dict[str, Any]:
        """For the next round."""
        self._new, self._stop = [], ""
        before = self._body["prompt"]
        body = {**self._body, "grammar": self._grammar}
        if self._ids:
            body["prompt"] = [*([before] if isinstance(before, str) else before), *self._ids]
        worth = self._pace.worth
        if worth is not None and self._rest and (stops := _stops(self._rest, worth, self._program.preserved_tokens)):
            body["stop"] = stops
        if body["n_predict"] >= 0:
            body["n_predict"] -= len(self._ids)
        if self._rounds and "seed" in body:
            # Else each round would draw the same numbers again.
            body["seed"] = (int(body["seed"]) + _SEED_STEP * self._rounds) % _SEEDS
        return body

    def read(self, chunk: Chunk) -> list[Chunk]:
        """The chunk, as one of the whole message; none where it says nothing."""
        if self._beginning:
            beginning, self._beginning = self._beginning, ""
            begun = replace(self._whole(chunk).counts, completion_tokens=self._begun, forced_tokens=self._begun)
            self._now = NOTHING
            return [Chunk(beginning, begun), *self.read(chunk)]
        if self._rounds and self._now is NOTHING:
            self._pace.learn_round(chunk.counts, self._appended)
        come = chunk.counts.completion_tokens - self._now.completion_tokens
        whole = self._whole(chunk)
        self._text += chunk.text
        self._rest = _after(self._rest, chunk.text)
        if chunk.stop_type is None:
            self._new.append(_Token(chunk.text, chunk.token if come == 1 else None))
        elif chunk.stop_type == "word":
            self._stop = chunk.stopping_word
            if chunk.text:
                self._new.append(_Token(chunk.text, None))
            whole = replace(whole, stop_type=None)
        else:
            self.ended = True
        return [whole] if chunk.text or self.ended else []

    def _whole(self, chunk: Chunk) -> Chunk:
        """The chunk, with the counts of the whole message."""
        self._now = chunk.counts
        return replace(chunk, counts=self._counts(len(self._ids) + chunk.counts.completion_tokens))

    async def append(self) -> list[Chunk]:
        """What stopped it, and what is certain to follow."""
        self._pace.learn(self._now)
        written = len(self._ids) + self._now.completion_tokens
        self._before, self._now = replace(self._counts(written), completion_tokens=self._decoded), NOTHING
        self._rounds += 1
        self._text += self._stop
        rest = _after(self._rest, self._stop)
        if rest is None:
            # Bytes that are no characters, which the engine counts in its own way; or too many ways.
            self.ended = True
            return [Chunk(self._stop, self._counts(written)), Chunk("", self._counts(written), "limit")]
        kept, last = self._new[:-_TAKEN_BACK], self._new[-_TAKEN_BACK:]
        self._ids += [token for each in kept for token in await self._tokens(each)]
        free = "".join(token.text for token in last)
        certain = self._usable(rest)
        seam = await self._seam(free, self._stop + certain)
        if certain and 0 <= self._body["n_predict"] <= len(self._ids) + len(seam):
            certain, seam = "", await self._seam(free, self._stop)  # The limit lies within.
        self._ids += seam
        self._text += certain
        self._appended = len(seam)
        following = _after(rest, certain)
        assert following, "it is certain"
        self._rest = following
        counts = self._counts(max(len(self._ids), written))
        chunks = (
            [Chunk(self._stop, self._counts(written)), Chunk(certain, counts)] if certain else [Chunk(self._stop, counts)]
        )
        if following.over:
            self.ended = True
            # The token that ends a turn is counted, as the engine does.
            ended = replace(counts, completion_tokens=counts.completion_tokens + 1)
            return [*chunks, Chunk("", ended, "eos")]
        if 0 <= self._body["n_predict"] <= len(self._ids):
            # Tokenised anew, the text may take more tokens than the model took.
            self.ended = True
            return [Chunk(self._stop, self._counts(written)), Chunk("", self._counts(written), "limit")]
        self._grammar = following.gbnf()
        return chunks

    async def _seam(self, free: str, certain: str) -> list[int]:
        """The tokens of what the model wrote, which is text whatever it spells, and what follows it."""
        special = not any(token in free for token in self._facts.special_tokens)
        return await inner_tokens(self._client, self._facts, free + certain, parse_special=special)

    async def _tokens(self, token: _Token) -> list[int]:
        if token.id is not None:
            return [token.id]
        return await inner_tokens(self._client, self._facts, token.text)

    def _usable(self, rest: Rest) -> str:
        """What is certain, up to where tokens end, and without what others wrote that would be a special token."""
        text = rest.certain()
        if not ((following := _after(rest, text)) and following.over):
            text = _INSIDE.sub("", text).rstrip()
        if not text:
            return ""
        own = self._program.preserved_tokens
        found = [(text.index(one), one) for one in {*self._facts.special_tokens, *own} if one in text]
        for place, special in sorted(found):
            if special not in own or not all(
                region in _SYNTAX for region in self._regions(text[: place + len(special)])[place:]
            ):
                return text[:place].rstrip()
        return text

    def _regions(self, certain: str) -> list[Region | None]:
        """What each character of it is part of."""
        parser = OutputParser(Syntax(self._program.syntax.root, self._program.syntax.prefix + self._text + certain))
        parser.start()
        regions = [region for length, region in parser.take_spans() for _ in range(length)]
        start = len(self._program.syntax.prefix) + len(self._text)
        # What is not known yet is not the style's.
        return [*regions[start:], *[Region.CONTENT] * (start + len(certain) - max(len(regions), start))]

    @property
    def _decoded(self) -> int:
        """Tokens that the model chose."""
        return self._before.completion_tokens + self._now.completion_tokens

    def _counts(self, written: int) -> Counts:
        first = self._before if self._rounds else self._now
        prompt = first.prompt_tokens - (0 if self._rounds else self._begun)
        return Counts(
            prompt_tokens=prompt,
            cached_tokens=min(first.cached_tokens, prompt),
            completion_tokens=written,
            prompt_ms=self._before.prompt_ms + self._now.prompt_ms,
            predicted_ms=self._before.predicted_ms + self._now.predicted_ms,
            forced_tokens=max(written - self._decoded, 0),
        )
