"""Calls are valid in every calling style, on a real engine with random weights."""

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.request import ChatRequest, Message, Role, Tool, ToolChoice
from promptweave.compiler.service.convert import compiled_to_wire
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.demo.model import write_demo_model
from promptweave.output.grammar.dialects import Dialect
from promptweave.v1 import inference_pb2, output_pb2, prompt_compiler_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import options, served
from tests.support.inference.requests import read_on, sampling
from tests.support.inference.requests import request as asking

pytestmark = pytest.mark.anyio

SHARED = Path(__file__).parents[3] / "shared" / "corpus"
OURS = Path(__file__).parents[1] / "compiler" / "templates"
DIALECTS: list[Dialect] = ["gbnf", "llguidance"]
VOCABULARIES = ("llama-spm", "qwen2", "deepseek-llm")
FAMILIES = {
    "hermes": "Qwen-Qwen3-0.6B",
    "bare": "meta-llama-Llama-3.1-8B-Instruct",
    "name-tag": "meetkai-functionary-medium-v3.1",
    "headed": "meetkai-functionary-medium-v3.2",
    "list": "mistralai-Mistral-Nemo-Instruct-2407",
    "name-then-json": "unsloth-mistral-Devstral-Small-2507",
    "actions": "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
    "fenced": "llama-cpp-deepseek-r1",
    "not-shown": "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B",
    "typed": "deepseek-ai-DeepSeek-V3.2",
    "keyed": "Qwen3-Coder",
    "keys-and-values": "GLM-4.6",
    "invoke": "MiniMax-M2",
    "namespaced": "MiniMax-M3",
    "channels": "openai-gpt-oss-120b",
    "numbered": "Kimi-K2-Instruct",
    "nested-tags": "Kimi-K3",
    "code": "LFM2-8B-A1B",
    "braces": "google-gemma-4-31B-it",
    "listed-in-tags": "NVIDIA-Nemotron-Nano-v2",
    "names-as-keys": "Apertus-8B-Instruct",
    "told": "ibm-granite-granite-3.3-2B-Instruct",
    "one-turn": "GigaChat3-10B-A1.8B",
    "generic": "google-gemma-2-2b-it",
}

SET = Tool(
    "set",
    "Sets it",
    {
        "type": "object",
        "properties": {
            "code": {"type": "string", "pattern": "^[A-Z]{2}[0-9<]?$"},
            "note": {"type": "string", "pattern": "^[ -~]*$", "maxLength": 6},
            "level": {"type": "integer", "minimum": -5, "maximum": 120},
            "on": {"type": "boolean"},
            "mode": {"enum": ["eco", "<full>", "off"]},
        },
        "required": ["code", "level", "mode"],
    },
)
CLEAR = Tool("clear", "Clears it", {"type": "object", "properties": {"all": {"type": ["boolean", "null"]}}})
TIMEOUT_S = 300.0
MAX_TOKENS = {"auto": 16, "required": 600, "named": 600, "parallel": 200}
"""What is a single call is whole after so many, a token for each character."""
QUIET = {"enable_thinking": False, "thinking": False}
ASKED = ChatRequest((Message(Role.USER, "Set it."),), tools=(SET, CLEAR), template_kwargs=QUIET)
TOOLS = {tool.name: tool for tool in ASKED.tools}
TOOL_CALLS = output_pb2.FINISH_REASON_TOOL_CALLS
CHOICES = {
    "auto": ASKED,
    "required": replace(ASKED, tool_choice=ToolChoice(required=True), parallel_tool_calls=False),
    "named": replace(ASKED, tool_choice=ToolChoice(required=True, names=("set",), once=True)),
    "parallel": replace(ASKED, tool_choice=ToolChoice(required=True)),
}


async def check(
    stub: InferenceServiceStub, template: ChatTemplate, choices: Iterable[str], seeds: int, dialect: Dialect = "gbnf"
) -> None:
    """Each call that is reported is valid, and where one must come, one comes."""
    for choice in choices:
        prompt = compiled_to_wire(compile_prompt(replace(CHOICES[choice], dialect=dialect), template))
        for seed in range(seeds):
            drawn = sampling(seed=seed, temperature=1.5)
            asked = asking(prompt, max_tokens=MAX_TOKENS[choice], sampling=drawn)
            got = await read_on(stub.Generate(asked, timeout=TIMEOUT_S))
            whole = got.calls if got.finish.reason == TOOL_CALLS else got.calls[:-1]
            for name, arguments in whole:
                jsonschema.validate(json.loads(arguments), TOOLS[name].parameters)
            if choice == "auto" or (got.reasoning and not got.calls):
                continue  # It may go on for as long as it likes.
            assert got.calls
            assert not got.content
            if choice != "parallel":
                assert (got.finish.reason, len(got.calls)) == (TOOL_CALLS, 1)
            assert choice != "named" or got.calls[0][0] == "set"


@pytest.fixture(scope="module")
async def ours(anyio_backend: str, demo_model: Path) -> AsyncIterator[InferenceServiceStub]:
    async with served(options(demo_model, ctx_size=4096)) as (stub, _):
        yield stub


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("name", "choices"), [("code", CHOICES), ("keyed", ["named"]), ("messages", ["auto", "named"])])
async def test_calls_are_valid(ours: InferenceServiceStub, name: str, choices: Iterable[str], dialect: Dialect) -> None:
    await check(ours, ChatTemplate((OURS / f"{name}.jinja").read_text(), "<s>", "</s>"), choices, 1, dialect)


@pytest.fixture(scope="module", params=VOCABULARIES)
async def theirs(
    anyio_backend: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[InferenceServiceStub]:
    """An engine with the vocabulary of another model."""
    model = tmp_path_factory.mktemp("model") / "m.gguf"
    write_demo_model(model, vocab=SHARED / "vocab" / f"ggml-vocab-{request.param}.gguf")
    async with served(options(model, ctx_size=4096)) as (stub, _):
        yield stub


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="shared/corpus is not here")
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("family", FAMILIES)
async def test_calls_are_valid_in_every_family(theirs: InferenceServiceStub, family: str, dialect: Dialect) -> None:
    model = (await theirs.GetModel(inference_pb2.GetModelRequest())).model
    if dialect == "llguidance" and prompt_compiler_pb2.GRAMMAR_DIALECT_LLGUIDANCE not in model.dialects:
        pytest.skip("this vocabulary puts a space before every text, so llguidance is not offered")
    source = (SHARED / "templates" / f"{FAMILIES[family]}.jinja").read_text()
    await check(theirs, ChatTemplate(source, "<s>", "</s>"), CHOICES, 1, dialect)
