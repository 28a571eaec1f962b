"""The calls to the two services. Errors come out as `RemoteError`."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable
from typing import Self, TypeVar

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from promptweave.rpc.channel import channel
from promptweave.rpc.errors import from_rpc_error
from promptweave.rpc.status import RemoteError
from promptweave.v1 import inference_pb2, prompt_compiler_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from promptweave.v1.prompt_compiler_pb2_grpc import PromptCompilerServiceStub

_SMALL_CALL_S = 10.0
_COMPILE_S = 60.0
_MODEL_FRESH_S = 1.0
"""For so long the answer of GetModel is taken for true: the engine may come back with another model."""

_UNKNOWN_TEMPLATE = "ERROR_REASON_TEMPLATE_UNKNOWN"

Answer = TypeVar("Answer")


class Services:
    """Channels to the compiler and the inference service."""

    def __init__(self, compiler: str, inference: str) -> None:
        self._channels = {"compiler": channel(compiler), "inference": channel(inference)}
        self._compiler = PromptCompilerServiceStub(self._channels["compiler"])
        self._inference = InferenceServiceStub(self._channels["inference"])
        self._model: tuple[float, inference_pb2.ModelInfo] | None = None
        self._hashes: dict[bytes, str] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._channels.values():
            await connection.close()

    async def model(self) -> inference_pb2.ModelInfo:
        """The loaded model."""
        now = time.monotonic()
        if self._model is None or now - self._model[0] > _MODEL_FRESH_S:
            call = self._inference.GetModel(inference_pb2.GetModelRequest(), timeout=_SMALL_CALL_S)
            self._model = (now, (await _answer(call)).model)
        return self._model[1]

    async def compile(
        self, request: prompt_compiler_pb2.CompileRequest, model: inference_pb2.ModelInfo
    ) -> prompt_compiler_pb2.CompileResponse:
        """Compiles `request` for the model's template, which travels in full only where the compiler does not know it."""
        key = model.template.SerializeToString(deterministic=True)
        known = self._hashes.get(key)
        if known is not None:
            request.template.content_hash = known
            try:
                return await self._compile(request)
            except RemoteError as error:
                if error.reason != _UNKNOWN_TEMPLATE:
                    raise
        request.template.inline.CopyFrom(model.template)
        response = await self._compile(request)
        # One model is loaded: what others left behind is not needed.
        self._hashes = {key: response.template_hash}
        return response

    async def _compile(self, request: prompt_compiler_pb2.CompileRequest) -> prompt_compiler_pb2.CompileResponse:
        return await _answer(self._compiler.Compile(request, timeout=_COMPILE_S))

    async def generate(
        self, request: inference_pb2.GenerateRequest, timeout_s: float
    ) -> AsyncGenerator[inference_pb2.GenerateResponse, None]:
        """Runs a prompt. Closing the generator cancels the call, which frees the engine's slot."""
        call = self._inference.Generate(request, timeout=timeout_s)
        try:
            async for response in call:
                yield response
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        finally:
            call.cancel()

    async def count_tokens(self, prompt: prompt_compiler_pb2.CompiledPrompt) -> int:
        """How many tokens a prompt has."""
        counts = [self._tokens(segment, first=not place) for place, segment in enumerate(prompt.segments)]
        return sum(await asyncio.gather(*counts))

    async def _tokens(self, segment: prompt_compiler_pb2.PromptSegment, *, first: bool) -> int:
        plain = segment.HasField("plain_text")
        request = inference_pb2.TokenizeRequest(
            text=segment.plain_text if plain else segment.text, parse_special=not plain, add_special=first and not plain
        )
        return len((await _answer(self._inference.Tokenize(request, timeout=_SMALL_CALL_S))).tokens)

    async def not_serving(self) -> list[str]:
        """The names of the services that are not ready."""
        states = await asyncio.gather(*map(self._serves, self._channels))
        return [name for name, serves in zip(self._channels, states, strict=True) if not serves]

    async def _serves(self, name: str) -> bool:
        health = health_pb2_grpc.HealthStub(self._channels[name])
        try:
            answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=_SMALL_CALL_S)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def _answer(call: Awaitable[Answer]) -> Answer:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from None
