"""Writes a message: drives the engine, and reads its output as typed pieces. Knows nothing of gRPC."""

from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from promptweave.inference.client import Chunk, Counts
from promptweave.inference.engine import ReadyEngine
from promptweave.inference.errors import RequestError
from promptweave.inference.facts import Facts
from promptweave.inference.prompt import EnginePrompt, engine_prompt
from promptweave.inference.reasoning_budget import completion
from promptweave.inference.request import Request
from promptweave.inference.stops import StopFilter
from promptweave.inference.turn_end import TurnEnd
from promptweave.output.deltas import CallEnd, CallFragment, CallHeader, ContentDelta, Delta, ReasoningDelta, SchemaViolation
from promptweave.output.message import FinishReason
from promptweave.output.parser import OutputParser

_LARGEST_COUNT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Finish:
    """How the message ended. `complete`: it reached the end of its syntax, and no limit cut it."""

    reason: FinishReason
    complete: bool
    matched_stop: str | None
    counts: Counts


Event = Delta | Finish


async def generate(engine: ReadyEngine, request: Request) -> AsyncGenerator[list[Event], None]:
    """The message's events, those together that are ready together; the last one is the Finish.

    Closing the generator cancels the message and frees its slot. Raises InferenceError.
    """
    check(request)
    async with engine.gate.slot(request.priority):
        prompt = await engine_prompt(engine.client, engine.facts, request.program.segments)
        reader = MessageReader(request, engine.facts.eos)
        with engine.quarantine.watch(request.program.grammar, engine.since):
            body = engine_body(request, engine.facts, prompt)
            async with completion(engine.client, engine.facts, body, request.program) as batches, aclosing(batches):
                async for batch in batches:
                    events = [event for chunk in batch for event in reader.read(chunk)]
                    if events:
                        yield events
                    if reader.done:
                        return


def check(request: Request) -> None:
    """Raises RequestError for what the engine would take in another sense than it is meant, or not at all."""
    request.sampling.check()
    if request.max_tokens == 0:
        raise RequestError("max_tokens is 0: at least one token is written", path="/max_tokens")
    grammar = request.program.grammar
    if grammar is not None and (not grammar.strip() or grammar.startswith("%llguidance")):
        # To the engine the one is no grammar at all, and the other one of another dialect.
        raise RequestError("this is no GBNF grammar", path="/prompt/gbnf")
    for path, stops in (("/stop", request.stop), ("/prompt/stop", request.program.stop)):
        for place, stop in enumerate(stops):
            if not stop:
                raise RequestError("an empty stop string", path=f"{path}/{place}")


def engine_body(request: Request, facts: Facts, prompt: EnginePrompt) -> dict[str, Any]:
    """The body for `/completion`. Stop strings are not in it: the engine would look for them inside values, too."""
    program = request.program
    body: dict[str, Any] = request.sampling.to_engine(facts.context_size)
    body["prompt"] = prompt
    body["n_predict"] = -1 if request.max_tokens is None else min(request.max_tokens, _LARGEST_COUNT)
    if program.grammar is not None:
        body["grammar"] = program.grammar
    if preserved := list(dict.fromkeys([*program.preserved_tokens, *facts.hidden])):
        body["preserved_tokens"] = preserved
    return body


class MessageReader:
    """Turns the engine's chunks into events."""

    def __init__(self, request: Request, eos: str) -> None:
        self._turn_end = TurnEnd(eos)
        self._parser = OutputParser(request.program.syntax)
        self._stops = StopFilter(request.program.stop, request.stop)
        self._started = False
        self._whole_calls = False
        # A call or a value was given in part, and may stay without an end.
        self._open = False
        self._value_begun = False
        self.done = False
        """The Finish was given; what the engine still writes is not wanted."""

    def read(self, chunk: Chunk) -> list[Event]:
        """What this chunk makes certain."""
        if self.done:
            return []
        deltas: list[Delta] = []
        if not self._started:
            # Not before the engine has taken the request: an error should come before everything else.
            self._started = True
            deltas += self._pass(self._parser.start())
        deltas += self._feed(self._turn_end.feed(chunk))
        events: list[Event] = [*joined(deltas)]
        if self._stops.stopped or chunk.stop_type is not None:
            events += self._finish(chunk)
        return events

    def _feed(self, text: str) -> Iterator[Delta]:
        """Where something stops the message, the parser has read just so far, however much comes in one chunk."""
        for piece in text if self._stops else [text]:
            if self._stops.stopped:
                return
            yield from self._pass(self._parser.feed(piece))

    def _finish(self, chunk: Chunk) -> list[Event]:
        self.done = True
        rest = self._parser.finish()
        events: list[Event] = [*joined([*self._pass(rest), *self._stops.finish()])]
        # A message that was cut, by a limit or for no reason that is told, is never passed off as whole, though its syntax
        # might end here.
        ended = self._stops.stopped or chunk.stop_type in ("eos", "word")
        reason = FinishReason.LENGTH
        if ended and not self._open:
            reason = FinishReason.TOOL_CALLS if self._whole_calls else FinishReason.STOP
        return [*events, Finish(reason, ended and self._parser.complete, self._stops.matched, chunk.counts)]

    def _pass(self, deltas: list[Delta]) -> list[Delta]:
        passed = self._stops.feed(deltas)
        for delta in passed:
            match delta:
                case CallEnd():
                    self._whole_calls, self._open = True, False
                case CallHeader():
                    self._open = True
                case SchemaViolation(name):
                    # Of a value that was held back nothing was given.
                    self._open = self._open or (not name and self._value_begun)
                case ContentDelta(_, stoppable) if not stoppable:
                    self._value_begun = True
        return passed


def joined(deltas: Iterable[Delta]) -> list[Delta]:
    """The deltas, with those that follow one another in the same text made one."""
    whole: list[Delta] = []
    for delta in deltas:
        both = _both(whole[-1], delta) if whole else None
        if both:
            whole[-1] = both
        else:
            whole.append(delta)
    return whole


def _both(first: Delta, second: Delta) -> Delta | None:
    match first, second:
        case ContentDelta(text, stoppable), ContentDelta(more, also) if stoppable == also:
            return ContentDelta(text + more, stoppable)
        case ReasoningDelta(text), ReasoningDelta(more):
            return ReasoningDelta(text + more)
        case CallFragment(index, text), CallFragment(same, more) if index == same:
            return CallFragment(index, text + more)
    return None
