"""Sessions whose messages hold more than text: calls, reasoning within a budget; and what goes with no session."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.request import ChatRequest, Message, Role, Tool, ToolCall, ToolChoice
from promptweave.compiler.service.convert import compiled_to_wire
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.errors import Code
from promptweave.output.grammar.dialects import Dialect
from promptweave.output.tree import EMPTY, Branch, LiteralNode, Region, SequenceNode, TextNode
from promptweave.v1 import output_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.compiler.templates import template
from tests.support.inference.in_process import options, served
from tests.support.inference.requests import Answer, answer, program, refused, request, text

pytestmark = pytest.mark.anyio

QUESTION = Message(Role.USER, "How many are there? " * 60)
SILENT = ChatTemplate(
    re.sub(r"\{% if message.reasoning_content %\}.*?\{% endif %\}", "{{ '' }}", template("tagged").source, flags=re.DOTALL),
    "<s>",
    "</s>",
)
"""Without reasoning, in which a model of random weights would stay."""
COUNT = Tool("count", "Counts", {"type": "object", "properties": {"n": {"const": 7}}, "required": ["n"]})
THOUGHT = SequenceNode(
    (
        LiteralNode("<think>"),
        TextNode(Region.REASONING, (Branch(("</think>",), EMPTY),), may_end=False),
        TextNode(Region.CONTENT),
    )
)
LONG = "hello world " * 160


@pytest.fixture
async def stub(demo_model: Path, tmp_path: Path) -> AsyncIterator[InferenceServiceStub]:
    """A service with one slot, so that what is in it comes from the session."""
    async with served(options(demo_model, parallel=1, ctx_size=8192, session_dir=tmp_path)) as (stub, _):
        yield stub


async def turn(stub: InferenceServiceStub, asked: ChatRequest, session: str = "a") -> Answer:
    """The next message of a session; and then something else takes the slot."""
    prompt = compiled_to_wire(compile_prompt(asked, SILENT))
    got = await answer(stub, request(prompt, session_id=session))
    await answer(stub, request(program(text("x" * 100), gbnf='root ::= "x"')))
    return got


def evaluated(found: Answer) -> int:
    return found.finish.usage.prompt_tokens - found.finish.usage.cached_tokens


@pytest.mark.parametrize("dialect", ["gbnf", "llguidance"])
async def test_a_call_its_result_and_another_call(stub: InferenceServiceStub, dialect: Dialect) -> None:
    asked = ChatRequest((QUESTION,), (COUNT,), ToolChoice(required=True, names=("count",), once=True), dialect=dialect)
    before = await turn(stub, asked)
    assert before.calls == [("count", '{"n": 7}')]
    assert evaluated(before) > 1000
    for number in range(2):
        called = Message(Role.ASSISTANT, tool_calls=(ToolCall(f"call_{number}", "count", '{"n": 7}'),))
        result = Message(Role.TOOL, f"seven, for the {number}. time", tool_call_id=f"call_{number}")
        asked = replace(asked, messages=(*asked.messages, called, result))
        following = await turn(stub, asked)
        assert following.finish.reason == output_pb2.FINISH_REASON_TOOL_CALLS
        # The whole prompt before it is there. Of the call, what a model of random weights wrote in other tokens than a
        # tokenizer would is not.
        assert following.finish.usage.cached_tokens >= before.finish.usage.prompt_tokens - 1
        before = following


async def test_reasoning_within_a_budget(stub: InferenceServiceStub) -> None:
    """It is written by two completions, which are one message of the session."""
    fields = {"reasoning_budget_tokens": 5, "reasoning_closing": "</think>", "gbnf_after_reasoning": 'root ::= "yes"'}
    asked = request(
        program(text(LONG), root=THOUGHT, gbnf='root ::= "<think>" "a"{50} "</think>" "yes"', **fields), session_id="a"
    )
    first = await answer(stub, asked)
    assert (first.reasoning, first.content, first.finish.complete) == ("aaaaa", "yes", True)
    assert evaluated(first) > 1900
    await answer(stub, request(program(text("x" * 100), gbnf='root ::= "x"')))
    asked.prompt.segments.append(text("<think>aaaaa</think>yes and then"))
    again = await answer(stub, asked)
    assert (again.reasoning, again.content) == ("aaaaa", "yes")
    assert evaluated(again) <= 15


async def test_several_messages_are_no_session(stub: InferenceServiceStub) -> None:
    error = await refused(stub, request(program(), session_id="a", n=2))
    assert (error.code, error.path) == (Code.INVALID_ARGUMENT, "/n")
    # Branches of one are: the prompt is evaluated once.
    await answer(stub, request(program(text(LONG), gbnf='root ::= "yes"'), session_id="a"))
    for name in ("b", "c", "d"):
        asked = program(text(LONG + f"yes {name}"), gbnf='root ::= "yes"')
        assert evaluated(await answer(stub, request(asked, session_id=name, parent_session_id="a"))) <= 10
