"""Former names of the engines' metrics, for this release; see `engine_metrics.py` for the current ones."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from promptweave.inference.service.engine_metrics import CHAT

_PREFIX = "promptweave_engine_"

_TOTALS = {
    "promptweave_slots": "slots",
    "promptweave_slots_busy": "slots_busy",
    "promptweave_engine_ready": "up",
    "promptweave_engine_restarts_total": "crashes_total",
}
"""Former name → the current one, without its prefix. These are of all engines for chat together."""
_BY_ENDPOINT = {
    "promptweave_endpoint_ready": "up",
    "promptweave_endpoint_slots": "slots",
    "promptweave_endpoint_requests_waiting": "requests_waiting",
    "promptweave_endpoint_requests_running": "requests_running",
    "promptweave_endpoint_losses_total": "crashes_total",
}
"""These exist only with several endpoints."""
_BY_ROLE = {
    "promptweave_side_engine_ready": "up",
    "promptweave_side_engine_requests_waiting": "requests_waiting",
    "promptweave_side_engine_requests_running": "requests_running",
    "promptweave_side_engine_restarts_total": "crashes_total",
}
"""These are of the auxiliary engines."""


class DeprecatedEngineMetrics(Collector):
    """The metrics of `engines` under their former names, with the values that these names always had."""

    def __init__(self, engines: Collector) -> None:
        self._engines = engines

    def collect(self) -> Iterator[Metric]:
        """Yield the current values."""
        samples = [sample for metric in self._engines.collect() for sample in metric.samples if "role" in sample.labels]
        chat = [sample for sample in samples if sample.labels["role"] == CHAT]
        auxiliary = [sample for sample in samples if sample.labels["role"] != CHAT]
        for name, current in _TOTALS.items():
            values = [sample.value for sample in _named(current, chat)]
            metric = _family(name, f'{_PREFIX}{current}{{role="{CHAT}"}}')
            metric.add_metric([], max(values) if current == "up" else sum(values))
            yield metric
        if len(_named("up", chat)) > 1:
            yield from _relabeled(_BY_ENDPOINT, "endpoint", chat)
        yield from _relabeled(_BY_ROLE, "role", auxiliary)


def _named(name: str, samples: Sequence[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.name == f"{_PREFIX}{name}"]


def _relabeled(names: dict[str, str], label: str, samples: Sequence[Sample]) -> Iterator[Metric]:
    for name, current in names.items():
        metric = _family(name, f"{_PREFIX}{current}{{{label}}}", label)
        for sample in _named(current, samples):
            metric.add_metric([sample.labels[label]], sample.value)
        yield metric


def _family(name: str, instead: str, *labels: str) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
    return kind(name, f"Deprecated: use {instead}.", labels=labels)
