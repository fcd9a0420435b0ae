"""Streams that go on, and streams that fill holes, on the embedded Telegram."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from telethon import types

from telefast import (
    ArgumentError,
    BatchedHistory,
    Checkpoint,
    CursorMismatchError,
    HistoryCursor,
    ProcessedIds,
)
from telefast.testing import LocalTelegram, World
from tests.client.exact import BY_IDS, HISTORY, club, down, ids_of, read, set_ids

CASES: dict[str, dict[str, Any]] = {
    "whole": {},
    "reverse": {"reverse": True},
    "limit": {"limit": 333},
    "limit and shift": {"limit": 333, "add_offset": 45},
    "reverse, limit and shift": {"limit": 333, "add_offset": -45, "reverse": True},
    "early": {"add_offset": -30, "offset_id": 500, "limit": 120},
    "bounds": {"min_id": 100, "max_id": 700},
    "ids": {"ids": [5, 900, 7, 7, 10**6, 3, *range(200, 500)]},
    "ids in reverse": {"ids": [*range(1, 400, 3), 10**6], "reverse": True},
    "one id": {"ids": 5},
    "search": {"search": "the"},
    "filter": {"filter": types.InputMessagesFilterUrl(), "reverse": True},
    "scheduled": {"scheduled": True},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("by_batches", [False, True])
async def test_a_cursor_goes_on_exactly(case: str, by_batches: bool) -> None:
    """However often a stream is stopped, the parts together are what one stream yields."""
    rng = Random(case)
    arguments = CASES[case]
    world, _ = club(800, holes=0.2)
    got: list[int | None] = []
    cursor = HistoryCursor()
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        whole = ids_of(await read(client, "club", **arguments))
        stream = BatchedHistory(client, "club", batch_size=30, **arguments)
        for _ in range(100):
            most = rng.choice([0, 1, 29, 100, 250])
            async with stream:
                if by_batches:
                    async for batch in stream.batches():
                        got += ids_of(batch.messages)
                        if (most := most - len(batch)) <= 0:
                            break
                elif most:
                    async for message in stream:
                        got += ids_of([message])
                        if (most := most - 1) == 0:
                            break
                cursor = HistoryCursor.from_json(stream.cursor.to_json())
            assert (len(got), stream.cursor) == (cursor.taken, cursor)
            if cursor.done:
                break
            kept = {n: v for n, v in arguments.items() if n not in ("limit", "add_offset")}
            chat = "club" if cursor.peer_id is None else None
            stream = BatchedHistory.resume(client, chat, cursor, batch_size=30, **kept)
    assert whole == got
    assert cursor.done


@pytest.mark.parametrize("kind", ["user", "group"])
async def test_other_chats(kind: str, tmp_path: Path) -> None:
    """Private chats and basic groups go on and are filled as well."""
    world = World(seed=5)
    if kind == "user":
        chat: Any = world.add_private_chat("Ann", message_count=300)
    else:
        chat = world.add_group("Group", message_count=300)
    owed = sorted(chat.ids, reverse=True)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        entity = chat.marked_id
        await client.get_dialogs()
        got: list[int] = []
        for most in (70, 1000):
            async with Checkpoint(tmp_path / "state") as checkpoint:
                async for message in BatchedHistory.resume(client, entity, checkpoint):
                    if most == 70 and message.id in owed[10:13]:
                        continue
                    got.append(message.id)
                    await checkpoint.ack(message)
                    if len(got) == most:
                        break
        assert sorted(owed) == sorted(got)
        assert owed[10:13] == got[70:73], "first what was left, then what follows"
        async with Checkpoint(tmp_path / "state") as checkpoint:
            assert [] == checkpoint.chat(chat.marked_id).missing()


async def test_a_consumer_that_fails(tmp_path: Path) -> None:
    """Its message stays open while others advance; later runs offer it again, then list it."""
    world, chat = club(500)
    tries: list[int] = []
    seen: list[int] = []
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        for run in range(4):
            before = telegram.requests.total
            async with (
                Checkpoint(tmp_path / "state", max_tries=3) as checkpoint,
                BatchedHistory.resume(client, "club", checkpoint, reverse=True) as history,
            ):
                async for message in history:
                    try:
                        if message.id == 77:
                            raise ValueError("poison")  # noqa: TRY301 - as a consumer would
                    except ValueError as error:
                        tries.append(run)
                        await checkpoint.fail(message, repr(error))
                        continue
                    seen.append(message.id)
                    await checkpoint.ack(message)
                [failed] = checkpoint.chat(chat.marked_id).failures
                assert (77, "ValueError('poison')") == (failed.message_id, failed.reason)
                assert (run >= 2) == (failed in checkpoint.poisoned())
            if run:
                assert telegram.requests.total - before <= 4, "one by ids, the rest for news"
        telegram_ids = sorted(chat.ids)
    assert [0, 1, 2] == tries
    assert [i for i in telegram_ids if i != 77] == seen


async def test_an_uncaught_error_costs_nothing(tmp_path: Path) -> None:
    """What a consumer raises passes, what it acknowledged is kept, and the rest comes again."""
    world, chat = club(300)
    seen: list[int] = []
    async with LocalTelegram(world) as telegram, telegram.client() as client:

        async def consume(stop: int) -> None:
            async with Checkpoint(tmp_path / "state") as checkpoint:
                async for message in BatchedHistory.resume(client, "club", checkpoint):
                    if message.id == stop:
                        raise ValueError(stop)
                    seen.append(message.id)
                    await checkpoint.ack(message)

        for stop in (250, 249, 40):
            with pytest.raises(ValueError, match=str(stop)):
                await consume(stop)
        await consume(0)
    assert sorted(chat.ids, reverse=True) == seen


async def test_only_holes_are_asked_for(tmp_path: Path) -> None:
    """A fill touches the gaps alone, marks what is absent, and does not ask for it again."""
    world, chat = club(3000)
    set_ids(chat, [i for i in range(1, 3001) if i not in (50, 51, 1500)])
    failed = [7, 50, 51, 52, *range(1000, 1301), 1500, 2999]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        async with Checkpoint(tmp_path / "state") as checkpoint:
            await checkpoint.ack(
                ProcessedIds(range(1, 3001)) - ProcessedIds(failed), chat_id=chat.marked_id
            )
            progress = checkpoint.chat(chat.marked_id)
            spans = [(7, 7), (50, 52), (1000, 1300), (1500, 1500), (2999, 2999)]
            assert spans == [(each[0], each[-1]) for each in progress.missing()]
            got: list[int] = []
            async with BatchedHistory.fill(client, "club", checkpoint) as history:
                async for batch in history.batches():
                    got += [m.id for m in batch.messages]
                    await checkpoint.ack(batch)
            assert [i for i in sorted(failed, reverse=True) if i in chat.ids] == got
            assert [50, 51, 1500] == list(progress.absent)
        asked = telegram.requests.requests(BY_IDS)
        assert [[2999, 1500], [52, 51, 50, 7]] == [
            ids for request in asked if len(ids := [each.id for each in request.id]) < 5
        ]
        assert telegram.requests[HISTORY] + telegram.requests[BY_IDS] <= 10
        total = telegram.requests.total
        async with Checkpoint(tmp_path / "state") as checkpoint:
            assert [] == ids_of([m async for m in BatchedHistory.fill(client, "club", checkpoint)])
        assert telegram.requests.total == total


async def test_the_head_on_request(tmp_path: Path) -> None:
    """What lies in front of the first id is reported, and read only if asked for."""
    world, chat = club(900)
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as client,
        Checkpoint(tmp_path / "state") as checkpoint,
    ):
        async with BatchedHistory.resume(client, "club", checkpoint, min_id=499) as history:
            async for batch in history.batches():
                await checkpoint.ack(batch)
        progress = checkpoint.chat(chat.marked_id)
        assert ([], [range(1, 500)]) == (progress.missing(), progress.missing(1))
        again = BatchedHistory.resume(client, "club", checkpoint, min_id=499)
        assert [] == [m async for m in again]
        async with BatchedHistory.fill(client, "club", checkpoint, reverse=True) as history:
            assert list(range(1, 500)) == [m.id async for m in history]
        ranges = ProcessedIds(range(500, 901)).missing(450, 900)
        async with BatchedHistory.fill(client, "club", ranges) as history:
            assert down(499, 450) == [m.id async for m in history]


async def test_news_are_read_in_reverse(tmp_path: Path) -> None:
    """Oldest first, a run that has come to the end goes on with what was posted since."""
    world, chat = club(300)
    got: list[list[int]] = []
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        for top in (250, 250, 300):
            set_ids(chat, range(1, top + 1))
            async with Checkpoint(tmp_path / "state") as checkpoint:
                history = BatchedHistory.resume(client, "club", checkpoint, reverse=True)
                got.append([])
                async for message in history:
                    got[-1].append(message.id)
                    await checkpoint.ack(message)
    assert [list(range(1, 251)), [], list(range(251, 301))] == got


async def test_what_does_not_belong_together(tmp_path: Path) -> None:
    """A cursor of another chat or query is refused, and no history is asked for."""
    world, _ = club(300)
    world.add_channel("Other", message_count=10, username="other")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        async with BatchedHistory(client, "club", limit=50) as history:
            await anext(aiter(history))
        cursor = history.cursor
        asked = telegram.requests[HISTORY]
        for options in ({"limit": 51}, {"reverse": True}, {"search": "x"}, {"ids": [1]}):
            with pytest.raises(CursorMismatchError):
                BatchedHistory.resume(client, "club", cursor, **options)
        other = BatchedHistory.resume(client, "other", cursor)
        with pytest.raises(CursorMismatchError, match="chat"):
            await anext(aiter(other))
        for call in (
            lambda: BatchedHistory.resume(client, None, HistoryCursor()),
            lambda: BatchedHistory.resume(client, "club", cursor, limits=5),
            lambda: BatchedHistory.resume(client, "club", cursor, concurrency=0),
            lambda: BatchedHistory.fill(client, "club", [range(1, 5)], limit=3),
        ):
            with pytest.raises((ArgumentError, TypeError)):
                call()
        async with Checkpoint(tmp_path / "state") as checkpoint:
            async for message in BatchedHistory.resume(client, "club", checkpoint, limit=5):
                await checkpoint.ack(message)
            asked += 1
            changed = BatchedHistory.resume(client, "club", checkpoint, limit=6)
            with pytest.raises(CursorMismatchError, match="limit: the cursor holds 5, not 6"):
                await anext(aiter(changed))
        assert asked == telegram.requests[HISTORY]


async def test_one_takeout_for_all_parts(tmp_path: Path) -> None:
    """Holes and what follows are read in one takeout."""
    world, chat = club(2000)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        async with Checkpoint(tmp_path / "state") as checkpoint:
            done = [*range(1, 100), *range(600, 700), 2000]
            await checkpoint.ack(done, chat_id=chat.marked_id)
            history = BatchedHistory.fill(client, "club", checkpoint, takeout=True)
            assert 1800 == len([m async for m in history])
        assert telegram.requests["account.initTakeoutSession"] == 1
        assert telegram.requests["account.finishTakeoutSession"] == 1
