"""Deltas, folded into a message."""

from promptweave.output.deltas import CallEnd, CallFragment, CallHeader, ContentDelta, ReasoningDelta, SyntaxMismatch
from promptweave.output.message import ParsedCall, ParsedMessage


def test_folds_deltas() -> None:
    message = ParsedMessage()
    message.extend([ReasoningDelta("h"), ReasoningDelta("m"), ContentDelta("a"), ContentDelta("b", stoppable=False)])
    message.extend([CallHeader(0, "c1", "f"), CallFragment(0, "{"), CallFragment(0, "}"), CallEnd(0)])
    message.extend([CallHeader(1, "c2", "g", custom=True), CallFragment(1, "x"), SyntaxMismatch(9, "expected y")])
    calls = [ParsedCall("c1", "f", "{}", complete=True), ParsedCall("c2", "g", "x", custom=True)]
    assert message == ParsedMessage("ab", "hm", calls, [SyntaxMismatch(9, "expected y")])


def test_nothing_is_absent_and_an_empty_text_is_not() -> None:
    message = ParsedMessage()
    assert (message.content, message.reasoning_content) == (None, None)
    message.extend([ContentDelta("")])
    assert (message.content, message.reasoning_content) == ("", None)
