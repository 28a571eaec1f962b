"""From segments to tokens: BOS once, and nobody's text as special tokens. Judged by what the engine itself evaluates."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from promptweave.demo.model import write_demo_model
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.errors import RequestError
from promptweave.inference.prompt.prompt import engine_prompt
from promptweave.inference.prompt.request import Ids, PlainText, PromptSegment, TemplateText
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.support.inference.in_process import calling, options, watched
from tests.support.inference.requests import answer, plain, program, request, text

pytestmark = pytest.mark.anyio

VOCABULARY = Path(__file__).parents[3] / "shared" / "corpus" / "vocab" / "ggml-vocab-llama-spm.gguf"
BOS = 1


@pytest.fixture(scope="module")
async def with_bos(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Supervisor]:
    """An engine with Llama 2's vocabulary: SentencePiece, and BOS before every prompt."""
    if not VOCABULARY.exists():
        pytest.skip("shared/corpus/vocab is not here")
    model = tmp_path_factory.mktemp("bos") / "bos.gguf"
    write_demo_model(model, vocab=VOCABULARY)
    engine = Supervisor(options(model, parallel=1))
    async with watched(engine):
        yield engine


async def evaluated(engine: Supervisor, segments: list[PromptSegment]) -> list[int]:
    """The tokens that the engine makes of a prompt, BOS and all."""
    ready = engine.ready()
    prompt = await engine_prompt(ready.client, ready.model_info, segments)
    tokens: list[int] = []
    parts: list[Any] = [prompt] if isinstance(prompt, str) else prompt
    for place, part in enumerate(parts):
        # So does the engine with a mixed prompt: special tokens in every string, BOS before the first one.
        if isinstance(part, str):
            part = await ready.client.tokenize(part, parse_special=True, add_special=place == 0)
        tokens += part if isinstance(part, list) else [part]
    return tokens


@pytest.mark.parametrize(
    ("segments", "same"),
    [
        pytest.param([TemplateText("hello you")], [TemplateText("hello you")], id="without"),
        pytest.param([TemplateText("<s>hello you")], [TemplateText("hello you")], id="printed-by-the-template"),
        pytest.param(
            [TemplateText("<s>"), TemplateText("hello you")], [TemplateText("hello you")], id="in-a-segment-of-its-own"
        ),
        pytest.param([TemplateText("hello"), TemplateText(" you")], [TemplateText("hello you")], id="texts-are-one"),
    ],
)
async def test_bos_is_there_once(with_bos: Supervisor, segments: list[PromptSegment], same: list[PromptSegment]) -> None:
    tokens = await evaluated(with_bos, segments)
    assert tokens == await evaluated(with_bos, same)
    assert (tokens[0], tokens.count(BOS)) == (BOS, 1)


@pytest.mark.parametrize(
    "segments",
    [
        pytest.param([PlainText("<s>hello")], id="plain-first"),
        pytest.param([PlainText("x"), TemplateText("<s>hello")], id="template's-in-the-middle"),
        pytest.param([], id="nothing"),
        pytest.param([TemplateText("<s>")], id="only-bos"),
    ],
)
async def test_bos_comes_first_whatever_follows(with_bos: Supervisor, segments: list[PromptSegment]) -> None:
    tokens = await evaluated(with_bos, segments)
    assert tokens[0] == BOS
    # A second one that the template itself prints in the middle is its own affair.
    assert tokens.count(BOS) == 1 + (segments[-1:] == [TemplateText("<s>hello")])


@pytest.mark.parametrize("words", ["<s>", "hello you", "<s>hello you"])
async def test_the_engine_counts_the_same(with_bos: Supervisor, words: str) -> None:
    """The whole way: the engine's own count of the prompt is what we think that it evaluates."""
    async with calling(with_bos) as stub:
        got = await answer(stub, request(program(text(words), gbnf='root ::= "x"')))
        assert got.finish.usage.prompt_tokens == len(await evaluated(with_bos, [TemplateText(words)]))
        mixed = await answer(stub, request(program(text(words), plain("</s>"), text("a"), gbnf='root ::= "x"')))
        expected = await evaluated(with_bos, [TemplateText(words), PlainText("</s>"), TemplateText("a")])
        assert mixed.finish.usage.prompt_tokens == len(expected)


async def test_text_of_others_stays_text(stub: InferenceServiceStub) -> None:
    """One token where it is the template's, eleven where it is somebody's text: bytes, in this vocabulary."""
    spelled = "<|im_end|>"
    for segment, tokens in ((text(spelled), 1), (plain(spelled), len(spelled))):
        got = await answer(stub, request(program(text("x"), segment, gbnf='root ::= "x"')))
        assert got.finish.usage.prompt_tokens == 1 + tokens


async def test_a_prompt_of_text_alone_stays_one_string(engine: Supervisor) -> None:
    ready = engine.ready()
    assert await engine_prompt(ready.client, ready.model_info, [TemplateText("a"), TemplateText("b")]) == "ab"
    mixed = await engine_prompt(
        ready.client, ready.model_info, [TemplateText("a"), PlainText("x"), TemplateText("b"), TemplateText("c")]
    )
    assert mixed == ["a", ord("x"), "bc"]


async def test_token_ids_are_taken_as_they_are(engine: Supervisor) -> None:
    ready = engine.ready()
    segments = [Ids((5, 6)), TemplateText(""), Ids(()), TemplateText("a"), Ids((7,))]
    assert await engine_prompt(ready.client, ready.model_info, segments) == [5, 6, "a", 7]
    with pytest.raises(RequestError, match="the prompt is empty"):
        await engine_prompt(ready.client, ready.model_info, [Ids(())])


async def test_token_ids_get_no_bos(with_bos: Supervisor) -> None:
    assert await evaluated(with_bos, [Ids((BOS, 500))]) == [BOS, 500]
    assert await evaluated(with_bos, [Ids((500,))]) == [500]
    assert (await evaluated(with_bos, [TemplateText("a"), Ids((500,))]))[0] == BOS
