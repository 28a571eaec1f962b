"""Stop strings with a real engine: in free text only, wherever tokens end."""

import pytest

from promptweave.output.tree import JsonNode, Node, Region, RegionNode, Transform
from promptweave.v1 import output_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.requests import answer, program, request
from tests.support.output.sample_trees import TAGGED

pytestmark = pytest.mark.anyio

JSON = RegionNode(Region.CONTENT, JsonNode(), stoppable=False)
ANSWER = RegionNode(Region.CONTENT, JsonNode('"'), Transform.JSON_STRING_DECODE, stoppable=True)
CALL = '<tool_call>{"name": "get", "arguments": {"a": "STOP"}}</tool_call>'


@pytest.mark.parametrize(
    ("root", "output", "template", "caller", "content", "matched", "complete"),
    [
        pytest.param(None, "one STOP two", [], ["STOP"], "one ", "STOP", True, id="caller"),
        pytest.param(None, "one STOP two", ["STOP"], [], "one ", None, True, id="template"),
        pytest.param(None, "one STOP two", ["STOP"], ["STOP"], "one ", "STOP", True, id="both"),
        pytest.param(None, "one STO two", [], ["STOP"], "one STO two", None, True, id="almost"),
        pytest.param(None, "one STO", [], ["STOP"], "one STO", None, True, id="almost-at-the-end"),
        pytest.param(None, "one 😀 two", [], ["😀"], "one ", "😀", True, id="a-character-of-four-tokens"),
        pytest.param(None, "STOP", [], ["STOP"], "", "STOP", True, id="at-once"),
        pytest.param(None, "xSTOP", [], ["STOP"], "x", "STOP", True, id="at-the-end"),
        pytest.param(None, "ab<tool_call>", [], ["<tool_call>"], "ab", "<tool_call>", True, id="a-token-that-is-one"),
        pytest.param(None, "aaSTOPaaHALT", [], ["HALT", "STOP"], "aa", "STOP", True, id="the-first-of-two"),
        pytest.param(JSON, '{"a": "STOP"}', [], ["STOP"], '{"a": "STOP"}', None, True, id="not-in-json"),
        pytest.param(ANSWER, '"one STOP two"', [], ["STOP"], "one ", "STOP", False, id="in-the-text-of-an-envelope"),
        pytest.param(TAGGED, CALL, [], ["STOP", "tool", "{"], "", None, True, id="not-in-a-call"),
    ],
)
async def test_stop_strings(
    stub: InferenceServiceStub,
    root: Node | None,
    output: str,
    template: list[str],
    caller: list[str],
    content: str,
    matched: str | None,
    complete: bool,
) -> None:
    escaped = output.replace('"', '\\"')
    got = await answer(stub, request(program(root=root, gbnf=f'root ::= "{escaped}"', stop=template), stop=caller))
    assert got.content == content
    assert (got.finish.matched_stop if got.finish.HasField("matched_stop") else None) == matched
    assert got.finish.complete == complete
    calls = output_pb2.FINISH_REASON_TOOL_CALLS if got.calls else output_pb2.FINISH_REASON_STOP
    assert got.finish.reason == calls


async def test_nothing_is_written_after_a_stop(stub: InferenceServiceStub) -> None:
    """An answer that would never end is ended in the engine, too: the next one finds a free slot."""
    for _ in range(4):
        got = await answer(stub, request(program(gbnf='root ::= "ab" root'), stop=["bab"]))
        assert got.content == "a"
        assert got.finish.usage.completion_tokens < 100
