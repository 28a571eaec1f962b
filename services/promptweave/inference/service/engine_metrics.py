"""Metrics of the engines and their queues, as they are when scraped.

`promptweave_engine_*` has a series per engine, with the labels `role` ("chat", or the auxiliary engine's: "embedding",
"rerank", "whisper") and `endpoint` (its URL; "" for a managed engine).

Three metrics have the names by which the Gateway API inference extension finds a model server's load (its proposal 003,
"model server protocol"): `vllm:num_requests_waiting`, `vllm:num_requests_running`, `vllm:kv_cache_usage_perc`.
"""

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from promptweave.inference.auxiliary_engines import AuxiliaryEngines, HasSlotQueue
from promptweave.inference.engine.load_balancer import EngineBalancer
from promptweave.inference.errors import EngineUnavailableError
from promptweave.inference.process.managed_process import Supervised

CHAT = "chat"
_LABELS = ("role", "endpoint")


class EngineMetrics(Collector):
    """The metrics of the engines for chat, `pool`, and of the auxiliary ones. Reads only: any thread may collect them."""

    def __init__(self, pool: EngineBalancer, auxiliary: AuxiliaryEngines) -> None:
        self._pool, self._auxiliary = pool, auxiliary

    def collect(self) -> Iterator[Metric]:
        """Yield the current metrics."""
        ready = self._pool.ready_engines()
        engines = ready.values()
        waiting, running = sum(each.slot_queue.waiting for each in engines), sum(each.slot_queue.running for each in engines)
        use = sum(engine.watchdog.context_use for engine in engines) / max(len(engines), 1)
        yield GaugeMetricFamily("vllm:num_requests_waiting", "Requests queued for a slot.", waiting)
        yield GaugeMetricFamily("vllm:num_requests_running", "Requests that hold a slot.", running)
        yield GaugeMetricFamily("vllm:kv_cache_usage_perc", "Fraction of the context used by running requests, 0 to 1.", use)
        yield GaugeMetricFamily(
            "promptweave_fast_forward",
            "1 if text forced by the grammar is appended instead of sampled.",
            int(any(engine.rounds.append for engine in engines)),
        )
        yield GaugeMetricFamily(
            "promptweave_quarantined_grammars",
            "Grammars blocked because they crashed the engine.",
            sum(engine.quarantine.size for engine in engines),
        )
        busy = GaugeMetricFamily("promptweave_engine_slots_busy", "Slots that the engine reports as busy.", labels=_LABELS)
        for name in self._pool.engines:
            busy.add_metric([CHAT, name], ready[name].watchdog.busy if name in ready else 0)
        yield busy
        yield from _of_each(self._engines())

    def _engines(self) -> list[tuple[Sequence[str], Supervised[HasSlotQueue]]]:
        """Return all engines with the values of their labels."""
        chat = [((CHAT, name), engine) for name, engine in self._pool.engines.items()]
        return [*chat, *(((role.value, ""), engine) for role, engine in self._auxiliary.engines.items())]


def _of_each(engines: Sequence[tuple[Sequence[str], Supervised[HasSlotQueue]]]) -> Iterator[Metric]:
    def gauge(name: str, what: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"promptweave_engine_{name}", what, labels=_LABELS)

    up = gauge("up", "1 if the engine runs and its model is loaded.")
    slots = gauge("slots", "Slots: requests that the engine runs at the same time. 0 if it is not up.")
    waiting = gauge("requests_waiting", "Requests queued for a slot.")
    running = gauge("requests_running", "Requests that hold a slot.")
    crashes = CounterMetricFamily(
        "promptweave_engine_crashes", "Times the engine crashed, hung and was replaced, or was lost.", labels=_LABELS
    )
    for labels, engine in engines:
        try:
            queue = engine.ready().slot_queue
        except EngineUnavailableError:
            queue = None
        up.add_metric(labels, int(queue is not None))
        slots.add_metric(labels, queue.slots if queue else 0)
        waiting.add_metric(labels, queue.waiting if queue else 0)
        running.add_metric(labels, queue.running if queue else 0)
        crashes.add_metric(labels, engine.crash_count)
    return iter((up, slots, waiting, running, crashes))
