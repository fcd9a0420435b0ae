"""Side-files of reactions: all rows, in order, harmless; whole or not there at all."""

from __future__ import annotations

import asyncio
import csv
import errno
import json
from pathlib import Path
from typing import Any

import pytest
from telethon import types

from telefast import (
    ArgumentError,
    ClosedError,
    Collected,
    DiskFullError,
    ReactionItem,
    ReactionRow,
    ReactionsCsvWriter,
    ReactionsJsonWriter,
    ReactionSummary,
    Reactor,
    ReactorList,
    disk,
)

WRITERS = [ReactionsCsvWriter, ReactionsJsonWriter]


def message(message_id: int, *items: ReactionItem, reactors: Any = None) -> Collected:
    """Return a message of channel 1 with reactions."""
    sent = types.Message(message_id, types.PeerChannel(1), None, "")
    return Collected(sent, ReactionSummary(items), reactors)


def read(path: Path) -> list[ReactionRow]:
    """Return the rows of a file, as a program reads them that follows the documentation."""
    if path.suffix == ".json":
        return [ReactionRow(**row) for row in json.loads(path.read_text("utf-8"))]
    with path.open(encoding="utf-8", newline="") as file:
        return [
            ReactionRow(
                int(row["chat_id"]),
                int(row["msg_id"]),
                row["reaction_kind"],
                row["reaction_key"].removeprefix("'"),
                int(row["count"]),
                int(row["reactor_id"]) if row["reactor_id"] else None,
                row["date"] or None,
            )
            for row in csv.DictReader(file)
        ]


def around(path: Path) -> dict[str, str]:
    """Return what is in the folder: names and texts."""
    return {each.name: each.read_text("utf-8") for each in path.parent.iterdir()}


async def export(writer: Any, error: type[BaseException] | None = None) -> None:
    """Write one message, or fail behind it."""
    async with writer:
        await writer.write(message(1, ReactionItem("emoji", "👍", 1)))
        if error is not None:
            raise error


@pytest.fixture(params=WRITERS)
def kind(request: pytest.FixtureRequest) -> Any:
    """Both kinds of writers."""
    return request.param


@pytest.fixture
def path(tmp_path: Path, kind: Any) -> Path:
    """A place for a file."""
    return tmp_path / ("reactions.csv" if kind is ReactionsCsvWriter else "reactions.json")


async def test_all_rows_in_order(kind: Any, path: Path) -> None:
    """Many messages, more than is gathered at a time, with and without reactors."""
    told = ReactorList((Reactor(7, "emoji", "👍"), Reactor(-1005, "custom", "99")), complete=True)
    thumb, custom = ReactionItem("emoji", "👍", 1), ReactionItem("custom", "99", 1)
    wanted = []
    async with kind(path) as writer:
        for message_id in range(1, 2_001):
            item = message(message_id, thumb, custom, reactors=told if message_id % 2 else None)
            wanted += item.rows()
            await writer.write(item)
        await writer.write(message(3_000))
        await writer.write_rows(wanted[:2])  # as of a worker
        assert 6_002 == writer.row_count
        assert [f"{path.name}.tmp"] == list(around(path))
    assert [*wanted, *wanted[:2]] == read(path)
    assert [path.name] == list(around(path))


async def test_hostile_keys(kind: Any, path: Path) -> None:
    """What anybody could send as an emoji is no formula in a table, and comes back as it was."""
    keys = ["=cmd|'/c calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "'", 'a "b", c', "\r\n=1", "👍"]
    async with kind(path) as writer:
        for number, key in enumerate(keys, 1):
            await writer.write(message(number, ReactionItem("emoji", key, 1)))
        await writer.write(message(99, ReactionItem("emoji", "\ud83d", 1)))
    rows = read(path)
    assert keys == [row.reaction_key for row in rows[:-1]]
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            cells = [row["reaction_key"] for row in csv.DictReader(file)]
        assert not [cell for cell in cells if cell.startswith(tuple("=+-@\t\r\n"))]
        assert rows[-1].reaction_key == "\\ud83d"
    else:
        assert rows[-1].reaction_key == "\ud83d"


async def test_no_rows(kind: Any, path: Path) -> None:
    """A chat without reactions makes a file without rows, and no error."""
    async with kind(path):
        pass
    assert [] == read(path)


async def test_an_error_leaves_what_was_there(kind: Any, path: Path) -> None:
    """An export that fails, or is cancelled, changes no file and leaves none behind."""
    await export(kind(path))
    before = around(path)
    assert [path.name] == list(before)
    for error in (ValueError, asyncio.CancelledError):
        with pytest.raises(error):
            await export(kind(path), error)
        assert before == around(path)
    await export(kind(path))
    assert before == around(path)


async def test_full_disk(kind: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room is a typed error, whenever it is known, and the old file stays."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    await export(kind(path))
    before = around(path)
    for name, owner in (("write_all", disk), ("fsync", disk.os)):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, full)
            with pytest.raises(DiskFullError):
                await export(kind(path))
        assert before == around(path)


async def test_cancelled_at_the_end(kind: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled while the file is put in its place: it is whole there, and nothing beside it."""
    loop, task = asyncio.get_running_loop(), asyncio.create_task(export(kind(path)))
    done = disk.os.fsync

    def fsync(descriptor: int) -> None:
        loop.call_soon_threadsafe(task.cancel)
        done(descriptor)

    monkeypatch.setattr(disk.os, "fsync", fsync)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [path.name] == list(around(path))
    assert 1 == len(read(path))


async def test_misuse(kind: Any, path: Path) -> None:
    """A writer is open within `async with` only, and once at a time."""
    writer = kind(path)
    with pytest.raises(ClosedError):
        await writer.write(message(1))
    async with writer:
        with pytest.raises(ClosedError):
            await writer.__aenter__()
    with pytest.raises(ClosedError):
        await writer.write_rows([])
    for bad in ("", 5, None):
        with pytest.raises(ArgumentError, match="path"):
            kind(bad)


async def test_where_no_file_can_be(kind: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before the first row, and nothing is left behind."""

    def refuse(*_: object, **_options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    folder = path.parent / "a.folder"
    folder.mkdir()
    for bad, why in ((folder, "is a folder"), (path.parent / "none" / "a.csv", "that exists")):
        with pytest.raises(ArgumentError, match=why):
            await kind(bad).__aenter__()
    assert [folder] == [*path.parent.iterdir()]
    monkeypatch.setattr(disk, "FileIO", refuse)  # a superuser may write anywhere
    with pytest.raises(ArgumentError, match="may write"):
        await kind(path).__aenter__()
    assert [folder] == [*path.parent.iterdir()]


async def test_writes_at_once(kind: Any, path: Path) -> None:
    """Several tasks may write to one writer: each row comes whole, once."""
    key = "👍" * 20_000  # each write fills what is gathered
    async with kind(path) as writer, asyncio.TaskGroup() as group:
        for message_id in range(1, 21):
            group.create_task(writer.write(message(message_id, ReactionItem("emoji", key, 1))))
    assert [*range(1, 21)] == [row.msg_id for row in read(path)]
