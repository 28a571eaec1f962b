"""Calls to the two services. Errors are raised as `RemoteError`."""

import asyncio
import hashlib
import math
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Self, TypeVar

import grpc.aio
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from promptweave.common.tracing import span, tracing_on
from promptweave.errors import Code
from promptweave.facade.errors import RequestError
from promptweave.facade.telemetry.gen_ai_spans import Operation, OperationSpan
from promptweave.rpc.channel import Connection
from promptweave.rpc.client_errors import from_rpc_error
from promptweave.rpc.request_context import method_of, outgoing_metadata, rpc_attributes
from promptweave.rpc.security import NO_SECURITY, Security
from promptweave.rpc.status import RemoteError
from promptweave.v1 import inference_pb2, output_pb2, prompt_compiler_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from promptweave.v1.prompt_compiler_pb2_grpc import PromptCompilerServiceStub

if TYPE_CHECKING:
    from promptweave.v1.inference_pb2_grpc import InferenceServiceAsyncStub
    from promptweave.v1.prompt_compiler_pb2_grpc import PromptCompilerServiceAsyncStub

_SMALL_CALL_S = 10.0
_COMPILE_S = 60.0
_EVALUATION_S = 600.0
_MODEL_FRESH_S = 1.0
"""How long a response of GetModel is trusted: the engine may restart with another model."""

_MAX_TEMPLATES = 16
"""Only as many as there are models are in use; the others are outdated."""

_PARTS: "dict[inference_pb2.ModelRole.ValueType, tuple[str, str]]" = {
    inference_pb2.MODEL_ROLE_EMBEDDING: ("embedding model", "promptweave.v1.InferenceService.Embed"),
    inference_pb2.MODEL_ROLE_RERANK: ("rerank model", "promptweave.v1.InferenceService.Rerank"),
    inference_pb2.MODEL_ROLE_TRANSCRIPTION: ("whisper model", "promptweave.v1.InferenceService.Transcribe"),
}
"""Models that may be missing while everything else works, and their names on the health service."""

PREFIX_HEADER = "x-promptweave-prefix"
"""A key that conversations with the same beginning share: a session id (hashed), or the compiled prompt's `prefix_key`."""

_UNKNOWN_TEMPLATE = "ERROR_REASON_TEMPLATE_UNKNOWN"

_NOT_TOLD = Operation("generate_content")

RequestT = TypeVar("RequestT", bound=Message)
Answer = TypeVar("Answer")


class ServiceClients:
    """Clients of the compiler and the inference service."""

    def __init__(self, compiler: str, inference: str, security: Security = NO_SECURITY) -> None:
        """Open the connections. Raises SecurityError."""
        self._connections = {"compiler": Connection(compiler, security), "inference": Connection(inference, security)}
        self._address = inference
        self._models: dict[inference_pb2.ModelRole.ValueType, tuple[float, inference_pb2.ModelInfo]] = {}
        self._hashes: dict[bytes, str] = {}
        self._writing: set[grpc.aio.UnaryStreamCall[inference_pb2.GenerateRequest, inference_pb2.GenerateResponse]] = set()
        self._stopping = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancel all calls and close the connections."""
        for connection in self._connections.values():
            await connection.close()

    @property
    def _compiler(self) -> "PromptCompilerServiceAsyncStub":
        return PromptCompilerServiceStub(self._connections["compiler"].channel)

    @property
    def _inference(self) -> "InferenceServiceAsyncStub":
        return InferenceServiceStub(self._connections["inference"].channel)

    def stop(self) -> None:
        """End all prompts that run, now and later, with an error that says that the service is stopping."""
        self._stopping = True
        for call in self._writing:
            call.cancel()

    async def model(
        self, role: "inference_pb2.ModelRole.ValueType" = inference_pb2.MODEL_ROLE_CHAT
    ) -> inference_pb2.ModelInfo:
        """Return the model that is loaded for a role."""
        now = time.monotonic()
        asked, model = self._models.get(role, (-math.inf, None))
        if model is None or now - asked > _MODEL_FRESH_S:
            asked_now = inference_pb2.GetModelRequest(role=role)
            model = (await _answer(self._inference.GetModel, asked_now, _SMALL_CALL_S)).model
            self._models[role] = (now, model)
        return model

    async def embed(self, request: inference_pb2.EmbedRequest, timeout_s: float) -> inference_pb2.EmbedResponse:
        """Return the embeddings of texts."""
        return await _answer(self._inference.Embed, request, timeout_s)

    async def rerank(self, request: inference_pb2.RerankRequest, timeout_s: float) -> inference_pb2.RerankResponse:
        """Rank documents, best first."""
        return await _answer(self._inference.Rerank, request, timeout_s)

    async def transcribe(
        self, request: inference_pb2.TranscribeRequest, timeout_s: float
    ) -> inference_pb2.TranscribeResponse:
        """Transcribe an audio file."""
        return await _answer(self._inference.Transcribe, request, timeout_s)

    async def tokenize(self, request: inference_pb2.TokenizeRequest) -> Sequence[int]:
        """Return token ids of the chat model."""
        return (await self.tokens_of(request)).tokens

    async def tokens_of(self, request: inference_pb2.TokenizeRequest) -> inference_pb2.TokenizeResponse:
        """Return token ids, with their bytes if requested."""
        return await _answer(self._inference.Tokenize, request, _SMALL_CALL_S)

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """Return the text of the chat model's token ids."""
        request = inference_pb2.DetokenizeRequest(tokens=tokens)
        return (await _answer(self._inference.Detokenize, request, _SMALL_CALL_S)).text

    async def compile(
        self, request: prompt_compiler_pb2.CompileRequest, model: inference_pb2.ModelInfo
    ) -> prompt_compiler_pb2.CompileResponse:
        """Compile `request` for the model's template, which is sent in full only if the compiler does not know it.

        Raises RequestError if the model has no template.
        """
        if not model.template.source.strip():
            raise RequestError(
                f"model: {model.id!r} has no chat template; start with --chat-template FILE, or send the whole prompt to "
                "/v1/completions",
                path="/model",
            )
        key = model.template.SerializeToString(deterministic=True)
        known = self._hashes.get(key)
        if known is not None:
            request.template.content_hash = known
            try:
                return await self._compile(request)
            except RemoteError as error:
                if error.reason != _UNKNOWN_TEMPLATE:
                    raise
        response = await self.compile_with(request, model.template)
        self._hashes[key] = response.template_hash
        if len(self._hashes) > _MAX_TEMPLATES:
            self._hashes.pop(next(iter(self._hashes)))
        return response

    async def compile_with(
        self, request: prompt_compiler_pb2.CompileRequest, template: prompt_compiler_pb2.Template
    ) -> prompt_compiler_pb2.CompileResponse:
        """Compile `request` for a template that is sent in full."""
        request.template.inline.CopyFrom(template)
        return await self._compile(request)

    async def describe(self, template: prompt_compiler_pb2.Template) -> prompt_compiler_pb2.DescribeTemplateResponse:
        """Describe a template."""
        ref = prompt_compiler_pb2.TemplateRef(inline=template)
        request = prompt_compiler_pb2.DescribeTemplateRequest(template=ref)
        return await _answer(self._compiler.DescribeTemplate, request, _COMPILE_S)

    async def parse(self, request: prompt_compiler_pb2.ParseRequest) -> output_pb2.ParsedMessage:
        """Parse a model's output."""
        return (await _answer(self._compiler.Parse, request, _COMPILE_S)).message

    async def _compile(self, request: prompt_compiler_pb2.CompileRequest) -> prompt_compiler_pb2.CompileResponse:
        return await _answer(self._compiler.Compile, request, _COMPILE_S)

    async def generate(
        self, request: inference_pb2.GenerateRequest, timeout_s: float, operation: Operation = _NOT_TOLD
    ) -> AsyncGenerator[inference_pb2.GenerateResponse, None]:
        """Run a prompt. Closing the generator cancels the call, which frees the engine's slot."""
        if self._stopping:
            raise _stopped()
        # A proxy can balance by this header: conversations go to the replica that has their beginning in its cache.
        told = OperationSpan(operation, request, self._address)
        metadata = ((PREFIX_HEADER, _prefix(request)), *outgoing_metadata(told.span))
        call = self._inference.Generate(request, timeout=timeout_s, metadata=metadata)
        self._writing.add(call)
        try:
            async for response in call:
                told.on_response(response)
                yield response
        except grpc.aio.AioRpcError as error:
            meant = from_rpc_error(error)
            told.on_error(meant)
            raise meant from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._stopping or (task and task.cancelling()):
                raise
            stopped = _stopped()
            told.on_error(stopped)
            raise stopped from None
        finally:
            self._writing.discard(call)
            call.cancel()
            told.end()

    async def count_tokens(self, prompt: prompt_compiler_pb2.CompiledPrompt, timeout_s: float = _EVALUATION_S) -> int:
        """Count the tokens of a prompt. One with images is evaluated, since only the engine knows how many they take."""
        if any(segment.HasField("image") for segment in prompt.segments):
            return await self._evaluated_tokens(prompt, timeout_s)
        counts = [self._tokens(segment, first=not place) for place, segment in enumerate(prompt.segments)]
        return sum(await asyncio.gather(*counts))

    async def _evaluated_tokens(self, prompt: prompt_compiler_pb2.CompiledPrompt, timeout_s: float) -> int:
        request = inference_pb2.GenerateRequest(prompt=prompt, max_tokens=1)
        count = 0
        try:
            async with aclosing(self.generate(request, timeout_s)) as answers:
                async for answer in answers:
                    count = max([count, *(event.finish.usage.prompt_tokens for event in answer.events)])
        except RemoteError as error:
            # A prompt that is too long was counted, too.
            if not (tokens := error.metadata.get("prompt_tokens", "")).isdecimal():
                raise
            return int(tokens)
        return count

    async def _tokens(self, segment: prompt_compiler_pb2.PromptSegment, *, first: bool) -> int:
        plain = segment.HasField("plain_text")
        request = inference_pb2.TokenizeRequest(
            text=segment.plain_text if plain else segment.text, parse_special=not plain, add_special=first and not plain
        )
        return len(await self.tokenize(request))

    async def waiting_for(
        self, role: "inference_pb2.ModelRole.ValueType" = inference_pb2.MODEL_ROLE_CHAT, *, absent: bool = False
    ) -> list[str]:
        """Return the names of what a role needs and is not ready.

        `absent`: whether a model other than the chat model counts as ready if it does not exist, or its health cannot be
        checked.
        """
        if role in _PARTS:
            name, part = _PARTS[role]
            return [] if await self._serves("inference", part, absent=absent) else [name]
        states = await asyncio.gather(*(self._serves(name, "", absent=False) for name in self._connections))
        return [name for name, serves in zip(self._connections, states, strict=True) if not serves]

    async def _serves(self, name: str, part: str, *, absent: bool) -> bool:
        health = health_pb2_grpc.HealthStub(self._connections[name].channel)
        try:
            answer = await health.Check(health_pb2.HealthCheckRequest(service=part), timeout=_SMALL_CALL_S)
        except grpc.aio.AioRpcError:
            return absent
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _prefix(request: inference_pb2.GenerateRequest) -> str:
    session = request.parent_session_id or request.session_id
    # Clients choose session ids freely; few characters are allowed in a header.
    return hashlib.sha256(session.encode()).hexdigest()[:32] if session else request.prompt.prefix_key


def _stopped() -> RemoteError:
    return RemoteError(Code.UNAVAILABLE, "ERROR_REASON_ENGINE_UNAVAILABLE", "the service is stopping", retry_after_s=1.0)


async def _answer(
    method: "grpc.aio.UnaryUnaryMultiCallable[RequestT, Answer]", request: RequestT, timeout_s: float
) -> Answer:
    name = method_of(request) if tracing_on() else ""
    with span(name, "client", rpc_attributes(name)):
        try:
            return await method(request, timeout=timeout_s, metadata=outgoing_metadata())
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
