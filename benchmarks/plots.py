"""Charts of a run as PNG files, by matplotlib: `--plot FOLDER`.

matplotlib is large, so it is no part of the development environment:
`pip install --group bench` has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from benchmarks.page import groups_of
from telefast.errors import UsageError

__all__ = ["Chart", "PlotsUnavailableError", "charts_of", "check", "draw"]

_SHOWN: Final = (
    ("messages_per_s", "messages a second"),
    ("mb_per_s", "MB a second"),
    ("seconds_per_file", "seconds a file"),
    ("encode_us", "microseconds a message to encode"),
    ("seconds", "seconds"),
    ("instructions", "instructions a message"),
    ("requests", "requests"),
)
"""What a chart shows: the first of these that was measured."""


class PlotsUnavailableError(UsageError):
    """Charts were asked for, and matplotlib is not installed."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: a bar for each contender.

    Attributes:
        name: Of its file, without the ending.
        title: What is compared.
        unit: What the bars are.
        bars: Who, and how much.
    """

    name: str
    title: str
    unit: str
    bars: Sequence[tuple[str, float]]


def charts_of(records: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Return a chart for each situation in which something was compared."""
    charts = []
    for group in groups_of(records):
        shown = next((each for each in _SHOWN if each[0] in group.figures), None)
        if shown is None:
            continue
        figure, unit = shown
        bars = [(who, float(row[figure])) for who, row in group.rows if row.get(figure)]
        title = ": ".join(filter(None, (group.bench, group.title)))
        name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
        if bars:
            charts.append(Chart(name, title, unit, bars))
    return charts


def check() -> None:
    """See that charts can be drawn.

    Raises:
        PlotsUnavailableError: If matplotlib is not there.
    """
    try:
        import_module("matplotlib")
    except ImportError:
        raise PlotsUnavailableError(
            "charts need matplotlib; install it: pip install --group bench"
        ) from None


def draw(charts: Sequence[Chart], folder: Path) -> list[Path]:
    """Write each chart to a PNG file in *folder*, which is made; return the files.

    Raises:
        PlotsUnavailableError: If matplotlib is not there.
        OSError: If a file cannot be written.
    """
    check()
    import_module("matplotlib").use("Agg")
    pyplot = import_module("matplotlib.pyplot")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for chart in charts:
        figure, axes = pyplot.subplots(figsize=(8, 1.2 + 0.35 * len(chart.bars)))
        names = [name for name, _ in chart.bars]
        bars = axes.barh(range(len(names)), [value for _, value in chart.bars], color="#2a6f97")
        axes.bar_label(bars, labels=[f" {value:,.4g}" for _, value in chart.bars])
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set_xlabel(chart.unit)
        axes.set_title(chart.title, loc="left", fontsize=10)
        axes.margins(x=0.15)
        path = folder / f"{chart.name}.png"
        figure.savefig(path, dpi=120, bbox_inches="tight")
        pyplot.close(figure)
        paths.append(path)
    return paths
