"""The steps of a chat request that all routes share in which the model generates a message."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from fastapi import Request

from promptweave.facade.backend.lookup import model_of
from promptweave.facade.http.request import options_of, owner
from promptweave.facade.openai.chat.body import ChatBody
from promptweave.facade.openai.chat.telemetry import chat
from promptweave.facade.openai.chat.to_grpc import check_pictures, to_compile_request, to_generate_request
from promptweave.v1 import inference_pb2, prompt_compiler_pb2

GenerateStream = AsyncGenerator[inference_pb2.GenerateResponse, None]


@dataclass(frozen=True)
class PreparedChat:
    """A compiled request and its answers; generation starts when they are iterated."""

    model: inference_pb2.ModelInfo
    warnings: Sequence[prompt_compiler_pb2.Warning]
    answers: GenerateStream


async def prepare_chat(request: Request, body: ChatBody) -> PreparedChat:
    """Compile the request. Raises PromptweaveError; paths are positions in the services' requests: see `body_path`."""
    compile_request, generate_request = to_compile_request(body), to_generate_request(body, owner(request))
    model = await model_of(request, body.model)
    check_pictures(compile_request, model.info)
    compiled = await model.services.compile(compile_request, model.info)
    generate_request.prompt.CopyFrom(compiled.prompt)
    operation = chat(body, model.info.id)
    answers = model.services.generate(generate_request, options_of(request).request_timeout_s, operation)
    return PreparedChat(model.info, compiled.warnings, answers)


def placed_warnings(
    warnings: Iterable[prompt_compiler_pb2.Warning], place: Callable[[str], str]
) -> Iterator[prompt_compiler_pb2.Warning]:
    """Yield the warnings, with their positions in the client's request."""
    for warning in warnings:
        yield prompt_compiler_pb2.Warning(code=warning.code, path=place(warning.path), message=warning.message)


def warning_headers(warnings: Sequence[prompt_compiler_pb2.Warning]) -> dict[str, str]:
    """Return the header with the number of warnings, if there are any."""
    return {"x-promptweave-warnings": str(len(warnings))} if warnings else {}
