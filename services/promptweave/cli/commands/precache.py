"""`promptweave precache`: evaluates long prompts once and keeps them as sessions."""

import asyncio
import hashlib
import sys
import time
from contextlib import aclosing
from itertools import takewhile
from pathlib import Path
from typing import Any

import click

from promptweave.cli.jsonl import give_up
from promptweave.cli.options.security import client_security_options, to_client_security
from promptweave.compiler.json_text import loads
from promptweave.errors import PromptweaveError
from promptweave.facade.backend.clients import ServiceClients
from promptweave.facade.bodies.error_paths import error_paths
from promptweave.facade.openai.chat.request.to_grpc import compile_request_from_openai
from promptweave.rpc.security import Security, SecurityError
from promptweave.v1 import inference_pb2, output_pb2, prompt_compiler_pb2

_EVALUATION_S = 3600.0
_ANY_TEXT = output_pb2.OutputSyntax(
    version=1, root=output_pb2.OutputNode(text=output_pb2.TextNode(kind=output_pb2.REGION_KIND_CONTENT, may_end=True))
)
_OTHER = prompt_compiler_pb2.CompiledPrompt(
    version=1, segments=[prompt_compiler_pb2.PromptSegment(text="x")], syntax=_ANY_TEXT
)
_PROBES = ("a", "b")


@click.command("precache")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--compiler", default="127.0.0.1:50051", metavar="ADDR", help="Address of the compiler.", show_default=True)
@click.option(
    "--inference", default="127.0.0.1:50052", metavar="ADDR", help="Address of the inference service.", show_default=True
)
@client_security_options
def command(file: Path, compiler: str, inference: str, **given: Any) -> None:
    """Evaluate long prompts ahead of time, for running services, so that requests with the same beginning start immediately.

    FILE contains one OpenAI chat request per line. A request that ends with a user message is evaluated completely; of any
    other, such as a system message with tools, the part that precedes the user message is evaluated. The result is kept as
    a session, so after a restart of the services the same command loads it again; `promptweave serve --precache FILE` does
    so at each start.

    \b
    Example:
      echo '{"messages": [{"role": "system", "content": "A very long text"}]}' > prompts.jsonl
      promptweave precache prompts.jsonl
    """
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        give_up(f"cannot read {file}: {getattr(error, 'strerror', None) or error}")
    try:
        asyncio.run(_precache(file, lines, compiler, inference, to_client_security(given)))
    except SecurityError as error:
        give_up(f"promptweave precache: {error}")
    except PromptweaveError as error:
        give_up(f"promptweave precache: {error.message}")


async def _precache(file: Path, lines: list[str], compiler: str, inference: str, security: Security) -> None:
    async with ServiceClients(compiler, inference, security) as services:
        model = await services.model()
        # All lines are compiled before the first evaluation, which may take minutes.
        prompts = [
            await _prompt(f"{file}:{number}", line, services, model) for number, line in enumerate(lines, 1) if line.strip()
        ]
        began, tokens, loaded = time.monotonic(), 0, 0
        with click.progressbar(prompts, label="precache", file=sys.stderr) as bar:
            for prompt in bar:
                usage = await _evaluate(services, prompt, session_id=_session_id(prompt))
                tokens += usage.prompt_tokens
                loaded += usage.cached_tokens
                # The engine saves a slot's content when another prompt replaces it.
                await _evaluate(services, _OTHER)
        click.echo(
            f"{len(prompts)} prompts with {tokens:,} tokens are cached: {tokens - loaded:,} evaluated, {loaded:,} loaded,"
            f" in {time.monotonic() - began:.1f} s",
            err=True,
        )


async def _prompt(
    place: str, line: str, services: ServiceClients, model: inference_pb2.ModelInfo
) -> prompt_compiler_pb2.CompiledPrompt:
    try:
        body = loads(line)
    except ValueError as error:
        give_up(f"{place}: not JSON: {error}")
    if not isinstance(body, dict):
        give_up(f"{place}: a chat request must be a JSON object")
    try:
        segments = await _segments(body, services, model)
    except PromptweaveError as error:
        give_up(f"{place}: {error.path or ''}: {error.message}")
    return prompt_compiler_pb2.CompiledPrompt(version=1, segments=segments, syntax=_ANY_TEXT)


async def _segments(
    body: dict[str, Any], services: ServiceClients, model: inference_pb2.ModelInfo
) -> list[prompt_compiler_pb2.PromptSegment]:
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    if not isinstance(messages, list) or (isinstance(last, dict) and last.get("role") == "user"):
        return await _compiled(body, services, model)
    asked = [{**body, "messages": [*messages, {"role": "user", "content": text}]} for text in _PROBES]
    return _common([await _compiled(one, services, model) for one in asked])


async def _compiled(
    body: dict[str, Any], services: ServiceClients, model: inference_pb2.ModelInfo
) -> list[prompt_compiler_pb2.PromptSegment]:
    compile_request, places = compile_request_from_openai(body)
    with error_paths(places.original):
        compiled = await services.compile(compile_request, model)
    return list(compiled.prompt.segments)


def _common(prompts: list[list[prompt_compiler_pb2.PromptSegment]]) -> list[prompt_compiler_pb2.PromptSegment]:
    """Return the common prefix of all prompts."""
    pairs = list(zip(*prompts, strict=False))
    common = [first for first, _ in takewhile(_alike, pairs)]
    if len(common) < len(pairs):
        first, second = pairs[len(common)]
        text = "".join(char for char, _ in takewhile(_alike, zip(first.text, second.text, strict=False)))
        common += [prompt_compiler_pb2.PromptSegment(text=text)] if text else []
    return common


def _alike(pair: tuple[Any, Any]) -> bool:
    return bool(pair[0] == pair[1])


def _session_id(prompt: prompt_compiler_pb2.CompiledPrompt) -> str:
    return f"precache/{hashlib.sha256(prompt.SerializeToString(deterministic=True)).hexdigest()[:32]}"


async def _evaluate(
    services: ServiceClients, prompt: prompt_compiler_pb2.CompiledPrompt, session_id: str | None = None
) -> inference_pb2.Usage:
    request = inference_pb2.GenerateRequest(prompt=prompt, max_tokens=1, session_id=session_id)
    usage = inference_pb2.Usage()
    async with aclosing(services.generate(request, _EVALUATION_S)) as answers:
        async for answer in answers:
            for event in answer.events:
                usage = event.finish.usage if event.HasField("finish") else usage
    return usage
