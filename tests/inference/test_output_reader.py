"""From the engine's chunks to events: the same for any pieces, and nothing is lost."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.inference.client.counts import Counts
from promptweave.inference.client.llama_client import Chunk
from promptweave.inference.generation.events import Finish, Logprobs, Tokens
from promptweave.inference.generation.output_reader import MessageReader
from promptweave.inference.prompt.request import CompiledPrompt, Request
from promptweave.output.deltas import SyntaxMismatch
from promptweave.output.message import FinishReason, ParsedMessage
from promptweave.output.tree import Node, Region, Syntax, TextNode
from tests.support.output.sample_trees import ENVELOPE, LISTED, TAGGED, THINKING

FREE = TextNode(Region.CONTENT)


def read(root: Node, pieces: list[str], stop_type: str, stop: tuple[str, ...] = ()) -> tuple[ParsedMessage, Finish]:
    """What comes of an output in these pieces, the end's own token shown."""
    reader = MessageReader(Request(CompiledPrompt((), Syntax(root)), stop=stop), "</s>")
    shown = [*pieces, *(["</s>"] if stop_type == "eos" else [])]
    chunks = [Chunk(piece, Counts(1, 0, place, 0, 0)) for place, piece in enumerate(shown, 1)]
    events = []
    for chunk in [*chunks, Chunk("", Counts(1, 0, len(shown), 0, 0), stop_type)]:
        events += reader.read(chunk)
    assert reader.done
    message, finishes = ParsedMessage(), [event for event in events if isinstance(event, Finish)]
    assert events[-1:] == finishes
    message.extend(event for event in events if not isinstance(event, Finish | Logprobs | Tokens))
    for call in message.tool_calls:
        call.id = ""
    return message, finishes[0]


OUTPUTS = [
    (FREE, "some text <b>[x]"),
    (FREE, "a</s>b STOP c"),
    (FREE, "almost STO"),
    (TAGGED, 'x<tool_call>{"name": "get", "arguments": {"a": "STOP </s>"}}</tool_call>'),
    (TAGGED, '<tool_call>{"name": "get", "arguments": {"a'),
    (LISTED, '[TOOL_CALLS][{"name": "get", "arguments": {}}, {"name": "set", "arguments": [1]}]'),
    (ENVELOPE, '{"thought": "STOP", "next": {"result": "a STOP b"}}'),
    (THINKING, "<think>STOP</think>then STOP"),
    (THINKING, "<think>cut"),
    (LISTED, "something else [x]"),
]


def test_content_that_reads_like_a_call_names_the_tool() -> None:
    assert read(TAGGED, ['get(a="x")'], "eos")[1].call_as_text == "get"
    assert read(TAGGED, ['Now {"name": "g', 'et", "args": {}}'], "eos")[1].call_as_text == "get"
    # No call of a tool, cut, or a call.
    assert read(TAGGED, ["put(1)"], "eos")[1].call_as_text == ""
    assert read(TAGGED, ["get(1)"], "limit")[1].call_as_text == ""
    written = 'get(1)\n<tool_call>{"name": "get", "arguments": {}}</tool_call>'
    assert read(TAGGED, [written], "eos")[1].call_as_text == ""
    assert read(FREE, ["get(1)"], "eos")[1].call_as_text == ""


@given(case=st.sampled_from(OUTPUTS), stop_type=st.sampled_from(["eos", "limit", "none", "word"]), data=st.data())
def test_any_pieces_give_the_same(case: tuple[Node, str], stop_type: str, data: st.DataObject) -> None:
    root, text = case
    cuts = data.draw(st.sets(st.integers(0, len(text))))
    pieces = [text[start:end] for start, end in pairwise(sorted({0, len(text), *cuts}))]
    message, finish = read(root, pieces, stop_type, ("STOP",))
    whole, whole_finish = read(root, [text], stop_type, ("STOP",))
    message.warnings, whole.warnings = [], []
    assert message == whole
    assert (finish.reason, finish.complete, finish.matched_stop) == (
        *(whole_finish.reason, whole_finish.complete, whole_finish.matched_stop),
    )


@given(text=st.text(), stop_type=st.sampled_from(["eos", "limit"]))
def test_free_text_is_given_back_whole(text: str, stop_type: str) -> None:
    message, finish = read(FREE, [*text], stop_type)
    assert (message.content or "") == text
    assert finish.complete == (stop_type == "eos")


@pytest.mark.parametrize("stop_type", ["eos", "word", "limit", "none", "what-the-future-brings"])
def test_only_an_end_by_the_model_is_complete(stop_type: str) -> None:
    ended = stop_type in ("eos", "word")
    _, finish = read(FREE, ["text"], stop_type)
    assert finish.complete == ended
    assert finish.reason is (FinishReason.STOP if ended else FinishReason.LENGTH)


def test_a_call_that_was_whole_before_the_cut() -> None:
    """The message was cut, however whole its first call is."""
    call = '<tool_call>{"name": "get", "arguments": {}}</tool_call>'
    message, finish = read(TAGGED, [call, "<tool_call>"], "limit")
    assert [each.complete for each in message.tool_calls] == [True]
    assert (finish.reason, finish.complete) == (FinishReason.LENGTH, False)


def test_a_stop_string_ends_it_before_what_the_engine_wrote_already() -> None:
    reader = MessageReader(Request(CompiledPrompt((), Syntax(FREE)), stop=("b",)), "</s>")
    events = reader.read(Chunk("abc", Counts(1, 0, 3, 0, 0)))
    assert isinstance(events[-1], Finish)
    assert reader.done
    assert reader.read(Chunk("def", Counts(1, 0, 6, 0, 0))) == []
    assert not any(isinstance(event, SyntaxMismatch) for event in events)
