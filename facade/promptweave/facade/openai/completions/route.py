"""`/v1/completions`: continues a plain prompt. No template and no syntax: all output is text."""

import asyncio
import secrets
import time
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fastapi.responses import JSONResponse, Response

from promptweave.errors import PromptweaveError
from promptweave.facade.backend.clients import ServiceClients
from promptweave.facade.backend.models import ResolvedModel
from promptweave.facade.bodies.text_or_tokens import as_list
from promptweave.facade.bodies.unsupported import COMPLETIONS, refuse_unserved
from promptweave.facade.endpoint import ParsedRequest
from promptweave.facade.errors import RequestError, UnsupportedError
from promptweave.facade.http import sse
from promptweave.facade.http.event_stream import Pieces, event_stream
from promptweave.facade.http.request import http_error, request_id
from promptweave.facade.openai.chat.from_grpc import Head, JsonObject, usage_object
from promptweave.facade.openai.chat.logprobs import TextLogprobs
from promptweave.facade.openai.chat.pipeline import GenerateStream
from promptweave.facade.openai.completions.body import CompletionBody
from promptweave.facade.openai.sampling import sampling_of
from promptweave.facade.telemetry.gen_ai_spans import Operation
from promptweave.v1 import inference_pb2, output_pb2, prompt_compiler_pb2

_PLAIN = output_pb2.OutputSyntax(
    version=1,
    root=output_pb2.OutputNode(text=output_pb2.TextNode(kind=output_pb2.REGION_KIND_CONTENT, may_end=True)),
)
"""All output is content."""


@dataclass(frozen=True)
class _Choice:
    """One of the texts to generate."""

    index: int
    request: inference_pb2.GenerateRequest
    echo: str
    """The text that precedes it in the response: the prompt, or nothing."""
    counts_prompt: bool
    """Whether its prompt tokens count: several choices of one prompt count them once."""

    @property
    def text(self) -> str:
        """Return the prompt, if it is text."""
        return "".join(segment.text for segment in self.request.prompt.segments)


async def complete(asked: ParsedRequest[CompletionBody]) -> Response:
    """Return the response, complete or as a stream."""
    body = asked.body
    check_served(body)
    model = await asked.model(body.model)
    choices = await _choices(body, model.services)
    head = Head(model.info.id, int(time.time()), id=f"cmpl-{secrets.token_hex(12)}")
    if not body.stream:
        return JSONResponse(await _whole(asked, choices, head, model))

    async def failed(error: PromptweaveError) -> bytes:
        error.path = None if error.path is None else completion_place(error.path, {})
        return sse.event(http_error(error, request_id(asked.request)).body())

    return await event_stream(_stream(asked, choices, head, model), failed)


def check_served(body: CompletionBody) -> None:
    """Refuse unsupported fields. Raises UnsupportedError."""
    refuse_unserved(body, COMPLETIONS)
    if body.echo and body.logprobs is not None:
        raise UnsupportedError("logprobs cannot be combined with echo: prompt tokens have no logprobs", path="/logprobs")
    if body.best_of not in (None, body.n):
        raise UnsupportedError("best_of must be equal to n", path="/best_of")


def completion_place(path: str, raw: dict[str, Any]) -> str:
    """Map a position in a GenerateRequest to the one in the body."""
    if path.startswith("/prompt"):
        return "/prompt"
    if path == "/top_logprobs":
        return "/logprobs"
    return path.removeprefix("/sampling")


async def _choices(body: CompletionBody, services: ServiceClients) -> list[_Choice]:
    choices = []
    for place, prompt in enumerate(as_list(body.prompt)):
        echo = ""
        if body.echo:
            echo = prompt if isinstance(prompt, str) else await services.detokenize(prompt)
        for number in range(body.n):
            request = inference_pb2.GenerateRequest(
                prompt=prompt_compiler_pb2.CompiledPrompt(version=1, segments=[_segment(prompt)], syntax=_PLAIN),
                # With one seed, all would be the same.
                sampling=sampling_of(body if body.seed is None else body.model_copy(update={"seed": body.seed + number})),
                max_tokens=body.max_tokens,
                stop=[body.stop] if isinstance(body.stop, str) else body.stop,
                top_logprobs=body.logprobs,
            )
            choices.append(_Choice(place * body.n + number, request, echo, number == 0))
    if not choices:
        raise RequestError("prompt: must contain at least one prompt", path="/prompt")
    return choices


def _segment(prompt: str | list[int]) -> prompt_compiler_pb2.PromptSegment:
    """Convert a prompt to a segment. The client has written all of it, so special tokens in it are intended."""
    if isinstance(prompt, str):
        return prompt_compiler_pb2.PromptSegment(text=prompt)
    return prompt_compiler_pb2.PromptSegment(tokens=prompt_compiler_pb2.PromptSegment.Tokens(ids=prompt))


def _generated(asked: ParsedRequest[CompletionBody], choice: _Choice, model: ResolvedModel) -> GenerateStream:
    content = {"gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": choice.text}]}]}
    name = model.info.id
    operation = Operation("text_completion", asked.body.model or name, name, content=lambda: content)
    return model.services.generate(choice.request, asked.options.request_timeout_s, operation)


async def _whole(
    asked: ParsedRequest[CompletionBody], choices: list[_Choice], head: Head, model: ResolvedModel
) -> JsonObject:
    """Generate the choices, at most as many at once as the engine has slots, so that the others do not fill its queue."""
    turns = asyncio.Semaphore(max(model.info.slots, 1))

    async def write(choice: _Choice) -> tuple[JsonObject, inference_pb2.Usage]:
        async with turns, aclosing(_generated(asked, choice, model)) as answers:
            texts, finish = [choice.echo], inference_pb2.Finish()
            positions: list[inference_pb2.Logprobs.Position] = []
            async for answer in answers:
                for event in answer.events:
                    texts.append(event.delta.content)
                    positions += event.logprobs.positions
                    finish = event.finish if event.HasField("finish") else finish
        scores = None if asked.body.logprobs is None else TextLogprobs().of(positions)
        return _choice_object(choice, "".join(texts), finish, scores), finish.usage

    tasks = [asyncio.ensure_future(write(choice)) for choice in choices]
    try:
        written = await asyncio.gather(*tasks)
    finally:
        # If one fails, the others are cancelled.
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    usage = _sum(choices, (counts for _, counts in written))
    return {**head.of("text_completion"), "choices": [item for item, _ in written], "usage": usage_object(usage)}


async def _stream(asked: ParsedRequest[CompletionBody], choices: list[_Choice], head: Head, model: ResolvedModel) -> Pieces:
    """Yield the events, one choice after the other."""
    with_usage = asked.body.stream_options.include_usage
    usages = []

    def chunk(choice: _Choice, text: str, finish: inference_pb2.Finish | None, scores: JsonObject | None) -> bytes:
        usage = {"usage": None} if with_usage else {}
        written = _choice_object(choice, text, finish, scores)
        return sse.event({**head.of("text_completion"), "choices": [written], **usage})

    for choice in choices:
        async with aclosing(_generated(asked, choice, model)) as answers:
            echo, scored = choice.echo, TextLogprobs()
            async for answer in answers:
                text = echo + "".join(event.delta.content for event in answer.events)
                finish = next((event.finish for event in answer.events if event.HasField("finish")), None)
                if finish is not None:
                    usages.append(finish.usage)
                positions = [one for event in answer.events for one in event.logprobs.positions]
                scores = scored.of(positions) if positions else None
                if text or finish is not None or scores:
                    yield chunk(choice, text, finish, scores)
                    echo = ""
    if with_usage:
        usage = usage_object(_sum(choices, usages))
        yield sse.event({**head.of("text_completion"), "choices": [], "usage": usage})
    yield sse.DONE


def _choice_object(choice: _Choice, text: str, finish: inference_pb2.Finish | None, scores: JsonObject | None) -> JsonObject:
    reason = "length" if finish and finish.reason == output_pb2.FINISH_REASON_LENGTH else "stop"
    return {"text": text, "index": choice.index, "logprobs": scores, "finish_reason": reason if finish else None}


def _sum(choices: Iterable[_Choice], usages: Iterable[inference_pb2.Usage]) -> inference_pb2.Usage:
    whole = inference_pb2.Usage()
    for choice, usage in zip(choices, usages, strict=True):
        whole.completion_tokens += usage.completion_tokens
        if choice.counts_prompt:
            whole.prompt_tokens += usage.prompt_tokens
            whole.cached_tokens += usage.cached_tokens
    return whole
