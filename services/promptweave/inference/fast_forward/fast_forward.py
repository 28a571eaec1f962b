"""Fast-forwarding: text that the grammar forces is appended to the prompt instead of being sampled.

Stop strings halt the engine at characters after which text is forced (`round_stops.py`). The answer then continues in
another round: a completion of the same prompt, the tokens so far (which the engine has cached) and the tokens of the forced
text, under the grammar of what may follow (`output/grammar/derivative.py`). So a message is a fold over its rounds: each one
turns a `Message` into the next, and each chunk turns a `Round` into the next (`round.py`).

The output must be the same as without fast-forwarding:
- The tokens so far are the model's own, including the token in which it was stopped, with any text that this token contains
  after the stop string.
- Appended text ends where the model's own tokens would end, whatever follows (`seams.py`), and nothing is appended where the
  model may end the message.
- Forced text is tokenized as the vocabulary tokenizes it. A model constrained by a grammar would often choose other tokens,
  on which it was not trained. If text must not be appended (log-probabilities or token ids are requested, or
  fast-forwarding is disabled), the same tokens are sampled one by one, under a grammar of token ids. So the text is the same
  either way.
- Nothing depends on timing.
"""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from promptweave.inference.client.llama_client import Batches, Chunk, EngineClient
from promptweave.inference.engine.model_info import ModelInfo
from promptweave.inference.engine.rounds import token_grammar
from promptweave.inference.engine.vocabulary import Vocabulary
from promptweave.inference.errors import ContextOverflowError
from promptweave.inference.fast_forward.forced_text import ForcedTextFinder, follow
from promptweave.inference.fast_forward.round import Message, Round
from promptweave.inference.fast_forward.round_stops import round_stops
from promptweave.inference.grammar.grammar_cache import derivative_of
from promptweave.inference.prompt.prompt import inner_tokens
from promptweave.inference.prompt.request import CompiledPrompt
from promptweave.output.grammar.derivative import Derivative
from promptweave.output.grammar.gbnf import MAX_CHARACTERS

_SEEDS, _SEED_STEP = 2**32 - 1, 7919


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
    rounds = _FastForward(client, model_info, model_info.token_texts, program, body, append=append)
    message = await rounds.begin(state)
    while True:
        current = Round.after(message)
        try:
            async with client.complete(rounds.body(message)) as batches, aclosing(batches):
                async for batch in batches:
                    current, chunks = rounds.read(current, batch)
                    if chunks:
                        yield chunks
        except ContextOverflowError:
            if not current.message.pending:
                raise
            message = Message(state)  # The prompt may fit without the appended text.
            continue
        if not current.continues:
            return
        message, chunks = await rounds.end(current)
        if chunks:
            yield chunks
        if chunks and chunks[-1].stop_type is not None:
            return


class _FastForward:
    """The steps from one state of a message to the next: a round is a completion, followed by forced text."""

    def __init__(
        self,
        client: EngineClient,
        model_info: ModelInfo,
        vocabulary: Vocabulary,
        program: CompiledPrompt,
        body: Mapping[str, Any],
        *,
        append: bool,
    ) -> None:
        self._client, self._model_info, self._vocabulary = client, model_info, vocabulary
        self._forced_text = ForcedTextFinder(client, model_info, vocabulary, program)
        self._tags = program.preserved_tokens
        self._body, self._append = body, append

    async def begin(self, state: Derivative) -> Message:
        """Return the message at its start, with what is forced there: the prompt's own end is a token boundary."""
        start = Message(state)
        forced = await self._forced_text.find("", state)
        # Something is left to the engine, which reports how much of the prompt was cached.
        if forced.following.over or self._reaches_limit(start, forced.ids):
            return start
        if not self._append:
            return replace(start, to_sample=forced.ids)
        return replace(start.append(forced), pending=forced.text) if forced.text else start

    def body(self, message: Message) -> dict[str, Any]:
        """Return the request body for the next round."""
        assert message.following, "a message that cannot be followed has ended"
        before = self._body["prompt"]
        body = {**self._body}
        if message.ids:
            body["prompt"] = [*([before] if isinstance(before, str) else before), *message.ids]
            body["grammar"] = message.following.gbnf()
        if body["n_predict"] >= 0:
            body["n_predict"] -= len(message.ids)
        if message.to_sample:
            body["grammar"] = token_grammar(message.to_sample)
            body["n_predict"] = len(message.to_sample)
        elif stops := round_stops(message.following, self._tags):
            body["stop"] = stops
        if message.ids and "seed" in body:
            # Otherwise each round would draw the same numbers again. By token count, so that the rounds do not matter.
            body["seed"] = (int(body["seed"]) + _SEED_STEP * len(message.ids)) % _SEEDS
        return body

    def read(self, current: Round, batch: Sequence[Chunk]) -> tuple[Round, list[Chunk]]:
        """Return the round after more of its chunks, and these as chunks of the complete message."""
        chunks: list[Chunk] = []
        for chunk in batch:
            before, current = current, current.read(chunk, self._model_info, self._vocabulary)
            if before.message.pending:
                chunks.append(Chunk(before.message.pending, current.message.counts))
            # A chunk that only ends a round is not one of the message's.
            if not current.continues:
                chunks.append(replace(chunk, text=current.text[len(before.text) :], counts=current.total))
        return current, chunks

    async def end(self, last: Round) -> tuple[Message, list[Chunk]]:
        """Return the message after a round, with what is forced next, and the resulting chunks.

        If the message ends there, the last chunk has a stop type.
        """
        message = await self._with_round(last)
        chunks = [Chunk(last.missing, message.counts)] if last.missing else []
        following = message.following
        if following is None or self._reaches_limit(message) or not following.fits():
            # Invalid UTF-8, which the engine counts in its own way; too ambiguous a grammar, or too large a remainder.
            return message, [*chunks, Chunk("", message.counts, "limit")]
        if not last.message.to_sample:
            forced = await self._forced_text.find(message.text, following)
            within = not self._reaches_limit(message, forced.ids)
            if within and self._append and forced.text:
                message, following = message.append(forced), forced.following
                chunks.append(Chunk(forced.text, message.counts))
            elif within and forced.ids:
                return replace(message, to_sample=forced.ids), chunks
        if following.over:
            # The token that ends a turn is counted, as in the engine.
            counts = replace(message.counts, completion_tokens=message.counts.completion_tokens + 1)
            chunks.append(Chunk("", counts, "eos"))
        return message, chunks

    async def _with_round(self, last: Round) -> Message:
        """Return the message with the text and the tokens of a round."""
        ids = [*last.message.ids]
        # The stop string is missing if the token that contains it was not reported.
        for token in [*last.tokens, last.missing] if last.missing else last.tokens:
            ids += [token] if isinstance(token, int) else await inner_tokens(self._client, self._model_info, token)
        return Message(
            follow(last.following, last.missing),
            last.message.text + last.text + last.missing,
            tuple(ids),
            # Tokenized anew, a text may be another number of tokens.
            replace(last.total, completion_tokens=len(ids)),
            accepted=True,
        )

    def _reaches_limit(self, message: Message, ids: Sequence[int] = ()) -> bool:
        """Return whether the message with these tokens reaches the token limit or the end of the context."""
        limit: int = self._body["n_predict"]
        written = len(message.ids) + len(ids)
        return 0 <= limit <= written or message.counts.prompt_tokens + written >= self._model_info.context_size
