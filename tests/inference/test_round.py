"""Rounds as values: what the engine's chunks add to a message, without an engine."""

import pytest

from promptweave.inference.client.counts import NOTHING, Counts
from promptweave.inference.client.llama_client import Chunk
from promptweave.inference.engine.model_info import ModelInfo
from promptweave.inference.engine.vocabulary import Vocabulary
from promptweave.inference.fast_forward.forced_text import ForcedText
from promptweave.inference.fast_forward.round import Message, Round
from promptweave.output.grammar.derivative import Derivative, DerivativeCache
from promptweave.output.grammar.expr import Chars, Rep

TEXTS = ["", "a", "bc", '", "', "\ufffd", "\ufffd", "<e>"]
VOCABULARY = Vocabulary(TEXTS)
MODEL = ModelInfo("m", "engine", 512, 1, "", "<e>", adds_bos=False, template=None, special_tokens=("<e>",))


def anything(low: int = 1) -> Derivative:
    """Any text of characters from `low` on."""
    return DerivativeCache({"root": Rep(Chars(((low, 0x10FFFF),)), 0, None)}).start()


def counts(completion: int, *, prompt: int = 10, cached: int = 4) -> Counts:
    return Counts(prompt, cached, completion, prompt_ms=1.0, predicted_ms=float(completion))


def read(*chunks: Chunk, message: Message | None = None) -> Round:
    current = Round.after(message or Message(anything()))
    for chunk in chunks:
        current = current.read(chunk, MODEL, VOCABULARY)
    return current


def test_the_text_is_that_of_the_tokens() -> None:
    found = read(Chunk("a", counts(1), token=1), Chunk("bc", counts(2), token=2))
    assert (found.text, found.tokens, found.held) == ("abc", (1, 2), 0)


def test_what_the_engine_holds_back_is_there_already() -> None:
    found = read(Chunk("a", counts(1), token=1), Chunk("", counts(2), token=3))
    assert (found.text, found.tokens, found.held) == ('a", "', (1, 3), 4)
    ended = found.read(Chunk("", counts(2), "word", stopping_word='"'), MODEL, VOCABULARY)
    assert (ended.text, ended.tokens, ended.missing, ended.continues) == ('a", "', (1, 3), "", True)
    returned = found.read(Chunk('", "', counts(3), token=1), MODEL, VOCABULARY)
    assert (returned.text, returned.tokens, returned.held) == ('a", "a', (1, 3, 1), 1)
    several = found.read(Chunk('", "é', counts(4), token=5), MODEL, VOCABULARY)
    assert (several.text, several.tokens, several.held) == ('a", "é', (1, 3, "é"), 0)


def test_a_stop_string_whose_token_was_not_reported_is_missing() -> None:
    found = read(Chunk("a", counts(1), token=1), Chunk("", counts(2), "word", stopping_word='"'))
    assert (found.text, found.missing) == ("a", '"')


def test_a_character_of_several_tokens_arrives_with_the_last_one() -> None:
    begun = read(Chunk("a", counts(1), token=1), Chunk("", counts(2), token=4))
    assert (begun.text, begun.tokens, begun.unread) == ("a", (1, ""), 1)
    found = begun.read(Chunk("é", counts(3), token=5), MODEL, VOCABULARY)
    assert (found.text, found.tokens, found.unread) == ("aé", (1, "é"), 0)


def test_tokens_that_come_together_are_known_by_their_text() -> None:
    assert read(Chunk("abc", counts(2), token=2)).tokens == ("abc",)


def test_more_text_than_the_token_has_is_the_engines() -> None:
    assert read(Chunk("xbc", counts(1), token=2)).tokens == ("xbc",)


def test_a_token_that_ends_the_turn_is_no_text() -> None:
    message = Message(anything(low=0x61))
    assert read(Chunk("", counts(1), token=6), message=message).text == ""
    assert read(Chunk("", counts(1), token=6)).text == "<e>"


def test_a_round_that_samples_given_tokens_continues_at_its_limit() -> None:
    limit = Chunk("", counts(1), "limit")
    assert not read(limit).continues
    assert read(limit, message=Message(anything(), to_sample=(1,))).continues


def test_text_that_the_grammar_does_not_allow_cannot_be_followed() -> None:
    found = read(Chunk("a", counts(1), token=1), message=Message(anything(low=0x62)))
    assert (found.text, found.following) == ("a", None)


def test_counts_of_rounds_add_up() -> None:
    start = Message(anything()).append(ForcedText("abc", (1, 2), anything()))
    assert (start.text, start.ids, start.counts.completion_tokens, start.counts.forced_tokens) == ("abc", (1, 2), 2, 2)
    first = read(Chunk("a", counts(1, prompt=12, cached=11), token=1), message=start)
    # The prompt of the first round has the appended tokens, which are the message's.
    assert first.total == Counts(10, 10, 3, 1.0, 1.0, 2)
    again = read(
        Chunk("a", counts(1, prompt=13, cached=13), token=1), message=Message(None, counts=first.total, accepted=True)
    )
    assert again.total == Counts(10, 10, 4, 2.0, 2.0, 2)


@pytest.mark.parametrize("first", [NOTHING, counts(0, prompt=7)])
def test_the_prompt_is_that_of_the_first_completion(first: Counts) -> None:
    both = first + counts(3)
    assert both.prompt_tokens == (10 if first is NOTHING else 7)
    assert both.completion_tokens == 3


def test_nothing_changes_an_earlier_state() -> None:
    before = read(Chunk("a", counts(1), token=1))
    after = before.read(Chunk("bc", counts(2), token=2), MODEL, VOCABULARY)
    assert (before.text, before.tokens) == ("a", (1,))
    assert (after.text, after.tokens) == ("abc", (1, 2))
