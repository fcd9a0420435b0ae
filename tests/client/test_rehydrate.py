"""Messages from a store are those that were received: bytes, people, chats, and ready for use."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from telethon import TelegramClient, types, utils

from telefast import (
    ArgumentError,
    BatchedHistory,
    Chunk,
    ChunkCodec,
    ChunkStore,
    UsageError,
    rehydrate,
)
from telefast.chunks.frames import Header
from telefast.testing import LocalTelegram, World
from tests.client.exact import assert_same, club, fingerprint, ids_of, plain
from tests.unit.chunk_model import frame_of

ROOT = Path(__file__).parents[2]


async def keep(client: TelegramClient, chat: Any, path: Path, **options: Any) -> list[Any]:
    """Read a chat into a store; return the messages as they were received."""
    messages: list[Any] = []
    async with ChunkStore(path) as store, BatchedHistory(client, chat, **options) as history:
        async for batch in history.batches():
            await store.append(batch)
            messages += batch.messages
    return messages


async def restore(client: TelegramClient, path: Path, **options: Any) -> list[Any]:
    """Return the messages of a store."""
    async with ChunkStore(path, read_only=True) as store:
        return [m async for chunk in store for m in await rehydrate(client, chunk, **options)]


def chunk_of(messages: Any, account: int | None = None) -> Chunk:
    """Return a chunk as it comes back."""
    codec = ChunkCodec()
    return codec.decode(codec.encode(messages, account=account))


@pytest.mark.parametrize("batch_size", [30, 100, 1000])
async def test_messages_are_those_received(tmp_path: Path, batch_size: int) -> None:
    """Another client of the account gets the same finished messages, without a request."""
    world, chat = club(1500, holes=0.1)
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as client,
        telegram.client() as other,
    ):
        messages = await keep(client, "club", tmp_path, batch_size=batch_size)
        before = telegram.requests.total
        found = await restore(other, tmp_path)
        assert before == telegram.requests.total
        assert_same(found, other, messages, client)
        assert len(found) == 1500
        assert {type(message) for message in found} == {types.Message, types.MessageService}
        assert any(message.forward for message in found)
        assert any(message.media for message in found)
        peer = chat.input_peer()
        for message in found:
            assert plain(await message.get_input_chat()) == plain(peer)
            assert message.sender is None or await message.get_sender() is message.sender
        assert before == telegram.requests.total


async def test_what_was_finished_and_changed_is_as_received(tmp_path: Path) -> None:
    """A store keeps what came over the wire, whatever the program has made of the objects."""
    world, chat = club(300)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        async with ChunkStore(tmp_path) as store, BatchedHistory(client, "club") as history:
            async for batch in history.batches():
                for message in batch.messages:
                    message.text = "changed"
                    message.out = not message.out
                await store.append(batch)
        found = await restore(client, tmp_path)
        assert [chat.message_bytes(i) for i in ids_of(found)] == [bytes(m) for m in found]


def print_of(message: Any, client: TelegramClient) -> str:
    """Return a hash of all that a message knows.

    A client that never asked who it is calls itself InputPeerSelf, others say InputPeerUser.
    """
    exact, kind, known, *rest = fingerprint(message, client)
    if message.sender is not None and getattr(message.sender, "is_self", False):
        known["_input_sender"] = "myself"
    return sha256(repr((exact, kind, known, rest)).encode()).hexdigest()


OTHER_PROCESS = """
import asyncio, json, sys
from pathlib import Path
from telethon import TelegramClient
from telethon.sessions import StringSession
from tests.client.test_rehydrate import print_of, restore

async def main():
    client = TelegramClient(StringSession(sys.argv[1]), 1, "hash")
    found = await restore(client, Path(sys.argv[2]))
    print(json.dumps([print_of(message, client) for message in found]))

asyncio.run(main())
"""


async def test_another_process(tmp_path: Path) -> None:
    """A process that has only a session and the store gets the same, without any connection."""
    world, _ = club(400, holes=0.1)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        messages = await keep(client, "club", tmp_path)
        before = telegram.requests.snapshot()
        done = subprocess.run(  # noqa: ASYNC221 - nothing else goes on here
            [sys.executable, "-c", OTHER_PROCESS, telegram.session_string(), str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (0, "") == (done.returncode, done.stderr)
        assert before == telegram.requests.snapshot()
        assert [print_of(message, client) for message in messages] == json.loads(done.stdout)


async def test_plain_messages(tmp_path: Path) -> None:
    """Messages of Telethon's own iterator come back with all that they were bound to."""
    world, _ = club(300)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        messages = [m async for m in client.iter_messages("club", wait_time=0)]
        chunk = chunk_of(messages)
        assert (None, utils.get_peer_id(messages[0].peer_id)) == (chunk.account, chunk.chat_id)
        found = await rehydrate(client, chunk)
        assert_same(found, client, messages, client)


async def test_messages_of_several_chats() -> None:
    """Each message is bound to its own chat; equal ids are no matter."""
    world, _ = club(50)
    world.add_channel("Other", message_count=50, username="other")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        batches = []
        for name in ("club", "other"):
            async with BatchedHistory(client, name) as history:
                batches += [batch async for batch in history.batches()]
        chunk = chunk_of(batches)
        assert (None, None) == (chunk.chat_id, chunk.peer)
        found = await rehydrate(client, chunk)
        messages = [message for batch in batches for message in batch.messages]
        assert_same(found, client, messages, client)
        assert {"Club", "Other"} == {message.chat.title for message in found}


async def test_users_and_chats_are_saved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids can be resolved later, as after `iter_messages`; each entity is written once in a run."""
    world, chat = club(300)
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as client,
        telegram.client() as other,
    ):
        async with BatchedHistory(client, "club") as history:
            chunks = [chunk_of(batch) async for batch in history.batches()]
        saved: list[int] = []
        session: Any = other.session
        process = session.process_entities

        def note(found: Any) -> Any:
            saved.extend(utils.get_peer_id(x) for x in (*found.users, *found.chats))
            return process(found)

        monkeypatch.setattr(session, "process_entities", note)
        await rehydrate(other, chunks[0], save_entities=False)
        assert saved == []
        for chunk in [*chunks, *chunks]:
            await rehydrate(other, chunk)
        expected = {utils.get_peer_id(x) for c in chunks for x in (*c.users, *c.chats)}
        assert sorted(expected) == sorted(saved)
        before = telegram.requests.total
        for key in expected:
            assert await other.get_input_entity(key)
        assert before == telegram.requests.total
        assert plain(await other.get_input_entity(chat.marked_id)) == plain(chat.input_peer())


async def test_another_account(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It gets names and texts, no input peers, nothing in its session, and one warning."""
    world, chat = club(300)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        messages = await keep(client, "club", tmp_path)
        writer = await client.get_me()
    elsewhere = World(seed=1)
    async with LocalTelegram(elsewhere) as telegram, telegram.client() as client:
        reader = await client.get_me()
        assert reader.id != writer.id
        with caplog.at_level(logging.WARNING, "telefast.chunks"):
            found = await restore(client, tmp_path)
        assert [bytes(m) for m in messages] == [bytes(m) for m in found]
        for ours, theirs in zip(found, messages, strict=True):
            assert (theirs.sender_id, theirs.text) == (ours.sender_id, ours.text)
            assert (ours.input_chat, ours.input_sender) == (None, None)
            assert ours.chat.title == theirs.chat.title
            assert ours.chat.access_hash is None
            if theirs.sender:
                assert utils.get_display_name(theirs.sender) == utils.get_display_name(ours.sender)
                assert not getattr(ours.sender, "is_self", False)
            if theirs.forward:
                assert (None, None) == (ours.forward.input_sender, ours.forward.input_chat)
        with pytest.raises(ValueError, match="Could not find"):
            await client.session.get_input_entity(chat.marked_id)
        [text] = {record.getMessage() for record in caplog.records}
        accounts = f"chunk_account={writer.id} client_account={reader.id}"
        assert f"bound without input peers {accounts}" == text


async def test_another_account_that_knows_the_chat() -> None:
    """Where the reading account knows a peer by itself, messages are bound to that."""
    world, chat = club(20)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        me = await client.get_me()
        batches = [
            replace(batch, account=me.id + 1)
            async for batch in BatchedHistory(client, "club").batches()
        ]
        chunk = chunk_of(batches)
        hashes = {chat.id: 777}
        client._mb_entity_cache.extend([], [_with_hash(chat.to_tl(), hashes[chat.id])])
        for message in await rehydrate(client, chunk):
            assert (chat.id, 777) == (message.input_chat.channel_id, message.input_chat.access_hash)


def _with_hash(channel: types.Channel, access_hash: int) -> types.Channel:
    channel.access_hash = access_hash
    return channel


async def test_whose_message_it_was_stays(tmp_path: Path) -> None:
    """A chat of the writer with the reader stays as the writer saw it, for the reader too."""
    async with LocalTelegram(World(seed=1)) as telegram, telegram.client() as client:
        me = await client.get_me()
        received = types.Message(5, types.PeerUser(me.id), None, "hi", out=False)
        gone = types.ChannelForbidden(8, 9, "Gone")
        forwarded = types.Message(6, types.PeerChannel(8), None, "hi")
        forwarded._chat = gone
        for account, is_out, has_peer in ((me.id + 1, False, False), (me.id, True, True)):
            [first, second] = await rehydrate(client, chunk_of([received, forwarded], account))
            assert is_out == first.out
            assert has_peer == (second.input_chat is not None)


async def test_an_account_that_is_not_known() -> None:
    """A chunk or a client that does not know its account counts as the same account."""
    world, chat = club(20)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        batches = [b async for b in BatchedHistory(client, "club").batches()]
        me = await client.get_me()
        assert [me.id] == [batch.account for batch in batches]
        stranger = telegram.client()  # asks who it is when it connects
        plain_chunk = chunk_of([m for b in batches for m in b.messages])
        for reader, chunk in ((stranger, chunk_of(batches)), (client, plain_chunk)):
            found = await rehydrate(reader, chunk)
            assert plain(chat.input_peer()) == plain(found[0].input_chat)


async def test_what_cannot_be_decoded_is_left_out() -> None:
    """Records of another layer are reported by the chunk, and the others are finished."""
    world, chat = club(20)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        batches = [b async for b in BatchedHistory(client, "club").batches()]
        frame = ChunkCodec(compression="none").encode(batches)
        strange = b"\xef\xbe\xed\xfe" + chat.message_bytes(7)[4:]
        raw = frame[52:].replace(chat.message_bytes(7), strange)
        header = Header.unpack(frame)
        assert header is not None
        facts = {"count": header.count, "first_id": header.first_id, "last_id": header.last_id}
        chunk = ChunkCodec().decode(frame_of(raw, **facts))
        assert [(7, strange)] == [(each.id, each.data) for each in chunk.undecoded]
        found = await rehydrate(client, chunk)
        assert [i for i in ids_of(batches[0].messages) if i != 7] == ids_of(found)


async def test_a_client_of_another_loop(tmp_path: Path) -> None:
    """A client that belongs to another event loop is refused."""
    world, chat = club(3)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        chunk = chunk_of(chat.message(1))
        client._loop = object()
        try:
            with pytest.raises(UsageError, match="another event loop"):
                await rehydrate(client, chunk)
        finally:
            client._loop = None


async def test_what_one_wrote_to_oneself_is_outgoing(tmp_path: Path) -> None:
    """Saved messages are outgoing also for a client that does not know yet whose it is."""
    world = World(seed=1)
    world.add_private_chat(world.me, message_count=60)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_me()
        await keep(client, "me", tmp_path)
        theirs = [message async for message in client.iter_messages("me", wait_time=0)]
        stranger = TelegramClient(None, 1, "0" * 32)
        ours = await restore(stranger, tmp_path)
    assert [(m.id, m.out) for m in theirs] == [(m.id, m.out) for m in ours]
    assert any(m.out for m in theirs)


async def test_batches_of_two_accounts_are_refused() -> None:
    """Access hashes belong to one account, and a chunk names one."""
    world = World(seed=1)
    world.add_channel("Club", message_count=20, username="club")
    second = world.add_account()
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as one,
        telegram.client(account=second) as other,
    ):
        batches = []
        for client in (one, other):
            await client.get_me()
            async with BatchedHistory(client, "club") as history:
                batches += [batch async for batch in history.batches()]
    with pytest.raises(ArgumentError, match="batches of one account"):
        ChunkCodec().encode(batches)
    assert batches[1].account == ChunkCodec().decode(ChunkCodec().encode(batches[1])).account


async def test_wrong_arguments_are_named() -> None:
    """Before anything is decoded or saved."""
    client = TelegramClient(None, 1, "x")
    chunk = ChunkCodec().decode(ChunkCodec().encode([]))
    wrong: list[tuple[str, Any]] = [
        *(("client", each) for each in (None, "x")),
        *(("chunk", each) for each in (None, b"TFCK", [])),
        *(("save_entities", each) for each in (None, 1)),
    ]
    for name, value in wrong:
        given: Any = {"client": client, "chunk": chunk, name: value}
        with pytest.raises(ArgumentError) as caught:
            await rehydrate(**given)
        assert name == caught.value.name
    assert [] == await rehydrate(client, chunk)
