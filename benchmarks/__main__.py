"""`python -m benchmarks`: the command line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Optional

import typer

from benchmarks import codec, dedupe, download, history, pacing, photos, trips
from telefast.cli.race import RaceError, machine, run_program, write_json
from telefast.cli.view import View
from telefast.errors import ArgumentError, TelefastError
from telefast.testing import flood_profile

if TYPE_CHECKING:
    from benchmarks.codec import CodecRecord
    from benchmarks.dedupe import DedupeRecord
    from benchmarks.download import DownloadRecord
    from benchmarks.pacing import PacingRecord
    from benchmarks.photos import PhotosRecord
    from benchmarks.records import Record
    from benchmarks.trips import TripsRecord

    AnyRecord = (
        Record
        | TripsRecord
        | CodecRecord
        | DedupeRecord
        | DownloadRecord
        | PacingRecord
        | PhotosRecord
    )

__all__ = ["app"]

BENCHES: Final = {
    "history": history,
    "trips": trips,
    "download": download,
    "photos": photos,
    "dedupe": dedupe,
    "codec": codec,
    "pacing": pacing,
}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    # typer reads these annotations at run time, and knows Optional in every version.
    names: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(
            help="Benchmarks to run: history, trips, download, photos, dedupe, codec, pacing. "
            "[default: all]",
            metavar="[NAMES]...",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Small sizes, two rounds: a minute, for a first look.")
    ] = False,
    json: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Write all records to this file."),
    ] = None,
    sizes: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="Messages of the chats, such as 1000,20000. "
            "[default: 1000,10000,20000,50000; quick: 1000,5000]",
        ),
    ] = None,
    rtt: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="Round trip times in milliseconds, such as 0,30. [default: 0,30,100, "
            "for downloads 50 as well, and 30 with 12.5 MB/s on each connection; quick: 0,30]",
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
            "see docs/testing-floods.md.",
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

    Exit status: 0, 1 if a contender fails or reads something else, 2 for wrong arguments.
    """
    view = View()
    for name in names or []:
        if name not in BENCHES:
            close = get_close_matches(name, BENCHES, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there is: {', '.join(BENCHES)}"
            raise typer.BadParameter(f"unknown benchmark {name!r}; {hint}", param_hint="NAMES")
    if versions:
        _show_machine(view)
        raise typer.Exit
    plan = history.QUICK if quick else history.FULL
    if sizes is not None:
        chosen = [int(size) for size in _numbers("--sizes", sizes, 1, history.MAX_SIZE)]
        plan = replace(plan, sizes=chosen)
    if rtt is not None:
        times = [time / 1000 for time in _numbers("--rtt", rtt, 0, 10_000)]
        plan = replace(plan, rtts=times, links=[(time, None) for time in times])
    if rounds is not None:
        plan = replace(plan, rounds=rounds)
    try:
        plan = replace(plan, flood=flood_profile(flood))
    except ArgumentError as error:
        raise typer.BadParameter(f"expected {error.expected}", param_hint="--flood") from None
    if rivals is None and Path(".rivals/bin/python").exists():
        rivals = str(Path(".rivals/bin/python").absolute())
    plan = replace(plan, rivals=rivals)
    if json is not None:
        _check_writable(json)
    raise typer.Exit(_run(list(dict.fromkeys(names or BENCHES)), plan, json, view))


def _run(names: list[str], plan: history.Plan, path: Path | None, view: View) -> int:
    records: list[AnyRecord] = []

    async def run_all() -> int:
        for name in names:
            records.extend(await BENCHES[name].run(plan, view))
        return 0

    _show_machine(view)
    try:
        status = run_program(run_all())
        if status:
            view.error("stopped; nothing was written")
        elif path is not None:
            write_json(path, _report(records, plan))
            view.say(f"Written: {path}")
    except (RaceError, TelefastError) as error:
        view.error(str(error))
        return 1
    except OSError as error:
        view.error(f"{error.filename or path}: {error.strerror or error}")
        return 1
    return status


def _report(records: list[AnyRecord], plan: history.Plan) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "flood": plan.flood.as_json(),
        "records": [record.as_json() for record in records],
    }


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


def _check_writable(path: Path) -> None:
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
            f"{path}: cannot be written ({error.strerror or error})", param_hint="--json"
        ) from None


if __name__ == "__main__":
    app(prog_name="python -m benchmarks")
