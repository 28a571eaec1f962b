"""Generates one message: drives the engine and reads its output. Independent of gRPC."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any

from promptweave.common.tracing import begin_span
from promptweave.inference.client.counts import NOTHING, Counts
from promptweave.inference.client.llama_client import Batches, Chunk, EngineClient
from promptweave.inference.engine.engine import ReadyEngine
from promptweave.inference.engine.llguidance import LlguidanceGuard
from promptweave.inference.engine.model_info import ModelInfo
from promptweave.inference.engine.rounds import Rounds
from promptweave.inference.errors import EngineAwayError, EngineUnavailableError, RequestError
from promptweave.inference.fast_forward.fast_forward import complete_in_rounds, fast_forward_state
from promptweave.inference.generation.events import Event
from promptweave.inference.generation.output_reader import MessageReader
from promptweave.inference.generation.reasoning_budget import complete_within_budget
from promptweave.inference.grammar.grammar_guard import GrammarGuard, gbnf_guard
from promptweave.inference.prompt.prompt import EnginePrompt, engine_prompt, inner_tokens
from promptweave.inference.prompt.request import CompiledPrompt, Request
from promptweave.inference.scheduling.slot_queue import Caller

_MAX_COUNT = 2**31 - 1
_UNTOLD = -1
_MAX_MESSAGES = 128
_MAX_LOGPROBS = 20


async def write_message(
    engine: ReadyEngine, request: Request, caller: Caller, count: Callable[[Counts], None] = lambda counts: None
) -> AsyncGenerator[list[Event], None]:
    """Generate one message of a validated request: yield its events up to the Finish, in batches that are ready together.

    `count` receives its counts, however it ends. Closing the generator cancels the message and frees its slot. Raises
    InferenceError.
    """
    # Before any waiting, since the grammar may be refused.
    guard = await _guard(request.program)
    async with engine.lease(caller, request.program.grammars, request.session) as lease:
        body = engine_body(request, engine.model_info, await _prompt(engine, request))
        reader = MessageReader(request, engine.model_info.eos, guard)
        async with (
            lease.slot() as slot,
            aclosing(_events(engine, request, {**body, "id_slot": slot}, reader, count)) as events,
        ):
            async for batch in events:
                yield batch


async def _prompt(engine: ReadyEngine, request: Request) -> EnginePrompt:
    try:
        return await engine_prompt(engine.client, engine.model_info, request.program.segments)
    except EngineUnavailableError:
        raise EngineAwayError from None  # The engine never received the message.


async def _events(
    engine: ReadyEngine, request: Request, body: dict[str, Any], reader: MessageReader, count: Callable[[Counts], None]
) -> AsyncGenerator[list[Event], None]:
    """Yield the events of a completion up to the Finish; `count` receives its counts, however it ends."""
    append = _append(engine.rounds, request)
    completion = open_completion(engine.client, engine.model_info, body, request.program, append=append)
    with _Progress.recorded(count) as progress:
        async with completion as batches, aclosing(batches):
            async for batch in batches:
                if events := await _read(engine, request, batch, reader, progress):
                    yield events
                if reader.done:
                    break


async def _read(
    engine: ReadyEngine, request: Request, batch: Sequence[Chunk], reader: MessageReader, progress: "_Progress"
) -> list[Event]:
    """Return the events of some chunks."""
    events: list[Event] = []
    for chunk in batch:
        ids = await _ids(engine, chunk, progress.counts.completion_tokens) if request.return_tokens else ()
        progress.record(chunk.counts)
        events += reader.read(chunk, ids)
    return events


@asynccontextmanager
async def open_completion(
    client: EngineClient, model_info: ModelInfo, body: Mapping[str, Any], program: CompiledPrompt, *, append: bool | None
) -> AsyncIterator[Batches]:
    """Open a completion; its chunks come as if from one `/completion`. Raises InferenceError.

    `append`: whether forced text is appended or sampled by its token ids; None: neither, it is sampled freely.
    """
    state = await fast_forward_state(program, body, model_info) if append is not None else None
    if state and append is not None:
        yield complete_in_rounds(client, model_info, body, program, state, append=append)
    elif program.budget is None:
        async with client.complete(body) as batches:
            yield batches
    else:
        yield complete_within_budget(client, model_info, body, program, program.budget)


class _Progress:
    """The counts of a message so far, and its two consecutive tracing spans: prompt evaluation, then decoding.

    The spans' parent is the span that is current at the start.
    """

    def __init__(self) -> None:
        self.counts = NOTHING
        self._span = begin_span("prompt")

    @classmethod
    @contextmanager
    def recorded(cls, count: Callable[[Counts], None]) -> Iterator["_Progress"]:
        """Record a message; `count` receives its counts at the end of the block."""
        progress = cls()
        try:
            yield progress
        finally:
            progress._end()
            count(progress.counts)

    def record(self, counts: Counts) -> None:
        """Record the counts of the message's next output."""
        if self.counts is NOTHING:
            self._span.end()
            self._span = begin_span("decode")
        self.counts = counts

    def _end(self) -> None:
        if self.counts is not NOTHING:
            self._span.set(
                {
                    "promptweave.prompt_tokens": self.counts.prompt_tokens,
                    "promptweave.cached_tokens": self.counts.cached_tokens,
                    "promptweave.output_tokens": self.counts.completion_tokens,
                    "promptweave.forced_tokens": self.counts.forced_tokens,
                    "promptweave.engine.prompt_ms": self.counts.prompt_ms,
                    "promptweave.engine.decode_ms": self.counts.predicted_ms,
                }
            )
        self._span.end()


def _append(rounds: Rounds, request: Request) -> bool | None:
    """Return True to append forced text, False to sample it by its tokens, None if neither is possible."""
    # Appended text has no probabilities, and the caller may need every token's id.
    if rounds.append and request.fast_forward and request.top_logprobs is None and not request.return_tokens:
        return True
    return False if rounds.sample else None


async def _guard(program: CompiledPrompt) -> GrammarGuard | None:
    """Return the guard of the grammar, which also allows what follows when a budget cuts the reasoning."""
    if program.lark is None:
        if program.grammar is None:
            return None
        budget = program.budget
        return await gbnf_guard(program.grammar, budget.closing if budget else "", budget.grammar if budget else None)
    if program.budget and program.budget.grammar is not None:
        LlguidanceGuard(program.budget.grammar, "/prompt/llguidance_after_reasoning")
    return LlguidanceGuard(program.lark)


async def _ids(engine: ReadyEngine, chunk: Chunk, written: int) -> tuple[int, ...]:
    """Return the ids of a chunk's tokens, which come after `written` tokens.

    Of a character that consists of several tokens the engine reports the last one's id. The others are taken from the
    vocabulary's tokenization of the text, if it has the same length and the same last token; otherwise they are unknown.
    """
    if chunk.token is None:
        return ()
    untold = chunk.counts.completion_tokens - written - 1
    if untold <= 0:
        return (chunk.token,)
    usual = await inner_tokens(engine.client, engine.model_info, chunk.text)
    if len(usual) == untold + 1 and usual[-1] == chunk.token:
        return tuple(usual)
    return (*[_UNTOLD] * untold, chunk.token)


def check(request: Request) -> None:
    """Raise RequestError for values that the engine would misinterpret or reject."""
    request.sampling.check()
    if request.max_tokens == 0:
        raise RequestError("max_tokens is 0; it must be at least 1", path="/max_tokens")
    if not 1 <= request.n <= _MAX_MESSAGES:
        raise RequestError(f"n is {request.n}; it must be 1 to {_MAX_MESSAGES}", path="/n")
    if request.n > 1 and request.session is not None:
        raise RequestError("a request with a session_id generates one message; n must be 1", path="/n")
    if request.top_logprobs is not None and request.top_logprobs > _MAX_LOGPROBS:
        raise RequestError(f"top_logprobs is {request.top_logprobs}; it must be 0 to {_MAX_LOGPROBS}", path="/top_logprobs")
    request.program.check()
    for path, stops in (("/stop", request.stop), ("/prompt/stop", request.program.stop)):
        for place, stop in enumerate(stops):
            if not stop:
                raise RequestError("the stop string is empty", path=f"{path}/{place}")


def engine_body(request: Request, model_info: ModelInfo, prompt: EnginePrompt) -> dict[str, Any]:
    """Return the body for `/completion`. It has no stop strings: the engine would look for them inside values, too."""
    program = request.program
    body: dict[str, Any] = request.sampling.to_engine(model_info.context_size)
    body["prompt"] = prompt
    body["n_predict"] = -1 if request.max_tokens is None else min(request.max_tokens, _MAX_COUNT)
    if request.top_logprobs is not None:
        body["n_probs"] = max(request.top_logprobs, 1)  # 0 turns them off.
    if program.engine_grammar is not None:
        body["grammar"] = program.engine_grammar
    if preserved := list(dict.fromkeys([*program.preserved_tokens, *model_info.hidden])):
        body["preserved_tokens"] = preserved
    return body
