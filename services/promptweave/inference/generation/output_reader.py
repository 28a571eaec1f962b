"""Reads the engine's output as a message: typed deltas, with their log-probabilities and token ids."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from promptweave.inference.client.llama_client import Chunk
from promptweave.inference.generation.eos_filter import EosFilter
from promptweave.inference.generation.events import Event, Finish, Logprobs, Position, Tokens
from promptweave.inference.generation.stop_strings import StopFilter
from promptweave.inference.generation.token_regions import TokenRegions
from promptweave.inference.grammar.grammar_guard import GrammarGuard
from promptweave.inference.prompt.request import Request
from promptweave.output.calls_in_text import written_call
from promptweave.output.deltas import CallEnd, CallFragment, CallHeader, ContentDelta, Delta, ReasoningDelta, SchemaViolation
from promptweave.output.message import FinishReason
from promptweave.output.parse.parser import OutputParser
from promptweave.output.tree import Region


class MessageReader:
    """Turns the engine's chunks into events."""

    def __init__(self, request: Request, eos: str, guard: GrammarGuard | None = None) -> None:
        """Start before the first chunk. `guard`: checks the output first. None: no grammar, or none that can be followed."""
        self._guard = guard
        self._eos_filter = EosFilter(eos)
        self._syntax = request.program.syntax
        self._parser = OutputParser(self._syntax)
        self._stops = StopFilter(request.program.stop, request.stop)
        self._regions = TokenRegions(request.program.syntax.prefix)
        self._top = request.top_logprobs
        self._started = False
        self._written = 0
        self._has_calls = False
        # A call or a value was emitted in part, and may never end.
        self._call_or_value_open = False
        # A part of a value was emitted as content.
        self._value_begun = False
        self._content: list[str] = []
        self.done = False
        """The Finish was emitted; further output of the engine is ignored."""

    def read(self, chunk: Chunk, ids: tuple[int, ...] = ()) -> list[Event]:
        """Return the events that this chunk makes certain. `ids`: its tokens, if they are requested."""
        if self.done:
            return []
        deltas: list[Delta] = []
        if not self._started:
            # Not before the engine has accepted the request: an error should come before everything else.
            self._started = True
            deltas += self._apply_stops(self._parser.start())
        if chunk.stop_type is None:
            # `n_probs` is at least 1, so the engine reports a candidate even if the caller wants none (`top_logprobs: 0`).
            scores = replace(chunk.scores, top=()) if chunk.scores and not self._top else chunk.scores
            self._regions.write(chunk.text, chunk.counts.completion_tokens - self._written, scores)
            self._written = chunk.counts.completion_tokens
        elif chunk.stop_type == "limit" and (incomplete := chunk.counts.completion_tokens - self._written) > 0:
            self._regions.write_incomplete(incomplete)
        text = self._eos_filter.feed(chunk)
        if self._guard:
            self._guard.read(text)
            if chunk.stop_type == "eos":
                self._guard.end()
        deltas += self._feed(text)
        known = self._settled_positions()
        ended = self._stops.stopped or chunk.stop_type is not None
        if ended:
            stopped = self._stops.stopped
            deltas += [*self._apply_stops(self._parser.finish()), *self._stops.finish()]
            # Nothing after a stop string counts.
            known += ([] if stopped else self._settled_positions()) + self._regions.finish(self._stops.cut)
        events: list[Event] = [*joined(deltas)]
        if self._top is not None and known:
            withheld = (
                any(isinstance(delta, SchemaViolation) and not delta.name for delta in deltas) and not self._value_begun
            )
            events.append(Logprobs(tuple(_as_discarded(known) if withheld else known)))
        if ids:
            events.append(Tokens(ids))
        if ended:
            events.append(self._finish(chunk))
        return events

    def _settled_positions(self) -> list[Position]:
        """Return the tokens whose text was emitted, or that have none."""
        spans = self._parser.take_spans()
        return self._regions.read(spans, self._stops.cut or self._stops.held, withheld=self._parser.withholds)

    def _feed(self, text: str) -> Iterator[Delta]:
        """Yield the text's deltas. A stop string ends parsing exactly there, however much arrives in one chunk."""
        for piece in text if self._stops else [text]:
            if self._stops.stopped:
                return
            yield from self._apply_stops(self._parser.feed(piece))

    def _finish(self, chunk: Chunk) -> Finish:
        self.done = True
        # A message that was truncated, by a limit or for an unknown reason, is never reported as complete, even if its
        # syntax might end here.
        ended = self._stops.stopped or chunk.stop_type in ("eos", "word")
        reason = FinishReason.LENGTH
        if ended and not self._call_or_value_open:
            reason = FinishReason.TOOL_CALLS if self._has_calls else FinishReason.STOP
        return Finish(
            reason,
            ended and self._parser.complete,
            self._stops.matched,
            chunk.counts,
            self._regions.reasoning,
            written_call(self._syntax, "".join(self._content)) if reason is FinishReason.STOP else "",
        )

    def _apply_stops(self, deltas: list[Delta]) -> list[Delta]:
        passed = self._stops.feed(deltas)
        for delta in passed:
            match delta:
                case CallEnd():
                    self._has_calls, self._call_or_value_open = True, False
                case CallHeader():
                    self._call_or_value_open = True
                case SchemaViolation(name):
                    # Nothing was emitted of a value that was held back.
                    self._call_or_value_open = self._call_or_value_open or (not name and self._value_begun)
                case ContentDelta(text, stoppable):
                    self._content.append(text)
                    self._value_begun = self._value_begun or not stoppable
        return passed


def _as_discarded(positions: Iterable[Position]) -> list[Position]:
    """Return the positions with content marked as discarded: the value is reported as a violation instead."""
    return [(scores, Region.DISCARD if region is Region.CONTENT else region) for scores, region in positions]


def joined(deltas: Iterable[Event]) -> list[Event]:
    """Return the events, with consecutive deltas of the same text merged."""
    merged: list[Event] = []
    for delta in deltas:
        both = _merged(merged[-1], delta) if merged else None
        if both:
            merged[-1] = both
        else:
            merged.append(delta)
    return merged


def _merged(first: Event, second: Event) -> Event | None:
    match first, second:
        case ContentDelta(text, stoppable), ContentDelta(more, also) if stoppable == also:
            return ContentDelta(text + more, stoppable)
        case ReasoningDelta(text), ReasoningDelta(more):
            return ReasoningDelta(text + more)
        case CallFragment(index, text), CallFragment(same, more) if index == same:
            return CallFragment(index, text + more)
    return None
