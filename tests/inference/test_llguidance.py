"""Our grammars in llguidance's Lark, on the engine that takes them: random weights write nothing but valid values."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from promptweave.compiler.json_schema.compile import compile_schema
from promptweave.demo.model import write_demo_model
from promptweave.errors import Code
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.engine.llguidance import LlguidanceGuard
from promptweave.inference.errors import EngineFailedError, RequestError
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import options, served, watched
from tests.support.inference.requests import answer, program, refused, request, sampling, text

pytestmark = pytest.mark.anyio

SCHEMAS: list[Any] = [
    pytest.param({"enum": ["a", 'say "hi"\n', 12, None, {"b": [True]}]}, id="enum"),
    pytest.param({"type": "integer", "minimum": -3, "maximum": 40, "multipleOf": 7}, id="integer"),
    pytest.param({"type": "string", "pattern": "^[A-Z]{2}-\\d{3}$"}, id="pattern"),
    pytest.param({"type": "string", "format": "date"}, id="date"),
    pytest.param({"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 4}, id="array"),
    pytest.param(
        {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 5}, "n": {"type": "number", "exclusiveMinimum": 0}},
            "required": ["city"],
            "additionalProperties": False,
        },
        id="object",
    ),
]


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_whatever_is_written_is_valid(engine: Supervisor, schema: Any) -> None:
    grammar = compile_schema(schema, dialect="llguidance").grammar
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    whole = 0
    for seed in range(5):
        text, ended = "", False
        body = {"prompt": "value: ", "grammar": f"%llguidance {{}}\n{grammar}", "seed": seed, "n_predict": 200}
        async with engine.ready().client.complete(body) as batches:
            async for batch in batches:
                for chunk in batch:
                    text += chunk.text
                    ended = ended or chunk.stop_type in ("eos", "word")
        if ended:
            # The token that ended it is shown, too.
            validator.validate(json.loads(re.sub(r"<\|\w+\|>\Z", "", text)))
            whole += 1
    assert whole


SPACED = Path(__file__).parents[3] / "shared" / "corpus" / "vocab" / "ggml-vocab-llama-spm.gguf"


async def test_generate_runs_it(stub: InferenceServiceStub) -> None:
    lark = compile_schema({"type": "array", "items": {"enum": ["é", 12]}, "maxItems": 3}, dialect="llguidance").grammar
    for seed in range(5):
        found = await answer(stub, request(program(text("value: "), llguidance=lark), sampling=sampling(seed=seed)))
        assert set(json.loads(found.content)) <= {"é", 12}


async def test_an_engine_without_it_is_started_again_and_takes_gbnf_only(demo_model: Path, fake: str) -> None:
    async with served(options(demo_model, engine=fake, engine_args=("--fake", "gbnf"))) as (stub, engine):
        error = await refused(stub, request(program(llguidance="start: /a/")))
        assert (error.code, error.path) == (Code.UNIMPLEMENTED, "/prompt/llguidance")
        assert Path(fake).with_name("lives").read_text() == "2"
        assert engine.crash_count == 0


@pytest.mark.skipif(not SPACED.exists(), reason="needs the corpus beside the checkout")
async def test_a_vocabulary_that_begins_with_a_space_is_none_for_it(tmp_path: Path) -> None:
    model = tmp_path / "spaced.gguf"
    write_demo_model(model, vocab=SPACED)
    engine = Supervisor(options(model))
    async with watched(engine):
        assert not engine.ready().model_info.llguidance


def test_what_leaves_the_grammar_is_no_answer() -> None:
    guard = LlguidanceGuard('start: "aé" /[0-9]+/')
    guard.read("aé")
    with pytest.raises(EngineFailedError, match="ended before its grammar"):
        guard.end()
    guard.read("12")
    guard.end()
    with pytest.raises(EngineFailedError, match="violates its grammar"):
        guard.read("3x")
    with pytest.raises(RequestError, match="unknown name"):
        LlguidanceGuard("start: nothing")
