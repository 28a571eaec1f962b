"""A chat request, on its way: what all routes that let the model write a message have in common."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from promptweave.facade.chat_body import ChatBody
from promptweave.facade.gen_ai import chat
from promptweave.facade.models import check_model
from promptweave.facade.openai_request import check_pictures, to_compile_request, to_generate_request
from promptweave.facade.options import FacadeOptions
from promptweave.facade.services import Services
from promptweave.v1 import inference_pb2, prompt_compiler_pb2

Answers = AsyncGenerator[inference_pb2.GenerateResponse, None]


@dataclass(frozen=True)
class Turn:
    """A compiled request and its answers, which begin when they are asked for."""

    model: inference_pb2.ModelInfo
    warnings: Sequence[prompt_compiler_pb2.Warning]
    answers: Answers


async def begin_turn(services: Services, options: FacadeOptions, body: ChatBody, owner: str | None) -> Turn:
    """Compiles an owner's request. Raises PromptweaveError; paths are places in the services' requests: see `body_path`."""
    compile_request, generate_request = to_compile_request(body), to_generate_request(body, owner)
    model = await services.model()
    check_model(body.model, model, options.aliases)
    check_pictures(compile_request, model)
    compiled = await services.compile(compile_request, model)
    generate_request.prompt.CopyFrom(compiled.prompt)
    return Turn(
        model, compiled.warnings, services.generate(generate_request, options.request_timeout_s, chat(body, model.id))
    )


def placed_warnings(
    warnings: Iterable[prompt_compiler_pb2.Warning], place: Callable[[str], str]
) -> Iterator[prompt_compiler_pb2.Warning]:
    """The warnings, with their places in the request that the client made."""
    for warning in warnings:
        yield prompt_compiler_pb2.Warning(code=warning.code, path=place(warning.path), message=warning.message)


def warning_headers(warnings: Sequence[prompt_compiler_pb2.Warning]) -> dict[str, str]:
    """Says in a header that there are warnings."""
    return {"x-promptweave-warnings": str(len(warnings))} if warnings else {}
