"""`Checkpoint` on the disk: what is written when, and what may happen to it."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from pathlib import Path
from random import Random
from typing import Any

import msgpack
import pytest
from telethon import types

from telefast import (
    ArgumentError,
    Batch,
    Checkpoint,
    ClosedError,
    CorruptStateError,
    DiskFullError,
    StateError,
    StoreLockedError,
    UnsupportedStateError,
    UsageError,
    disk,
)
from telefast.history.progress import seal
from telefast.testing import run_virtual
from tests.storage.stores import marked, message, messages

CHAT = marked(9)


async def known(path: Path) -> dict[int, list[int]]:
    """Return the ids that are written as done, by chats."""
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    async with Checkpoint(copy) as checkpoint:
        return {chat.chat_id: list(chat.done) for chat in checkpoint.chats}


async def test_everything_comes_back(tmp_path: Path) -> None:
    """Chats, sets, failures and notes are there after closing; cursors have tests of their own."""
    path = tmp_path / "deep" / "state"
    async with Checkpoint(path, max_tries=2) as checkpoint:
        await checkpoint.ack(messages(1, 2, 5), note={"size": 30})
        await checkpoint.ack([7, 8], chat_id=4711)
        await checkpoint.ack(message(3))
        for _ in range(2):
            await checkpoint.fail(message(6), "no room for it")
        await checkpoint.fail(9, "once", chat_id=4711)
        checkpoint.chat(4711).pass_over(1, 6)
        assert "chats=2" in repr(checkpoint)
    async with Checkpoint(path, max_tries=2) as checkpoint:
        chat, other = checkpoint.chats
        assert (CHAT, [1, 2, 3, 5], {"size": 30}) == (chat.chat_id, list(chat.done), chat.note)
        assert (4711, [7, 8], list(range(1, 7)), None) == (
            other.chat_id,
            list(other.done),
            list(other.absent),
            other.note,
        )
        [poisoned] = checkpoint.poisoned()
        assert (CHAT, 6, 2, "no room for it") == (
            poisoned.chat_id,
            poisoned.message_id,
            poisoned.tries,
            poisoned.reason,
        )
        assert [9] == [each.message_id for each in other.failures]
        assert [range(4, 5)] == chat.missing()
        await checkpoint.ack(message(6), note=None)
        assert ([], None) == (checkpoint.poisoned(), chat.note)
    assert {"state", "state.lock"} == {each.name for each in path.parent.iterdir()}


async def test_written_by_number(tmp_path: Path) -> None:
    """Every so many messages, and at the end; a failure at once."""
    path = tmp_path / "state"
    async with Checkpoint(path, every=3, seconds=1e6) as checkpoint:
        await checkpoint.ack(messages(1, 2))
        assert not path.exists()
        await checkpoint.ack([])
        await checkpoint.ack(message(3))
        assert {CHAT: [1, 2, 3]} == await known(path)
        await checkpoint.ack(message(4))
        assert {CHAT: [1, 2, 3]} == await known(path)
        await checkpoint.flush()
        assert {CHAT: [1, 2, 3, 4]} == await known(path)
        await checkpoint.ack(message(5))
        await checkpoint.fail(message(6), "x")
        assert {CHAT: [1, 2, 3, 4, 5]} == await known(path)
        await checkpoint.ack(message(7))
    assert {CHAT: [1, 2, 3, 4, 5, 7]} == await known(path)


def test_written_by_time(tmp_path: Path) -> None:
    """After so many seconds the next acknowledgement is written, however few there were."""
    path = tmp_path / "state"

    async def main() -> None:
        async with Checkpoint(path, every=1000, seconds=5) as checkpoint:
            await checkpoint.ack(message(1))
            await asyncio.sleep(4.9)
            await checkpoint.ack(message(2))
            assert not path.exists()
            await asyncio.sleep(0.2)
            await checkpoint.ack(message(3))
            assert {CHAT: [1, 2, 3]} == await known(path)
            await asyncio.sleep(4.9)
            await checkpoint.ack(message(4))
            assert {CHAT: [1, 2, 3]} == await known(path)

    run_virtual(main)


async def test_what_can_be_acknowledged(tmp_path: Path) -> None:
    """Messages of any chats, batches, ids; nothing where one is wrong."""
    batch = Batch([message(1), None, message(2)], 1, 2, 2, 1, 0.0, ())
    async with Checkpoint(tmp_path / "state") as checkpoint:
        await checkpoint.ack(batch)
        await checkpoint.ack(None, note="nothing was done")
        await checkpoint.ack(iter([message(3), message(3, chat=10)]))
        await checkpoint.ack(4, chat_id=CHAT)
        assert ([1, 2, 3, 4], None) == (
            list(checkpoint.chat(CHAT).done),
            checkpoint.chat(CHAT).note,
        )
        assert [3] == list(checkpoint.chat(marked(10)).done)
        nested: list[Any] = []
        for _ in range(100_000):
            nested = [nested]
        wrong: list[tuple[Any, dict[str, Any]]] = [
            (5, {}),
            ([5, "6"], {"chat_id": CHAT}),
            ([5, 0], {"chat_id": CHAT}),
            (5, {"chat_id": 0}),
            (5, {"chat_id": "durov"}),
            (message(5), {"chat_id": 7}),
            (object(), {}),
            (types.MessageEmpty(5, None), {}),
            (message(5), {"note": {1, 2}}),
            (message(5), {"note": nested}),
            ([message(5), message(5, chat=10)], {"note": 1}),
        ]
        for processed, options in wrong:
            with pytest.raises(ArgumentError):
                await checkpoint.ack(processed, **options)
        for args in ((None, "x"), (5, "x"), (message(5), 3)):
            with pytest.raises(ArgumentError):
                await checkpoint.fail(*args)  # type: ignore[arg-type]
        assert [1, 2, 3, 4] == list(checkpoint.chat(CHAT).done)
        assert [] == checkpoint.chat(CHAT).failures


@pytest.mark.parametrize(
    "options",
    [{"every": 0}, {"every": 1.5}, {"seconds": -1}, {"max_tries": 0}, {"seconds": float("inf")}],
    ids=str,
)
def test_illegal_options(options: dict[str, Any], tmp_path: Path) -> None:
    """They are refused by the constructor, which touches no file."""
    with pytest.raises(ArgumentError):
        Checkpoint(tmp_path / "state", **options)
    assert [] == list(tmp_path.iterdir())


async def test_open_and_closed(tmp_path: Path) -> None:
    """It is used while it is open, opened once at a time, and closed as often as you like."""
    checkpoint = Checkpoint(tmp_path / "state")
    await checkpoint.aclose()
    for call in (checkpoint.flush, lambda: checkpoint.ack(message(1))):
        with pytest.raises(ClosedError, match="use `async with`"):
            await call()
    async with checkpoint:
        with pytest.raises(UsageError, match="open already"):
            await checkpoint.open()
        with pytest.raises(StoreLockedError) as caught:
            await Checkpoint(tmp_path / "state").open()
        assert (str(tmp_path / "state"), os.getpid()) == (caught.value.path, caught.value.holder)
        await checkpoint.ack(message(1))
    await checkpoint.aclose()
    async with Checkpoint(tmp_path / "state") as again:
        assert [1] == list(again.chat(CHAT).done)


async def test_damage(tmp_path: Path) -> None:
    """A changed or cut file is a typed error that names it, is left alone, and locks nothing."""
    path = tmp_path / "state"
    async with Checkpoint(path) as checkpoint:
        await checkpoint.ack(messages(1, 2, 5), note="x")
        await checkpoint.fail(message(6), "x")
    whole = path.read_bytes()
    rng = Random(1)
    bad = [whole[: rng.randrange(len(whole))] for _ in range(20)] + [b"", whole + b"x"]
    bad += [
        whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :]
        for at in [*range(5), *range(8, len(whole), 7)]
    ]
    for data in bad:
        path.write_bytes(data)
        with pytest.raises(StateError) as caught:
            await Checkpoint(path).open()
        assert str(path) == caught.value.path
        assert data == path.read_bytes()
    for body in (b"", b"\xc1", msgpack.packb([]), msgpack.packb({"chats": [{}]}), b"\x01"):
        path.write_bytes(seal(b"TFCP", 1, body))
        with pytest.raises(CorruptStateError):
            await Checkpoint(path).open()
    for field, value in [
        ("id", "x"),
        ("done", b""),
        ("absent", 5),
        ("failures", [[1]]),
        ("cursor", {}),
        ("note", "{"),
        ("seen", [1]),
    ]:
        fields = checkpoint.chats[0].to_fields() | {field: value}
        path.write_bytes(seal(b"TFCP", 1, msgpack.packb({"chats": [fields]})))
        with pytest.raises(CorruptStateError):
            await Checkpoint(path).open()
    path.write_bytes(seal(b"TFCP", 9, b""))
    with pytest.raises(UnsupportedStateError, match="version 9"):
        await Checkpoint(path).open()
    path.write_bytes(whole)
    async with Checkpoint(path) as checkpoint:
        assert [1, 2, 5] == list(checkpoint.chat(CHAT).done)


async def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is typed, the file is the old one, and the marks are written when there is room."""
    path = tmp_path / "state"

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    async with Checkpoint(path, every=2) as checkpoint:
        await checkpoint.ack(messages(1, 2))
        with monkeypatch.context() as patch:
            patch.setattr(disk.os, "fsync", full)
            with pytest.raises(DiskFullError) as caught:
                await checkpoint.ack(messages(3, 4))
            assert str(path) == caught.value.path
        assert {CHAT: [1, 2]} == await known(path)
        await checkpoint.ack(message(5))
        assert {CHAT: [1, 2, 3, 4, 5]} == await known(path)
        await checkpoint.ack(message(6))
        with monkeypatch.context() as patch:
            patch.setattr(disk.os, "fsync", full)
            with pytest.raises(DiskFullError):
                await checkpoint.aclose()
    assert {CHAT: [1, 2, 3, 4, 5]} == await known(path)
    async with Checkpoint(path) as checkpoint:  # the lock was let go all the same
        assert checkpoint.chat(CHAT).high == 5
    monkeypatch.setattr(Path, "read_bytes", full)
    with pytest.raises(OSError, match="full"):
        await Checkpoint(path).open()
    monkeypatch.undo()
    async with Checkpoint(path):
        pass


async def test_a_cancelled_write(tmp_path: Path) -> None:
    """What a cancelled acknowledgement was about to write is written later, and nothing is torn."""
    path = tmp_path / "state"
    async with Checkpoint(path, every=1) as checkpoint:
        for i in range(1, 21):
            task = asyncio.create_task(checkpoint.ack(message(i)))
            for _ in range(i % 5):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
        await checkpoint.ack(message(21))
        done = (await known(path))[CHAT]
    assert done == (await known(path))[CHAT]
    assert {*range(1, 22)} - {*range(5, 21, 5)} == set(done), "a task that never began"


@pytest.mark.parametrize("steps", range(5))
async def test_a_cancelled_opening(tmp_path: Path, steps: int) -> None:
    """Whoever gives up opening a checkpoint, at any moment, leaves it to others and to himself."""
    path = tmp_path / "state"
    checkpoint = Checkpoint(path)
    task = asyncio.create_task(checkpoint.open())
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    await checkpoint.aclose()
    async with Checkpoint(path):
        pass
    async with checkpoint:
        pass


async def test_many_consumers(tmp_path: Path) -> None:
    """Acknowledgements of several tasks are all kept, and none is written twice as its own."""
    path = tmp_path / "state"
    async with Checkpoint(path, every=10) as checkpoint:
        await asyncio.wait([asyncio.create_task(checkpoint.ack(message(i))) for i in range(1, 101)])
        assert list(range(1, 101)) == list(checkpoint.chat(CHAT).done)
    assert {CHAT: list(range(1, 101))} == await known(path)


async def test_a_million_messages(tmp_path: Path) -> None:
    """A dense chat of a million messages is a small file."""
    path = tmp_path / "state"
    async with Checkpoint(path) as checkpoint:
        await checkpoint.ack(range(1, 1_000_001), chat_id=CHAT)
    assert path.stat().st_size < 1000
    async with Checkpoint(path) as checkpoint:
        assert 1_000_000 == len(checkpoint.chat(CHAT).done)
