"""Any kind of client, session and loop: served alike, or refused before anything is sent."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from telethon import TelegramClient, functions, types
from telethon.errors import TakeoutInvalidError
from telethon.sessions import SQLiteSession

from telefast import BatchedHistory, CompatibilityError, RemoteError
from telefast.testing import LocalTelegram
from telefast.transport import telethon as door
from telefast.transport.account import Account
from telefast.transport.messages import EntityLedger, Page, read_page
from tests.client.exact import HISTORY, club, down, ids_of, read, stock

# Kinds of client


async def test_a_takeout_proxy(scene: Any, wrappers: list[tuple[str, ...]]) -> None:
    """Requests of a proxy are wrapped once in its takeout, and its messages belong to it."""
    async with scene(count=300) as here, here.client.takeout(channels=True) as proxy:
        wrappers.clear()
        messages = await read(proxy, here.peer)
        assert {("InvokeWithTakeout", "GetHistory")} == set(wrappers)
        assert down(300) == ids_of(messages)
        assert messages[0].client is proxy
        assert Account.of(proxy) is Account.of(here.client)
        wrappers.clear()
        await read(here.client, here.peer)
        assert {("GetHistory",)} == set(wrappers)


async def test_a_takeout_that_the_server_does_not_know(scene: Any) -> None:
    """Its refusal is Telethon's error, as for any request."""
    async with scene() as here:
        here.client.session.takeout_id = 77
        async with here.client.takeout(finalize=False) as proxy:
            with pytest.raises(TakeoutInvalidError):
                await read(proxy, here.peer)
        here.client.session.takeout_id = None


async def test_a_client_without_updates(scene: Any, wrappers: list[tuple[str, ...]]) -> None:
    """With `receive_updates=False` each request is wrapped once, as Telethon wraps its own."""
    async with scene(count=300, receive_updates=False) as here:
        wrappers.clear()
        assert down(300) == ids_of(await read(here.client, here.peer))
        assert {("InvokeWithoutUpdates", "GetHistory")} == set(wrappers)


class Slotted(TelegramClient):  # type: ignore[misc]
    """A subclass that cannot be hashed."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = None  # type: ignore[assignment]


async def test_an_unhashable_subclass() -> None:
    """A subclass of the client is served, even one that no dictionary takes."""
    world, chat = club(150)
    async with LocalTelegram(world) as telegram:
        client = Slotted(telegram.client().session, 1, "hash")
        await client.connect()
        assert down(150) == ids_of(await read(client, chat.input_peer()))
        await client.disconnect()


@pytest.mark.parametrize(
    ("entity", "arguments", "path"),
    [
        ("club", {"search": "a"}, "pages"),
        ("club", {"filter": types.InputMessagesFilterPhotos()}, "pages"),
        ("club", {"from_user": "me"}, "pages"),
        ("club", {"reply_to": 8}, "pages"),
        ("club", {"scheduled": True}, "sequential"),
        ("club", {"ids": [types.InputMessageID(7), types.InputMessagePinned()]}, "stock"),
        (None, {"search": "a"}, "sequential"),
    ],
)
async def test_every_list_says_how_it_came(
    scene: Any, entity: Any, arguments: dict[str, Any], path: str
) -> None:
    """What stock yields for the same arguments, and the way that it came."""
    async with scene() as here:
        theirs = await stock(here.client, entity, **arguments)
        async with BatchedHistory(here.client, entity, wait_time=0, **arguments) as history:
            ours = [message async for message in history]
        assert [m and bytes(m) for m in theirs] == [m and bytes(m) for m in ours]
        stats = history.stats()
        assert (path, path == "stock") == (stats.path, bool(stats.reason))
        assert bool(theirs) is ("scheduled" not in arguments)
        assert bool(stats.requests) is (path != "stock")
        assert here.telegram.unknown == []


async def test_batches_by_stock(scene: Any) -> None:
    """Batches come on Telethon's path as well, without the answers, which it does not show."""
    async with scene(count=250) as here:
        ids = [types.InputMessageID(i) for i in down(250)]
        history = BatchedHistory(here.client, here.peer, ids=ids, batch_size=120)  # type: ignore[arg-type]
        batches = [batch async for batch in history.batches()]
        assert [120, 120, 10] == [len(batch) for batch in batches]
        assert down(250) == [m.id for batch in batches for m in batch.messages]
        assert all(batch.pages == () and batch.requests == 0 for batch in batches)
        assert history.total == 250


async def test_ids_that_only_telethon_knows_go_by_stock(scene: Any) -> None:
    """InputMessageReplyTo and its like are answered by Telethon, in the same order."""
    async with scene(count=300) as here:
        ids = [types.InputMessageID(7), types.InputMessageID(4000), types.InputMessageID(3)]
        async with BatchedHistory(here.client, here.peer, ids=ids) as history:  # type: ignore[arg-type]
            assert [7, None, 3] == ids_of([m async for m in history])
        assert "ids that are not ints" == history.stats().reason
        assert ids_of(await read(here.client, here.peer, ids=ids[0])) == [7]


# The session


@pytest.mark.parametrize("flush_at", [10, 500])
async def test_the_session_file_is_not_locked(
    scene: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flush_at: int
) -> None:
    """During a run no transaction stays open; afterwards every sender resolves by id alone."""
    monkeypatch.setattr("telefast.transport.messages._FLUSH_AT", flush_at)
    path = tmp_path / "me"
    async with scene(count=2000, session=SQLiteSession(str(path))) as here:
        await here.client.get_me()
        here.client.session.save()
        batches: list[int] = []
        process = here.client.session.process_entities

        def counted(found: Any) -> None:
            batches.append(len(found.users) + len(found.chats))
            process(found)

        here.client.session.process_entities = counted
        senders = set()
        other = sqlite3.connect(path.with_suffix(".session"), timeout=0)
        try:
            async with BatchedHistory(here.client, here.peer) as history:
                async for message in history:
                    senders.add(message.sender_id)
                    if message.id % 100 == 0:
                        with other:
                            other.execute("update version set version = version")
        finally:
            other.close()
        assert 1 <= len(batches) <= 1 + sum(batches) // flush_at
        assert sum(batches) >= len(senders) > 10
        before = here.telegram.requests.snapshot()
        for sender in senders:
            resolved = await here.client.get_input_entity(sender)
            assert isinstance(resolved, types.InputPeerUser | types.InputPeerChannel)
        assert here.telegram.requests.since(before) == {}
    fresh = SQLiteSession(str(path))
    assert {fresh.get_input_entity(sender).access_hash for sender in senders} >= {
        here.telegram.world.users[s].access_hash for s in senders if s in here.telegram.world.users
    }
    fresh.close()


async def test_a_session_file_that_another_process_holds(
    scene: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The messages come all the same; that entities were not saved is told."""
    path = tmp_path / "me"
    async with scene(session=SQLiteSession(str(path))) as here:
        here.client.session.save()
        here.client.session._conn.execute("pragma busy_timeout = 0")
        other = sqlite3.connect(path.with_suffix(".session"), isolation_level=None)
        try:
            other.execute("begin immediate")
            for _ in range(2):
                assert down(1000) == ids_of(await read(here.client, here.peer))
        finally:
            other.close()
        told = [r.getMessage() for r in caplog.records if r.name.startswith("telefast.ent")]
        assert {"entities not saved reason=database is locked"} == set(told)
        assert down(1000) == ids_of(await read(here.client, here.peer))
        before = here.telegram.requests.snapshot()
        sender = next(iter(here.telegram.world.users))
        assert await here.client.get_input_entity(sender)
        assert here.telegram.requests.since(before) == {}


async def test_entities_are_written_even_if_the_run_ends_early(scene: Any) -> None:
    """Whoever stops in the middle can resolve whom it has seen."""
    async with scene() as here:
        async with BatchedHistory(here.client, here.peer) as history:
            for _ in range(50):
                message = await anext(history)
        before = here.telegram.requests.snapshot()
        assert (await here.client.get_input_entity(message.sender_id)) is not None
        assert here.telegram.requests.since(before) == {}


class Client:
    """As much of a client as a ledger needs; its session is awaited, as newer ones are."""

    def __init__(self) -> None:
        self.session = self
        self.written: list[list[int]] = []
        self.saves = 0

    async def process_entities(self, found: Any) -> None:
        """Remember what was written."""
        self.written.append(sorted(entity.id for entity in (*found.users, *found.chats)))

    async def save(self) -> None:
        """Count."""
        self.saves += 1


def page_of(*entities: Any) -> Page:
    """Return a page that brings these."""
    users = [entity for entity in entities if isinstance(entity, types.User)]
    chats = [entity for entity in entities if not isinstance(entity, types.User)]
    return Page(b"", [], users, chats, None, None)


@pytest.mark.filterwarnings("ignore:Using async sessions:UserWarning")
async def test_each_entity_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen before, or min: not written; each write is saved at once; the memory is bounded."""
    monkeypatch.setattr("telefast.transport.messages._FLUSH_AT", 3)
    monkeypatch.setattr("telefast.transport.messages._REMEMBER", 4)
    client: Any = Client()
    ledger = EntityLedger(client)
    await ledger.flush()
    assert ([], 0) == (client.written, client.saves)
    ledger.add(page_of(types.User(1), types.User(2), types.User(3, min=True)))
    ledger.add(page_of(types.User(2), types.User(1)))
    assert not ledger.is_due
    ledger.add(page_of(types.ChatForbidden(1, "gone")))  # the same number, another peer
    assert ledger.is_due
    await ledger.flush()
    assert ([[1, 1, 2]], 1) == (client.written, client.saves)
    ledger.add(page_of(types.User(1), types.User(4), types.User(5), types.User(6)))
    await ledger.flush()
    ledger.add(page_of(types.User(1)))  # forgotten meanwhile
    await ledger.flush()
    assert ([[1, 1, 2], [4, 5, 6], [1]], 3) == (client.written, client.saves)


async def test_a_message_keeps_the_chat_it_was_asked_for(scene: Any) -> None:
    """`input_chat` is what the user asked for, also where the answer does not bring the chat."""
    async with scene(count=10) as here:
        message = here.chat.message(5)
        page = Page(b"", [message], [], [], None, None)
        [found] = page.finished([5], here.client, here.peer)
        assert found is message
        assert found.input_chat is here.peer
        assert found.chat is None
        assert found.client is here.client


# What is no page


def test_an_answer_that_is_no_page() -> None:
    """A messagesNotModified and other strangers are a typed error naming method and answer."""
    request = functions.messages.GetHistoryRequest(types.InputPeerSelf(), 0, None, 0, 1, 0, 0, 0)
    for answer in (types.messages.MessagesNotModified(5), types.UserEmpty(1)):
        with pytest.raises(RemoteError, match=type(answer).__name__) as caught:
            read_page(bytes(answer), request)
        assert HISTORY in str(caught.value)


def test_an_answer_that_this_telethon_does_not_know() -> None:
    """A constructor of another layer is named; the rest of the answer is not shown."""
    request = functions.messages.GetHistoryRequest(types.InputPeerSelf(), 0, None, 0, 1, 0, 0, 0)
    with pytest.raises(CompatibilityError, match="0badf00d") as caught:
        door.decode((0x0BADF00D).to_bytes(4, "little") + b"secret text", request)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_error_inside_an_answer() -> None:
    """A gzipped rpc_error arrives as a result, and is an error all the same."""
    request = functions.messages.GetHistoryRequest(types.InputPeerSelf(), 0, None, 0, 1, 0, 0, 0)
    data = bytes(types.RpcError(420, "FLOOD_WAIT_8"))
    with pytest.raises(Exception, match="8 seconds") as caught:
        read_page(data + b"\0\0\0\0", request)
    assert (type(caught.value).__name__, caught.value.request) == ("FloodWaitError", request)  # type: ignore[attr-defined]
    assert "(caused by GetHistoryRequest)" in str(caught.value)


def test_bytes_behind_an_answer_are_cut() -> None:
    """A page holds exactly its own bytes, whatever followed them on the wire."""
    request = functions.messages.GetHistoryRequest(types.InputPeerSelf(), 0, None, 0, 1, 0, 0, 0)
    answer = bytes(types.messages.Messages(messages=[], topics=[], chats=[], users=[]))
    for rest in (b"", b"\0" * 16, answer):
        page = read_page(answer + rest, request)
        assert answer == page.data
        assert (page.messages, page.count, page.position) == ([], None, None)
