"""Generate with a real engine: what comes out, piece by piece, and how it ends."""

import pytest

from promptweave.inference.engine.llama_server import Supervisor
from promptweave.output.tree import (
    EMPTY,
    Branch,
    JsonNode,
    LiteralNode,
    Node,
    Region,
    RegionNode,
    SequenceNode,
    TextNode,
    Transform,
)
from promptweave.v1 import inference_pb2, output_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.requests import Answer, answer, endless, literal_grammar, program, request, sampling, text
from tests.support.output.sample_trees import ENVELOPE, TAGGED

pytestmark = pytest.mark.anyio

STOP, LENGTH, TOOL_CALLS = (
    output_pb2.FINISH_REASON_STOP,
    output_pb2.FINISH_REASON_LENGTH,
    output_pb2.FINISH_REASON_TOOL_CALLS,
)

THOUGHT = SequenceNode(
    (
        LiteralNode("<think>"),
        TextNode(Region.REASONING, (Branch(("</think>",), EMPTY),), may_end=False),
        TextNode(Region.CONTENT),
    )
)
CONTENT_JSON = RegionNode(Region.CONTENT, JsonNode())
CALL = '<tool_call>{"name": "get", "arguments": {"a": "é😀"}}</tool_call>'


@pytest.mark.parametrize(
    ("root", "prefix", "output", "expected", "kinds"),
    [
        pytest.param(None, "", "zwölf 😀", Answer("zwölf 😀"), ["content"], id="text"),
        pytest.param(None, "", "<b>[x]", Answer("<b>[x]"), ["content"], id="text-that-looks-special"),
        pytest.param(None, "", "a<|im_start|>b", Answer("a<|im_start|>b"), ["content"], id="special-token-in-text"),
        pytest.param(THOUGHT, "", "<think>hm</think>yes", Answer("yes", "hm"), ["reasoning", "content"], id="reasoning"),
        pytest.param(THOUGHT, "<think>", "hm</think>yes", Answer("yes", "hm"), ["reasoning", "content"], id="prefix"),
        pytest.param(
            TAGGED,
            "",
            f"so {CALL}",
            Answer("so ", calls=[("get", '{"a": "é😀"}')]),
            ["content", "tool_call", "tool_call_fragment", "tool_call_end"],
            id="call",
        ),
        pytest.param(
            TAGGED,
            "",
            CALL + CALL.replace("get", "set"),
            Answer(calls=[("get", '{"a": "é😀"}'), ("set", '{"a": "é😀"}')]),
            ["tool_call", "tool_call_fragment", "tool_call_end"] * 2,
            id="two-calls",
        ),
        pytest.param(
            TAGGED,
            '<tool_call>{"name": "get", "arguments": ',
            '{"b": []}}</tool_call>',
            Answer(calls=[("get", '{"b": []}')]),
            ["tool_call", "tool_call_fragment", "tool_call_end"],
            id="forced-call",
        ),
        pytest.param(
            ENVELOPE,
            "",
            '{"thought": "h\\"m", "next": {"result": "a\\nb"}}',
            Answer("a\nb", 'h"m'),
            ["reasoning", "content"],
            id="envelope",
        ),
    ],
)
async def test_typed_deltas(
    stub: InferenceServiceStub, root: Node | None, prefix: str, output: str, expected: Answer, kinds: list[str]
) -> None:
    got = await answer(stub, request(program(root=root, prefix=prefix, gbnf=literal_grammar(output))))
    assert (got.content, got.reasoning, got.calls) == (expected.content, expected.reasoning, expected.calls)
    assert got.kinds == kinds
    assert got.finish.reason == (TOOL_CALLS if expected.calls else STOP)
    assert got.finish.complete


async def test_a_forced_header_comes_before_any_argument(stub: InferenceServiceStub) -> None:
    """It is known before the first token; but an error of the engine would come before it."""
    forced = program(root=TAGGED, prefix='<tool_call>{"name": "get", "arguments": ', gbnf='root ::= "{}}</tool_call>"')
    first = await stub.Generate(request(forced), timeout=30).read()
    assert isinstance(first, inference_pb2.GenerateResponse)
    assert first.events[0].delta.tool_call.name == "get"


async def test_a_program_without_a_grammar_writes_any_text(stub: InferenceServiceStub) -> None:
    got = await answer(stub, request(max_tokens=50, sampling=sampling(seed=1)))
    assert got.content
    assert got.kinds == ["content"]


@pytest.mark.parametrize(
    ("output", "max_tokens", "reason", "complete"),
    [
        pytest.param("xyz", None, STOP, True, id="unlimited"),
        pytest.param("xyz", 100, STOP, True, id="more-than-enough"),
        pytest.param("xyz", 4, STOP, True, id="just-enough-with-the-end"),
        # Free text might end anywhere; the model did not mean it to.
        pytest.param("xyz", 2, LENGTH, False, id="cut"),
        pytest.param("xyz", 2**32 - 1, STOP, True, id="the-largest"),
    ],
)
async def test_max_tokens(
    stub: InferenceServiceStub, output: str, max_tokens: int | None, reason: int, complete: bool
) -> None:
    got = await answer(stub, request(program(gbnf=literal_grammar(output)), max_tokens=max_tokens))
    assert (got.finish.reason, got.finish.complete) == (reason, complete)
    assert got.content == output[: max_tokens if reason == LENGTH else None]
    assert got.finish.usage.completion_tokens == min(max_tokens or 4, 4)


async def test_a_cut_call_is_told_from_a_whole_one(stub: InferenceServiceStub) -> None:
    # Long enough however the tag is written: as one token, or by its characters.
    output = CALL.replace("é", "x" * 50)
    got = await answer(stub, request(program(root=TAGGED, gbnf=literal_grammar(output)), max_tokens=70))
    assert (got.finish.reason, got.finish.complete) == (LENGTH, False)
    assert got.kinds[-1] == "tool_call_fragment"


async def test_the_end_of_the_context_cuts(stub: InferenceServiceStub) -> None:
    got = await answer(stub, endless())
    assert (got.finish.reason, got.finish.complete) == (LENGTH, False)
    usage = got.finish.usage
    assert 500 < usage.prompt_tokens + usage.completion_tokens <= 513


@pytest.mark.parametrize(
    ("output", "root", "reason"),
    [
        pytest.param('{"a": [1, ', CONTENT_JSON, STOP, id="json"),
        pytest.param("<think>hm", THOUGHT, STOP, id="thought"),
        # A call that was begun is never passed off as whole.
        pytest.param('<tool_call>{"name": "get", "arguments": {', TAGGED, LENGTH, id="call"),
        pytest.param('<tool_call>{"name": "other", "arguments": {}}</tool_call>', TAGGED, STOP, id="another-syntax"),
    ],
)
async def test_a_turn_that_ends_before_its_syntax_is_not_complete(
    stub: InferenceServiceStub, output: str, root: Node, reason: int
) -> None:
    """The engine ends by itself: a looser grammar, or none, lets it."""
    got = await answer(stub, request(program(root=root, gbnf=literal_grammar(output))))
    assert (got.finish.reason, got.finish.complete) == (reason, False)


async def test_output_that_leaves_its_syntax_is_not_lost(stub: InferenceServiceStub) -> None:
    got = await answer(stub, request(program(root=CONTENT_JSON, gbnf=literal_grammar("{no}"))))
    assert (got.content, got.finish.complete) == ("{no}", False)
    assert "warning" in got.kinds


async def test_a_seed_reproduces(stub: InferenceServiceStub, engine: Supervisor) -> None:
    first, again, other = [
        await answer(stub, request(max_tokens=30, sampling=sampling(seed=seed, temperature=1.5))) for seed in (7, 7, 8)
    ]
    assert first.content == again.content != other.content


@pytest.mark.parametrize(
    ("bias", "expected"),
    [
        pytest.param(inference_pb2.LogitBias(text="a", bias=-100), "b", id="text"),
        pytest.param(inference_pb2.LogitBias(token=ord("a"), bias=-100), "b", id="token"),
        pytest.param(inference_pb2.LogitBias(text="a", bias=100), "a", id="for"),
    ],
)
async def test_a_bias(stub: InferenceServiceStub, bias: inference_pb2.LogitBias, expected: str) -> None:
    choice = program(gbnf='root ::= "a" | "b"')
    got = await answer(stub, request(choice, sampling=sampling(logit_bias=[bias], seed=1)))
    assert got.content == expected


async def test_all_sampling_parameters_are_taken(stub: InferenceServiceStub) -> None:
    given = sampling(
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        min_p=0.1,
        typical_p=0.9,
        seed=1,
        repeat_penalty=1.1,
        repeat_last_n=-1,
        presence_penalty=1,
        frequency_penalty=1,
        dry_multiplier=1,
        dry_base=2,
        dry_allowed_length=2,
        xtc_probability=0.1,
        xtc_threshold=0.1,
        mirostat=2,
        mirostat_tau=4,
        mirostat_eta=0.1,
        dynatemp_range=0.1,
        dynatemp_exponent=1.5,
        top_n_sigma=2,
        dry_penalty_last_n=-1,
        dry_sequence_breakers=["a", "b"],
        min_keep=2,
        adaptive_target=0.5,
        adaptive_decay=0.8,
        samplers=["top_k", "temperature"],
    )
    assert {field.name for field, _ in given.ListFields()} | {"logit_bias"} == set(given.DESCRIPTOR.fields_by_name)
    assert (await answer(stub, request(program(gbnf='root ::= "a"'), sampling=given))).content == "a"


async def test_usage_counts_what_the_cache_held(stub: InferenceServiceStub) -> None:
    words = "these twenty-eight bytes here"
    asked = request(program(text(words), gbnf='root ::= "xyz"'))
    await answer(stub, asked)
    finish = (await answer(stub, asked)).finish
    assert finish.usage.prompt_tokens == len(words)
    assert finish.usage.cached_tokens == len(words) - 1
    assert finish.usage.completion_tokens == 4  # The end is a token, too.
    assert finish.timings.predicted_ms > 0


async def test_a_preserved_token_is_seen(stub: InferenceServiceStub) -> None:
    root = TextNode(Region.CONTENT, (Branch(("<|im_start|>",), RegionNode(Region.REASONING, JsonNode(), Transform.NONE)),))
    got = await answer(
        stub,
        request(program(root=root, gbnf=literal_grammar("a<|im_start|>1"), preserved_tokens=["<|im_start|>", "<|im_end|>"])),
    )
    assert (got.content, got.reasoning, got.finish.complete) == ("a", "1", True)
