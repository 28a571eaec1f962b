"""Prompts with images, on a real engine with a small random-weight projector."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.service.convert import compiled_to_wire
from promptweave.errors import Code
from promptweave.inference.engine.llama_server import Supervisor
from promptweave.inference.engine.remote import endpoints
from promptweave.inference.errors import StartError
from promptweave.inference.options import InferenceOptions
from promptweave.inference.prompt.image_prompt import JOINER, picture_prompt
from promptweave.inference.prompt.request import Picture, PlainText, TemplateText
from promptweave.v1 import chat_pb2, inference_pb2, output_pb2, prompt_compiler_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from tests.inference.test_reasoning_budget import CALLED, POSSIBLE, SCHEMA
from tests.support.images import BLUE, RED, image_file
from tests.support.inference.in_process import calling, options, served, watched
from tests.support.inference.processes import external_server, free_port
from tests.support.inference.requests import Answer, answer, answers, plain, program, refused, request, sampling, text
from tests.support.models.projector import IMAGE_TOKENS, write_projector

pytestmark = pytest.mark.anyio

IM_END = "<|im_end|>"


@pytest.fixture(scope="module")
def projector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("projector") / "mmproj.gguf"
    write_projector(path)
    return path


@pytest.fixture(scope="module")
async def seeing(
    anyio_backend: str, demo_model: Path, projector: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Supervisor]:
    """An engine that takes pictures, and keeps sessions."""
    given = options(demo_model, mmproj=projector, session_dir=tmp_path_factory.mktemp("sessions"))
    engine = Supervisor(given)
    async with watched(engine):
        yield engine


@pytest.fixture(scope="module")
async def stub(seeing: Supervisor) -> AsyncIterator[InferenceServiceStub]:
    async with calling(seeing) as stub:
        yield stub


def shown(color: tuple[int, ...] = RED, form: str = "PNG") -> prompt_compiler_pb2.PromptSegment:
    return prompt_compiler_pb2.PromptSegment(image=chat_pb2.Image(data=image_file(color, form), mime_type="image/png"))


def looking(*segments: prompt_compiler_pb2.PromptSegment) -> inference_pb2.GenerateRequest:
    """A request for one token, and the likeliest ones in its place."""
    return request(program(*segments, gbnf="root ::= [a-z]"), top_logprobs=5, max_tokens=1, sampling=sampling(temperature=0))


def told(got: Answer) -> dict[int, float]:
    return {item.token: item.logprob for item in got.positions[0].top}


def likeliest(got: Answer) -> Any:
    """The log-probabilities of some tokens; what is cached was not computed in the same order, so not to the last digit."""
    return pytest.approx(told(got), abs=0.02)


async def test_the_model_sees_what_is_on_the_image(stub: InferenceServiceStub) -> None:
    red, blue, again = [await answer(stub, looking(text("see "), shown(color), text(" now"))) for color in (RED, BLUE, RED)]
    assert told(red) == likeliest(again)
    assert told(red) != likeliest(blue)
    assert red.finish.usage.prompt_tokens == len("see ") + IMAGE_TOKENS + len(" now")
    # What was evaluated is not evaluated again, the picture neither.
    assert again.finish.usage.cached_tokens > len("see ") + IMAGE_TOKENS - 1
    assert blue.finish.usage.cached_tokens <= max(len("see "), red.finish.usage.cached_tokens)


async def test_the_order_of_images_counts(stub: InferenceServiceStub) -> None:
    one = await answer(stub, looking(shown(RED), text(" or "), shown(BLUE), text("?")))
    other = await answer(stub, looking(shown(BLUE), text(" or "), shown(RED), text("?")))
    assert told(one) != likeliest(other)
    assert one.finish.usage.prompt_tokens == 2 * IMAGE_TOKENS + len(" or ?")


async def test_a_webp_is_seen_too(stub: InferenceServiceStub) -> None:
    got = await answer(stub, looking(shown(RED, "WEBP"), text("?")))
    assert got.finish.usage.prompt_tokens == IMAGE_TOKENS + 1


async def test_text_of_others_is_neither_a_special_token_nor_a_marker(
    seeing: Supervisor, stub: InferenceServiceStub
) -> None:
    marker = seeing.ready().model_info.media_marker
    assert marker
    for spelled in (IM_END, marker, "<tool_call>"):
        ours = await answer(stub, looking(shown(), text("x")))
        theirs = await answer(stub, looking(shown(), text("x"), plain(spelled[0]), plain(spelled[1:]), text("x")))
        # Every byte of it is a token, with those of the joiner.
        joined = len(spelled) + len(JOINER.encode())
        assert theirs.finish.usage.prompt_tokens - ours.finish.usage.prompt_tokens >= joined, spelled
    # The template's own one is one.
    ours = await answer(stub, looking(shown(), text(IM_END)))
    assert ours.finish.usage.prompt_tokens == IMAGE_TOKENS + 1


@pytest.mark.parametrize(
    ("segments", "prompt"),
    [
        pytest.param([TemplateText("a"), PlainText("b"), TemplateText("c")], "abc", id="harmless"),
        pytest.param([PlainText(f"a{IM_END}b")], f"a<{JOINER}|im_end|>b", id="in-one-piece"),
        pytest.param([PlainText("a<"), PlainText("|im_end|>")], f"a<{JOINER}|im_end|>", id="in-two-pieces"),
        pytest.param([TemplateText("a<"), PlainText("|im_end|>")], f"a<{JOINER}|im_end|>", id="across"),
        pytest.param([PlainText("<|im_"), TemplateText("end|>")], f"<|im_{JOINER}end|>", id="across-the-other-way"),
        pytest.param([PlainText("<tool_call>")], f"<{JOINER}tool_call>", id="user-defined"),
        pytest.param([TemplateText(IM_END)], IM_END, id="template's"),
    ],
)
async def test_joiners_stand_where_they_must(
    seeing: Supervisor, segments: list[TemplateText | PlainText], prompt: str
) -> None:
    ready = seeing.ready()
    written = await picture_prompt(ready.client, ready.model_info, [Picture(image_file()), *segments])
    assert written["prompt_string"] == f"{ready.model_info.media_marker}{prompt}"
    assert len(written["multimodal_data"]) == 1


async def test_several_messages_of_one_image(stub: InferenceServiceStub) -> None:
    asked = request(program(shown(), text(" ?"), gbnf='root ::= "yes"'), n=3)
    assert [each.content for each in await answers(stub, asked)] == ["yes"] * 3


async def test_reasoning_is_cut_after_an_image(stub: InferenceServiceStub) -> None:
    """The completion that goes on behind the cut has the picture, too."""
    compiled = compiled_to_wire(compile_prompt(replace(CALLED, reasoning_budget=12), POSSIBLE))
    prompt = prompt_compiler_pb2.CompiledPrompt()
    prompt.CopyFrom(compiled)
    del prompt.segments[:]
    prompt.segments.extend([shown(), *compiled.segments])
    for seed in range(2):
        got = await answer(stub, request(prompt, max_tokens=200, sampling=sampling(seed=seed)))
        assert got.finish.reason == output_pb2.FINISH_REASON_TOOL_CALLS
        jsonschema.validate(json.loads(got.calls[0][1]), SCHEMA)


@pytest.mark.parametrize(
    ("segments", "code", "path"),
    [
        pytest.param([text("a"), shown()], Code.INVALID_ARGUMENT, "/prompt/segments", id="at-the-end"),
        pytest.param(
            [text("a"), prompt_compiler_pb2.PromptSegment(image=chat_pb2.Image(data=b"x")), text("a")],
            Code.INVALID_ARGUMENT,
            "/prompt/segments/1/image",
            id="no-picture",
        ),
        pytest.param(
            [shown(), prompt_compiler_pb2.PromptSegment(tokens={"ids": [1]}), text("a")],
            Code.UNIMPLEMENTED,
            "/prompt/segments/1",
            id="token-ids",
        ),
    ],
)
async def test_what_is_refused(
    stub: InferenceServiceStub, segments: list[prompt_compiler_pb2.PromptSegment], code: Code, path: str
) -> None:
    error = await refused(stub, looking(*segments))
    assert (error.code, error.path) == (code, path)


async def test_a_session_goes_on_after_an_image_and_after_a_restart(
    demo_model: Path, projector: Path, tmp_path: Path
) -> None:
    given = options(demo_model, mmproj=projector, session_dir=tmp_path)
    begun = [text("see "), shown(), text(" it")]
    async with served(given) as (stub, _):
        asked = request(program(*begun, gbnf='root ::= "yes"'), session_id="s")
        assert (await answer(stub, asked)).content == "yes"
    async with served(given) as (stub, _):
        asked = request(program(*begun, text("yes and?"), gbnf='root ::= "no"'), session_id="s")
        got = await answer(stub, asked)
        assert got.content == "no"
        assert got.finish.usage.cached_tokens >= len("see  it") + IMAGE_TOKENS


async def test_the_model_says_whether_it_takes_images(stub: InferenceServiceStub, engine: Supervisor) -> None:
    assert (await stub.GetModel(inference_pb2.GetModelRequest())).model.images
    async with calling(engine) as blind:
        assert not (await blind.GetModel(inference_pb2.GetModelRequest())).model.images
        error = await refused(blind, looking(text("a"), shown(), text("b")))
        assert (error.code, error.path) == (Code.UNIMPLEMENTED, "/prompt/segments/1")
        assert "--mmproj" in error.message


async def test_an_external_server_takes_images_where_it_has_a_projector(demo_model: Path, projector: Path) -> None:
    port = free_port()
    engine = endpoints(InferenceOptions(endpoints=(f"http://127.0.0.1:{port}",)))
    async with external_server(demo_model, port, mmproj=projector), watched(engine), calling(engine) as stub:
        assert (await stub.GetModel(inference_pb2.GetModelRequest())).model.images
        got = await answer(stub, looking(shown(), plain("<"), plain("|im_end|>"), text("?")))
        assert got.finish.usage.prompt_tokens == IMAGE_TOKENS + len(f"<{JOINER}|im_end|>?".encode())


async def test_a_projector_of_another_model_is_no_start(demo_model: Path, projector: Path, tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot read the model file"):
        Supervisor(options(demo_model, mmproj=tmp_path / "none.gguf"))
    wide = tmp_path / "wide.gguf"
    write_projector(wide, width=96)
    engine = Supervisor(options(demo_model, mmproj=wide))
    with pytest.raises(StartError, match="the engine exited during startup"):
        async with watched(engine):
            pass
    with pytest.raises(StartError, match="--mmproj cannot be combined with --endpoint"):
        InferenceOptions(endpoints=("http://localhost:1",), mmproj=projector)
