"""Metrics: what is counted, what exporters see of it, and that the names are those of the docs."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families as parse

from telefast.metric_names import CATALOGUE, info_of
from telefast.metrics import Metrics, NoMetrics
from telefast.prometheus import MetricsCollector, exposition

ROOT = Path(__file__).parents[2]


def test_snapshot_has_each_kind() -> None:
    """Counters add up, gauges are what was set last, histograms tell count, sum and bounds."""
    metrics = Metrics()
    metrics.add("requests")
    metrics.add("requests", 2)
    metrics.add("flood_waits", label="messages.getHistory")
    metrics.set("part_size_bytes", 65536, "2")
    metrics.set("part_size_bytes", 131072, "2")
    for seconds in (0.2, 0.01, 90.0):
        metrics.observe("history_batch_seconds", seconds)
    assert 3 == metrics["requests"]
    assert 0 == metrics["retries"]
    expected = {
        "flood_waits": 1,
        "flood_waits.messages.getHistory": 1,
        "history_batch_seconds_count": 3,
        "history_batch_seconds_max": 90.0,
        "history_batch_seconds_min": 0.01,
        "history_batch_seconds_sum": 90.21,
        "part_size_bytes.2": 131072,
        "requests": 3,
    }
    assert expected == metrics.snapshot()
    assert list(expected) == list(metrics.snapshot())


def test_reading_counts_nothing() -> None:
    """A name that is only read does not appear in snapshots."""
    metrics = Metrics()
    assert 0 == metrics["requests"]
    assert {} == metrics.snapshot()
    assert [] == metrics.families()


def test_no_metrics_count_nothing() -> None:
    """The object for who wants none takes all calls, and all reads 0."""
    metrics = NoMetrics()
    metrics.add("flood_waits", 2, "messages.getHistory")
    metrics.set("queue_depth", 5)
    metrics.observe("history_batch_seconds", 0.1)
    assert {} == metrics.snapshot()
    assert 0 == metrics["flood_waits"]
    assert "" == exposition(metrics)


def test_json_is_json() -> None:
    """It has counters and gauges by name, and histograms with their buckets."""
    metrics = Metrics()
    metrics.add("flood_wait_seconds", 30, "messages.getHistory")
    metrics.add("queue_depth", 4)
    metrics.observe("media_mb_per_s", 7.0)
    told = json.loads(metrics.to_json())
    name = "flood_wait_seconds"
    assert {name: 30, f"{name}.messages.getHistory": 30} == told["counters"]
    assert {"queue_depth": 4} == told["gauges"]
    speed = told["histograms"]["media_mb_per_s"]
    assert (1, 7.0, 7.0) == (speed["count"], speed["sum"], speed["max"])
    assert {"10.0": 1} == {bound: count for bound, count in speed["buckets"].items() if count}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["flood_waits", "requests", "flood_errors"]),
            st.integers(0, 1000),
            st.sampled_from(["", "messages.getHistory", "upload.getFile"]),
        )
    )
)
def test_no_part_is_counted_twice(steps: list[tuple[str, int, str]]) -> None:
    """Whatever has a label and what has none: the sum over Prometheus' samples is the whole."""
    metrics = Metrics()
    for name, amount, label in steps:
        metrics.add(name, amount, label if info_of(name).label else "")
    for family in metrics.families():
        assert sum(family.values.values()) == metrics[family.info.name]


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_histogram_loses_nothing(values: list[float]) -> None:
    """Each value falls into the first bucket that takes it."""
    metrics = Metrics()
    for value in values:
        metrics.observe("history_batch_seconds", value)
    [family] = metrics.families()
    seen = family.distribution
    assert seen is not None
    assert len(values) == seen.count == metrics.snapshot()["history_batch_seconds_count"]
    assert (min(values), max(values)) == (seen.min, seen.max)
    for bound, upto in zip(seen.bounds, range(1, len(seen.counts)), strict=True):
        assert sum(value <= bound for value in values) == sum(seen.counts[:upto])


def test_prometheus_text() -> None:
    """Counters end in `_total`, parts are labels, buckets are cumulated, and a parser takes it."""
    metrics = Metrics()
    metrics.add("flood_waits", 2, "messages.getHistory")
    metrics.add("reactions_total", 5)
    metrics.set("dc_pool_size", 3, "2")
    metrics.set("queue_depth", 7)
    for seconds in (0.2, 0.3, 100.0):
        metrics.observe("media_file_seconds", seconds)
    text = exposition(metrics, prefix="tf", labels={"account": "first"})
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in parse(text)
        for sample in family.samples
    }
    account = ("account", "first")
    assert 2 == samples["tf_flood_waits_total", account, ("method", "messages.getHistory")]
    assert 5 == samples["tf_reactions_total", account]
    assert 3 == samples["tf_dc_pool_size", account, ("dc", "2")]
    assert 7 == samples["tf_queue_depth", account]
    name = "tf_media_file_seconds"
    assert 1 == samples[f"{name}_bucket", account, ("le", "0.25")]
    assert 3 == samples[f"{name}_bucket", account, ("le", "+Inf")]
    assert (3, 100.5) == (samples[f"{name}_count", account], samples[f"{name}_sum", account])
    assert not [name for name, *_ in samples if "." in name or "total_total" in name]


def test_collector_reads_when_it_is_scraped() -> None:
    """A registry sees what was counted since, of several clients side by side."""
    first, second, registry = Metrics(), Metrics(), CollectorRegistry()
    registry.register(MetricsCollector(first, labels={"account": "first"}))
    registry.register(MetricsCollector(second, labels={"account": "second"}))
    first.add("requests", 3)
    second.add("requests", 4)
    value = registry.get_sample_value
    assert 3 == value("telefast_requests_total", {"account": "first"})
    second.add("requests")
    assert 5 == value("telefast_requests_total", {"account": "second"})


def _patterns() -> Iterator[re.Pattern[str]]:
    """Yield what the library counts: names, or patterns where a part of one is computed."""
    for path in sorted((ROOT / "telefast").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr not in {"add", "set", "observe"} or not node.args:
                continue
            if "metrics" not in ast.unparse(node.func.value):
                continue
            name = node.args[0]
            branches = [name.body, name.orelse] if isinstance(name, ast.IfExp) else [name]
            for each in branches:
                if isinstance(each, ast.Constant):
                    yield re.compile(re.escape(each.value))
                elif isinstance(each, ast.JoinedStr):
                    parts = [
                        re.escape(part.value) if isinstance(part, ast.Constant) else r"\w+"
                        for part in each.values
                    ]
                    yield re.compile("".join(parts))


def test_names_are_those_that_are_counted() -> None:
    """The catalogue has each name that the library counts, and no other."""
    patterns = [each for each in _patterns() if re.search("[a-z]{3}", each.pattern)]
    by_pattern = [
        {name for name in CATALOGUE if pattern.fullmatch(name)}
        for pattern in patterns
        if pattern.pattern not in {r"\w+", r"\w+_\w+"}
    ]
    assert [] == [
        pattern.pattern for pattern, names in zip(patterns, by_pattern, strict=False) if not names
    ]
    counted = set().union(*by_pattern) | {"history_retries", "history_timeouts"}
    assert set(CATALOGUE) == counted


def test_docs_have_each_name() -> None:
    """The table of the guide is the catalogue: name, kind, label, meaning."""
    rows = [
        f"| `{info.name}` | {info.kind} | {info.label} | {info.help} |"
        for info in CATALOGUE.values()
    ]
    page = (ROOT / "docs" / "howto" / "metrics.md").read_text("utf-8")
    found = re.findall(r"^\| `.*$", page, re.MULTILINE)
    assert rows == found, "\n".join(rows)


@pytest.mark.parametrize("name", CATALOGUE)
def test_names_suit_prometheus(name: str) -> None:
    """Lower case with underscores; only histograms have buckets, and they ascend."""
    info = CATALOGUE[name]
    assert re.fullmatch("[a-z][a-z_]*[a-z]", name)
    assert bool(info.buckets) == (info.kind == "histogram")
    assert sorted(set(info.buckets)) == list(info.buckets)
    assert info.help.endswith(".")
