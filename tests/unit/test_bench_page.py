"""The page of figures, the charts, and the tables that a run of the benchmarks leaves."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import page, plots
from benchmarks.report import contenders_csv, read_report

RACE: dict[str, Any] = {
    "bench": "history",
    "profile": "unlimited, 30 ms",
    "rtt": 0.03,
    "chat": "supergroup",
    "size": 5000,
    "contender": "telefast",
    "setting": "8 (default)",
    "seconds": 0.5,
    "messages_per_s": 10_000.0,
    "requests": 30,
    "bytes_read": 1_200_000,
    "peak_rss_mb": None,
    "ratio_to_stock": 4.0,
}
STOCK = {**RACE, "contender": "stock", "setting": "wait_time=0", "ratio_to_stock": None}
MACHINE = {
    "python": "3.11.7",
    "implementation": "CPython",
    "system": "Linux",
    "architecture": "x86_64",
    "cores": 2,
    "packages": {"telefast": "1.0", "telethon": "1.45.0"},
}
REPORT = {"date": "2026-11-25T12:00:00+00:00", "machine": MACHINE, "load": 0.5}


def test_the_page_is_what_the_results_give() -> None:
    """`docs/benchmarks.md` was made from the committed results, by nobody's hand."""
    results = read_report(page.RESULTS)
    assert page.render(results) == page.PAGE.read_text("utf-8"), "run: python -m benchmarks.page"
    for run in results["runs"].values():
        assert {"date", "machine", "load", "flood"} <= run.keys()


def test_a_table_has_what_was_measured_of_any_row() -> None:
    """Records of one situation share a table; figures that nobody has are no column."""
    results = page.merged({}, {**REPORT, "records": [RACE, STOCK]})
    lines = page.render(results).splitlines()
    assert "## history" in lines
    assert "unlimited, 30 ms, supergroup, 5,000:" in lines
    assert "| | Seconds | Messages/s | Requests | MB read | To stock |" in lines
    assert "| telefast, 8 (default) | 0.50 | 10,000 | 30 | 1.20 | 4.00 |" in lines
    assert "| stock, wait_time=0 | 0.50 | 10,000 | 30 | 1.20 |  |" in lines
    assert any("2026-11-25; telefast 1.0" in line and "a load of 0.5" in line for line in lines)


def test_a_later_run_takes_the_place_of_its_benchmarks_only() -> None:
    """What it did not measure stays, with the machine and the date of its own run."""
    pair = {"bench": "resume", "what": "a thing", "setting": "on", "verdict": "better"}
    before = page.merged({}, {**REPORT, "records": [RACE, pair]})
    later = {**REPORT, "date": "2027-01-01", "records": [STOCK]}
    after = page.merged(before, later)
    assert [pair, STOCK] == after["records"]
    assert "2027-01-01" == after["runs"]["history"]["date"]
    assert REPORT["date"] == after["runs"]["resume"]["date"]
    assert "| a thing, on | better |" in page.render(after)


def test_files_that_are_no_reports_are_refused(tmp_path: Path, capsys: Any) -> None:
    """Nothing is written then."""
    path = tmp_path / "other.json"
    path.write_text("[]", "utf-8")
    before = page.PAGE.read_bytes()
    assert 2 == page.main([str(path)])
    assert "is not a report" in capsys.readouterr().err
    assert before == page.PAGE.read_bytes()


def test_charts_show_the_first_figure_that_was_measured() -> None:
    """One chart for each table, a bar for each contender."""
    [chart] = plots.charts_of([RACE, STOCK])
    assert ("messages a second", 2) == (chart.unit, len(chart.bars))
    assert ("telefast, 8 (default)", 10_000.0) == chart.bars[0]
    assert "history-unlimited-30-ms-supergroup-5-000" == chart.name


def test_charts_are_files_or_an_error_that_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Matplotlib is no part of the environment of the tests; where it is, a PNG is written."""
    charts = plots.charts_of([RACE, STOCK])
    try:
        plots.check()
    except plots.PlotsUnavailableError:
        pass
    else:
        [path] = plots.draw(charts, tmp_path / "new")
        assert path.read_bytes().startswith(b"\x89PNG")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(plots.PlotsUnavailableError, match="pip install --group bench"):
        plots.draw(charts, tmp_path)


def test_a_csv_has_a_line_for_each_record() -> None:
    """Figures that a record does not have are empty."""
    lines = contenders_csv([RACE, STOCK]).splitlines()
    assert 3 == len(lines)
    assert lines[0].startswith("what,seconds,messages_per_s,requests")
    assert lines[1].endswith(",4.0")
    assert lines[2].endswith(",")


def test_results_are_small() -> None:
    """They are committed, so they hold figures and no more."""
    text = page.RESULTS.read_text("utf-8")
    assert len(text) < 300_000
    assert json.loads(text).keys() == {"runs", "records"}
