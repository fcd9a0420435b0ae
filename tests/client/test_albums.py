"""Albums through the real client: whole across pages, batches and chunks, and from a search."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from telethon.tl import types

from telefast import (
    ArgumentError,
    BatchedHistory,
    ChunkStore,
    ConcurrentUseError,
    group_albums,
    rehydrate,
    widen_albums,
)
from telefast.testing import Channel, ErrorOn, LocalTelegram, World
from tests.client.exact import BY_IDS, HISTORY, club, down, ids_of

BIG = 2**62


def with_albums(count: int, albums: dict[int, tuple[int, ...]]) -> tuple[World, Channel]:
    """Return a supergroup whose messages of these ids, and no others, are albums."""
    world, chat = club(count)
    for message_id in range(1, count + 1):
        message = chat.message(message_id)
        if getattr(message, "grouped_id", None):
            message.grouped_id = None
            chat.put(message)
    for number, ids in albums.items():
        for message_id in ids:
            chat.put(
                types.Message(
                    id=message_id,
                    peer_id=chat.peer(),
                    date=chat.message(message_id).date,
                    message="harbour" if message_id == ids[0] else "",
                    grouped_id=BIG + number,
                )
            )
    return world, chat


ALBUMS = {
    1: tuple(range(196, 206)),  # across the first border of pages, and of batches
    2: (150, 151),
    3: (95, 97, 99, 103),  # with others between, across the next one
    4: tuple(range(1, 4)),
    5: (299, 300),
}


@pytest.mark.parametrize("reverse", [False, True])
async def test_albums_are_whole_across_pages(reverse: bool) -> None:
    """Every album is one list in the stream's order, every other message a list of its own."""
    world, _ = with_albums(300, ALBUMS)
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as client,
        BatchedHistory(client, "club", reverse=reverse) as history,
    ):
        groups = [ids_of(group) async for group in group_albums(history)]
    wanted: list[list[int]] = []
    seen: dict[int, list[int]] = {}
    for message_id in sorted(range(1, 301), reverse=not reverse):
        number = next((n for n, ids in ALBUMS.items() if message_id in ids), None)
        if number in seen:
            seen[number].append(message_id)
            continue
        wanted.append([message_id])
        if number is not None:
            seen[number] = wanted[-1]
    assert wanted == groups


async def test_a_second_consumer_harms_nobody() -> None:
    """It gets the error, of the groups as of the source, and the first one gets every message."""
    world, _ = with_albums(300, ALBUMS)
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as client,
        BatchedHistory(client, "club", request_size=10) as history,
    ):
        groups = group_albums(history)

        async def read() -> int:
            return sum([len(group) async for group in groups])

        async def read_source() -> int:
            return len([message async for message in history])

        found: list[Any] = await asyncio.gather(
            read(), read(), read_source(), return_exceptions=True
        )
        assert 300 == found[0]
        assert [ConcurrentUseError] * 2 == [type(each) for each in found[1:]]


async def test_a_source_that_is_anothers_is_not_at_its_end() -> None:
    """Where another consumer waits on the source, the groups raise that, and go on afterwards."""
    world, _ = with_albums(300, ALBUMS)
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as client,
        BatchedHistory(client, "club", request_size=10) as history,
    ):
        groups = group_albums(history)
        first = asyncio.create_task(anext(history))
        await asyncio.sleep(0)
        with pytest.raises(ConcurrentUseError):
            await anext(groups)
        assert 300 == (await first).id
        assert 299 == sum([len(group) async for group in groups])


async def test_telethons_own_iterator_will_do() -> None:
    """The source may be any asynchronous iterable of messages."""
    world, _ = with_albums(300, ALBUMS)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        stock = client.iter_messages("club", wait_time=0)
        groups = [ids_of(group) async for group in group_albums(stock)]
    assert down(205, 196) in groups
    assert sum(map(len, groups)) == 300


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("batch_size", [7, 100])
async def test_batches_and_chunks_hold_albums_whole(
    reverse: bool, batch_size: int, tmp_path: Path
) -> None:
    """With `albums=True` each album lies in one batch, and in one chunk of a store."""
    world, _ = with_albums(300, ALBUMS)
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as client,
        BatchedHistory(
            client, "club", reverse=reverse, batch_size=batch_size, albums=True
        ) as history,
        ChunkStore(tmp_path / "store") as store,
    ):
        batches = []
        async for batch in history.batches():
            assert history.cursor.offset_id == batch.last_id
            await store.append(batch)
            batches.append(batch)
        assert history.cursor.done
        ids = [i for batch in batches for i in ids_of(batch.messages)]
        assert sorted(range(1, 301), reverse=not reverse) == ids
        for batch in batches:
            present = set(ids_of(batch.messages))
            assert all(present >= set(a) or not present & set(a) for a in ALBUMS.values())
        shares = []
        async for chunk in store.chunks():
            messages = await rehydrate(client, chunk)
            shares.append(sum(message.grouped_id == BIG + 1 for message in messages))
    assert [10] == [share for share in shares if share]


async def test_an_error_cuts_no_album() -> None:
    """The album that an error broke off is not handed out; from the cursor on it comes whole."""
    world, _ = with_albums(300, ALBUMS)
    rule = ErrorOn(HISTORY, 400, "CHANNEL_PRIVATE", nth=2)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        arguments: dict[str, Any] = {"batch_size": 50, "albums": True, "concurrency": 1}
        taken: list[int | None] = []
        history = BatchedHistory(client, "club", **arguments)

        async def consume() -> None:
            async for batch in history.batches():
                taken.extend(ids_of(batch.messages))

        with pytest.raises(Exception, match="private"):
            await consume()
        assert down(300, 206) == taken
        cursor = history.cursor
        assert (cursor.offset_id, cursor.done) == (206, False)
        history = BatchedHistory(client, "club", offset_id=206, **arguments)
        await consume()
        assert down(300) == taken


async def test_closing_early_is_not_the_end() -> None:
    """What was fetched to the end and not taken is not done: the cursor says so, closed or not."""
    world, _ = with_albums(90, {1: (50, 51)})
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        async with BatchedHistory(client, "club", batch_size=40, albums=True) as history:
            batch = await anext(history.batches())
            assert down(90, 50) == ids_of(batch.messages)
            assert not history.cursor.done
        assert (history.cursor.offset_id, history.cursor.done) == (50, False)


async def test_an_error_of_the_source_follows_all_messages() -> None:
    """`group_albums` hands out all that was read, then raises the error once."""

    async def source() -> AsyncIterator[Any]:
        for number in (5, 4, 3):
            yield types.Message(
                id=number,
                peer_id=types.PeerChannel(9),
                message="",
                date=None,
                grouped_id=None if number == 5 else BIG,
            )
        raise OSError("line")

    found: list[list[int | None]] = []
    groups = group_albums(source())

    async def consume() -> None:
        async for group in groups:
            found.append(ids_of(group))  # noqa: PERF401 - it ends with an error

    with pytest.raises(OSError, match="line"):
        await consume()
    assert [[5], [4, 3]] == found
    with pytest.raises(StopAsyncIteration):
        await anext(groups)


def test_messages_are_read_asynchronously() -> None:
    """A list is no source, which is said at once."""
    wrong: Any = []
    with pytest.raises(ArgumentError, match="source"):
        group_albums(wrong)


@pytest.mark.parametrize("reverse", [False, True])
async def test_hits_of_a_search_become_whole_albums(reverse: bool) -> None:
    """One message of each album is found; one request brings the others."""
    world, _ = with_albums(300, ALBUMS)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        hits = await client.get_messages("club", limit=100, search="harbour")
        before = telegram.requests[BY_IDS]
        albums = await widen_albums(client, "club", [*hits, None], reverse=reverse)
        assert telegram.requests[BY_IDS] == before + 1
        hit_ids = set(ids_of(hits))
        wanted = [sorted(ids, reverse=not reverse) for ids in ALBUMS.values() if ids[0] in hit_ids]
        assert wanted
        found = [ids_of(album) for album in albums]
        assert all(album in found for album in wanted)
        assert sorted(i for album in found for i in album if i is not None) == sorted(
            {i for album in wanted for i in album} | {i for i in hit_ids if i is not None}
        )
        for album in albums:
            assert all(type(message.grouped_id) in (int, type(None)) for message in album)
            assert all(message.client is client for message in album)


async def test_messages_without_an_album_cost_nothing() -> None:
    """Nothing is asked for where no message is in an album."""
    world, _ = club(50)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        messages = await client.get_messages("club", ids=[5, 6, 7])
        albums = await widen_albums(client, "club", messages)
        assert [[5], [6], [7]] == [ids_of(album) for album in albums]
        assert telegram.requests[BY_IDS] == 1


@pytest.mark.parametrize(
    "wrong",
    [{"reverse": 0}, {"messages": 5}, {"messages": "ab"}, {"messages": [5]}, {"client": None}],
    ids=str,
)
async def test_what_cannot_be_widened(wrong: dict[str, Any]) -> None:
    """A wrong argument is named, and nothing is sent."""
    world, _ = with_albums(300, ALBUMS)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        before = telegram.requests.total
        with pytest.raises(ArgumentError, match=next(iter(wrong))):
            await widen_albums(**{"client": client, "entity": "club", "messages": []} | wrong)
        assert before == telegram.requests.total
