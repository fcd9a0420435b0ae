"""What the small schemas keep of whole chats, and the originals that `refill` fetches by ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from telethon import TelegramClient, types
from telethon.sessions import MemorySession

from telefast import (
    ArgumentError,
    BatchedHistory,
    Chunk,
    ChunkCodec,
    ChunkStore,
    FastClient,
    LightMessage,
    UsageError,
    file_key,
    refill,
    rehydrate,
    topic_of,
    wrap,
)
from telefast.testing import LocalTelegram, World, put_media, sample_kinds, sample_media
from tests.client.exact import BY_IDS, assert_same, club, ids_of, stock
from tests.client.test_undecoded import Newer
from tests.unit.light_model import check


async def keep(client: Any, chat: Any, path: Path, schema: Any) -> list[Chunk]:
    """Read a chat into a store; return its chunks."""
    codec = ChunkCodec(schema=schema)
    async with (
        ChunkStore(path, codec=codec) as store,
        BatchedHistory(client, chat, batch_size=300) as history,
    ):
        async for batch in history.batches():
            await store.append(batch)
        return [chunk async for chunk in store]


@pytest.mark.parametrize("schema", ["light", "minimal"])
async def test_a_channel(tmp_path: Path, schema: str) -> None:
    """Each message as stock gets it, 200 in a request; those deleted meanwhile are counted."""
    world, chat = club(1000, holes=0.1)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        chunks = await keep(client, "club", tmp_path, schema)
        rows = [row for chunk in chunks for row in chunk.messages]
        chat.delete(*(gone := ids_of(rows)[5:500:50]))
        found = await refill(client, "club", rows)
        assert (5, len(gone), ()) == (found.requests, found.deleted, found.undecoded)
        expected = await client.get_messages("club", ids=ids_of(rows), wait_time=0)
        assert [None if m is None else m.id for m in expected] == [
            None if m is None else m.id for m in found.messages
        ]
        there = [message for message in found.messages if message is not None]
        assert_same(there, client, [m for m in expected if m is not None], client)
        assert len(there) == 1000 - len(gone)
        one = await refill(client, "club", chunks[0], batch=100, concurrency=2)
        assert (3, 300) == (one.requests, len(one.messages))
        assert "text" not in repr(one)
        with pytest.raises(UsageError, match=f"schema {schema}"):
            await rehydrate(client, chunks[0])


def peer_of(world: World, chat: Any) -> Any:
    """Return what names a private chat to its account."""
    user = world.users[chat.marked_id]
    return types.InputPeerUser(user.id, user.access_hash or 0)


async def test_a_private_chat(tmp_path: Path) -> None:
    """Ids of all private chats are one sequence: what is in another chat now is not in this one."""
    world = World(seed=3)
    talk = world.add_private_chat("Ada Lovelace", message_count=450)
    other = world.add_private_chat("Grace Hopper", message_count=50)
    peer, wrong = peer_of(world, talk), peer_of(world, other)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        chunks = await keep(client, peer, tmp_path, "light")
        rows = [row for chunk in chunks for row in chunk.messages]
        people = {talk.marked_id, (await client.get_me()).id}
        assert people == {row.sender_id for row in rows if row.type == "message"}
        newest = ids_of(rows)[0]
        talk.delete(newest)
        found = await refill(client, peer, rows)
        assert (3, 1, None) == (found.requests, found.deleted, found.messages[0])
        theirs = await stock(client, peer)
        assert_same(found.messages[1:], client, theirs, client)
        elsewhere = await refill(client, peer, [next(iter(other.ids)), newest])
        assert ([None, None], 2) == (elsewhere.messages, elsewhere.deleted)
        with pytest.raises(ArgumentError, match="the messages' chat"):
            await refill(client, wrong, [LightMessage(next(iter(other.ids)), 777)])


async def test_order_and_repetitions() -> None:
    """One for each that was given, in that order; each id is asked for once."""
    world, _ = club(50)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        before = telegram.requests[BY_IDS]
        found = await refill(client, "club", [7, 3, 7, 10**6, 10**6], batch=2)
        assert [7, 3, 7, None, None] == [m and m.id for m in found.messages]
        assert (2, 1) == (found.requests, found.deleted)
        assert before + 2 == telegram.requests[BY_IDS]
        assert [] == (await refill(client, "club", [])).messages
        assert before + 2 == telegram.requests[BY_IDS]


async def test_within_a_takeout() -> None:
    """The requests can go within an export, and through the drop-in."""
    world, _ = club(50)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        found = await refill(client, "club", [1, 2], takeout=True)
        assert [1, 2] == ids_of(found.messages)
        assert 1 == telegram.requests["account.initTakeoutSession"]
        fast = wrap(client)
        assert isinstance(fast, FastClient)
        assert [1, 2] == ids_of((await refill(fast, "club", [1, 2])).messages)
        await fast.aclose()


async def test_what_cannot_be_decoded_is_not_deleted() -> None:
    """It is reported with its bytes."""
    world, _ = club(50)
    async with LocalTelegram(world, rules=[Newer({7})]) as telegram, telegram.client() as client:
        found = await refill(client, "club", [8, 7, 6, 999])
        assert [8, None, 6, None] == [m and m.id for m in found.messages]
        assert (1, [7]) == (found.deleted, [each.id for each in found.undecoded])


WRONG: list[tuple[Any, dict[str, Any], str]] = [
    ("abc", {}, "messages"),
    (5, {}, "messages"),
    ([b"x"], {}, "messages"),
    ([LightMessage(1, -5), LightMessage(2, -6)], {}, "messages"),
    ([1], {"batch": 201}, "batch"),
    ([1], {"batch": 1}, "batch"),
    ([1], {"entity": None}, "entity"),
    ([1], {"entity": 1.5}, "entity"),
    ([1], {"client": None}, "client"),
    ([1], {"concurrency": 0}, "concurrency"),
    ([1], {"concurrency": "8"}, "concurrency"),
    ([1], {"takeout": "yes"}, "takeout"),
    ([1], {"timeout": "60"}, "timeout"),
    ([1], {"max_flood_wait": -1}, "max_flood_wait"),
    ([2**40], {}, "ids"),
]


@pytest.mark.parametrize(("messages", "options", "name"), WRONG)
async def test_wrong_arguments_are_named(messages: Any, options: Any, name: str) -> None:
    """Before anything is sent."""
    client = TelegramClient(MemorySession(), 1, "x")
    given = {"client": client, "entity": "club", "messages": messages}
    with pytest.raises(ArgumentError) as caught:
        await refill(**{**given, **options})
    assert name == caught.value.name


async def test_a_chunk_of_several_chats_is_refused() -> None:
    """Its messages of one chat can be given instead."""
    sent = [types.Message(i, types.PeerChannel(i), message="x") for i in (1, 2)]
    codec = ChunkCodec(schema="light")
    with pytest.raises(ArgumentError, match="one chat"):
        await refill(None, "club", codec.decode(codec.encode(sent)))  # type: ignore[arg-type]


async def test_a_forum_with_reactions(tmp_path: Path) -> None:
    """Topics, reactions, replies and all else of a forum are as Telethon's objects say."""
    world = World(seed=5)
    forum = world.add_forum("Harbour", topics=12, message_count=600, username="harbour")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        [chunk] = [await whole(client, "harbour")]
        theirs = await stock(client, "harbour")
        assert len(chunk.messages) == len(theirs) == len(forum.ids)
        for sent, kept in zip(theirs, chunk.messages, strict=True):
            check(sent, kept)
            assert topic_of(sent) == (kept.topic_id or 1)
        assert len({row.topic_id for row in chunk.messages}) > 10
        assert any(row.reactions for row in chunk.messages)


async def whole(client: Any, chat: Any) -> Chunk:
    """Return one light chunk of a chat."""
    codec = ChunkCodec(schema="light")
    async with BatchedHistory(client, chat) as history:
        return codec.decode(codec.encode([batch async for batch in history.batches()]))


async def test_lazy_messages() -> None:
    """They are kept as those that are decoded at once; `minimal` decodes none of them."""
    world, _ = club(300)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        for schema in ("light", "minimal"):
            codec = ChunkCodec(schema=schema)  # type: ignore[arg-type]
            kept = []
            for view in ("full", "lazy"):
                async with BatchedHistory(client, "club", view=view) as history:  # type: ignore[arg-type]
                    batches = [batch async for batch in history.batches()]
                chunk = codec.decode(codec.encode(batches))
                single = codec.encode(batches[0].messages[:5], account=batches[0].account)
                assert chunk.messages[:5] == codec.decode(single).messages
                kept.append((chunk.ids, chunk.account, chunk.chat_id, chunk.messages))
            assert kept[0] == kept[1]
            decoded = [m for batch in batches for m in batch.messages if m._full is not None]
            assert len(decoded) == (300 if schema == "light" else 0)


async def test_media_of_every_kind() -> None:
    """Each is named, has the key that telefast gives it, and its file can be fetched from it."""
    world, chat = club(5)
    media = [sample_media(world, kind) for kind in sample_kinds()]
    put_media(chat, *media)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        chunk = await whole(client, "club")
        theirs = await stock(client, "club")
        fetched = 0
        for sent, kept in zip(theirs, chunk.messages, strict=True):
            check(sent, kept)
            found = kept.media
            if found is None or found.location() is None or fetched >= 3:
                continue
            if found.constructor not in ("MessageMediaPhoto", "MessageMediaDocument"):
                continue
            data = await client.download_file(found.location(), dc_id=found.dc_id)
            assert found.size == len(data)
            assert data == await sent.download_media(bytes)
            assert str(file_key(sent)) == found.file_key
            fetched += 1
        assert 3 == fetched
