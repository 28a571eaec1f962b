"""The inference service's metrics of messages, in addition to those of every gRPC server (`rpc/metrics.py`).

The cached-token ratio is `promptweave_cached_prompt_tokens_total / promptweave_prompt_tokens_total`.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from prometheus_client import CollectorRegistry, Counter, Histogram

from promptweave.inference.client.counts import Counts
from promptweave.inference.errors import GrammarViolationError
from promptweave.inference.generation.events import Finish
from promptweave.inference.generation.generate import Numbered

_FIRST_TOKEN_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_TOKEN_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class MessageMetrics:
    """Counts messages while they are generated."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, what: str) -> Counter:
            return Counter(f"promptweave_{name}", f"{what}, including cancelled requests.", registry=registry)

        self._prompt = counter("prompt_tokens", "Prompt tokens")
        self._cached = counter("cached_prompt_tokens", "Prompt tokens served from the engine's cache")
        self._written = counter("generation_tokens", "Output tokens")
        self._forced = counter("forced_tokens", "Output tokens forced by the grammar and not sampled")
        self._violations = Counter(
            "promptweave_grammar_violations",
            "Responses that violated their grammar and were ended with an error.",
            registry=registry,
        )
        self._first_token = Histogram(
            "promptweave_time_to_first_token_seconds",
            "Time from the request to its first event, including the wait for a slot.",
            buckets=_FIRST_TOKEN_S,
            registry=registry,
        )
        self._token = Histogram(
            "promptweave_time_per_output_token_seconds",
            "Average time per output token of a message, as measured by the engine.",
            buckets=_TOKEN_S,
            registry=registry,
        )

    async def measured(self, messages: AsyncGenerator[list[Numbered], None]) -> AsyncGenerator[list[Numbered], None]:
        """Yield the events unchanged, and record their metrics."""
        start, begun = time.perf_counter(), False
        async with aclosing(messages):
            try:
                async for events in messages:
                    if not begun:
                        self._first_token.observe(time.perf_counter() - start)
                        begun = True
                    for _, event in events:
                        if isinstance(event, Finish):
                            self._finish(event)
                    yield events
            except GrammarViolationError:
                self._violations.inc()
                raise

    def count(self, counts: Counts) -> None:
        """Add the counts of a message, however it ended."""
        self._prompt.inc(counts.prompt_tokens)
        self._cached.inc(counts.cached_tokens)
        self._written.inc(counts.completion_tokens)
        self._forced.inc(counts.forced_tokens)

    def _finish(self, finish: Finish) -> None:
        counts = finish.counts
        if counts.completion_tokens:
            self._token.observe(counts.predicted_ms / 1000 / counts.completion_tokens)
