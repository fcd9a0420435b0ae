"""`docs/benchmarks.md`, made from `benchmarks/results.json`: what was measured, where and when.

    python -m benchmarks history download --json a.json
    python -m benchmarks ablation --json b.json
    python -m benchmarks.page a.json b.json

takes the benchmarks of these runs into `results.json` in place of those that it has, and writes the
page; without a file it only writes the page. A test holds the page to the file.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.report import FIGURES, read_report
from telefast.cli.race import write_json

__all__ = ["PAGE", "RESULTS", "Group", "groups_of", "main", "merged", "render"]

RESULTS: Final = Path(__file__).with_name("results.json")
PAGE: Final = Path(__file__).parents[1] / "docs" / "benchmarks.md"

_WHERE: Final = (
    *("where", "profile", "rtt", "bandwidth", "disk", "chat", "size", "block", "topics", "files"),
    "edition",
)
"""What records of one table share."""
_WHO: Final = ("item", "what", "contender", "setting")

_HEADS: Final[dict[str, tuple[str, float, str]]] = {
    "seconds": ("Seconds", 1, ".2f"),
    "messages_per_s": ("Messages/s", 1, ",.0f"),
    "mb_per_s": ("MB/s", 1, ".1f"),
    "seconds_per_file": ("Seconds a file", 1, ".4f"),
    "requests": ("Requests", 1, ",.0f"),
    "bytes": ("MB, both ways", 1e6, ".2f"),
    "bytes_read": ("MB read", 1e6, ".2f"),
    "bytes_sent": ("MB sent by the server", 1e6, ".2f"),
    "disk_bytes": ("MB on the disk", 1e6, ".2f"),
    "disk_writes": ("Writes", 1, ",.0f"),
    "cpu_s": ("CPU seconds", 1, ".2f"),
    "peak_rss_mb": ("Peak MB", 1, ".0f"),
    "encode_us": ("Encode, us", 1, ".1f"),
    "decode_us": ("Decode, us", 1, ".1f"),
    "objects_us": ("To objects, us", 1, ".1f"),
    "instructions": ("Instructions a message", 1, ",.1f"),
    "refused": ("Refused", 1, ",.0f"),
    "ratio_to_stock": ("To stock", 1, ".2f"),
}
"""Figure -> head of its column, unit, and format."""


@dataclass(frozen=True, slots=True)
class Group:
    """Records that are compared with each other.

    Attributes:
        bench: The benchmark.
        title: What they share.
        figures: What was measured of any of them.
        rows: Who, and the record.
    """

    bench: str
    title: str
    figures: Sequence[str]
    rows: Sequence[tuple[str, Mapping[str, Any]]]


def groups_of(records: Sequence[Mapping[str, Any]]) -> list[Group]:
    """Return records by what they share, in the order in which they were measured."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for record in records:
        found.setdefault((str(record["bench"]), _title(record)), []).append(record)
    return [
        Group(
            bench,
            title,
            [name for name in FIGURES if any(row.get(name) is not None for row in rows)],
            [(_who(row), row) for row in rows],
        )
        for (bench, title), rows in found.items()
    ]


def render(results: Mapping[str, Any]) -> str:
    """Return the page as Markdown."""
    lines = [
        "<!-- Made by `python -m benchmarks.page` from benchmarks/results.json; do not edit. -->",
        "",
        "# Benchmarks",
        "",
        "What `python -m benchmarks` has measured on an embedded Telegram, as a page.",
        "{doc}`performance` says what to make of it, and how it is measured.",
        "Figures are medians of interleaved rounds; answers were compared first.",
    ]
    for bench in dict.fromkeys(record["bench"] for record in results["records"]):
        run = results["runs"][bench]
        lines += ["", f"## {bench}", "", _machine(run)]
        for group in groups_of([each for each in results["records"] if each["bench"] == bench]):
            lines += ["", *_table(group)]
    return "\n".join(lines) + "\n"


def merged(results: Mapping[str, Any], report: Mapping[str, Any]) -> dict[str, Any]:
    """Return *results* with the benchmarks of *report* in place of those that it had."""
    about = {name: report[name] for name in ("date", "machine", "load", "flood") if name in report}
    benches = dict.fromkeys(str(record["bench"]) for record in report["records"])
    kept = [each for each in results.get("records", []) if each["bench"] not in benches]
    return {
        "runs": {**results.get("runs", {}), **dict.fromkeys(benches, about)},
        "records": [*kept, *report["records"]],
    }


def main(arguments: Sequence[str]) -> int:
    """Take runs in, and write the page; return the exit status."""
    results: dict[str, Any] = read_report(RESULTS) if RESULTS.exists() else {}
    try:
        for name in arguments:
            results = merged(results, read_report(Path(name)))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    write_json(RESULTS, results)
    PAGE.write_text(render(results), "utf-8")
    print(f"Written: {PAGE.name}")
    return 0


def _machine(run: Mapping[str, Any]) -> str:
    found = run["machine"]
    packages = ", ".join(f"{name} {release}" for name, release in found["packages"].items())
    busy = "" if run.get("load") is None else f", with a load of {run['load']} at the end"
    return (
        f"{run['date'][:10]}; {packages}; {found['implementation']} {found['python']} on "
        f"{found['system']} {found['architecture']}, {found['cores']} cores{busy}."
    )


def _title(record: Mapping[str, Any]) -> str:
    words = []
    for name in _WHERE:
        value = record.get(name)
        if value in (None, ""):
            continue
        if name == "rtt":
            if "profile" not in record:
                words.append(f"{value * 1000:g} ms")
        elif name in {"bandwidth", "disk"}:
            kind = "each connection" if name == "bandwidth" else "disk"
            words.append(f"{kind} {value / 1e6:g} MB/s")
        elif name == "size":
            words.append(f"{value:,}")
        elif name in {"block", "topics", "files"}:
            words.append(f"{name} {value:,}" if name != "files" else "")
        else:
            words.append(str(value))
    return ", ".join(filter(None, words))


def _who(record: Mapping[str, Any]) -> str:
    parts = [str(record[name]) for name in _WHO if record.get(name) not in (None, "")]
    return ", ".join(parts)


def _table(group: Group) -> list[str]:
    has_verdict = any(record.get("verdict") for _, record in group.rows)
    heads = [_HEADS[name][0] for name in group.figures] + (["Verdict"] if has_verdict else [])
    lines = [f"{group.title}:", ""] if group.title else []
    lines += [
        "| | " + " | ".join(heads) + " |",
        "| --- |" + " ---: |" * len(group.figures) + (" --- |" if has_verdict else ""),
    ]
    for who, record in group.rows:
        cells = [_cell(name, record.get(name)) for name in group.figures]
        if has_verdict:
            cells.append(str(record.get("verdict", "")))
        lines.append(f"| {who} | " + " | ".join(cells) + " |")
    return lines


def _cell(name: str, value: float | None) -> str:
    _, unit, form = _HEADS[name]
    return "" if value is None else format(value / unit, form)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
