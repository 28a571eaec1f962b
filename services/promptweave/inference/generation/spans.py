"""Tracing spans of a message at the engine: prompt evaluation, then decoding."""

from promptweave.common.tracing import begin_span
from promptweave.inference.client.counts import NOTHING, Counts


class Phases:
    """The two consecutive spans of a message. Their parent is the span that is current at the start."""

    def __init__(self) -> None:
        self._now = begin_span("prompt")
        self._seen = False

    def first(self) -> None:
        """Record that output of the message has arrived. Calls after the first have no effect."""
        if not self._seen:
            self._seen = True
            self._now.end()
            self._now = begin_span("decode")

    def end(self, counts: Counts) -> None:
        """End the spans, however the message ended; `counts` are those of the message."""
        if self._seen and counts is not NOTHING:
            self._now.set(
                {
                    "promptweave.prompt_tokens": counts.prompt_tokens,
                    "promptweave.cached_tokens": counts.cached_tokens,
                    "promptweave.output_tokens": counts.completion_tokens,
                    "promptweave.forced_tokens": counts.forced_tokens,
                    "promptweave.engine.prompt_ms": counts.prompt_ms,
                    "promptweave.engine.decode_ms": counts.predicted_ms,
                }
            )
        self._now.end()
