"""PromptCompilerService: messages in, the compiler's plain values inside, messages out.

Compiling is CPU work, so it runs in threads: the event loop stays free for health checks and for other calls' bytes.
"""

import asyncio
import codecs
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence

import grpc

from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.compile_schema import compile_schema
from promptweave.compiler.errors import RequestError, TemplateUnknownError, UnsupportedError
from promptweave.compiler.normalise import CompileWarning
from promptweave.compiler.profile import profile
from promptweave.compiler.template import ChatTemplate
from promptweave.compiler.wire_service import chat_request_from_wire, compiled_to_wire, profile_to_wire, warning_to_wire
from promptweave.output.deltas import Delta
from promptweave.output.message import ParsedMessage
from promptweave.output.parser import OutputParser
from promptweave.output.wire import (
    SyntaxUnreadableError,
    delta_to_wire,
    message_to_wire,
    syntax_from_wire,
)
from promptweave.v1 import output_pb2, prompt_compiler_pb2
from promptweave.v1.prompt_compiler_pb2_grpc import PromptCompilerServiceServicer

MAX_TEMPLATES = 256
"""How many templates a replica remembers by hash; the one used longest ago goes first."""

Context = grpc.aio.ServicerContext[object, object]


class PromptCompiler(PromptCompilerServiceServicer):
    """The service. Its only state is a cache: any replica can answer any call."""

    def __init__(self) -> None:
        self._templates: OrderedDict[str, ChatTemplate] = OrderedDict()

    async def Compile(  # noqa: N802 - the contract's name
        self, request: prompt_compiler_pb2.CompileRequest, context: Context
    ) -> prompt_compiler_pb2.CompileResponse:
        """Compiles a chat request."""
        _check_dialects(request.dialects)
        template = self._template(request.template)
        compiled = await asyncio.to_thread(lambda: compile_prompt(chat_request_from_wire(request), template))
        return prompt_compiler_pb2.CompileResponse(
            prompt=compiled_to_wire(compiled),
            warnings=map(warning_to_wire, compiled.warnings),
            template_hash=template.content_hash,
        )

    async def Parse(  # noqa: N802
        self, request: prompt_compiler_pb2.ParseRequest, context: Context
    ) -> prompt_compiler_pb2.ParseResponse:
        """Reads a whole output."""
        reading = _Reading(request.syntax)
        reading.feed(request.text)
        _, message = reading.finish(ended=request.finished if request.HasField("finished") else True)
        return prompt_compiler_pb2.ParseResponse(message=message)

    async def ParseStream(  # noqa: N802
        self, request_iterator: AsyncIterator[prompt_compiler_pb2.ParseStreamRequest], context: Context
    ) -> AsyncIterator[prompt_compiler_pb2.ParseStreamResponse]:
        """Reads an output as it comes."""
        reading: _Reading | None = None
        decoder = codecs.getincrementaldecoder("utf-8")()
        ended = False
        async for request in request_iterator:
            step = request.WhichOneof("step")
            if step == "syntax":
                if reading is not None:
                    raise RequestError("the syntax comes once, first", path="/syntax")
                reading = _Reading(request.syntax)
                deltas = reading.opening
            elif reading is None:
                raise RequestError("the syntax comes first", path="/syntax")
            elif step == "text":
                try:
                    deltas = reading.feed(decoder.decode(request.text))
                except UnicodeDecodeError as error:
                    raise RequestError(f"the text is not UTF-8: {error.reason}", path="/text") from None
            else:
                ended = request.finished
                break
            if deltas:
                yield prompt_compiler_pb2.ParseStreamResponse(deltas=map(delta_to_wire, deltas))
        if reading is None:
            raise RequestError("the syntax comes first", path="/syntax")
        deltas, message = reading.finish(ended=ended)
        yield prompt_compiler_pb2.ParseStreamResponse(deltas=map(delta_to_wire, deltas), message=message)

    async def CompileSchema(  # noqa: N802
        self, request: prompt_compiler_pb2.CompileSchemaRequest, context: Context
    ) -> prompt_compiler_pb2.CompileSchemaResponse:
        """Turns a schema into a grammar."""
        llguidance = request.dialect == prompt_compiler_pb2.GRAMMAR_DIALECT_LLGUIDANCE
        strict = request.strict if request.HasField("strict") else True
        compiled = await asyncio.to_thread(
            lambda: compile_schema(request.schema, strict=strict, dialect="llguidance" if llguidance else "gbnf")
        )
        return prompt_compiler_pb2.CompileSchemaResponse(
            grammar=compiled.grammar,
            warnings=[
                warning_to_wire(CompileWarning("keyword_ignored", warning.pointer, warning.message))
                for warning in compiled.warnings
            ],
        )

    async def DescribeTemplate(  # noqa: N802
        self, request: prompt_compiler_pb2.DescribeTemplateRequest, context: Context
    ) -> prompt_compiler_pb2.DescribeTemplateResponse:
        """Tells what a template does."""
        template = self._template(request.template)
        found = await asyncio.to_thread(profile, template)
        return prompt_compiler_pb2.DescribeTemplateResponse(
            profile=profile_to_wire(found), template_hash=template.content_hash
        )

    def _template(self, ref: prompt_compiler_pb2.TemplateRef) -> ChatTemplate:
        match ref.WhichOneof("ref"):
            case "inline":
                inline = ref.inline
                template = ChatTemplate(inline.source, inline.bos_token, inline.eos_token, dict(inline.named))
                self._templates[template.content_hash] = template
            case "content_hash":
                found = self._templates.get(ref.content_hash)
                if found is None:
                    message = "this replica does not know the template of that hash: send its text inline, once"
                    raise TemplateUnknownError(message, metadata={"content_hash": ref.content_hash})
                template = found
            case _:
                raise RequestError("a template is needed, inline or by hash", path="/template")
        self._templates.move_to_end(template.content_hash)
        while len(self._templates) > MAX_TEMPLATES:
            self._templates.popitem(last=False)
        return template


class _Reading:
    """One output being read."""

    def __init__(self, syntax: output_pb2.OutputSyntax) -> None:
        try:
            self._parser = OutputParser(syntax_from_wire(syntax))
        except SyntaxUnreadableError as error:
            raise RequestError(str(error), path="/syntax") from None
        self._message = ParsedMessage()
        self.opening = self._parser.start()
        self._message.extend(self.opening)

    def feed(self, text: str) -> list[Delta]:
        deltas = self._parser.feed(text)
        self._message.extend(deltas)
        return deltas

    def finish(self, *, ended: bool) -> tuple[list[Delta], output_pb2.ParsedMessage]:
        deltas = self._parser.finish()
        self._message.extend(deltas)
        complete = ended and self._parser.complete
        return deltas, message_to_wire(self._message, ended=ended, complete=complete)


def _check_dialects(dialects: Sequence[int]) -> None:
    known = (prompt_compiler_pb2.GRAMMAR_DIALECT_UNSPECIFIED, prompt_compiler_pb2.GRAMMAR_DIALECT_GBNF)
    if dialects and not any(dialect in known for dialect in dialects):
        raise UnsupportedError("grammars are written in GBNF only, so far", path="/dialects")
