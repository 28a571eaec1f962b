"""The compiler as a process."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import grpc.aio

from promptweave.compiler.service import PromptCompiler
from promptweave.rpc.logs import complain, set_up_logs
from promptweave.rpc.server import ListenError, serve
from promptweave.v1 import prompt_compiler_pb2
from promptweave.v1.prompt_compiler_pb2_grpc import add_PromptCompilerServiceServicer_to_server


@dataclass(frozen=True, kw_only=True)
class CompilerOptions:
    """`listen`: `host:port` (port 0: any) or `unix:/path`. `grace_s`: how long running calls have to end at a stop."""

    listen: str = "127.0.0.1:50051"
    grace_s: float = 10.0


def register(server: grpc.aio.Server) -> Sequence[str]:
    """Adds the service to a server; returns its full name."""
    add_PromptCompilerServiceServicer_to_server(PromptCompiler(), server)
    return [prompt_compiler_pb2.DESCRIPTOR.services_by_name["PromptCompilerService"].full_name]


def run(options: CompilerOptions) -> int:
    """Serves until told to stop. Returns the exit code; what went wrong is said on stderr, in one line."""
    set_up_logs("compiler")
    try:
        asyncio.run(serve(options.listen, register, grace_s=options.grace_s))
    except ListenError as error:
        complain("compiler", str(error))
        return 1
    return 0
