"""What goes into a chunk: wire bytes, every entity once, and nothing invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from telethon import functions, types
from telethon.tl.alltlobjects import LAYER
from telethon.tl.custom.forward import Forward

from telefast.chunks.collect import collect
from telefast.errors import ArgumentError
from telefast.transport.lazy import lazy_of
from telefast.transport.messages import Page, read_page
from tests.unit.chunk_model import ACCOUNT, SomeBatch, batch_of, club, page_of

PEER = types.PeerChannel(9)


def message(i: int, **fields: Any) -> types.Message:
    """Return a plain message."""
    fields = {"peer_id": PEER, "date": datetime(2024, 1, 1, tzinfo=UTC), **fields}
    return types.Message(i, message=f"message {i}", **fields)


def user(i: int, **fields: Any) -> types.User:
    """Return a user."""
    return types.User(i, access_hash=i, **fields)


def page_with(*entities: Any) -> Page:
    """Return a page of one message with these users and chats, as the wire has it."""
    users = [each for each in entities if isinstance(each, types.User | types.UserEmpty)]
    chats = [each for each in entities if each not in users]
    return Page(b"", [message(1)], users, chats, 1, None)


def test_messages_are_slices_of_their_page() -> None:
    """A batch gives the exact bytes of the answer, also where an object was changed since."""
    world, channel = club()
    ids = list(channel.ids)[::-1][:250]
    batch = batch_of(world, channel, ids)
    for each in batch.messages:
        each.out = True  # as finishing does
        each.message = "changed by the user"
    body = collect(batch, None)
    assert ids == body.ids
    assert [channel.message_bytes(i) for i in ids] == body.messages
    assert (LAYER, ACCOUNT, channel.marked_id) == (body.layer, body.account, body.chat)
    dates = [channel.timestamp(i) for i in ids]
    assert (min(dates), max(dates)) == (body.oldest, body.newest)


def test_lazy_messages_give_what_they_came_as() -> None:
    """Their bytes, ids, chat and dates are those of the decoded ones, and nothing is decoded."""
    world, channel = club()
    ids = list(channel.ids)[::-1][:100]
    plain = page_of(world, channel, ids)
    request = functions.messages.GetHistoryRequest(channel.input_peer(), 0, None, 0, 100, 0, 0, 0)
    lazy = read_page(plain.data, request, is_lazy=True)
    assert isinstance(lazy, Page)
    chat = channel.input_peer()
    lazy.finished(ids, cast("Any", SimpleNamespace(_self_id=1)), chat)
    bodies = []
    for page in (plain, lazy):
        body = collect(SomeBatch(page.messages, [page]), None)
        bodies.append(replace(body, peer=None))
    assert bodies[0] == bodies[1]
    assert all(message._full is None for message in lazy.messages)
    mixed = collect([*lazy.messages[:50], lazy_of(plain.messages[50])], None)
    assert ids[:51] == mixed.ids
    assert plain.messages[50].CONSTRUCTOR_ID.to_bytes(4, "little") == mixed.messages[50][:4]


def test_a_batch_with_a_part_of_its_page() -> None:
    """Only the batch's own messages go in, in its own order, with all users of the page."""
    world, channel = club()
    page = page_of(world, channel, list(channel.ids)[::-1][:100])
    part = SomeBatch([page.messages[i] for i in (70, 3, 5)], [page])
    body = collect(part, None)
    assert [bytes(page.messages[i]) for i in (70, 3, 5)] == body.messages
    assert sorted(map(bytes, page.users)) == sorted(body.users)
    assert [bytes(chat) for chat in page.chats] == body.chats


def test_batches_share_pages() -> None:
    """Several batches in one chunk keep their order, and their users come once."""
    world, channel = club()
    whole = batch_of(world, channel, list(channel.ids)[::-1])
    parts = [
        SomeBatch(whole.messages[i : i + 70], whole.pages)
        for i in range(0, len(whole.messages), 70)
    ]
    assert collect(whole, None) == collect(parts, None) == collect(iter(parts), None)
    keys = {key for page in whole.pages for key in page.entities}
    body = collect(whole, None)
    assert len(keys) == len(body.users) + len(body.chats)


def test_messages_of_both_kinds_in_one_chunk() -> None:
    """Batches, plain messages and None may be mixed; the order is theirs."""
    world, channel = club()
    batch = batch_of(world, channel, [9, 8])
    plain = channel.message(7)
    body = collect([batch, None, plain, SomeBatch([None, plain])], None)
    assert [9, 8, 7, 7] == body.ids
    assert [channel.message_bytes(i) for i in (9, 8, 7, 7)] == body.messages


def test_an_object_from_elsewhere_is_serialised() -> None:
    """A message that is in no page of its batch, though its id is, gives its own bytes."""
    world, channel = club()
    batch = batch_of(world, channel, [9, 8])
    own = message(8)
    body = collect(SomeBatch([batch.messages[0], own], batch.pages), None)
    assert [channel.message_bytes(9), bytes(own)] == body.messages


def test_the_newest_entity_wins() -> None:
    """Of one user or channel in several pages the last counts, but never `min` over whole."""
    old, new = user(1, first_name="Old"), user(1, first_name="New")
    partial = user(1, first_name="Part", min=True)
    gone = types.UserEmpty(1)
    for entities, expected in (
        ([old, new], new),
        ([old, partial], old),
        ([partial, old], old),
        ([partial, old, partial, new, partial], new),
        ([old, gone], old),
        ([gone, partial], partial),
    ):
        body = collect([SomeBatch([], [page_with(each)]) for each in entities], None)
        assert [bytes(expected)] == body.users
    chat, channel = types.ChatEmpty(5), types.ChannelForbidden(5, 6, "Forbidden")
    body = collect(SomeBatch([], [page_with(chat, channel, user(5))]), None)
    assert ([bytes(chat), bytes(channel)], [bytes(user(5))]) == (body.chats, body.users)


class Client:
    """As much of a client as a forward looks at."""

    _mb_entity_cache = cast("Any", {})


def test_a_plain_message_brings_what_it_is_bound_to() -> None:
    """Sender, chat, forward, bot, replies and people of a service message, each once."""
    found = message(1)
    people = [user(i) for i in range(10, 16)]
    chat = types.Channel(9, "Club", types.ChatPhotoEmpty(), None, access_hash=1)
    header = types.MessageFwdHeader(date=None)
    found._sender, found._chat, found._via_bot = people[0], chat, people[1]
    found._reply_to_chat, found._reply_to_sender = chat, people[2]
    found._forward = Forward(Client(), header, {})
    found._forward._sender, found._forward._chat = people[3], None
    found._action_entities = [people[4], None, people[0]]
    found._input_chat = types.InputPeerChannel(9, 1)
    body = collect([found, found], 55)
    assert {bytes(people[i]) for i in range(5)} == set(body.users)
    assert len(body.users) == 5
    assert [bytes(chat)] == body.chats
    assert (55, bytes(types.InputPeerChannel(9, 1))) == (body.account, body.peer)
    assert collect(message(2), None).peer is None


def test_the_account_is_the_batches_or_the_callers() -> None:
    """The account that is passed, or that batches have; one chunk has one."""
    batches = [SomeBatch([], account=None), SomeBatch([], account=8), SomeBatch([], account=8)]
    assert collect(batches, None).account == 8
    assert collect(batches[0], 7).account == 7
    assert collect(message(1), None).account is None
    with pytest.raises(ArgumentError, match="batches of one account"):
        collect(batches, 7)
    with pytest.raises(ArgumentError, match="batches of one account"):
        collect([*batches, SomeBatch([], account=9)], None)


def test_several_chats_have_no_peer() -> None:
    """Chat and peer are there only if all messages share them."""
    one, other = message(1), message(1, peer_id=types.PeerUser(5))
    one._input_chat = types.InputPeerChannel(9, 1)
    empty = types.MessageEmpty(3, peer_id=None)
    assert collect([one, empty], None).chat == -1_000_000_000_009
    body = collect([one, other], None)
    assert (None, None) == (body.chat, body.peer)


def test_dates() -> None:
    """Dates of any form are taken as Telethon takes them; without any there are none."""
    naive = datetime(1970, 1, 2)  # noqa: DTZ001 - as a user may make it
    body = collect([message(1, date=naive), message(2), message(3, date=None)], None)
    assert (86_400, 1_704_067_200) == (body.oldest, body.newest)
    body = collect([message(1), message(2, date=naive)], None)
    assert (86_400, 1_704_067_200) == (body.oldest, body.newest)
    assert collect(types.MessageEmpty(3, peer_id=None), None).oldest is None
    assert collect(message(1, date=5), None).newest is None
    ends = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=s) for s in (-(2**31), 2**31 - 1)]
    body = collect([message(1, date=date) for date in ends], None)
    assert (-(2**31), 2**31 - 1) == (body.oldest, body.newest)


def test_a_date_beyond_the_wire_is_refused() -> None:
    """A date that Telegram cannot send, and Telethon would wrap round, is an error."""
    for year in (1900, 2039):
        with pytest.raises(ArgumentError, match=f"a date in {year}"):
            collect(message(1, date=datetime(year, 1, 1, tzinfo=UTC)), None)


def test_a_message_that_cannot_be_serialised() -> None:
    """It is named by its id, and its text is not shown."""
    with pytest.raises(ArgumentError, match=r"message 5.*UnicodeEncodeError") as caught:
        collect(message(5, post_author="secret \ud800"), None)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("wrong", ["text", b"bytes", {"a": 1}, 5, [5], [[]], object(), [user(1)]])
def test_anything_else_is_refused(wrong: Any) -> None:
    """What is no batch and no message, alone or among others, is named by its type."""
    with pytest.raises(ArgumentError, match="expected a Batch, a Telethon message"):
        collect(wrong, None)


def test_nothing_is_a_legal_chunk() -> None:
    """No messages at all are the content of an empty chunk."""
    for nothing in ([], None, [None], SomeBatch([None], account=None)):
        body = collect(nothing, None)
        assert ([], [], None, None, None) == (
            body.ids,
            body.messages,
            body.account,
            body.chat,
            body.oldest,
        )
