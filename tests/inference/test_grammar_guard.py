"""Every constrained answer is read along its grammar: what the grammar does not admit is not passed on, whoever wrote it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from promptweave.compiler.json_schema.compile import compile_schema
from promptweave.inference.client.llama_client import Chunk, EngineClient
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.errors import GrammarViolationError
from promptweave.inference.grammar.grammar_cache import derivative_of
from promptweave.inference.grammar.grammar_guard import GbnfGuard, gbnf_guard
from promptweave.output.tree import JsonNode, Region, RegionNode
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import calling
from tests.support.inference.requests import Answer, answer, program, read_on, refused, request, sampling, text

pytestmark = pytest.mark.anyio

SCHEMA = {
    "type": "object",
    "properties": {"mail": {"type": "string", "format": "email", "maxLength": 20}, "n": {"type": "integer", "maximum": 9}},
    "required": ["mail", "n"],
    "additionalProperties": False,
}
GBNF = compile_schema(SCHEMA).grammar
VALID = '{"mail": "a@b.c", "n": 7}'


async def guard() -> GbnfGuard:
    found = await gbnf_guard(GBNF)
    assert found
    return found


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_what_is_valid_passes(size: int) -> None:
    reading = await guard()
    for start in range(0, len(VALID), size):
        reading.read(VALID[start : start + size])
    reading.end()


@pytest.mark.parametrize("wrong", ['{"mail": "a@b@c"', '{"n"', '{"mail": "a@b.c", "n": 10', "x", VALID + " "])
async def test_what_is_not_ends_it(wrong: str) -> None:
    with pytest.raises(GrammarViolationError, match="violates its grammar"):
        (await guard()).read(wrong)


async def test_an_answer_that_ends_too_soon() -> None:
    reading = await guard()
    reading.read(VALID[:-1])
    with pytest.raises(GrammarViolationError, match="ended before"):
        reading.end()


async def test_bytes_that_are_no_characters_are_left_to_the_validation_of_the_value() -> None:
    reading = await guard()
    reading.read('{"mail": "a\ufffd')
    reading.read('@@"')
    reading.end()


@pytest.mark.parametrize("glued", [True, False])
async def test_where_a_budget_cuts_another_grammar_follows(glued: bool) -> None:
    """The closing may come in one piece with what was held back before it."""
    reading = await gbnf_guard('root ::= "<t>" [a-z\\x5B]{50} "</t>" "no"\n', "</t>", 'root ::= "yes"\n')
    assert reading
    for piece in ["<t>", "ab[i</t>y", "es"] if glued else ["<t>", "ab[i", "</t>", "yes"]:
        reading.read(piece)
    reading.end()
    with pytest.raises(GrammarViolationError):
        reading.read("x")


async def test_grammars_of_others_are_held_by_the_engine_alone() -> None:
    assert await gbnf_guard("root ::= [^a]+  # a comment") is None
    assert await derivative_of("root ::= x") is None


async def test_what_the_engine_writes_wrong_is_not_passed_on(
    engine: Supervisor, stub: InferenceServiceStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine is told another grammar than the answer has, as an engine with a fault would keep to another one."""
    other = compile_schema({**SCHEMA, "properties": {**SCHEMA["properties"], "mail": {"const": "a@@b"}}}).grammar
    complete = EngineClient.complete

    @asynccontextmanager
    async def wrong(
        client: EngineClient, body: Mapping[str, Any]
    ) -> AsyncGenerator[AsyncGenerator[list[Chunk], None], None]:
        async with complete(client, {**body, "grammar": other}) as batches:
            yield batches

    monkeypatch.setattr(EngineClient, "complete", wrong)
    registry = CollectorRegistry()
    asked = request(
        program(text("x"), root=RegionNode(Region.CONTENT, JsonNode()), gbnf=GBNF), fast_forward=False, max_tokens=100
    )
    async with calling(engine, registry) as metered:
        error = await refused(metered, asked)
        assert error.reason == "ERROR_REASON_ENGINE_FAILED"
        assert "violates its grammar" in error.message
        call, given = metered.Generate(asked, timeout=30), Answer()
        with pytest.raises(Exception, match="violates its grammar"):
            await read_on(call, given)
        assert "@@" not in given.content
    assert registry.get_sample_value("promptweave_grammar_violations_total") == 2
    monkeypatch.undo()
    asked.sampling.CopyFrom(sampling(seed=1))
    assert "@@" not in (await answer(stub, asked)).content
