"""Several messages for one request."""

import asyncio
from collections import Counter

import pytest

from promptweave.errors import Code
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.generation.generate import _choice
from promptweave.inference.prompt.request import CompiledPrompt, Request
from promptweave.inference.prompt.sampling import Sampling
from promptweave.output.tree import Region, Syntax, TextNode
from promptweave.v1 import inference_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import eventually
from tests.support.inference.requests import TIMEOUT_S, answer, answers, endless, program, refused, request, sampling, text

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("n", [1, 2, 5], ids=["one", "the-slots", "more-than-slots"])
async def test_each_message_is_whole(stub: InferenceServiceStub, engine: Supervisor, n: int) -> None:
    got = await answers(stub, request(program(gbnf='root ::= "xyz"'), n=n))
    assert [(each.content, each.finish.complete) for each in got] == [("xyz", True)] * n
    assert {(each.finish.usage.prompt_tokens, each.finish.usage.completion_tokens) for each in got} == {(5, 4)}
    assert engine.ready().slot_queue.running == 0


def test_a_seed_gives_each_message_one_of_its_own() -> None:
    """Message i is what a request of one message with the i-th next seed asks for."""
    asked = Request(CompiledPrompt((), Syntax(TextNode(Region.CONTENT))), Sampling({"seed": 2**32 - 3, "top_p": 0.5}), n=3)
    seeds = [_choice(asked, index).sampling.values for index in range(3)]
    assert seeds == [{"seed": seed, "top_p": 0.5} for seed in (2**32 - 3, 2**32 - 2, 0)]


async def test_with_a_seed_they_differ_too(stub: InferenceServiceStub) -> None:
    got = await answers(stub, request(max_tokens=20, n=3, sampling=sampling(seed=7, temperature=1.5)))
    assert len({each.content for each in got}) == 3


async def test_without_a_seed_they_differ(stub: InferenceServiceStub) -> None:
    got = await answers(stub, request(max_tokens=30, n=4, sampling=sampling(temperature=1.5)))
    assert len({each.content for each in got}) == 4


async def test_cancelling_ends_all(stub: InferenceServiceStub, engine: Supervisor) -> None:
    call = stub.Generate(endless(n=10), timeout=TIMEOUT_S)
    await call.read()
    call.cancel()
    queue = engine.ready().slot_queue
    await eventually(lambda: queue.running == 0 and not queue.waiting)


async def test_the_first_error_ends_all(stub: InferenceServiceStub, engine: Supervisor) -> None:
    error = await refused(stub, request(program(gbnf="root ::= ("), n=5))
    assert (error.code, error.path) == (Code.INVALID_ARGUMENT, "/prompt/gbnf")
    queue = engine.ready().slot_queue
    await eventually(lambda: queue.running == 0 and not queue.waiting)


async def test_others_come_between_the_messages_of_one(stub: InferenceServiceStub, engine: Supervisor) -> None:
    """With both slots taken by a call that wants many more, the next free one but one is somebody else's."""
    ended: Counter[str] = Counter()
    among = 0

    async def many() -> None:
        slow = request(program(text("many"), gbnf="root ::= [a-z]{40}"), n=12)
        async for response in stub.Generate(slow, timeout=TIMEOUT_S):
            ended["many"] += sum(event.HasField("finish") for event in response.events)

    async def single() -> None:
        nonlocal among
        await answer(stub, request(program(text("single"), gbnf='root ::= "x"')))
        among = ended["many"]

    task = asyncio.create_task(many())
    queue = engine.ready().slot_queue
    await eventually(lambda: queue.waiting == 1)
    await single()
    await task
    assert ended["many"] == 12
    assert among <= 6


async def test_events_carry_their_messages_number(stub: InferenceServiceStub) -> None:
    indexes = set()
    async for response in stub.Generate(request(program(gbnf='root ::= "x"'), n=3), timeout=TIMEOUT_S):
        assert isinstance(response, inference_pb2.GenerateResponse)
        indexes |= {event.index for event in response.events}
    assert indexes == {0, 1, 2}
