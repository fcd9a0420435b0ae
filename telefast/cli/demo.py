"""The demo: one chat, read by telefast and by stock Telethon, the results compared.

An embedded Telegram runs in a process of its own, and each contender in another, with an
unmodified client and the same sink: `messages.jsonl`. After that, telefast reads the chat once more
into chunks, which are read back and compared as well. Nothing appears under its final name before
everything has been read and compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from telefast.cli import contenders
from telefast.cli.race import Entry, Outcome, RaceError, machine, run_entry, run_program, write_json
from telefast.cli.sinks import first_difference
from telefast.cli.storage import (
    Kept,
    chunk_entry,
    find_store_obstacle,
    measure,
    put_in_place,
    show_kept,
)
from telefast.cli.view import Rows, View, size_text
from telefast.errors import TelefastError, WorldError
from telefast.testing import Chat, ExportedWorld, LocalTelegram, World, world_from_export

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Demo", "DemoOptions", "run_demo"]

HOLES: Final = 0.05
"""Share of deleted ids in the demo's chat: our choice, a supergroup with some moderation."""
PREFIX: Final = 1_000
"""Messages after which stock with its own default is stopped; the rest would only be waiting."""
LISTED: Final = 10
"""Chats of an export that are listed."""
KEPT: Final = "messages.jsonl"
"""telefast's export, in the folder of the results."""
CHUNKS: Final = "chunks"
"""The same messages in a `ChunkStore`, a folder there."""
RESULT: Final = "result.json"
"""What the run has shown, in the same folder."""

OK, DIFFERENT, MISUSED, STOPPED = 0, 1, 2, 128


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What to show.

    Attributes:
        export: A Telegram Desktop export to take the chat from; None for a chat from a seed.
        chat: Name or id of the chat in the export; None for the largest.
        messages: Messages of the chat from a seed.
        rtt: Round trip time, in seconds.
        concurrency: telefast's requests in flight.
        out: Folder for the results.
    """

    export: Path | None = None
    chat: str | None = None
    messages: int = 20_000
    rtt: float = 0.06
    concurrency: int = 16
    out: Path = Path("demo-out")


def run_demo(options: DemoOptions, view: View | None = None) -> int:
    """Run the demo.

    Returns:
        Exit status: 0 if all contenders read the same, 1 if they did not or one failed, 2 if the
        options cannot be followed, above 128 if it was stopped.
    """
    view = View() if view is None else view
    try:
        obstacle = find_obstacle(options)
        if obstacle is not None:
            view.error(f"{obstacle}; choose another --out")
            return MISUSED
        world, channel = make_world(options, view)
        options.out.mkdir(parents=True, exist_ok=True)
        work = TemporaryDirectory(prefix=".unfinished-", dir=options.out)
    except WorldError as error:
        view.error(str(error))
        return MISUSED
    except OSError as error:
        view.error(
            f"{options.out}: cannot be written ({error.strerror or error}); choose another --out"
        )
        return MISUSED
    with work as folder:
        try:
            status = run_program(Demo(options, view, world, channel, Path(folder)).run())
        except (RaceError, TelefastError) as error:
            view.error(str(error))
        except OSError as error:
            # Of two names, the second is the one to be written.
            name = error.filename2 or error.filename or options.out
            view.error(f"{name}: {error.strerror or error}")
        else:
            if status > STOPPED:
                view.error("stopped; nothing was written")
            return status
    return DIFFERENT


def find_obstacle(options: DemoOptions) -> str | None:
    """Return what is in the way of the results, in words; None if nothing is.

    Raises:
        OSError: If that cannot be told.
    """
    out = options.out
    if not out.is_dir():
        return f"{out}: is not a folder" if out.exists() else None
    if options.export is not None and (out / RESULT).exists():
        export = options.export / RESULT if options.export.is_dir() else options.export
        if export.exists() and export.samefile(out / RESULT):
            return f"{out}: holds the export itself, which would be overwritten"
    others = (other_name(entry) for entry in entries(options, 0)[1:])
    for name in (KEPT, *others, RESULT, f"{RESULT}.part"):
        path = out / name
        if path.is_dir() and not path.is_symlink():
            return f"{path}: is a folder where a file is to be written"
    return find_store_obstacle(out / CHUNKS, out / KEPT)


def make_world(options: DemoOptions, view: View) -> tuple[World, Chat]:
    """Return a world and its chat, made from a seed or loaded from an export.

    Raises:
        WorldError: If the export cannot be used.
    """
    if options.export is None:
        world = World(seed=2026)
        channel = world.add_channel(
            "Lighthouse keepers", message_count=options.messages, holes=HOLES
        )
        return world, channel
    view.say(f"loading {options.export}")
    exported = world_from_export(options.export, chat=options.chat)
    if not exported.main.ids:
        raise WorldError(f"{exported.report.source}: {nothing_to_show(exported)}")
    show_report(exported, view)
    kinds: tuple[dict[int, Any], ...] = (
        exported.channels,
        exported.groups,
        exported.private_chats,
    )
    for chats in kinds:
        for chat in [*chats.values()]:
            if chat is not exported.main:
                del chats[chat.id]  # only one is read
    return exported, exported.main


def nothing_to_show(world: ExportedWorld) -> str:
    """Say that the largest chat that was loaded is empty, and what to do instead."""
    chats, left_out = len(world.report.chats), world.report.chats_left_out
    if chats > 1:
        return f"no message of its {chats:,} chats can be shown; choose another export"
    if left_out:
        advice = f"choose another of its {left_out + 1:,} chats, or none for the largest"
    else:
        advice = "the export has no other; choose another export"
    return f"no message of the chat {world.main.title!r} can be shown; {advice}"


def show_report(world: ExportedWorld, view: View) -> None:
    """Print what was loaded, and what the format or we could not carry."""
    report = world.report
    chats = len(report.chats)
    for number, line in enumerate(report.lines()):
        if number == chats + 1 and chats > 1:
            view.say(f"in all {chats:,} chats together (with --chat, in that one):")
        if not LISTED < number <= chats:
            view.say(line)
        elif number == LISTED + 1:
            view.say(f"  and {chats - LISTED:,} more chats")
    if not report.unmapped:
        view.say("not mapped: nothing")
    if chats > 1:
        view.say(f"taking the largest, {world.main.title!r}; --chat takes another")


def entries(options: DemoOptions, count: int) -> list[Entry]:
    """Return who takes part."""
    package = contenders.__name__
    most = PREFIX if count > PREFIX else None
    return [
        Entry(
            "telefast",
            f"{package}.batched",
            {"concurrency": options.concurrency},
            f"{options.concurrency} in flight",
            in_flight=options.concurrency,
        ),
        Entry("stock", f"{package}.stock", {"wait_time": 0}, "wait_time=0"),
        Entry("stock-default", f"{package}.stock", {"wait_time": None}, "default", stop_after=most),
    ]


class Demo:
    """One run.

    Args:
        options: What to show.
        view: Where to show it.
        world: The world to serve.
        channel: Its chat to read.
        folder: Where unfinished files lie.
    """

    def __init__(
        self, options: DemoOptions, view: View, world: World, channel: Chat, folder: Path
    ) -> None:
        self._options = options
        self._view = view
        self._world = world
        self._channel = channel
        self._folder = folder
        self._entries = entries(options, len(channel.ids))
        self._store = folder / CHUNKS
        self._keeper = chunk_entry(self._store, options.concurrency)

    async def run(self) -> int:
        """Race, compare, show, and give the files their names."""
        options, view, count = self._options, self._view, len(self._channel.ids)
        view.say(f"starting an embedded Telegram with {count:,} messages")
        async with LocalTelegram(self._world, rtt=options.rtt, process=True) as telegram:
            await telegram.warm()
            outcomes = [await self._run(telegram, entry) for entry in self._entries]
            await self._run(telegram, self._keeper)
        differences = self._compare(outcomes)
        spoilt = first_difference(self._path(self._entries[0]), self._path(self._keeper))
        kept = await measure(self._store, outcomes[0], KEPT)
        self._show(outcomes, differences)
        show_kept(kept, spoilt, view)
        self._finish(outcomes, differences, kept, spoilt)
        return DIFFERENT if differences or spoilt else OK

    async def _run(self, telegram: LocalTelegram, entry: Entry) -> Outcome:
        view, label = self._view, label_of(entry)
        with view.progress(label, entry.stop_after or len(self._channel.ids)) as progress:
            outcome = await run_entry(
                telegram,
                self._channel,
                entry,
                sink="lines",
                path=self._path(entry),
                on_progress=progress,
            )
            progress(outcome.messages)
        if not view.console.is_terminal:
            view.say(f"{label}: {outcome.messages:,} messages in {outcome.seconds:.2f} s")
        return outcome

    def _path(self, entry: Entry) -> Path:
        return self._folder / f"{entry.name}.part"

    def _compare(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Return how the results differ from telefast's, and how that differs from the chat."""
        found = []
        first = self._path(self._entries[0])
        if outcomes[0].messages != len(self._channel.ids):
            found.append(f"telefast: {outcomes[0].messages:,} of {len(self._channel.ids):,} ids")
        for entry in self._entries[1:]:
            difference = first_difference(first, self._path(entry), entry.stop_after)
            if difference is not None:
                found.append(f"telefast and {label_of(entry)}: {difference}")
        return found

    def _show(self, outcomes: Sequence[Outcome], differences: Sequence[str]) -> None:
        view, options, count = self._view, self._options, len(self._channel.ids)
        title = f"{count:,} messages, round trip {options.rtt * 1000:g} ms"
        view.say()
        view.table(title, *self._rows(outcomes))
        ratio = outcomes[0].rate / outcomes[1].rate
        if differences:
            view.say("The results DIFFER:", style="bold red")
            for difference in differences:
                view.say(f"  {difference}")
            return
        prefix = self._entries[2].stop_after
        rest = f"; of stock with its default, the first {prefix:,}" if prefix else ""
        view.say(f"The results are equal, byte for byte: all {count:,} messages{rest}.")
        if ratio < 1:
            view.say(
                "telefast is not faster here: there is hardly a wait to save "
                f"(requests of stock: {outcomes[1].request_count:,})."
            )
        view.say(
            "Stock's default waits 1 s between requests when it reads a whole chat. "
            f"telefast's default is 8 requests in flight; here it had {options.concurrency}. "
            "The embedded Telegram has no flood limits; yours has."
        )

    def _rows(self, outcomes: Sequence[Outcome]) -> tuple[list[str], Rows]:
        heads = [label_of(entry).replace(", ", ",\n") for entry in self._entries]
        base = outcomes[1].rate
        rows: Rows = [
            ("messages", [f"{each.messages:,}" for each in outcomes]),
            ("seconds", [f"{each.seconds:.2f}" for each in outcomes]),
            ("messages/s", [f"{each.rate:,.0f}" for each in outcomes]),
            ("to stock, wait_time=0", [f"{each.rate / base:.2f}x" for each in outcomes]),
            ("requests", [f"{each.request_count:,}" for each in outcomes]),
            ("requests in flight", [str(entry.in_flight) for entry in self._entries]),
            ("CPU seconds", [f"{each.cpu:.2f}" for each in outcomes]),
            ("peak memory", [size_text(each.peak_memory) for each in outcomes]),
            ("on the wire", [size_text(each.traffic) for each in outcomes]),
            ("on disk", [size_text(each.size) for each in outcomes]),
        ]
        return heads, rows

    def _finish(
        self,
        outcomes: Sequence[Outcome],
        differences: Sequence[str],
        kept_ways: Sequence[Kept],
        spoilt: str | None,
    ) -> None:
        """Give the files their names: what telefast read, and the others' only if they differ."""
        out = self._options.out
        kept = out / KEPT
        self._path(self._entries[0]).replace(kept)
        for entry in self._entries[1:]:
            other = out / other_name(entry)
            if differences:
                self._path(entry).replace(other)
            else:
                other.unlink(missing_ok=True)  # of an earlier run
        written = [kept]
        if not spoilt:
            put_in_place(self._store, out / CHUNKS, self._folder / "old", kept)
            written.append(out / CHUNKS)
        else:
            differences = [*differences, f"chunks: {spoilt}"]
        result = self._result(outcomes, differences)
        write_json(out / RESULT, result | {"storage": [way.as_json() for way in kept_ways]})
        self._view.say(f"Written: {', '.join(map(str, written))} and {out / RESULT}")

    def _result(self, outcomes: Sequence[Outcome], differences: Sequence[str]) -> dict[str, Any]:
        result: dict[str, Any] = {
            "equal": not differences,
            "differences": list(differences),
            "ratio_to_stock": round(outcomes[0].rate / outcomes[1].rate, 3),
            "messages": len(self._channel.ids),
            "rtt": self._options.rtt,
            "profile": f"unlimited, {self._options.rtt * 1000:g} ms",
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "contenders": [
                {
                    "contender": entry.name,
                    "setting": entry.setting,
                    "version": outcome.version,
                    "concurrency": entry.in_flight,
                    "messages": outcome.messages,
                    "seconds": round(outcome.seconds, 4),
                    "messages_per_s": round(outcome.rate, 1),
                    "requests": outcome.request_count,
                    "requests_by_method": dict(outcome.requests),
                    "bytes": outcome.traffic,
                    "cpu_s": round(outcome.cpu, 4),
                    "peak_rss_mb": outcome.peak_memory and round(outcome.peak_memory / 1e6, 1),
                    "disk_bytes": outcome.size,
                    "sha256": outcome.digest,
                    "ratio_to_stock": round(outcome.rate / outcomes[1].rate, 3),
                }
                for entry, outcome in zip(self._entries, outcomes, strict=True)
            ],
        }
        if isinstance(self._world, ExportedWorld):
            report = self._world.report
            result["export"] = {
                "source": str(report.source),
                "chat": self._channel.title,
                "chats_counted": len(report.chats),
                "loaded": dict(report.loaded),
                "unmapped": dict(report.unmapped),
                "not_in_export": list(report.not_in_export),
            }
        return result


def other_name(entry: Entry) -> str:
    """Return what the file of another contender than telefast is called, if it is kept."""
    return f"messages-{entry.name}.jsonl"


def label_of(entry: Entry) -> str:
    """Return what a contender is called on the screen."""
    return f"{entry.module.rpartition('.')[2].replace('batched', 'telefast')}, {entry.setting}"
