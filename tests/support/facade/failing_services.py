"""Fake services that fail on demand, with a facade in this process in front of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import httpx

from promptweave.errors import PromptweaveError
from promptweave.facade.app import create_app
from promptweave.facade.options import FacadeOptions
from promptweave.rpc.server import RpcServer
from promptweave.v1 import inference_pb2, output_pb2, prompt_compiler_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceServicer, add_InferenceServiceServicer_to_server
from promptweave.v1.prompt_compiler_pb2_grpc import (
    PromptCompilerServiceServicer,
    add_PromptCompilerServiceServicer_to_server,
)

Failure = PromptweaveError | grpc.StatusCode | Exception

SECRET = "/srv/secret/engine.py, line 3"


def _content(text: str) -> inference_pb2.GenerateResponse:
    delta = output_pb2.OutputDelta(content=text)
    return inference_pb2.GenerateResponse(events=[inference_pb2.GenerateEvent(delta=delta)])


class Failing(InferenceServiceServicer, PromptCompilerServiceServicer):
    """Both services. Each call answers something small, unless it is the one that fails."""

    def __init__(self) -> None:
        self.method = ""
        self.failure: Failure | None = None
        self.late = False
        """`Generate` fails after it has written something."""

    async def _may_fail(self, method: str, context: Any) -> None:
        if method != self.method or self.failure is None:
            return
        if isinstance(self.failure, grpc.StatusCode):
            await context.abort(self.failure, SECRET)
        raise self.failure

    async def GetModel(self, request: Any, context: Any) -> Any:  # noqa: N802 - the contract's names
        await self._may_fail("GetModel", context)
        template = prompt_compiler_pb2.Template(source="x")
        return inference_pb2.GetModelResponse(model=inference_pb2.ModelInfo(id="m", slots=1, template=template))

    async def Compile(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._may_fail("Compile", context)
        syntax = output_pb2.OutputSyntax(version=1)
        prompt = prompt_compiler_pb2.CompiledPrompt(
            version=1, segments=[prompt_compiler_pb2.PromptSegment(text="x")], syntax=syntax
        )
        return prompt_compiler_pb2.CompileResponse(prompt=prompt, template_hash="h")

    async def Generate(self, request: Any, context: Any) -> Any:  # noqa: N802
        if not self.late:
            await self._may_fail("Generate", context)
        yield _content("so")
        await self._may_fail("Generate", context)
        finish = inference_pb2.Finish(reason=output_pb2.FINISH_REASON_STOP)
        yield inference_pb2.GenerateResponse(events=[inference_pb2.GenerateEvent(finish=finish)])

    async def Tokenize(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._may_fail("Tokenize", context)
        return inference_pb2.TokenizeResponse(tokens=[1])

    async def Detokenize(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._may_fail("Detokenize", context)
        return inference_pb2.DetokenizeResponse(text="x")

    async def Embed(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._may_fail("Embed", context)
        return inference_pb2.EmbedResponse(embeddings=[inference_pb2.EmbedResponse.Embedding(values=[1.0])])

    async def Rerank(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._may_fail("Rerank", context)
        return inference_pb2.RerankResponse()

    async def DescribeTemplate(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._may_fail("DescribeTemplate", context)
        return prompt_compiler_pb2.DescribeTemplateResponse()

    async def Parse(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._may_fail("Parse", context)
        message = output_pb2.ParsedMessage(finish_reason=output_pb2.FINISH_REASON_STOP)
        return prompt_compiler_pb2.ParseResponse(message=message)


@asynccontextmanager
async def failing_services(**options: Any) -> AsyncIterator[tuple[Failing, httpx.AsyncClient]]:
    """The services, and a client of a facade that calls them."""
    failing, server = Failing(), RpcServer()
    add_InferenceServiceServicer_to_server(failing, server.grpc)
    add_PromptCompilerServiceServicer_to_server(failing, server.grpc)
    address = server.listen("127.0.0.1:0")
    await server.start(["promptweave.v1.InferenceService"])
    app = create_app(FacadeOptions(compiler=address, inference=address, **options), asyncio.Event())
    try:
        async with _started(app):
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://facade") as client:
                yield failing, client
    finally:
        await server.stop(0)


@asynccontextmanager
async def _started(app: Any) -> AsyncIterator[None]:
    """An ASGI application, from its startup to its shutdown."""
    to_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    from_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan", "state": {}}, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    assert (await from_app.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        await life
