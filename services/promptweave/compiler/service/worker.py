"""The process that compiles: `python -m promptweave.compiler.service.worker PARENT SECONDS`.

It reads calls on stdin and writes responses to stdout. A call is a frame with the method's name, then one with the request
message; the response is a frame with `ok` (or `once`: it may differ the next time) and one with the response message, or
`error` and a google.rpc.Status. A frame is four bytes of length (big endian), then that many bytes.

Responses are protobuf, never pickles: a template that takes over this process could otherwise execute code in the service
when it unpickles a response.
"""

import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from google.protobuf.message import Message

from promptweave.common.parent_death import die_with
from promptweave.compiler.compile import compile_prompt
from promptweave.compiler.errors import CompilerError, RequestError
from promptweave.compiler.explain.explain import explain
from promptweave.compiler.json_schema.compile import compile_schema
from promptweave.compiler.json_text import COMPACT, SPACED
from promptweave.compiler.profile.profile import profile
from promptweave.compiler.service.convert import (
    chat_request_from_wire,
    compiled_to_wire,
    explanation_to_wire,
    profile_to_wire,
    template_from_wire,
    warning_to_wire,
)
from promptweave.compiler.service.output_reader import OutputReader
from promptweave.compiler.service.worker_pool import ERROR, OK, ONCE
from promptweave.compiler.template.limits import bound_memory
from promptweave.compiler.warnings import CompileWarning
from promptweave.rpc.logs import set_up_logs
from promptweave.rpc.status import to_status
from promptweave.v1 import prompt_compiler_pb2


def compile_message(request: prompt_compiler_pb2.CompileRequest) -> prompt_compiler_pb2.CompileResponse:
    """Handle Compile. The template is inline: the caller has resolved its hash."""
    template = template_from_wire(request.template.inline)
    asked = chat_request_from_wire(request)
    compiled = compile_prompt(asked, template)
    explanation = explanation_to_wire(explain(asked, template, compiled)) if request.explain else None
    return prompt_compiler_pb2.CompileResponse(
        prompt=compiled_to_wire(compiled),
        warnings=map(warning_to_wire, compiled.warnings),
        template_hash=template.content_hash,
        explanation=explanation,
    )


def compile_schema_message(request: prompt_compiler_pb2.CompileSchemaRequest) -> prompt_compiler_pb2.CompileSchemaResponse:
    """Handle CompileSchema."""
    llguidance = request.dialect == prompt_compiler_pb2.GRAMMAR_DIALECT_LLGUIDANCE
    strict = request.strict if request.HasField("strict") else True
    compiled = compile_schema(
        request.schema,
        strict=strict,
        dialect="llguidance" if llguidance else "gbnf",
        separators=COMPACT if request.compact else SPACED,
    )
    return prompt_compiler_pb2.CompileSchemaResponse(
        grammar=compiled.grammar,
        warnings=[
            warning_to_wire(CompileWarning("keyword_note", warning.pointer, warning.message))
            for warning in compiled.warnings
        ],
    )


def describe_message(request: prompt_compiler_pb2.DescribeTemplateRequest) -> prompt_compiler_pb2.DescribeTemplateResponse:
    """Handle DescribeTemplate."""
    template = template_from_wire(request.template.inline)
    return prompt_compiler_pb2.DescribeTemplateResponse(
        profile=profile_to_wire(profile(template)), template_hash=template.content_hash
    )


def parse_message(request: prompt_compiler_pb2.ParseRequest) -> prompt_compiler_pb2.ParseResponse:
    """Handle Parse."""
    reading = OutputReader(request.syntax)
    reading.feed(request.text)
    _, message = reading.finish(ended=request.finished if request.HasField("finished") else True)
    return prompt_compiler_pb2.ParseResponse(message=message)


def reads_clock(request: Message) -> bool:
    """Return whether the same request may get another response later."""
    if not isinstance(request, prompt_compiler_pb2.CompileRequest) or request.HasField("now"):
        return False
    return template_from_wire(request.template.inline).reads_clock


METHODS: dict[bytes, tuple[type[Message], Callable[[Any], Message]]] = {
    b"Compile": (prompt_compiler_pb2.CompileRequest, compile_message),
    b"CompileSchema": (prompt_compiler_pb2.CompileSchemaRequest, compile_schema_message),
    b"DescribeTemplate": (prompt_compiler_pb2.DescribeTemplateRequest, describe_message),
    b"Parse": (prompt_compiler_pb2.ParseRequest, parse_message),
}


def answer(method: bytes, data: bytes) -> tuple[bytes, bytes]:
    """Return the verdict and the response of a call."""
    kind, run = METHODS[method]
    try:
        request = kind.FromString(data)
        answered = run(request).SerializeToString()
        return (ONCE if reads_clock(request) else OK), answered
    except CompilerError as error:
        return ERROR, to_status(error).SerializeToString()
    except MemoryError:
        refusal = RequestError("the request exceeds the memory limit of a worker; reduce its size", path="")
        return ERROR, to_status(refusal).SerializeToString()


def read_frame(stream: BinaryIO) -> bytes | None:
    """Read a frame; return None at the end."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    (length,) = struct.unpack(">I", head)
    data = stream.read(length)
    return data if len(data) == length else None


def frame(data: bytes) -> bytes:
    """Return data as a frame."""
    return struct.pack(">I", len(data)) + data


def main() -> None:
    """Handle calls until stdin ends."""
    # A Ctrl-C at the terminal is for the service, which closes this process's stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Anything printed goes to stderr: stdout is for responses.
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    set_up_logs("compiler")
    bound_memory()
    die_with(int(sys.argv[1]))
    cpu_s = float(sys.argv[2])
    while (method := read_frame(sys.stdin.buffer)) is not None and (data := read_frame(sys.stdin.buffer)) is not None:
        # When it expires, its signal kills this process in the middle of anything; `worker_pool.py` recognizes that signal.
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        verdict, answered = answer(method, data)
        signal.setitimer(signal.ITIMER_PROF, 0)
        output.write(frame(verdict) + frame(answered))
        output.flush()


if __name__ == "__main__":
    main()
