"""`/v1/completions`: continues a plain prompt. No template and no syntax: all output is text."""

import asyncio
import secrets
import time
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from promptweave.common.tasks import task_scope
from promptweave.errors import PromptweaveError
from promptweave.facade.backend.clients import ServiceClients
from promptweave.facade.backend.lookup import model_of
from promptweave.facade.backend.models import ResolvedModel
from promptweave.facade.bodies.error_paths import at_path, error_paths
from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.bodies.text_or_tokens import as_list
from promptweave.facade.errors import ErrorResponse, RequestError, UnsupportedError
from promptweave.facade.http import sse
from promptweave.facade.http.error_responses import http_error
from promptweave.facade.http.event_stream import Pieces, event_stream
from promptweave.facade.http.request import options_of, request_id
from promptweave.facade.http.router import WARNED, ApiRouter, streamed
from promptweave.facade.openai.chat.pipeline import GenerateStream, warning_headers
from promptweave.facade.openai.chat.request.translated import Notes
from promptweave.facade.openai.chat.response.from_grpc import usage_object, warning_objects
from promptweave.facade.openai.completions.body import CompletionBody
from promptweave.facade.openai.completions.logprobs import TextLogprobs
from promptweave.facade.openai.completions.objects import PlainChoice, PlainCompletion, PlainLogprobs
from promptweave.facade.openai.fingerprint import system_fingerprint
from promptweave.facade.openai.sampling import SAMPLING_FIELDS, sampling_of
from promptweave.facade.policy import completions as policy
from promptweave.facade.policy.rules import apply_field_rules, first_steps, warn_of_unknown_fields
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


class _Turn:
    """A request and the model that it selects."""

    def __init__(
        self, body: CompletionBody, model: ResolvedModel, timeout_s: float, warnings: Sequence[prompt_compiler_pb2.Warning]
    ) -> None:
        self.warnings = warning_objects(warnings)
        self.body, self.model, self._timeout_s = body, model, timeout_s
        self.empty: PlainCompletion = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model.info.id,
            "system_fingerprint": system_fingerprint(model.info),
            "choices": [],
        }
        """The fields that all parts of the response have in common."""

    def generate(self, choice: _Choice) -> GenerateStream:
        """Generate a text."""
        content = {"gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": choice.text}]}]}
        name = self.model.info.id
        operation = Operation("text_completion", self.body.model or name, name, content=lambda: content)
        return self.model.services.generate(choice.request, self._timeout_s, operation)


router = ApiRouter()


@router.post(
    "/v1/completions",
    response_model=PlainCompletion,
    responses={**streamed(PlainCompletion | ErrorResponse, sse.END), **WARNED},
    summary="Complete a plain prompt (OpenAI)",
)
async def create_completion(request: Request, body: CompletionBody) -> Response:
    """Continue a prompt as it is, without a chat template; complete or as a stream."""
    notes = Notes()
    check_served(body, notes)
    places = SourceMap()
    places.add("/prompt", Origin("/prompt", whole=True))
    places.add("/top_logprobs", Origin("/logprobs"))
    with error_paths(places.original):
        model = await model_of(request, body.model)
        turn = _Turn(body, model, options_of(request).request_timeout_s, notes.warnings)
        headers = warning_headers(notes.warnings)
        choices = await _choices(body, model.services, places)
        if not body.stream:
            return JSONResponse(await _whole(turn, choices), headers=headers)

        async def failed(error: PromptweaveError) -> bytes:
            return sse.event(http_error(at_path(error, places.original), request_id(request)).body())

        return await event_stream(_stream(turn, choices), failed, headers)


def check_served(body: CompletionBody, notes: Notes) -> None:
    """Warn of fields that are left out or unknown. Raises UnsupportedError for those that are refused."""
    apply_field_rules(body, policy.FIELDS, notes.warn)
    known = CompletionBody.model_fields.keys() | SAMPLING_FIELDS | first_steps(policy.FIELDS) | policy.HOUSEKEEPING
    warn_of_unknown_fields(body.model_extra or {}, known, notes.warn)
    if body.echo and body.logprobs is not None:
        raise UnsupportedError("logprobs cannot be combined with echo: prompt tokens have no logprobs", path="/logprobs")
    if body.best_of not in (None, body.n):
        raise UnsupportedError("best_of must be equal to n", path="/best_of")


async def _choices(body: CompletionBody, services: ServiceClients, places: SourceMap) -> list[_Choice]:
    choices = []
    for place, prompt in enumerate(as_list(body.prompt)):
        echo = ""
        if body.echo:
            echo = prompt if isinstance(prompt, str) else await services.detokenize(prompt)
        for number in range(body.n):
            request = inference_pb2.GenerateRequest(
                prompt=prompt_compiler_pb2.CompiledPrompt(version=1, segments=[_segment(prompt)], syntax=_PLAIN),
                sampling=sampling_of(_seeded(body, number), places),
                max_tokens=body.max_tokens,
                stop=[body.stop] if isinstance(body.stop, str) else body.stop,
                top_logprobs=body.logprobs,
            )
            choices.append(_Choice(place * body.n + number, request, echo, number == 0))
    if not choices:
        raise RequestError("prompt: must contain at least one prompt", path="/prompt")
    return choices


def _seeded(body: CompletionBody, number: int) -> CompletionBody:
    """Return the body for one of several choices: with one seed, all would be the same."""
    return body if body.seed is None else body.model_copy(update={"seed": body.seed + number})


def _segment(prompt: str | list[int]) -> prompt_compiler_pb2.PromptSegment:
    """Convert a prompt to a segment. The client has written all of it, so special tokens in it are intended."""
    if isinstance(prompt, str):
        return prompt_compiler_pb2.PromptSegment(text=prompt)
    return prompt_compiler_pb2.PromptSegment(tokens=prompt_compiler_pb2.PromptSegment.Tokens(ids=prompt))


async def _whole(turn: _Turn, choices: list[_Choice]) -> PlainCompletion:
    """Generate the choices, at most as many at once as the engine has slots, so that the others do not fill its queue."""
    slots = asyncio.Semaphore(max(turn.model.info.slots, 1))

    async def write(choice: _Choice) -> tuple[PlainChoice, inference_pb2.Usage]:
        async with slots, aclosing(turn.generate(choice)) as answers:
            texts, finish = [choice.echo], inference_pb2.Finish()
            positions: list[inference_pb2.Logprobs.Position] = []
            async for answer in answers:
                for event in answer.events:
                    texts.append(event.delta.content)
                    positions += event.logprobs.positions
                    finish = event.finish if event.HasField("finish") else finish
        scores = None if turn.body.logprobs is None else TextLogprobs().of(positions)
        return _choice_object(choice, "".join(texts), finish, scores), finish.usage

    async with task_scope(*map(write, choices)) as tasks:
        written = await asyncio.gather(*tasks)  # If one fails, the others are cancelled.
    usage = _sum(choices, (counts for _, counts in written))
    completion: PlainCompletion = {**turn.empty, "choices": [item for item, _ in written], "usage": usage_object(usage)}
    if turn.warnings:
        completion["warnings"] = turn.warnings
    return completion


async def _stream(turn: _Turn, choices: list[_Choice]) -> Pieces:
    """Yield the events, one choice after the other."""
    with_usage = turn.body.stream_options.include_usage
    usages, warnings = [], turn.warnings
    empty: PlainCompletion = {**turn.empty, "usage": None} if with_usage else turn.empty
    for choice in choices:
        async with aclosing(turn.generate(choice)) as answers:
            echo, scored = choice.echo, TextLogprobs()
            async for answer in answers:
                text = echo + "".join(event.delta.content for event in answer.events)
                finish = next((event.finish for event in answer.events if event.HasField("finish")), None)
                if finish is not None:
                    usages.append(finish.usage)
                positions = [one for event in answer.events for one in event.logprobs.positions]
                scores = scored.of(positions) if positions else None
                if text or finish is not None or scores:
                    chunk: PlainCompletion = {**empty, "choices": [_choice_object(choice, text, finish, scores)]}
                    if warnings:
                        chunk["warnings"], warnings = warnings, []
                    yield sse.event(chunk)
                    echo = ""
    if with_usage:
        yield sse.event({**empty, "usage": usage_object(_sum(choices, usages))})
    yield sse.DONE


def _choice_object(
    choice: _Choice, text: str, finish: inference_pb2.Finish | None, scores: PlainLogprobs | None
) -> PlainChoice:
    if finish is None:
        return {"text": text, "index": choice.index, "logprobs": scores, "finish_reason": None}
    reason: Literal["stop", "length"] = "length" if finish.reason == output_pb2.FINISH_REASON_LENGTH else "stop"
    return {"text": text, "index": choice.index, "logprobs": scores, "finish_reason": reason}


def _sum(choices: Iterable[_Choice], usages: Iterable[inference_pb2.Usage]) -> inference_pb2.Usage:
    whole = inference_pb2.Usage()
    for choice, usage in zip(choices, usages, strict=True):
        whole.completion_tokens += usage.completion_tokens
        if choice.counts_prompt:
            whole.prompt_tokens += usage.prompt_tokens
            whole.cached_tokens += usage.cached_tokens
    return whole
