"""Metrics for Prometheus; needs `pip install telefast[prometheus]`.

`MetricsCollector` is registered with a registry of the program's own, by the program: nothing here
touches the global one. `exposition` is the text itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from telefast.errors import MissingExtraError
from telefast.metric_names import Family
from telefast.metrics import Metrics

try:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )
    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import Collector
except ModuleNotFoundError:
    raise MissingExtraError("prometheus", "prometheus_client") from None

__all__ = ["MetricsCollector", "exposition"]


class MetricsCollector(Collector):
    """Tell a Prometheus registry what was counted, each time that it is scraped.

    Counters end in `_total`. What a snapshot names with a dot is a label here: of
    `flood_waits.messages.getHistory`, Prometheus sees
    `telefast_flood_waits_total{method="messages.getHistory"}`, and the sum over the labels is the
    whole.

    Args:
        metrics: What is told, such as `telefast.metrics_of(client)`.
        prefix: Put before each name, with an underscore.
        labels: Put on each sample, to tell several clients apart, such as `{"account": "first"}`.

    Example:
        >>> from prometheus_client import CollectorRegistry, generate_latest
        >>> from telefast import Metrics
        >>> from telefast.prometheus import MetricsCollector
        >>> metrics = Metrics()
        >>> metrics.add("requests", 3)
        >>> registry = CollectorRegistry()
        >>> registry.register(MetricsCollector(metrics))
        >>> print(generate_latest(registry).decode().splitlines()[-1])
        telefast_requests_total 3.0
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        prefix: str = "telefast",
        labels: Mapping[str, str] | None = None,
    ) -> None:
        self._metrics = metrics
        self._prefix = prefix
        self._names = tuple(labels or ())
        self._values = tuple((labels or {}).values())

    def collect(self) -> Iterable[Metric]:
        """Return what was counted, as families of `prometheus_client`."""
        return [self._family(family) for family in self._metrics.families()]

    def describe(self) -> Iterable[Metric]:
        """Return nothing: names appear once they are counted."""
        return []

    def _family(self, family: Family) -> Metric:
        info, seen = family.info, family.distribution
        name = f"{self._prefix}_{info.name}"
        labels = [*self._names, *([info.label] if info.label else [])]
        if seen is not None:
            told = HistogramMetricFamily(name, info.help, labels=labels)
            total, buckets = 0, []
            for bound, count in zip([*map(str, seen.bounds), "+Inf"], seen.counts, strict=True):
                total += count
                buckets.append((bound, total))
            told.add_metric(self._values, buckets, seen.sum)
            return told
        kind = GaugeMetricFamily if info.kind == "gauge" else CounterMetricFamily
        found = kind(name, info.help, labels=labels)
        for label, value in family.values.items():
            found.add_metric([*self._values, *([label] if info.label else [])], value)
        return found


def exposition(
    metrics: Metrics, *, prefix: str = "telefast", labels: Mapping[str, str] | None = None
) -> str:
    """Return the text that Prometheus scrapes, in its format 0.0.4.

    Args:
        metrics: As for `MetricsCollector`.
        prefix: Likewise.
        labels: Likewise.
    """
    registry = CollectorRegistry()
    registry.register(MetricsCollector(metrics, prefix=prefix, labels=labels))
    return generate_latest(registry).decode()
