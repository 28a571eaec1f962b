"""The inference service's metrics, in addition to those of every gRPC server (`rpc/metrics.py`).

Three have the names by which the Gateway API inference extension finds a model server's load (its proposal 003, "model
server protocol"): `vllm:num_requests_waiting`, `vllm:num_requests_running`, `vllm:kv_cache_usage_perc`. The others are
promptweave's. The cached-token ratio is `promptweave_cached_prompt_tokens_total / promptweave_prompt_tokens_total`.
"""

import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from promptweave.inference.auxiliary_engines import SideEngines
from promptweave.inference.client.llama_client import Counts
from promptweave.inference.engine.engine import ReadyEngine
from promptweave.inference.engine.load_balancer import EngineBalancer
from promptweave.inference.errors import EngineUnavailableError, GrammarViolationError
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


class EngineMetrics(Collector):
    """The state of the engines and their queues when scraped. Reads only, so any thread may collect it."""

    def __init__(self, pool: EngineBalancer) -> None:
        self._pool = pool

    def collect(self) -> Iterator[Metric]:
        """Yield the current metrics: of all engines together, and of each if there are several."""
        there = self._pool.ready_engines()
        engines = [*there.values()]
        waiting = sum(engine.gate.waiting for engine in engines)
        running = sum(engine.gate.running for engine in engines)
        use = sum(engine.pulse.context_use for engine in engines) / max(len(engines), 1)
        yield _gauge("vllm:num_requests_waiting", "Requests queued for a slot.", waiting)
        yield _gauge("vllm:num_requests_running", "Requests that hold a slot.", running)
        yield _gauge(
            "vllm:kv_cache_usage_perc",
            "Fraction of the context used by running requests, 0 to 1.",
            use,
        )
        slots = sum(engine.facts.slots for engine in engines)
        busy = sum(engine.pulse.busy for engine in engines)
        yield _gauge("promptweave_slots", "Engine slots; 0 if the engine is not ready.", slots)
        yield _gauge("promptweave_slots_busy", "Engine slots that the engine reports as busy.", busy)
        yield _gauge("promptweave_engine_ready", "1 if the model is loaded.", int(bool(engines)))
        yield _gauge(
            "promptweave_fast_forward",
            "1 if text forced by the grammar is appended instead of sampled.",
            int(any(engine.rounds.append for engine in engines)),
        )
        yield _gauge(
            "promptweave_quarantined_grammars",
            "Grammars blocked because they crashed the engine.",
            sum(engine.quarantine.size for engine in engines),
        )
        restarts = CounterMetricFamily("promptweave_engine_restarts", "Times the engine was lost or replaced.")
        restarts.add_metric([], self._pool.crash_count)
        yield restarts
        if len(self._pool.engines) > 1:
            yield from self._of_each(there)

    def _of_each(self, there: Mapping[str, ReadyEngine]) -> Iterator[Metric]:
        prefix, label = "promptweave_endpoint", ["endpoint"]
        up = GaugeMetricFamily(f"{prefix}_ready", "1 if the endpoint is reachable and serves the model.", labels=label)
        slots = GaugeMetricFamily(f"{prefix}_slots", "Slots of the endpoint; 0 if it is not ready.", labels=label)
        waiting = GaugeMetricFamily(
            f"{prefix}_requests_waiting", "Requests queued for a slot of the endpoint.", labels=label
        )
        running = GaugeMetricFamily(f"{prefix}_requests_running", "Requests that hold a slot of the endpoint.", labels=label)
        losses = CounterMetricFamily(f"{prefix}_losses", "Times the endpoint was lost or replaced.", labels=label)
        for name, engine in self._pool.engines.items():
            ready = there.get(name)
            up.add_metric([name], int(ready is not None))
            slots.add_metric([name], ready.facts.slots if ready else 0)
            waiting.add_metric([name], ready.gate.waiting if ready else 0)
            running.add_metric([name], ready.gate.running if ready else 0)
            losses.add_metric([name], engine.crash_count)
        yield from (up, slots, waiting, running, losses)


class SideEngineMetrics(Collector):
    """The state of the auxiliary engines, by role. Reads only, so any thread may collect it."""

    def __init__(self, side: SideEngines) -> None:
        self._side = side

    def collect(self) -> Iterator[Metric]:
        """Yield the current metrics."""
        prefix = "promptweave_side_engine"
        up = GaugeMetricFamily(f"{prefix}_ready", "1 if the model is loaded.", labels=["role"])
        waiting = GaugeMetricFamily(f"{prefix}_requests_waiting", "Requests queued for a slot.", labels=["role"])
        running = GaugeMetricFamily(f"{prefix}_requests_running", "Requests that hold a slot.", labels=["role"])
        restarts = CounterMetricFamily(f"{prefix}_restarts", "Times the engine crashed or was replaced.", labels=["role"])
        for role, engine in self._side.engines.items():
            try:
                gate = engine.ready().gate
            except EngineUnavailableError:
                gate = None
            up.add_metric([role.value], int(gate is not None))
            waiting.add_metric([role.value], gate.waiting if gate else 0)
            running.add_metric([role.value], gate.running if gate else 0)
            restarts.add_metric([role.value], engine.crash_count)
        yield from (up, waiting, running, restarts)


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value)
