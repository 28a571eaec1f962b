"""The steps shared by all routes that generate a chat message: compile, then generate."""

import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from fastapi import Request

from promptweave.facade.backend.lookup import model_of
from promptweave.facade.backend.models import ResolvedModel
from promptweave.facade.bodies.error_paths import error_paths
from promptweave.facade.bodies.source_map import SourceMap
from promptweave.facade.http.json_body import repaired_texts
from promptweave.facade.http.request import options_of, owner
from promptweave.facade.openai.chat.request.pictures import UNUSABLE_IMAGES, check_pictures, with_readable_images
from promptweave.facade.openai.chat.request.to_grpc import REPEATED_CALLS, to_compile_request, to_generate_request
from promptweave.facade.openai.chat.request.translated import Translation, located_warnings
from promptweave.facade.openai.chat.telemetry import chat
from promptweave.facade.tool_search.rounds import Answers, answer_in_rounds
from promptweave.facade.tool_search.searchable import SearchableRequest
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
    answers: Answers


async def compile_chat(request: Request, asked: Translation) -> CompiledChat:
    """Compile the request. Raises PromptweaveError; paths are positions in the client's request."""
    return await _ChatRun(request, asked).compile()


async def prepare_chat(request: Request, asked: Translation) -> PreparedChat:
    """Compile the request and prepare the call that answers it. Raises PromptweaveError; paths are positions in the
    client's request."""
    run = _ChatRun(request, asked)
    generate_request, places = to_generate_request(asked, owner(request))
    compiled = await run.compile()
    return PreparedChat(compiled.model.info, compiled.warnings, run.answers(compiled, generate_request, places))


class _ChatRun:
    """One request, with the search for tools if it is offered."""

    def __init__(self, request: Request, asked: Translation) -> None:
        self._request = request
        self._images = options_of(request).unusable_images
        self._asked = asked = with_readable_images(asked, self._images)
        compile_request, self._places = to_compile_request(asked)
        compile_request.unusable_images = UNUSABLE_IMAGES[self._images]
        if not compile_request.repeated_calls:
            compile_request.repeated_calls = REPEATED_CALLS[options_of(request).repeated_calls]
        self._search = SearchableRequest(compile_request, asked.body.n)

    async def compile(self) -> CompiledChat:
        """Compile the request."""
        with error_paths(self._original):
            model = await model_of(self._request, self._asked.body.model)
            if self._asked.body.think_first is None and model.think_first:
                self._search.request.reasoning.think_first = True
            left_out = check_pictures(self._search.request, model.info, self._images)
            compiled = await model.services.compile(self._search.request, model.info)
        located = located_warnings([*left_out, *compiled.warnings], self._original)
        warnings = [*repair_warnings(self._request), *self._asked.warnings, *self._search.warnings, *located]
        return CompiledChat(model, compiled.prompt, warnings)

    def answers(self, compiled: CompiledChat, generate_request: inference_pb2.GenerateRequest, places: SourceMap) -> Answers:
        """Return the answers to the compiled request."""
        limit = generate_request.max_tokens if generate_request.HasField("max_tokens") else None
        operation = chat(self._asked.body, compiled.model.info.id)
        ends_at: float | None = None

        async def compile_again(request: prompt_compiler_pb2.CompileRequest) -> prompt_compiler_pb2.CompiledPrompt:
            with error_paths(self._original):
                return (await compiled.model.services.compile(request, compiled.model.info)).prompt

        def generate(prompt: prompt_compiler_pb2.CompiledPrompt, used: int) -> GenerateStream:
            nonlocal ends_at
            now, timeout_s = time.monotonic(), options_of(self._request).request_timeout_s
            ends_at = ends_at or now + timeout_s
            generate_request.prompt.CopyFrom(prompt)
            if limit is not None:
                generate_request.max_tokens = limit - used
            answers = compiled.model.services.generate(generate_request, max(ends_at - now, 0), operation)
            return _with_located_errors(answers, places.original)

        if not self._search.is_searchable:
            return generate(compiled.prompt, 0)
        return answer_in_rounds(self._search.request, compiled.prompt, compile_again, generate, limit)

    def _original(self, path: str) -> str:
        return self._places.original(self._search.original(path))


async def _with_located_errors(answers: GenerateStream, original: Callable[[str], str]) -> GenerateStream:
    async with aclosing(answers):
        with error_paths(original):
            async for answer in answers:
                yield answer


def repair_warnings(request: Request) -> Iterator[prompt_compiler_pb2.Warning]:
    """Yield warnings about texts of the request's body that were changed when it was read."""
    for path in repaired_texts(request):
        message = "half of a surrogate pair was replaced by U+FFFD; cut texts between characters"
        yield prompt_compiler_pb2.Warning(code="text_repaired", path=path, message=message)


def warning_headers(warnings: Sequence[object]) -> dict[str, str]:
    """Return the header with the number of warnings, if there are any. A stream's is sent before those of the answer."""
    return {"x-promptweave-warnings": str(len(warnings))} if warnings else {}
