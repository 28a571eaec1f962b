"""Log-probabilities and token ids: aligned with the text, and nothing made up."""

import math

import pytest

from promptweave.v1 import output_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.requests import Answer, answer, literal_grammar, program, request, sampling
from tests.support.output.sample_trees import TAGGED, THINKING

pytestmark = pytest.mark.anyio

CALL = '<tool_call>{"name": "get", "arguments": {"a": "é"}}</tool_call>'


def of(got: Answer, kind: output_pb2.RegionKind.ValueType) -> str:
    return b"".join(each.chosen.text for each in got.positions if each.region == kind).decode()


async def test_content(stub: InferenceServiceStub) -> None:
    got = await answer(stub, request(program(gbnf=literal_grammar("xéz")), top_logprobs=3))
    assert got.content == of(got, output_pb2.REGION_KIND_CONTENT) == "xéz"
    # The character of two tokens has one position; the turn's end is a token, and part of nothing.
    assert [each.chosen.text.decode() for each in got.positions[:3]] == ["x", "é", "z"]
    assert [each.region for each in got.positions[3:]] == [output_pb2.REGION_KIND_UNSPECIFIED]
    for each in got.positions:
        assert each.chosen.logprob < 0
        ranked = [candidate.logprob for candidate in each.top]
        assert len(ranked) == 3
        assert ranked == sorted(ranked, reverse=True)
        assert sum(map(math.exp, ranked)) <= 1


async def test_they_are_the_models_own(stub: InferenceServiceStub) -> None:
    """What the grammar forces may be unlikely, and what a bias adds does not count."""
    grammar = literal_grammar("x")
    plain = await answer(stub, request(program(gbnf=grammar), top_logprobs=0, sampling=sampling(temperature=1)))
    biased = await answer(
        stub, request(program(gbnf=grammar), top_logprobs=0, sampling=sampling(logit_bias=[{"text": "x", "bias": 50}]))
    )
    assert plain.positions[0].chosen.logprob == pytest.approx(biased.positions[0].chosen.logprob, abs=1e-3)
    assert plain.positions[0].chosen.logprob < -0.5
    assert not plain.positions[0].top


async def test_parts_of_a_call(stub: InferenceServiceStub) -> None:
    got = await answer(stub, request(program(root=TAGGED, gbnf=literal_grammar(f"so {CALL}")), top_logprobs=1))
    assert of(got, output_pb2.REGION_KIND_CONTENT) == "so "
    assert of(got, output_pb2.REGION_KIND_TOOL_NAME) == "get"
    assert of(got, output_pb2.REGION_KIND_TOOL_ARGUMENTS) == '{"a": "é"}'
    assert got.finish.usage.reasoning_tokens == 0


async def test_reasoning_is_counted_by_its_tokens(stub: InferenceServiceStub) -> None:
    got = await answer(stub, request(program(root=THINKING, prefix="<think>", gbnf=literal_grammar("hé!</think>yes"))))
    assert (got.reasoning, got.content, got.positions) == ("hé!", "yes", [])
    assert got.finish.usage.reasoning_tokens == 4


async def test_a_stop_string_has_none(stub: InferenceServiceStub) -> None:
    got = await answer(
        stub, request(program(gbnf=literal_grammar("abSTOP")), stop=["STOP"], top_logprobs=0, return_tokens=True)
    )
    assert got.content == of(got, output_pb2.REGION_KIND_CONTENT) == "ab"
    assert bytes(got.ids[-4:]) == b"STOP"
    assert len(got.ids) == got.finish.usage.completion_tokens


async def test_token_ids(stub: InferenceServiceStub) -> None:
    got = await answer(stub, request(program(gbnf=literal_grammar("xé😀")), return_tokens=True))
    assert bytes(got.ids[:-1]) == "xé😀".encode()
    assert got.ids[-1] > 255  # The turn's end.
    assert len(got.ids) == got.finish.usage.completion_tokens
    assert not got.positions


async def test_none_that_nobody_asked_for(stub: InferenceServiceStub) -> None:
    got = await answer(stub, request(program(gbnf=literal_grammar("x"))))
    assert (got.positions, got.ids) == ([], [])
