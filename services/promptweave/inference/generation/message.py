"""Generates one message: drives the engine and reads its output. Independent of gRPC."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from promptweave.inference.client.counts import NOTHING, Counts
from promptweave.inference.client.llama_client import Chunk
from promptweave.inference.engine.engine import ReadyEngine
from promptweave.inference.engine.llguidance import LlguidanceGuard
from promptweave.inference.engine.model_info import ModelInfo
from promptweave.inference.engine.rounds import Rounds
from promptweave.inference.errors import EngineAwayError, EngineUnavailableError, RequestError
from promptweave.inference.generation.events import Event
from promptweave.inference.generation.grammar_guard import GrammarGuard, gbnf_guard
from promptweave.inference.generation.output_reader import MessageReader
from promptweave.inference.generation.prompt import EnginePrompt, engine_prompt, inner_tokens
from promptweave.inference.generation.reasoning_budget import open_completion
from promptweave.inference.generation.request import CompiledPrompt, Request
from promptweave.inference.generation.spans import Phases
from promptweave.inference.scheduling.slot_queue import Caller
from promptweave.inference.sessions.sessions import SessionLease

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
    grammar = request.program.grammars
    # Before any waiting, since the grammar may be refused.
    guard = await _guard(request.program)
    async with (
        SessionLease.taken(engine.sessions, request.session) as turn,
        engine.slot_queue.slot(caller),
        engine.quarantine.serialize_suspect(grammar),
    ):
        try:
            prompt = await engine_prompt(engine.client, engine.model_info, request.program.segments)
        except EngineUnavailableError:
            raise EngineAwayError from None  # The engine never received the message.
        reader = MessageReader(request, engine.model_info.eos, guard)
        body = engine_body(request, engine.model_info, prompt)
        async with turn.slot() as slot:
            with engine.quarantine.track(grammar, engine.since):
                body["id_slot"] = slot
                append = _append(engine.rounds, request)
                writing = open_completion(engine.client, engine.model_info, body, request.program, append=append)
                counts, phases = NOTHING, Phases()
                try:
                    async with writing as batches, aclosing(batches):
                        async for batch in batches:
                            events: list[Event] = []
                            for chunk in batch:
                                ids = await _ids(engine, chunk, counts.completion_tokens) if request.return_tokens else ()
                                counts = chunk.counts
                                phases.first()
                                events += reader.read(chunk, ids)
                            if events:
                                yield events
                            if reader.done:
                                break
                finally:
                    phases.end(counts)
                    count(counts)


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
