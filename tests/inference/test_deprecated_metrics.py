"""Former names of metrics: they have the values of the current ones."""

from collections.abc import Iterator, Sequence

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from promptweave.inference.service.deprecated_metrics import DeprecatedEngineMetrics

Engines = dict[tuple[str, str], int]

MANAGED: Engines = {("chat", ""): 10, ("embedding", ""): 20, ("whisper", ""): 30}
ENDPOINTS: Engines = {("chat", "http://a"): 10, ("chat", "http://b"): 20}


class Fixed(Collector):
    """The current metrics of some engines, with values that tell them apart."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    def collect(self) -> Iterator[Metric]:
        names = ("up", "slots", "slots_busy", "requests_waiting", "requests_running", "crashes_total")
        for number, name in enumerate(names, 1):
            kind = CounterMetricFamily if name == "crashes_total" else GaugeMetricFamily
            metric = kind(f"promptweave_engine_{name}", "", labels=("role", "endpoint"))
            for labels, value in self._engines.items():
                metric.add_metric(labels, value + number)
            yield metric


def scraped(engines: Engines) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(DeprecatedEngineMetrics(Fixed(engines)))
    lines = (line.rpartition(" ") for line in generate_latest(registry).decode().splitlines() if line[0] != "#")
    return {name: float(value) for name, _, value in lines}


def by(prefix: str, label: str, value: str, suffixes: Sequence[str]) -> list[str]:
    return [f'promptweave_{prefix}_{suffix}{{{label}="{value}"}}' for suffix in suffixes]


def test_the_engine_for_chat() -> None:
    found = scraped(MANAGED)
    assert found["promptweave_engine_ready"] == 11
    assert found["promptweave_slots"] == 12
    assert found["promptweave_slots_busy"] == 13
    assert found["promptweave_engine_restarts_total"] == 16
    assert not any("endpoint" in name for name in found)


@pytest.mark.parametrize(("role", "offset"), [("embedding", 20), ("whisper", 30)])
def test_auxiliary_engines(role: str, offset: int) -> None:
    names = by("side_engine", "role", role, ("ready", "requests_waiting", "requests_running", "restarts_total"))
    assert [scraped(MANAGED)[name] - offset for name in names] == [1, 4, 5, 6]


def test_several_endpoints() -> None:
    found = scraped(ENDPOINTS)
    assert found["promptweave_engine_ready"] == 21  # The largest.
    assert found["promptweave_slots"] == 12 + 22
    assert found["promptweave_engine_restarts_total"] == 16 + 26
    suffixes = ("ready", "slots", "requests_waiting", "requests_running", "losses_total")
    for url, offset in (("http://a", 10), ("http://b", 20)):
        assert [found[name] - offset for name in by("endpoint", "endpoint", url, suffixes)] == [1, 2, 4, 5, 6]
