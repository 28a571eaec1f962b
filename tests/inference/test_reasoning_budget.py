"""Reasoning that a budget cuts, on a real engine with random weights: what follows keeps to its grammar all the same."""

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.request import ChatRequest, GrammarSyntax, Message, Role, TextGrammar, Tool, ToolChoice
from promptweave.compiler.service.convert import compiled_to_wire
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.output.grammar.dialects import Dialect
from promptweave.v1 import inference_pb2, output_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.compiler.templates import template
from tests.support.inference.requests import Answer, answer, request, sampling

pytestmark = pytest.mark.anyio

POSSIBLE = template("tagged")
OPENED = ChatTemplate(
    POSSIBLE.source.replace("<|turn|>assistant\n{% endif %}", "<|turn|>assistant\n<think>\n{% endif %}"), "<s>", "</s>"
)
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3, "maximum": 44}}, "required": ["n"]}
CALLED = ChatRequest(
    (Message(Role.USER, "Think, then call."),),
    (Tool("count", "Counts", SCHEMA),),
    ToolChoice(required=True, names=("count",), once=True),
)
TEMPLATES = [pytest.param(POSSIBLE, id="possible"), pytest.param(OPENED, id="opened")]


async def written(
    stub: InferenceServiceStub, asked: ChatRequest, given: ChatTemplate, seed: int, max_tokens: int = 200
) -> Answer:
    prompt = compiled_to_wire(compile_prompt(asked, given))
    return await answer(stub, request(prompt, max_tokens=max_tokens, sampling=sampling(seed=seed)))


async def tokens(stub: InferenceServiceStub, text: str) -> int:
    """How many tokens make a text: bytes, and a few special ones."""
    return len((await stub.Tokenize(inference_pb2.TokenizeRequest(text=text, parse_special=True))).tokens)


@pytest.mark.parametrize("dialect", ["gbnf", "llguidance"])
@pytest.mark.parametrize("given", TEMPLATES)
@pytest.mark.parametrize("budget", [0, 12])
async def test_a_required_call_follows_bounded_reasoning(
    stub: InferenceServiceStub, given: ChatTemplate, budget: int, dialect: Dialect
) -> None:
    for seed in range(2):
        whole = await written(stub, replace(CALLED, reasoning_budget=budget, dialect=dialect), given, seed)
        assert (whole.finish.reason, whole.finish.complete) == (output_pb2.FINISH_REASON_TOOL_CALLS, True)
        assert await tokens(stub, whole.reasoning) <= budget
        assert [name for name, _ in whole.calls] == ["count"]
        jsonschema.validate(json.loads(whole.calls[0][1]), SCHEMA)
        assert whole.finish.usage.completion_tokens >= len(whole.reasoning)


async def test_reasoning_without_a_budget_is_longer(stub: InferenceServiceStub) -> None:
    lengths = [len((await written(stub, CALLED, OPENED, seed, 60)).reasoning.encode()) for seed in range(3)]
    assert max(lengths) > 12


async def test_the_budget_counts_towards_the_limit(stub: InferenceServiceStub) -> None:
    whole = await written(stub, replace(CALLED, reasoning_budget=10), OPENED, 1, max_tokens=10)
    assert (whole.finish.reason, whole.calls) == (output_pb2.FINISH_REASON_LENGTH, [])
    whole = await written(stub, replace(CALLED, reasoning_budget=10), OPENED, 1, max_tokens=14)
    assert whole.finish.reason == output_pb2.FINISH_REASON_LENGTH
    assert whole.finish.usage.completion_tokens == 14


@pytest.mark.parametrize("dialect", ["gbnf", "llguidance"])
@pytest.mark.parametrize("given", TEMPLATES)
async def test_an_answer_of_a_grammar_follows(stub: InferenceServiceStub, given: ChatTemplate, dialect: Dialect) -> None:
    wanted: Any = TextGrammar(GrammarSyntax.REGEX, "(?:yes|no)!{1,3}")
    for seed in range(2):
        asked = replace(CALLED, tools=(), tool_choice=ToolChoice(), response_format=wanted, reasoning_budget=6)
        asked = replace(asked, dialect=dialect)
        whole = await written(stub, asked, given, seed)
        assert whole.finish.reason == output_pb2.FINISH_REASON_STOP
        assert whole.content.rstrip("!") in ("yes", "no")
        assert await tokens(stub, whole.reasoning) <= 6


async def test_text_follows(stub: InferenceServiceStub) -> None:
    asked = replace(CALLED, tools=(), tool_choice=ToolChoice(), reasoning_budget=5)
    whole = await written(stub, asked, OPENED, 2, max_tokens=40)
    assert len(whole.reasoning.encode()) <= 5 * 3  # Bytes that are no text are shown as a character of three.
    assert whole.content
    assert whole.kinds[:2] == ["reasoning", "content"]
