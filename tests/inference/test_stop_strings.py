"""The stop filter: what passes, and that the pieces in which text comes do not matter."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptweave.inference.generation.stop_strings import StopFilter
from promptweave.output.deltas import CallHeader, ContentDelta, Delta, ReasoningDelta

T = ContentDelta
"""Free text."""

CALL = CallHeader(0, "id", "name")


def value(text: str) -> Delta:
    """Constrained content."""
    return ContentDelta(text, stoppable=False)


@pytest.mark.parametrize(
    ("deltas", "expected", "matched"),
    [
        pytest.param([T("a STOP b")], [T("a ")], "STOP", id="whole"),
        pytest.param([T("a S"), T("TO"), T("P b")], [T("a ")], "STOP", id="in-pieces"),
        pytest.param([T("a STO"), T("RM")], [T("a "), T("STORM")], None, id="another-word"),
        pytest.param([T("SSTOP")], [T("S")], "STOP", id="a-false-start"),
        pytest.param([T("a STO")], [T("a "), T("STO")], None, id="at-the-end"),
        pytest.param([T("xHALT")], [T("x")], None, id="the-template's"),
        pytest.param([T("HALTSTOP")], [], None, id="the-first"),
        pytest.param([value("STOP")], [value("STOP")], None, id="value"),
        pytest.param([T("ST"), value("OP")], [T("ST"), value("OP")], None, id="not-across"),
        pytest.param([ReasoningDelta("STOP"), T("STOP")], [ReasoningDelta("STOP")], "STOP", id="reasoning"),
        pytest.param([T("ST"), CALL, T("OP")], [T("ST"), CALL, T("OP")], None, id="call"),
        pytest.param([T("STOP"), CALL, T("x")], [], "STOP", id="nothing-follows"),
    ],
)
def test_filters(deltas: list[Delta], expected: list[Delta], matched: str | None) -> None:
    stops = StopFilter(["HALT"], ["STOP"])
    passed = [delta for each in deltas for delta in stops.feed([each])] + stops.finish()
    assert passed == expected
    assert stops.matched == matched


def test_only_what_may_begin_a_stop_is_held_back() -> None:
    stops = StopFilter([], ["\n\nUser"])
    assert stops.feed([T("one\n")]) == [T("one")]
    assert stops.feed([T("two")]) == [T("\ntwo")]


def test_without_stops_everything_passes_at_once() -> None:
    assert StopFilter([], []).feed([T("any")]) == [T("any")]


WORDS = st.text("ab<", min_size=1, max_size=4)


@given(
    text=st.text("ab<", max_size=30),
    template=st.lists(WORDS, max_size=2),
    caller=st.lists(WORDS, max_size=2),
    cuts=st.lists(st.integers(0, 30), max_size=6),
)
def test_any_pieces_give_the_same(text: str, template: list[str], caller: list[str], cuts: list[int]) -> None:
    places = sorted({0, len(text), *(cut for cut in cuts if cut <= len(text))})
    stops = StopFilter(template, caller)
    passed = ""
    for start, end in pairwise(places):
        passed += "".join(delta.text for delta in stops.feed([T(text[start:end])]) if isinstance(delta, ContentDelta))
    passed += "".join(delta.text for delta in stops.finish() if isinstance(delta, ContentDelta))
    # By definition: the first end of a stop string, of those that end there the longest.
    ends = [(place + len(stop), place, stop) for stop in {*template, *caller} if (place := text.find(stop)) >= 0]
    end = min(ends, default=None)
    assert passed == (text[: end[1]] if end else text)
    assert stops.stopped == (end is not None)
    assert stops.matched == (end[2] if end and end[2] in caller else None)
