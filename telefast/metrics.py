"""Counters, gauges and histograms, shared by all pieces on one client.

Names are API, see `telefast.metric_names`. A metric that was never touched reads 0. Snapshots are
ordinary dictionaries; nothing here knows an exporter: `telefast.prometheus` does.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import defaultdict
from typing import Any

from telefast.metric_names import Distribution, Family, info_of

__all__ = ["Metrics", "NoMetrics"]


class Metrics:
    """Count what happened.

    All pieces on a client count in one object: `telefast.metrics_of` returns it, and
    `telefast.use_metrics` gives several clients one, or a program's own. Count in one thread, that
    of the event loop; read from any. Its memory is bounded by the names and labels used: methods of
    Telegram, numbers of data centres, kinds of requests and of errors.

    Example:
        >>> metrics = Metrics()
        >>> metrics.add("requests")
        >>> metrics.add("flood_waits", label="messages.getHistory")
        >>> metrics.snapshot()
        {'flood_waits': 1, 'flood_waits.messages.getHistory': 1, 'requests': 1}
        >>> metrics["retries"]
        0
    """

    __slots__ = ("_histograms", "_values")

    def __init__(self) -> None:
        self._values: defaultdict[str, float] = defaultdict(int)
        self._histograms: dict[str, _Histogram] = {}

    def add(self, name: str, amount: float = 1, label: str = "") -> None:
        """Add to a counter, or to a gauge.

        Args:
            name: Its name.
            amount: How much; negative for gauges only.
            label: A part of the counter that is counted besides, such as a method.
        """
        self._values[name] += amount
        if label:
            self._values[f"{name}.{label}"] += amount

    def set(self, name: str, value: float, label: str = "") -> None:
        """Set a gauge, or the part of it that *label* names."""
        self._values[f"{name}.{label}" if label else name] = value

    def observe(self, name: str, value: float) -> None:
        """Put a value into a histogram."""
        found = self._histograms.get(name)
        if found is None:
            found = self._histograms[name] = _Histogram(info_of(name).buckets)
        found.add(value)

    def __getitem__(self, name: str) -> float:
        """Return a counter or gauge, 0 if nothing was counted."""
        return self._values.get(name, 0)

    def snapshot(self) -> dict[str, float]:
        """Return a copy of all that was counted, by name.

        A histogram is in it with `_count`, `_sum`, `_min` and `_max` behind its name.
        """
        found: dict[str, float] = dict(self._values)
        for name, histogram in self._histograms.copy().items():
            seen = histogram.told()
            found[f"{name}_count"] = seen.count
            found[f"{name}_sum"] = seen.sum
            found[f"{name}_min"] = seen.min
            found[f"{name}_max"] = seen.max
        return dict(sorted(found.items()))

    def families(self) -> list[Family]:
        """Return the same by metric, for exporters."""
        # Copies at one stroke: the loop may count meanwhile, if this is another thread.
        values, histograms = dict(self._values), self._histograms.copy()
        told = {name: histogram.told() for name, histogram in histograms.items()}
        parts: dict[str, dict[str, float]] = {}
        for key, value in sorted(values.items()):
            name, _, label = key.partition(".")
            parts.setdefault(name, {})[label] = value
        found = [Family(info_of(name), _split(name, by)) for name, by in parts.items()]
        found += [Family(info_of(name), {}, seen) for name, seen in told.items()]
        return sorted(found, key=lambda family: family.info.name)

    def to_json(self) -> str:
        """Return it as JSON: `counters` and `gauges` by name, and `histograms` with buckets."""
        kinds: dict[str, dict[str, Any]] = {"counters": {}, "gauges": {}, "histograms": {}}
        for family in self.families():
            seen, name = family.distribution, family.info.name
            if seen is None:
                for label, value in family.values.items():
                    key = f"{name}.{label}" if label else name
                    kinds[f"{family.info.kind}s"][key] = value
                if family.info.kind == "counter" and family.info.label:
                    kinds["counters"][name] = self[name]
                continue
            buckets = dict(zip(map(str, [*seen.bounds, "inf"]), seen.counts, strict=True))
            kinds["histograms"][name] = {
                "count": seen.count,
                "sum": seen.sum,
                "min": seen.min,
                "max": seen.max,
                "buckets": buckets,
            }
        return json.dumps(kinds, sort_keys=True)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self._values) + len(self._histograms)} names>"


class NoMetrics(Metrics):
    """Count nothing: all reads 0."""

    __slots__ = ()

    def add(self, name: str, amount: float = 1, label: str = "") -> None:
        """Do nothing."""

    def set(self, name: str, value: float, label: str = "") -> None:
        """Do nothing."""

    def observe(self, name: str, value: float) -> None:
        """Do nothing."""


class _Histogram:
    """How often values fell in which bucket."""

    __slots__ = ("_bounds", "_counts", "_max", "_min", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._min = float("inf")
        self._max = float("-inf")

    def add(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value
        if value < self._min:
            self._min = value
        if value > self._max:
            self._max = value

    def told(self) -> Distribution:
        return Distribution(self._bounds, tuple(self._counts), self._sum, self._min, self._max)


def _split(name: str, parts: dict[str, float]) -> dict[str, float]:
    """Return the parts of a metric so that none is counted twice."""
    if len(parts) < 2 or info_of(name).kind != "counter":
        return parts
    rest = parts.pop("", 0) - sum(parts.values())
    return {"": rest, **parts} if rest > 1e-9 else parts
