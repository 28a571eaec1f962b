"""PromptCompilerService: the work is done by the pool's workers (`worker.py`).

Untrusted templates and schemas can cost any amount of time and memory, and so can a large syntax or output, so they run
in worker processes with limits. ParseStream runs here, because it does little work per piece of text.
"""

import codecs
from collections.abc import AsyncIterator, Sequence

import grpc
from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2

from promptweave.compiler.errors import RequestError
from promptweave.compiler.service.output_reader import OutputReader
from promptweave.compiler.service.response_cache import ResponseCache
from promptweave.compiler.service.template_cache import TemplateCache
from promptweave.compiler.service.worker_pool import ERROR, OK, WorkerPool
from promptweave.errors import Code
from promptweave.output.wire import delta_to_wire
from promptweave.rpc.status import from_status
from promptweave.v1 import prompt_compiler_pb2
from promptweave.v1.prompt_compiler_pb2_grpc import (
    PromptCompilerServiceServicer,
    add_PromptCompilerServiceServicer_to_server,
)

_WithTemplate = prompt_compiler_pb2.CompileRequest | prompt_compiler_pb2.DescribeTemplateRequest
_Request = _WithTemplate | prompt_compiler_pb2.CompileSchemaRequest
Context = grpc.aio.ServicerContext[object, object]


class PromptCompiler(PromptCompilerServiceServicer):
    """The service. Its only state is caches: any replica can handle any call."""

    def __init__(self, pool: WorkerPool, responses: ResponseCache) -> None:
        self._pool, self._responses = pool, responses
        self._templates = TemplateCache()

    async def Compile(  # noqa: N802 - the contract's name
        self, request: prompt_compiler_pb2.CompileRequest, context: Context
    ) -> prompt_compiler_pb2.CompileResponse:
        """Compile a chat request."""
        return prompt_compiler_pb2.CompileResponse.FromString(await self._answer_with_template("Compile", request))

    async def Parse(  # noqa: N802
        self, request: prompt_compiler_pb2.ParseRequest, context: Context
    ) -> prompt_compiler_pb2.ParseResponse:
        """Parse a complete output."""
        _, answer = await self._call("Parse", request)
        return prompt_compiler_pb2.ParseResponse.FromString(answer)

    async def ParseStream(  # noqa: N802
        self, request_iterator: AsyncIterator[prompt_compiler_pb2.ParseStreamRequest], context: Context
    ) -> AsyncIterator[prompt_compiler_pb2.ParseStreamResponse]:
        """Parse an output as it arrives."""
        reading: OutputReader | None = None
        decoder = codecs.getincrementaldecoder("utf-8")()
        ended = False
        async for request in request_iterator:
            step = request.WhichOneof("step")
            if step == "syntax":
                if reading is not None:
                    raise RequestError("the syntax must be sent once, in the first message", path="/syntax")
                reading = OutputReader(request.syntax)
                deltas = reading.opening
            elif reading is None:
                raise RequestError("the syntax must be sent in the first message", path="/syntax")
            elif step == "text":
                try:
                    deltas = reading.feed(decoder.decode(request.text))
                except UnicodeDecodeError as error:
                    raise RequestError(f"invalid UTF-8: {error.reason}", path="/text") from None
            else:
                ended = request.finished
                break
            if deltas:
                yield prompt_compiler_pb2.ParseStreamResponse(deltas=map(delta_to_wire, deltas))
        if reading is None:
            raise RequestError("the syntax must be sent in the first message", path="/syntax")
        deltas, message = reading.finish(ended=ended)
        yield prompt_compiler_pb2.ParseStreamResponse(deltas=map(delta_to_wire, deltas), message=message)

    async def CompileSchema(  # noqa: N802
        self, request: prompt_compiler_pb2.CompileSchemaRequest, context: Context
    ) -> prompt_compiler_pb2.CompileSchemaResponse:
        """Compile a schema to a grammar."""
        return prompt_compiler_pb2.CompileSchemaResponse.FromString(await self._answer("CompileSchema", request))

    async def DescribeTemplate(  # noqa: N802
        self, request: prompt_compiler_pb2.DescribeTemplateRequest, context: Context
    ) -> prompt_compiler_pb2.DescribeTemplateResponse:
        """Describe what a template does."""
        return prompt_compiler_pb2.DescribeTemplateResponse.FromString(
            await self._answer_with_template("DescribeTemplate", request)
        )

    async def _answer(self, method: str, request: _Request, template: prompt_compiler_pb2.Template | None = None) -> bytes:
        """Return the response, from the cache if possible."""
        key = self._responses.key(method, request.SerializeToString(deterministic=True))
        known = self._responses.get(key)
        if known is not None:
            return known
        if template and not isinstance(request, prompt_compiler_pb2.CompileSchemaRequest):
            request.template.inline.CopyFrom(template)
        verdict, answer = await self._call(method, request)
        if verdict == OK:
            self._responses.put(key, answer)
        return answer

    async def _answer_with_template(self, method: str, request: _WithTemplate) -> bytes:
        """Return the response to a request with a template, which is kept by its hash unless it is refused."""
        template = self._templates.resolve(request.template)
        content_hash = request.template.content_hash
        answer = await self._answer(method, request, template)
        self._templates.put(content_hash, template)
        return answer

    async def _call(self, method: str, request: Message) -> tuple[bytes, bytes]:
        """Return a worker's verdict, which states whether the response may be cached, and its response.

        Raises the error that the worker reports.
        """
        verdict, answer = await self._pool.call(method, request.SerializeToString())
        if verdict != ERROR:
            return verdict, answer
        status = status_pb2.Status.FromString(answer)
        raise from_status(Code[code_pb2.Code.Name(status.code)], status.message, status)


def register(server: grpc.aio.Server, pool: WorkerPool, responses: ResponseCache | None = None) -> Sequence[str]:
    """Add the service to a server and return its full name."""
    add_PromptCompilerServiceServicer_to_server(PromptCompiler(pool, responses or ResponseCache()), server)
    return [prompt_compiler_pb2.DESCRIPTOR.services_by_name["PromptCompilerService"].full_name]
