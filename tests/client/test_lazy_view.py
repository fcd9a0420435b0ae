"""`view="lazy"`: the same messages in the same order on every path, and Telethon's on demand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from telethon import types

from telefast import BatchedHistory, ChunkStore, LazyMessage, group_albums, items_of, rehydrate
from telefast.testing import LocalTelegram, World
from tests.client.exact import assert_same, club, fingerprint, read, stock
from tests.client.test_undecoded import Newer

CASES: list[dict[str, Any]] = [
    {},
    {"reverse": True},
    {"limit": 130, "offset_id": 700},
    {"min_id": 100, "max_id": 450},
    {"search": "a"},
    {"filter": types.InputMessagesFilterPhotos()},
    {"ids": [5, 1, 999, 5, 77]},
    {"by_ids": False},
]


@pytest.mark.parametrize("arguments", CASES, ids=[str(n) for n in range(len(CASES))])
async def test_lazy_messages_are_those_of_stock(arguments: dict[str, Any]) -> None:
    """Decoded on demand, each is the finished message that `iter_messages` yields."""
    world, _ = club(1_000, holes=0.1)
    asked = {name: value for name, value in arguments.items() if name != "by_ids"}
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        theirs = await stock(client, "club", **asked)
        ours = await read(client, "club", view="lazy", **arguments)
        assert all(type(each) in (LazyMessage, type(None)) for each in ours)
        for one, other in zip(ours, theirs, strict=True):
            if one is not None:
                assert (one.id, one.date, one.sender_id) == (other.id, other.date, other.sender_id)
                assert (one.raw_text, one.out) == (other.raw_text, other.out)
                assert one.text == other.text
        whole = [None if each is None else each.full() for each in ours]
        fresh = await stock(client, "club", **asked)
        assert_same(whole, client, fresh, client)


@pytest.mark.parametrize("kind", ["private", "group"])
async def test_private_chats_and_groups(kind: str) -> None:
    """They have senders of their own kind: in private chats the chat is one."""
    world = World(seed=3)
    if kind == "private":
        chat: Any = world.add_private_chat(world.add_person("Ada"), message_count=400)
    else:
        chat = world.add_group("Friends", message_count=400)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        theirs = await stock(client, chat.marked_id)
        ours = await read(client, chat.marked_id, view="lazy")
        facts = [(m.id, m.sender_id, m.chat_id, m.out, m.raw_text) for m in theirs]
        assert facts == [(m.id, m.sender_id, m.chat_id, m.out, m.raw_text) for m in ours]
        assert_same([m.full() for m in ours], client, await stock(client, chat.marked_id), client)


async def test_a_page_that_cannot_be_walked_is_decoded() -> None:
    """An unknown constructor: its page comes decoded, the message is reported, none is lost."""
    world, _ = club(300)
    async with LocalTelegram(world, rules=[Newer([150])]) as telegram, telegram.client() as client:
        async with BatchedHistory(client, "club", view="lazy") as history:
            found = [message async for message in history]
        assert [150] == [each.id for each in history.undecoded]
        assert 299 == len(found)
        assert {LazyMessage} == {type(each) for each in found}
        assert {True, False} == {each.source is None for each in found}
        assert [m.id for m in found] == [i for i in range(300, 0, -1) if i != 150]


async def test_the_paths_without_pages_are_lazy_by_name() -> None:
    """Scheduled messages and stock's path yield `LazyMessage`s as well."""
    world, _ = club(300)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        wanted: Any = [types.InputMessageID(7), types.InputMessageID(9)]
        ours = await read(client, "club", view="lazy", ids=wanted)
        assert [LazyMessage, LazyMessage] == [type(each) for each in ours]
        theirs = await stock(client, "club", ids=[7, 9])
        assert [fingerprint(m, client) for m in theirs] == [
            fingerprint(m.full(), client) for m in ours
        ]


async def test_a_lazy_stream_is_archived_without_decoding(tmp_path: Path) -> None:
    """Its chunks hold the same bytes as those of a stream of whole messages; none is decoded."""
    world, _ = club(700)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        for view in ("full", "lazy"):
            async with (
                ChunkStore(tmp_path / view) as store,
                BatchedHistory(client, "club", view=view, batch_size=250) as history,  # type: ignore[arg-type]
            ):
                async for batch in history.batches():
                    await store.append(batch)
                    if view == "lazy":
                        assert all(message._full is None for message in batch.messages)
        full, lazy = (
            [path.read_bytes() for path in sorted((tmp_path / view).glob("*.tfc"))]
            for view in ("full", "lazy")
        )
        assert full == lazy
        async with ChunkStore(tmp_path / "lazy") as store:
            read_back = [m async for chunk in store for m in await rehydrate(client, chunk)]
        assert_same(read_back, client, await stock(client, "club"), client)


async def test_other_pieces_take_lazy_messages() -> None:
    """Files and albums of lazy messages are those of Telethon's."""
    world, _ = club(600)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        theirs = await stock(client, "club")
        ours = await read(client, "club", view="lazy")
        keys = [[getattr(item, "key", None) for item in items_of(m)] for m in theirs]
        assert keys == [[getattr(item, "key", None) for item in items_of(m)] for m in ours]
        assert any(keys)

        async def each(messages: list[Any]) -> Any:
            for message in messages:
                yield message

        albums = [[m.id for m in album] async for album in group_albums(each(theirs))]
        assert albums == [[m.id for m in album] async for album in group_albums(each(ours))]


async def test_a_stream_goes_on_lazily_where_it_stopped() -> None:
    """Cursors do not depend on the view."""
    world, _ = club(500)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        async with BatchedHistory(client, "club", view="lazy") as history:
            first = [await anext(aiter(history)) for _ in range(123)]
            cursor = history.cursor
        rest = BatchedHistory.resume(client, "club", cursor, view="lazy")
        async with rest:
            found = first + [message async for message in rest]
        assert list(range(500, 0, -1)) == [message.id for message in found]
