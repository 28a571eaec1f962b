"""The steps of a chat request that all routes share in which the model generates a message."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from fastapi import Request

from promptweave.facade.backend.lookup import model_of
from promptweave.facade.backend.models import ResolvedModel
from promptweave.facade.bodies.error_paths import error_paths
from promptweave.facade.bodies.source_map import SourceMap
from promptweave.facade.http.request import options_of, owner
from promptweave.facade.openai.chat.pictures import check_pictures
from promptweave.facade.openai.chat.telemetry import chat
from promptweave.facade.openai.chat.to_grpc import to_compile_request, to_generate_request
from promptweave.facade.openai.chat.translated import Translation, located_warnings
from promptweave.v1 import inference_pb2, prompt_compiler_pb2

GenerateStream = AsyncGenerator[inference_pb2.GenerateResponse, None]


@dataclass(frozen=True)
class CompiledChat:
    """A compiled request, and the model that is to answer it. Positions in warnings are those of the client's request."""

    model: ResolvedModel
    prompt: prompt_compiler_pb2.CompiledPrompt
    warnings: Sequence[prompt_compiler_pb2.Warning]


@dataclass(frozen=True)
class PreparedChat:
    """A compiled request and its answers; generation starts when they are iterated.

    Positions in warnings, and in the errors that the answers raise, are those of the client's request.
    """

    model: inference_pb2.ModelInfo
    warnings: Sequence[prompt_compiler_pb2.Warning]
    answers: GenerateStream


async def compile_chat(request: Request, asked: Translation) -> CompiledChat:
    """Compile the request. Raises PromptweaveError; paths are positions in the client's request."""
    return await _compile(request, asked, *to_compile_request(asked))


async def _compile(
    request: Request, asked: Translation, compile_request: prompt_compiler_pb2.CompileRequest, places: SourceMap
) -> CompiledChat:
    with error_paths(places.original):
        model = await model_of(request, asked.body.model)
        leave_out = options_of(request).images_without_projector == "placeholder"
        left_out = check_pictures(compile_request, model.info, leave_out=leave_out)
        compiled = await model.services.compile(compile_request, model.info)
    return CompiledChat(
        model, compiled.prompt, [*asked.warnings, *located_warnings([*left_out, *compiled.warnings], places)]
    )


async def prepare_chat(request: Request, asked: Translation) -> PreparedChat:
    """Compile the request and prepare the call that answers it. Raises PromptweaveError; paths are positions in the
    client's request."""
    compile_request, compile_places = to_compile_request(asked)
    generate_request, places = to_generate_request(asked, owner(request))
    compiled = await _compile(request, asked, compile_request, compile_places)
    generate_request.prompt.CopyFrom(compiled.prompt)
    model = compiled.model
    operation = chat(asked.body, model.info.id)
    answers = model.services.generate(generate_request, options_of(request).request_timeout_s, operation)
    return PreparedChat(model.info, compiled.warnings, _with_located_errors(answers, places))


async def _with_located_errors(answers: GenerateStream, places: SourceMap) -> GenerateStream:
    async with aclosing(answers):
        with error_paths(places.original):
            async for answer in answers:
                yield answer


def warning_headers(warnings: Sequence[prompt_compiler_pb2.Warning]) -> dict[str, str]:
    """Return the header with the number of warnings, if there are any."""
    return {"x-promptweave-warnings": str(len(warnings))} if warnings else {}
