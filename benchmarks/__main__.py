"""`python -m benchmarks`: the command line."""

from __future__ import annotations

import time
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Optional, cast, get_args

import typer

from benchmarks import (
    codec,
    counts,
    decode,
    dedupe,
    download,
    forum,
    gate,
    history,
    memory,
    pacing,
    photos,
    plots,
    report,
    trips,
)
from benchmarks.ablation import Ablation
from benchmarks.arms import PAIRS
from benchmarks.plan import FULL, MAX_SIZE, QUICK, Mode, Plan
from telefast.cli.race import RaceError, machine, run_program, write_json
from telefast.cli.view import View
from telefast.errors import ArgumentError, TelefastError
from telefast.testing import flood_profile

__all__ = ["app"]

BENCHES: Final[dict[str, Any]] = {
    "counts": counts,
    "history": history,
    "trips": trips,
    "download": download,
    "photos": photos,
    "dedupe": dedupe,
    "forum": forum,
    "codec": codec,
    "decode": decode,
    "pacing": pacing,
    "reactions": Ablation("reactions", ["reactions"]),
    "resume": Ablation("resume", ["resume"]),
    "pre-warm": Ablation("pre-warm", ["metadata", "prewarm"]),
    "logs": Ablation("logs", ["logs"]),
    "memory": memory,
    "ablation": Ablation("ablation", list(PAIRS)),
}
"""Name -> what has `async def run(plan, view)`, in the order in which they run."""
ON_DEMAND: Final = frozenset({"memory", "ablation"})
"""Those that run only if they are named."""

NAMES: Final = ", ".join(BENCHES)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    # typer reads these annotations at run time, and knows Optional in every version.
    names: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(help=f"Benchmarks to run: {NAMES}. [default: all]", metavar="[NAMES]..."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Small sizes, two rounds: two minutes for everything.")
    ] = False,
    mode: Annotated[
        str,
        typer.Option(
            help="Who runs: `baseline` stock Telethon only, `optimized` telefast only, `compare` "
            "everybody, with ratios."
        ),
    ] = "compare",
    target: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="What the benchmark history reads: `supergroup`, `private chat`, `basic group`, "
            "or a Telegram Desktop export (its folder or result.json; its largest chat). "
            "[default: a supergroup of each size, and one of each other kind]",
            metavar="TARGET",
        ),
    ] = None,
    json: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Write all records to this file."),
    ] = None,
    csv: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            help="Write a table to compare contenders to this file; with --before, one to compare "
            "both runs."
        ),
    ] = None,
    plot: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            help="Write charts to this folder, a PNG for each table (needs matplotlib: "
            "pip install --group bench).",
            metavar="FOLDER",
        ),
    ] = None,
    before: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="The --json of an earlier run, to compare this one with."),
    ] = None,
    use_gate: Annotated[
        bool,
        typer.Option(
            "--gate", help="Fail if something costs more than benchmarks/recorded.json says."
        ),
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Write what is measured to benchmarks/recorded.json.")
    ] = False,
    sizes: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="Messages of the chats, such as 1000,20000. "
            "[default: 1000,10000,50000,100000; quick: 3000]",
        ),
    ] = None,
    rtt: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="Round trip times in milliseconds, such as 0,30. [default: 0,30,100, "
            "for downloads 50 as well, and 30 with 12.5 MB/s on each connection; quick: 30]",
        ),
    ] = None,
    rounds: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, max=1000, help="Rounds. [default: 5; quick: 2]"),
    ] = None,
    flood: Annotated[
        str,
        typer.Option(
            help="Flood limits of the history benchmark, such as telegram-plain; "
            "see docs/howto/testing-floods.md.",
            metavar="PROFILE",
        ),
    ] = "unlimited",
    rivals: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="The Python of an environment with fasttelethonhelper, aiofasttelethonhelper and "
            "tgup-cli, for the download benchmark; see docs/performance.md. "
            "[default: .rivals/bin/python, if it is there]",
            metavar="PYTHON",
        ),
    ] = None,
    versions: Annotated[
        bool, typer.Option("--versions", help="Show what would be measured, and end.")
    ] = False,
) -> None:
    """Measure telefast and its rivals on the same embedded Telegram, answers compared first.

    Exit status: 0, 1 if a contender fails or reads something else, or the gate stays shut, 2 for
    wrong arguments.
    """
    view = View()
    names = list(dict.fromkeys(names or []))
    for name in names:
        if name not in BENCHES:
            close = get_close_matches(name, BENCHES, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there is: {NAMES}"
            raise typer.BadParameter(f"unknown benchmark {name!r}; {hint}", param_hint="NAMES")
    if versions:
        _show_machine(view)
        raise typer.Exit
    plan = _plan(QUICK if quick else FULL, sizes, rtt, rounds, flood)
    plan = replace(plan, mode=_mode(mode), target=_target(target))
    if rivals is None and Path(".rivals/bin/python").exists():
        rivals = str(Path(".rivals/bin/python").absolute())
    plan = replace(plan, rivals=rivals)
    for option, path in (("--json", json), ("--csv", csv)):
        if path is not None:
            _check_writable(path, option)
    if plot is not None:
        try:
            plots.check()
        except plots.PlotsUnavailableError as error:
            raise typer.BadParameter(str(error), param_hint="--plot") from None
    earlier = None
    if before is not None:
        try:
            earlier = report.read_report(before)
        except (OSError, ValueError) as error:
            raise typer.BadParameter(f"{before}: {error}", param_hint="--before") from None
    chosen = names or [name for name in BENCHES if name not in ON_DEMAND]
    run = Run(plan, view, chosen)
    status = run.measure()
    if status == 0:
        status = run.leave(json, csv, plot, earlier)
    if status == 0 and record:
        write_json(gate.RECORDED, gate.merge(gate.recorded(), gate.take(run.records)))
        view.say(f"Recorded: {gate.RECORDED.name}")
    elif status == 0 and use_gate:
        status = run.pass_gate()
    raise typer.Exit(status)


class Run:
    """One run of some benchmarks.

    Args:
        plan: What is run.
        view: Where it is shown.
        names: Which benchmarks.
    """

    def __init__(self, plan: Plan, view: View, names: list[str]) -> None:
        self.plan = plan
        self.view = view
        self.names = names
        self.records: list[dict[str, Any]] = []

    def measure(self) -> int:
        """Run all; return the exit status."""
        _show_machine(self.view)
        found, status = self._measured(self.names)
        self.records = found
        return status

    def leave(
        self,
        path: Path | None,
        table: Path | None,
        charts: Path | None,
        earlier: dict[str, Any] | None,
    ) -> int:
        """Write what was asked for; return the exit status."""
        rows = report.compared(earlier["records"], self.records) if earlier else []
        for row in rows:
            self.view.say(
                f"{row['what']}: {row['figure']} {row['before']:,.6g} before, "
                f"{row['after']:,.6g} now ({row['gain']:.2f}x)"
            )
        try:
            if path is not None:
                write_json(path, report.report_of(self.records, self.plan))
                self.view.say(f"Written: {path}")
            if table is not None:
                text = report.runs_csv(rows) if earlier else report.contenders_csv(self.records)
                table.write_text(text, "utf-8")
                self.view.say(f"Written: {table}")
            if charts is not None:
                drawn = plots.draw(plots.charts_of(self.records), charts)
                self.view.say(f"Written: {len(drawn)} charts in {charts}")
        except OSError as error:
            self.view.error(f"{error.filename or path}: {error.strerror or error}")
            return 1
        return 0

    def pass_gate(self) -> int:
        """Compare with what is recorded; slow ratios get three more runs. Return the status."""
        known = gate.recorded()
        verdict = gate.judge(known, gate.take(self.records))
        slow = set(verdict.slow)
        for number in range(gate.RERUNS if slow else 0):
            benches = [
                name for name in self.names if any(key.split(" / ")[0] == name for key in slow)
            ]
            self.view.say(
                f"{len(slow)} of the ratios are low; run {number + 1} of {gate.RERUNS} more"
            )
            records, status = self._measured(benches)
            if status:
                return status
            slow &= set(gate.judge(known, gate.take(records)).slow)
            if not slow:
                break
        failures = verdict.failures + [f"{key}: too slow, four times" for key in sorted(slow)]
        for kind, lines in (
            ("no record", verdict.unknown),
            ("better than recorded; --record keeps it", verdict.better),
            ("warning", verdict.warnings),
        ):
            for line in lines:
                self.view.say(f"{kind}: {line}")
        for line in failures:
            self.view.error(line)
        self.view.say("The gate is shut." if failures else "The gate is open.")
        return 1 if failures else 0

    def _measured(self, names: list[str]) -> tuple[list[dict[str, Any]], int]:
        found: list[dict[str, Any]] = []

        async def run_all() -> int:
            for name in names:
                began = time.perf_counter()
                records = await BENCHES[name].run(self.plan, self.view)
                found.extend(record.as_json() for record in records)
                self.view.say(f"{name}: measured in {time.perf_counter() - began:.0f} s")
                self.view.say()
            return 0

        try:
            status = run_program(run_all())
        except (RaceError, TelefastError) as error:
            self.view.error(str(error))
            return found, 1
        except OSError as error:
            self.view.error(f"{error.filename}: {error.strerror or error}")
            return found, 1
        if status:
            self.view.error("stopped; nothing was written")
        return found, status


def _plan(plan: Plan, sizes: str | None, rtt: str | None, rounds: int | None, flood: str) -> Plan:
    if sizes is not None:
        chosen = [int(size) for size in _numbers("--sizes", sizes, 1, MAX_SIZE)]
        plan = replace(plan, sizes=chosen)
    if rtt is not None:
        times = [time / 1000 for time in _numbers("--rtt", rtt, 0, 10_000)]
        plan = replace(plan, rtts=times, links=[(time, None) for time in times])
    if rounds is not None:
        plan = replace(plan, rounds=rounds)
    try:
        return replace(plan, flood=flood_profile(flood))
    except ArgumentError as error:
        raise typer.BadParameter(f"expected {error.expected}", param_hint="--flood") from None


def _mode(mode: str) -> Mode:
    if mode not in get_args(Mode):
        expected = ", ".join(get_args(Mode))
        raise typer.BadParameter(f"{mode!r}: expected one of {expected}", param_hint="--mode")
    return cast("Mode", mode)


def _target(target: str | None) -> str | None:
    if target is not None and target not in history.CHATS and not Path(target).exists():
        expected = ", ".join(history.CHATS)
        raise typer.BadParameter(
            f"{target!r}: expected one of {expected}, or the path of an export",
            param_hint="--target",
        )
    return target


def _show_machine(view: View) -> None:
    found = machine()
    packages = ", ".join(f"{name} {release}" for name, release in found["packages"].items())
    view.say(
        f"{packages}; {found['implementation']} {found['python']}, {found['system']} "
        f"{found['architecture']}, {found['cores']} cores"
    )


def _numbers(option: str, text: str, low: int, high: int) -> list[float]:
    """Return the numbers of a list with commas.

    Raises:
        typer.BadParameter: If one is none, or out of bounds; integers are wanted if *low* is 1.
    """
    found: list[float] = []
    for part in text.split(","):
        try:
            number = int(part) if low else float(part)
        except ValueError:
            number = -1
        if not low <= number <= high:
            raise typer.BadParameter(
                f"{part.strip()!r}: expected numbers from {low:,} to {high:,} with commas between",
                param_hint=option,
            )
        found.append(number)
    return list(dict.fromkeys(found))


def _check_writable(path: Path, option: str) -> None:
    """Find out now, not after the last round, whether a file can be written."""
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "is a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = path.with_name(f"{path.name}.part")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise typer.BadParameter(
            f"{path}: cannot be written ({error.strerror or error})", param_hint=option
        ) from None


if __name__ == "__main__":
    app(prog_name="python -m benchmarks")
