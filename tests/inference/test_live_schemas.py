"""Random schemas on the live engine with random weights, decoded as by default: what is reported whole is valid.

The schemas have states that a text has to be followed through: patterns, formats, lengths, alternatives that begin alike.
"""

import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from promptweave.compiler import SchemaError
from promptweave.compiler.json_schema.compile import compile_schema
from promptweave.demo import shipped_model
from promptweave.demo.model import write_demo_model
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.output.tree import JsonNode, Region, RegionNode
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import calling, options, watched
from tests.support.inference.requests import answer, program, request, sampling, text

pytestmark = pytest.mark.anyio

VOCABULARY = Path(__file__).parents[3] / "shared" / "corpus" / "vocab" / "ggml-vocab-qwen2.gguf"
PATTERNS = [
    r"^[A-Z]{2}-[0-9]{3}$",
    r"^[\x2BA-F/]{1,6}$",
    r"^(ab|abc|abd)+$",
    r"^[^@\s]+@[a-z]{1,5}$",
    r"^\d{1,3}(\.\d{1,3}){3}$",
    r"^#[0-9a-f]{6}$",
    r"^[\w.+-]{1,8}$",
    r"^(/[a-z]+){1,3}$",
    r"^[+\-*/]\S?$",
]
FORMATS = ["email", "ipv4", "ipv6", "uuid", "date", "time", "date-time", "hostname", "uri", "duration"]
WORDS = ["send_email_now", "send_email_later", "send_letter", "set", "s", "#a", "#ab", "", " ", "é", "éa", "/x", "-1"]
CHECKER = jsonschema.FormatChecker(["email", "ipv4", "ipv6", "uuid", "date"])


def schema(rng: random.Random, depth: int = 2) -> dict[str, Any]:
    """A schema that can be met."""
    match rng.choice(["pattern", "format", "length", "enum", "integer", "number", "object", "array", "any", "const"]):
        case "pattern":
            return {"type": "string", "pattern": rng.choice(PATTERNS)}
        case "format":
            return {"type": "string", "format": rng.choice(FORMATS), "maxLength": 40}
        case "length":
            low = rng.randint(0, 4)
            return {"type": "string", "minLength": low, "maxLength": low + rng.randint(0, 6)}
        case "enum":
            return {"enum": rng.sample(WORDS, rng.randint(1, 5))}
        case "const":
            return {"const": rng.choice([*WORDS, 0, None, [1, "a"], {"a": "b"}])}
        case "integer":
            low = rng.randint(-300, 300)
            return {"type": "integer", "minimum": low, "maximum": low + rng.choice([0, 1, 9, 100, 1234])}
        case "number":
            low = rng.choice([-2.5, 0, 0.125, 10])
            return {"type": "number", "minimum": low, "exclusiveMaximum": low + rng.choice([0.5, 1, 99])}
        case "array" if depth:
            return {"type": "array", "items": schema(rng, depth - 1), "minItems": rng.randint(0, 2), "maxItems": 3}
        case "any" if depth:
            return {"anyOf": [schema(rng, depth - 1) for _ in range(rng.randint(2, 3))]}
    keys = rng.sample(["a", "ab", "abc", "the_longest_name_of_all", "key with spaces", "#", "é"], rng.randint(1, 4))
    properties = {key: schema(rng, depth - 1) if depth else {"type": "boolean"} for key in keys}
    required = [key for key in keys if rng.random() < 0.7]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


@pytest.fixture(scope="module", params=["bytes", "words", "qwen2"])
async def noise(
    anyio_backend: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[InferenceServiceStub]:
    """An engine that writes noise: bytes, the words of the demo model, and the tokens of a real vocabulary."""
    model = shipped_model()
    if request.param != "words":
        if request.param == "qwen2" and not VOCABULARY.exists():
            pytest.skip("shared/corpus is not here")
        model = tmp_path_factory.mktemp("model") / "m.gguf"
        write_demo_model(model, vocab=VOCABULARY if request.param == "qwen2" else None)
    supervisor = Supervisor(options(model))
    async with watched(supervisor), calling(supervisor) as stub:
        yield stub


async def check(stub: InferenceServiceStub, numbers: range, seeds: int) -> int:
    """Returns how many answers were whole."""
    whole = 0
    for number in numbers:
        wanted = schema(random.Random(number))
        try:
            grammar = compile_schema(wanted).grammar
        except SchemaError:
            continue
        asked = request(
            program(text("x"), root=RegionNode(Region.CONTENT, JsonNode(json.dumps(wanted))), gbnf=grammar), max_tokens=300
        )
        for seed in range(seeds):
            asked.sampling.CopyFrom(sampling(seed=number + seed, temperature=1))
            found = await answer(stub, asked)
            if found.finish.complete and "\ufffd" not in found.content:
                jsonschema.Draft202012Validator(wanted, format_checker=CHECKER).validate(json.loads(found.content))
                whole += 1
    return whole


async def test_what_is_whole_is_valid(noise: InferenceServiceStub) -> None:
    assert await check(noise, range(24), 1) > 10


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_what_is_whole_is_valid_with_hundreds_of_schemas(noise: InferenceServiceStub) -> None:
    assert await check(noise, range(1000, 1300), 3) > 400


@pytest.mark.parametrize("seed", range(5))
async def test_a_mail_address_has_one_at(noise: InferenceServiceStub, seed: int) -> None:
    mail = {"type": "string", "format": "email", "maxLength": 40}
    wanted = {"type": "object", "properties": {"mail": mail}, "required": ["mail"], "additionalProperties": False}
    grammar = compile_schema(wanted).grammar
    asked = request(program(text("x"), root=RegionNode(Region.CONTENT, JsonNode()), gbnf=grammar), max_tokens=300)
    asked.sampling.CopyFrom(sampling(seed=seed, temperature=1))
    found = await answer(noise, asked)
    if found.finish.complete:
        assert found.content.count("@") == 1
