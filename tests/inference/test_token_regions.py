"""Which tokens belong to which text: the same for any tokens, and never before their text."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.inference.client.counts import Counts
from promptweave.inference.client.llama_client import Candidate, Chunk, Scores
from promptweave.inference.generation.events import Event, Finish, Logprobs, Tokens
from promptweave.inference.generation.output_reader import MessageReader
from promptweave.inference.prompt.request import CompiledPrompt, Request
from promptweave.output.deltas import ContentDelta, ReasoningDelta, SchemaViolation
from promptweave.output.tree import JsonNode, Node, Region, RegionNode, Syntax, TextNode
from tests.support.output.sample_trees import ENVELOPE, TAGGED, THINKING

OUTPUTS = [
    (TextNode(Region.CONTENT), "some text STO and STOP more"),
    (TextNode(Region.CONTENT), "an end STO"),
    (THINKING, "<think>hmm</think>then STOP"),
    (THINKING, "<think>hmm</think>then <thi"),
    (TAGGED, 'x<y<tool_call>{"name": "get", "arguments": {"a": "STOP"}}</tool_call>'),
    (ENVELOPE, '{"thought": "hm", "next": {"result": "a b"}}'),
]


def reader(root: Node) -> MessageReader:
    return MessageReader(Request(CompiledPrompt((), Syntax(root)), stop=("STOP",), top_logprobs=0), "</s>")


def chunks(pieces: list[str], stop_type: str) -> list[Chunk]:
    """A token for each piece, and the last chunk."""
    tokens = [
        Chunk(piece, Counts(1, 0, place, 0, 0), None, place, Scores(Candidate(place, piece.encode(), -1), ()))
        for place, piece in enumerate(pieces, 1)
    ]
    return [*tokens, Chunk("", Counts(1, 0, len(pieces), 0, 0), stop_type)]


class Seen:
    """The text of a message by its parts, as given and as scored."""

    def __init__(self) -> None:
        self.given: dict[Region | None, str] = {Region.CONTENT: "", Region.REASONING: ""}
        self.scored: dict[Region | None, str] = {Region.CONTENT: "", Region.REASONING: ""}
        self.everything = ""
        self.reasoning_tokens = 0
        self._last = 0

    def add(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case ContentDelta(text):
                    self.given[Region.CONTENT] += text
                case ReasoningDelta(text):
                    self.given[Region.REASONING] += text
                case Logprobs(positions):
                    for scores, region in positions:
                        assert scores.chosen.token > self._last, "in order"
                        self._last = scores.chosen.token
                        self.everything += scores.chosen.text.decode()
                        self.scored[region] = self.scored.get(region, "") + scores.chosen.text.decode()
                case Finish():
                    self.reasoning_tokens = event.reasoning_tokens


@pytest.mark.parametrize(("root", "text"), [case for case in OUTPUTS if case[0] is not ENVELOPE])
@pytest.mark.parametrize("stop_type", ["eos", "limit"])
def test_tokens_of_one_character_are_just_the_text(root: Node, text: str, stop_type: str) -> None:
    seen, reading = Seen(), reader(root)
    for chunk in chunks([*text], stop_type):
        seen.add(reading.read(chunk))
        for region, given_text in seen.given.items():
            assert given_text.startswith(seen.scored[region])
    assert {region: seen.scored[region] for region in seen.given} == seen.given
    assert seen.reasoning_tokens == len(seen.given[Region.REASONING])


@given(case=st.sampled_from(OUTPUTS), stop_type=st.sampled_from(["eos", "limit"]), data=st.data())
def test_tokens_of_any_length_hold_the_text(case: tuple[Node, str], stop_type: str, data: st.DataObject) -> None:
    root, text = case
    cuts = sorted({0, len(text), *data.draw(st.sets(st.integers(0, len(text))))})
    seen, reading = Seen(), reader(root)
    pieces = [text[start:end] for start, end in pairwise(cuts)]
    for chunk in chunks(pieces, stop_type):
        seen.add(reading.read(chunk))
    for text_of_part in seen.given.values():
        assert text_of_part in seen.everything


def test_a_value_that_violates_its_schema_is_no_content() -> None:
    """Its text is held back until it is known to be valid, and so are its tokens."""
    part = RegionNode(Region.CONTENT, JsonNode(), stoppable=False, schema='{"uniqueItems": true}')
    for text, region in (("[1, 2]", Region.CONTENT), ("[1, 1]", Region.DISCARD)):
        events: list[Event] = []
        reading = reader(part)
        for chunk in chunks([*text], "eos"):
            before = any(isinstance(event, ContentDelta | SchemaViolation) for event in events)
            assert before or not any(isinstance(event, Logprobs) for event in events)
            events += reading.read(chunk)
        regions = {region for event in events if isinstance(event, Logprobs) for _, region in event.positions}
        assert regions == {region}


def test_ids_come_with_their_chunk() -> None:
    assert reader(TextNode(Region.CONTENT)).read(chunks(["a"], "eos")[0], (5, 6))[-1] == Tokens((5, 6))
