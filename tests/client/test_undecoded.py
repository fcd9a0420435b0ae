"""Messages that no client of this layer can read: 99 arrive, one is reported, nothing is silent."""

from __future__ import annotations

import logging
import re
import struct
from typing import Any

import pytest
from telethon.errors import TypeNotFoundError
from telethon.extensions import BinaryReader
from telethon.tl import functions, types

from telefast import BatchedHistory, CompatibilityError, UndecodedMessage
from telefast.testing import LocalTelegram, Rule, UnknownConstructor, World
from telefast.transport.account import Account
from telefast.transport.messages import read_page
from tests.client.exact import BY_IDS, HISTORY, club, down, ids_of

UNKNOWN = struct.pack("<I", 0x7E1EFA57)


class Newer(Rule):
    """Certain messages are of a later layer, wherever they are shown.

    Args:
        ids: Which.
        offset: Where in the message the unknown constructor stands: 0 for its own, 16 for that of
            its sender.
    """

    def __init__(self, ids: Any, *, offset: int = 0) -> None:
        super().__init__()
        self.ids = ids
        self.offset = offset

    def result(self, call: Any, body: bytes) -> bytes:
        """Replace constructors."""
        return self.replace(body) if call.method in (HISTORY, BY_IDS) else body

    def replace(self, body: bytes) -> bytes:
        """Return an answer with the unknown constructor in these messages."""
        for message_id in self.ids:
            for own, at in ((types.Message, 12), (types.MessageService, 8)):
                name = struct.pack("<I", own.CONSTRUCTOR_ID)
                place = -1
                while (place := body.find(name, place + 1)) >= 0:
                    if body[place + at : place + at + 4] == struct.pack("<i", message_id):
                        self.fired += 1
                        where = place + (self.offset and at + 4)
                        body = body[:where] + UNKNOWN + body[where + 4 :]
        return body


def chat(kind: str, count: int = 300) -> tuple[World, Any]:
    """Return a world with one chat of a kind."""
    if kind == "channel":
        return club(count)
    world = World(seed=3)
    return world, world.add_private_chat("Ada Lovelace", message_count=count)


@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("kind", ["channel", "private"])
@pytest.mark.parametrize("offset", [0, 16])
@pytest.mark.parametrize("reverse", [False, True])
async def test_one_is_isolated_and_the_rest_arrives(
    kind: str, offset: int, reverse: bool, gzip: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A message or a part of it is unknown: all others come in order, it is reported with bytes."""
    world, here = chat(kind)
    ids = sorted(here.ids, reverse=not reverse)
    bad = {ids[0], ids[49], ids[150], ids[151], ids[-1]}
    rule = Newer(bad, offset=offset)
    async with (
        LocalTelegram(world, rules=[rule], gzip=gzip) as telegram,
        telegram.client() as client,
    ):
        peer = here.marked_id
        await client.get_dialogs()
        with caplog.at_level(logging.WARNING, "telefast"):
            async with BatchedHistory(client, peer, reverse=reverse) as history:
                found = [message async for message in history]
        assert [i for i in ids if i not in bad] == ids_of(found)
        assert sorted(bad) == sorted(record.id for record in history.undecoded)
        for record in history.undecoded:
            assert isinstance(record, UndecodedMessage)
            assert record.constructor == 0x7E1EFA57
            assert UNKNOWN in record.data
        stats = history.stats()
        assert (len(bad), len(found), "pages") == (stats.undecodable, stats.messages, stats.path)
        assert stats.requests == telegram.requests[HISTORY] + telegram.requests[BY_IDS]
        assert Account.of(client).metrics["undecodable"] == len(bad)
        assert all(message.sender is not None for message in found if message.from_id)
    texts = [record.getMessage() for record in caplog.records]
    shown = (
        r"message not decoded id=(\d+) constructor=7e1efa57 bytes=\d+: Telethon is too old for it"
    )
    assert texts
    assert all(re.fullmatch(shown, text) for text in texts), "no content"


async def read(client: Any, chat: Any, **arguments: Any) -> tuple[list[int | None], BatchedHistory]:
    """Read to the end; return the ids and the stream."""
    async with BatchedHistory(client, chat, **arguments) as history:
        return ids_of([message async for message in history]), history


async def test_one_costs_three_requests_more() -> None:
    """In a page of a hundred: what is above it, itself, what is below it."""
    world, _ = club(300)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await read(client, "club")
        plain = telegram.requests[HISTORY]
    async with LocalTelegram(world, rules=[Newer([150])]) as telegram, telegram.client() as client:
        found, history = await read(client, "club")
        assert [i for i in down(300) if i != 150] == found
        assert [150] == [record.id for record in history.undecoded]
        assert telegram.requests[HISTORY] <= plain + 5  # two of them prove an id that is a guess
        assert telegram.requests[BY_IDS] == 0


async def test_its_bytes_are_a_whole_answer() -> None:
    """What is kept is an answer with this message alone: a later Telethon reads it."""
    world, here = club(300)
    async with (
        LocalTelegram(world, rules=[Newer([150])]) as telegram,
        telegram.client() as client,
    ):
        _, history = await read(client, "club")
    [record] = history.undecoded
    own = struct.pack("<I", types.Message.CONSTRUCTOR_ID)
    answer: Any = BinaryReader(record.data.replace(UNKNOWN, own)).tgread_object()
    assert [150] == ids_of(answer.messages)
    assert bytes(here.message(150)) == bytes(answer.messages[0])
    assert answer.chats


async def test_messages_by_ids() -> None:
    """Asked for by ids, its place is None, and it is reported like any other."""
    world, _ = club(500)
    wanted = [*range(1, 450), 777]
    rule = Newer([3, 222, 223], offset=16)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        found, history = await read(client, "club", ids=wanted)
        assert [i if i not in (3, 222, 223, 777) else None for i in wanted] == found
        assert [3, 222, 223] == [record.id for record in history.undecoded]
        assert telegram.requests[BY_IDS] == 3 + 2 * 3


async def test_the_limit_counts_it() -> None:
    """With a limit of 100, 99 arrive and one is reported: it is one of the hundred."""
    world, _ = club(300)
    async with (
        LocalTelegram(world, rules=[Newer([250])]) as telegram,
        telegram.client() as client,
    ):
        found, history = await read(client, "club", limit=100)
        assert [i for i in down(300, 201) if i != 250] == found
        assert history.cursor.done
        async with BatchedHistory(client, "club", limit=100) as stream:
            batches = [batch async for batch in stream.batches()]
        assert [len(batch) for batch in batches] == [99]
        assert [250] == [record.id for record in stream.undecoded]
        assert sorted(found, reverse=True) == ids_of(batches[0].messages)
        for message in batches[0].messages:  # the places of the bytes still hold
            [page] = [p for p in batches[0].pages if id(message) in p.spans]
            start, end = page.spans[id(message)]
            assert bytes(message) == page.data[start:end]


async def test_reading_ahead_reports_nothing_early() -> None:
    """A record appears when the consumer comes to its page, not when that was fetched."""
    world, _ = club(1000)
    async with (
        LocalTelegram(world, rules=[Newer([250])]) as telegram,
        telegram.client() as client,
        BatchedHistory(client, "club") as history,
    ):
        async for message in history:
            if message.id > 350:
                assert history.undecoded == []
            if message.id < 250:
                assert [250] == [record.id for record in history.undecoded]
                break


async def test_a_chat_or_user_that_nobody_can_read() -> None:
    """All messages arrive; senders that are missing can be asked for later; a WARNING says so."""
    world, _ = club(200)
    for of in (types.Channel, types.User):
        rule = UnknownConstructor(HISTORY, of, nth=(1, 2, 3, 4)).maybe()
        async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
            found, history = await read(client, "club")
            assert down(200) == found
            assert rule.fired
            assert history.stats().undecodable == 0
            assert Account.of(client).metrics["undecodable_entities"] == rule.fired
            async for message in BatchedHistory(client, "club", limit=5):
                assert await message.get_sender() is not None


async def test_too_many_are_an_error() -> None:
    """A Telethon too old for a fifth of a page is a typed error after what came before it."""
    world, _ = club(300)
    rule = Newer(range(120, 160))
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        found: list[int] = []

        async def consume() -> None:
            async for message in BatchedHistory(client, "club"):
                found.append(message.id)  # noqa: PERF401 - it ends with an error

        with pytest.raises(CompatibilityError, match="more than 20 messages of one page"):
            await consume()
        assert down(300, 201) == found
        assert telegram.requests[HISTORY] < 100


def test_an_unknown_object_elsewhere_is_an_error() -> None:
    """In what is no list of messages nothing can be worked around."""
    request = functions.messages.GetHistoryRequest(types.InputPeerSelf(), 0, None, 0, 1, 0, 0, 0)
    chat = types.ChannelForbidden(id=9, access_hash=5, title="Club")
    answer = bytes(types.messages.Chats(chats=[chat])).replace(bytes(chat)[:4], UNKNOWN)
    for data in (answer, UNKNOWN + b"secret"):
        with pytest.raises(CompatibilityError, match="7e1efa57") as caught:
            read_page(data, request)
        assert "Club" not in str(caught.value)


async def test_the_stock_path_has_telethons_error() -> None:
    """What goes through Telethon's own iterator fails as Telethon does."""
    world, _ = club(300)
    rule = UnknownConstructor(BY_IDS, types.Message)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        asked: Any = types.InputMessageID(5)
        history = BatchedHistory(client, "club", ids=asked)
        with pytest.raises(TypeNotFoundError):
            await anext(history)
        assert history.stats().path == "stock"
