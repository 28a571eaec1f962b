"""Forced text is appended, not sampled: the same words, as valid as ever, with the counts of what was written."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from prometheus_client import CollectorRegistry

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.json_schema.compile import compile_schema
from promptweave.compiler.request import ChatRequest, Message, Role, Tool, ToolChoice
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.demo import shipped_model
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.fast_forward.forced_text import appendable
from promptweave.inference.fast_forward.round_stops import MIN_CHARACTERS, round_stops
from promptweave.inference.fast_forward.seams import inside_special
from promptweave.inference.grammar.grammar_cache import derivative_of
from promptweave.output.grammar.derivative import Derivative
from promptweave.output.tree import JsonNode, Region, RegionNode
from promptweave.output.wire import syntax_to_wire
from promptweave.v1 import output_pb2, prompt_compiler_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import calling, eventually, options, watched
from tests.support.inference.requests import answer, answers, program, request, sampling, text

pytestmark = pytest.mark.anyio


def record(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


TEXT, NUMBER = {"type": "string", "maxLength": 9}, {"type": "integer", "minimum": -9, "maximum": 400}
SCHEMAS = [
    pytest.param(record(location=TEXT, unit={"enum": ["celsius", "fahrenheit"]}, number_of_days=NUMBER), id="flat"),
    pytest.param(record(outer=record(inner=record(the_longest_name_of_all=NUMBER))), id="nested"),
    pytest.param(record(first={"enum": ["abcdefgh", "abcdefxyzxyz", "b"]}, second={"type": "boolean"}), id="fork"),
    pytest.param(record(points={"type": "array", "items": record(latitude=NUMBER), "maxItems": 3}), id="array"),
    pytest.param(record(city={"type": "string", "pattern": '^[a-zé"\\\\]{1,4}$'}, country=TEXT), id="pattern"),
    pytest.param(
        record(tag={"const": "<|im_end|>"}, closing={"enum": ["</tool_call>", "</tool_call>s"]}, n=NUMBER), id="tags"
    ),
    pytest.param({"anyOf": [record(kind={"const": "one"}, x=NUMBER), record(kind={"const": "two"}, y=TEXT)]}, id="choice"),
]


@pytest.fixture(scope="module")
async def trained(anyio_backend: str) -> AsyncIterator[Supervisor]:
    """The demo model that was trained: its tokens are words."""
    engine = Supervisor(options(shipped_model()))
    async with watched(engine):
        yield engine


@pytest.fixture
async def words(trained: Supervisor) -> AsyncIterator[InferenceServiceStub]:
    async with calling(trained) as stub:
        yield stub


def asked(schema: Any, prefix: str = "", **fields: Any) -> Any:
    grammar = compile_schema(schema).grammar
    root = RegionNode(Region.CONTENT, JsonNode(prefix))
    return request(program(text("An example: "), root=root, gbnf=grammar), **fields)


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_random_weights_write_nothing_but_what_is_valid(stub: InferenceServiceStub, schema: Any) -> None:
    whole = 0
    for seed in range(6):
        found = await answer(stub, asked(schema, sampling=sampling(seed=seed), max_tokens=300))
        # Bytes that are no characters the engine counts in its own way; compiled prompts have such values validated.
        if found.finish.complete and "\ufffd" not in found.content:
            jsonschema.validate(json.loads(found.content), schema)
            whole += 1
    assert whole


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_at_temperature_0_it_is_the_same_text(words: InferenceServiceStub, schema: Any) -> None:
    """However it is asked for: appended, sampled by token ids, for log-probabilities, for token ids."""
    greedy = sampling(temperature=0)
    appended = await answer(words, asked(schema, sampling=greedy, max_tokens=200))
    jsonschema.validate(json.loads(appended.content), schema)
    usage = appended.finish.usage
    assert usage.cached_tokens <= usage.prompt_tokens
    for how in ({"fast_forward": False}, {"top_logprobs": 0}, {"return_tokens": True}, {"fast_forward": True}):
        other = await answer(words, asked(schema, sampling=greedy, max_tokens=200, **how))
        assert other.content == appended.content, how
        assert other.finish.usage.prompt_tokens == usage.prompt_tokens
        assert other.finish.usage.completion_tokens == usage.completion_tokens


async def test_a_request_may_turn_it_off(trained: Supervisor) -> None:
    registry = CollectorRegistry()
    async with calling(trained, registry) as stub:
        schema = record(the_first_of_the_names={"enum": ["alpha", "beta"]}, the_second_of_the_names={"type": "boolean"})
        await answer(stub, asked(schema, fast_forward=False))
        assert registry.get_sample_value("promptweave_forced_tokens_total") == 0
        await answer(stub, asked(schema))
        assert registry.get_sample_value("promptweave_forced_tokens_total")
    assert registry.get_sample_value("promptweave_fast_forward") == 1


async def test_the_service_may_turn_it_off() -> None:
    engine = Supervisor(replace(options(shipped_model()), fast_forward=False))
    registry = CollectorRegistry()
    async with watched(engine), calling(engine, registry) as stub:
        found = await answer(stub, asked(record(the_longest_name_of_all=NUMBER), sampling=sampling(temperature=0)))
        assert found.finish.complete
    assert registry.get_sample_value("promptweave_forced_tokens_total") == 0
    assert registry.get_sample_value("promptweave_fast_forward") == 0


async def test_most_of_it_is_not_decoded(trained: Supervisor) -> None:
    registry = CollectorRegistry()
    async with calling(trained, registry) as stub:
        schema = record(the_first_of_the_names={"enum": ["alpha", "beta"]}, the_second_of_the_names={"type": "boolean"})
        found = await answer(stub, asked(schema))
    forced = registry.get_sample_value("promptweave_forced_tokens_total")
    assert forced
    assert 0.7 < forced / found.finish.usage.completion_tokens < 1


async def test_a_limit_is_kept_to_the_token(words: InferenceServiceStub) -> None:
    schema = record(location=TEXT, unit={"enum": ["celsius", "fahrenheit"]})
    whole = await answer(words, asked(schema, sampling=sampling(temperature=0)))
    for most in range(1, whole.finish.usage.completion_tokens, 3):
        found = await answer(words, asked(schema, sampling=sampling(temperature=0), max_tokens=most))
        assert found.finish.usage.completion_tokens == most
        assert found.finish.reason == output_pb2.FINISH_REASON_LENGTH
        assert not found.finish.complete
        assert whole.content.startswith(found.content[:-1])


@pytest.mark.parametrize("most", [5, 20, 40, 60])
async def test_a_limit_holds_for_tokens_that_the_vocabulary_would_not_choose(stub: InferenceServiceStub, most: int) -> None:
    """A random model's text, tokenised anew at a seam, may take more tokens than the model took, and than there may be."""
    schema = record(
        location=TEXT, unit={"enum": ["celsius", "fahrenheit"]}, tags={"type": "array", "items": TEXT, "minItems": 9}
    )
    for seed in range(25):
        found = await answer(stub, asked(schema, sampling=sampling(seed=seed), max_tokens=most))
        assert found.finish.usage.completion_tokens <= most
        assert found.finish.reason == output_pb2.FINISH_REASON_LENGTH
        assert not found.finish.complete


async def test_whoever_wants_to_know_the_tokens_gets_all_of_them(words: InferenceServiceStub) -> None:
    schema = record(unit={"enum": ["celsius", "fahrenheit"]}, sure={"type": "boolean"})
    scored = await answer(words, asked(schema, top_logprobs=2))
    assert len(scored.positions) == scored.finish.usage.completion_tokens
    told = await answer(words, asked(schema, return_tokens=True))
    assert len(told.ids) == told.finish.usage.completion_tokens


async def test_the_contexts_end_is_a_limit(words: InferenceServiceStub) -> None:
    schema = {"type": "array", "items": record(the_longest_name_of_all=NUMBER, b={"type": "null"}), "minItems": 500}
    for fast in (True, False):
        found = await answer(words, asked(schema, fast_forward=fast))
        assert found.finish.reason == output_pb2.FINISH_REASON_LENGTH
        assert not found.finish.complete
        assert found.finish.usage.prompt_tokens + found.finish.usage.completion_tokens <= 513


async def test_a_prompt_near_the_contexts_end_is_taken_without_what_would_be_appended(
    words: InferenceServiceStub, trained: Supervisor
) -> None:
    start = "An example: " * 300
    client = trained.ready().client
    tokens = await client.tokenize(start, parse_special=True, add_special=True)
    prompt = program(
        prompt_compiler_pb2.PromptSegment(tokens=prompt_compiler_pb2.PromptSegment.Tokens(ids=tokens[:508])),
        root=RegionNode(Region.CONTENT, JsonNode()),
        gbnf=compile_schema(record(the_longest_name_of_all=NUMBER)).grammar,
    )
    for fast in (True, False):
        found = await answer(words, request(prompt, fast_forward=fast))
        assert found.finish.reason == output_pb2.FINISH_REASON_LENGTH


async def test_with_a_seed_it_is_the_same_text(words: InferenceServiceStub) -> None:
    schema = record(location=TEXT, unit={"enum": ["celsius", "fahrenheit"]}, number_of_days=NUMBER)
    same = 0
    for seed in range(8):
        drawn = sampling(temperature=1, seed=seed)
        appended = await answer(words, asked(schema, sampling=drawn))
        sampled = await answer(words, asked(schema, sampling=drawn, fast_forward=False))
        same += appended.content == sampled.content
    assert same >= 7  # Where two tokens are as likely, the engine's arithmetic decides.


async def test_several_messages(words: InferenceServiceStub) -> None:
    schema = record(unit={"enum": ["celsius", "fahrenheit"]}, number_of_days=NUMBER)
    for each in await answers(words, asked(schema, n=3, sampling=sampling(temperature=1.5, seed=3))):
        jsonschema.validate(json.loads(each.content), schema)


async def test_a_caller_who_hangs_up_frees_the_slot(words: InferenceServiceStub, trained: Supervisor) -> None:
    schema = {"type": "array", "items": record(number_of_days=NUMBER), "minItems": 500}
    call = words.Generate(asked(schema), timeout=60)
    await call.read()
    await call.read()
    call.cancel()
    queue = trained.ready().slot_queue
    await eventually(lambda: queue.running == 0)


@pytest.mark.parametrize("choice", [{"type": "function", "function": {"name": "weather_forecast"}}, "required", "auto"])
async def test_calls(words: InferenceServiceStub, trained: Supervisor, choice: Any) -> None:
    """Their frame holds special tokens, which are written as such."""
    compiled = compile_prompt(
        ChatRequest(
            (Message(Role.USER, "What will the weather be like in Glasgow over the next 4 days?"),),
            (Tool("weather_forecast", "Get the forecast", record(location=TEXT, number_of_days=NUMBER)),),
            tool_choice=ToolChoice(
                required=choice != "auto", names=("weather_forecast",) if isinstance(choice, dict) else None
            ),
        ),
        ChatTemplate(trained.ready().model_info.template or ""),
    )
    prompt = prompt_compiler_pb2.CompiledPrompt(
        version=1,
        segments=[text(compiled.prompt)],
        syntax=syntax_to_wire(compiled.syntax),
        gbnf=compiled.grammar,
        preserved_tokens=compiled.preserved_tokens,
    )
    wanted = {"prompt": prompt, "sampling": sampling(temperature=0), "max_tokens": 200}
    appended = await answer(words, request(**wanted))
    decoded = await answer(words, request(**wanted, fast_forward=False))
    assert (appended.calls, appended.content) == (decoded.calls, decoded.content)
    assert appended.finish.reason == decoded.finish.reason
    assert appended.finish.usage.completion_tokens == decoded.finish.usage.completion_tokens


async def start_of(schema: Any) -> Derivative:
    start = await derivative_of(compile_schema(schema).grammar)
    assert start
    return start


async def test_where_it_stops() -> None:
    start = await start_of(
        record(
            location=TEXT,
            unit={"enum": ["celsius", "fahrenheit"]},
            days=NUMBER,
            sure={"type": "boolean"},
            x={"type": "null"},
        )
    )

    def stops(before: str) -> list[str]:
        state = start.after(before)
        assert state
        return round_stops(state, ())

    assert stops('{"location": "') == ['"']
    assert stops('{"location": "a", "unit": "') == ["c", "f"]
    assert stops('{"location": "a", "unit": ') == ['"c', '"f']
    assert stops('{"location": "a", "unit": "celsius", "days": ') == [","]
    assert stops('{"location": "a", "unit": "celsius", "days": 1, "sure": ') == ["t", "f"]
    assert stops('{"location": "a", "unit": "celsius", "days": 1, "sure": true, "x": nul') == []


async def test_texts_that_begin_alike() -> None:
    # Behind "s" may come its end, where nothing is forced.
    assert round_stops(await start_of({"enum": ["send_email_now", "send_letter_now", "set_thermostat", "s"]}), ()) == []
    start = await start_of({"enum": ["send_email_now", "send_letter_now", "set_thermostat"]})
    assert set(round_stops(start, ())) == {'"send_e', '"send_l', '"set'}
    assert MIN_CHARACTERS == 8


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        pytest.param('<T><A>{"x": "<A>"}<B>', '<T><A>{"x": "', id="a-value-spells-the-styles-own"),
        pytest.param('<T><A>{"x": "<E>"}<B>', '<T><A>{"x": "', id="a-value-spells-another"),
        pytest.param('<T><A>{"x": "y"}<B>', '<T><A>{"x": "y"}<B>', id="none-does"),
    ],
)
def test_what_others_spell_is_not_appended_as_a_special_token(text: str, usable: str) -> None:
    def regions_of(forced: str) -> list[Region | None]:
        return [Region.TOOL_ARGUMENTS if 13 <= place < len(forced) - 5 else None for place in range(len(forced))]

    assert appendable(text, ("<T>", "<A>", "<B>", "<E>"), ("<T>", "<A>", "<B>"), regions_of) == usable


def test_no_token_begins_inside_a_special_one() -> None:
    assert inside_special("a</x>\n</x>", ["</x>"]) == {2, 3, 4, 7, 8, 9}
