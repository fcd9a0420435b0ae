"""Dialogs: their order, pages, folders and read marks, asked for directly and by Telethon."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.tl import functions, types

from telefast.errors import WorldError
from telefast.testing import LocalTelegram, OverlapDialogs, RepeatDialogs, World
from telefast.testing.dialogs import DialogBook, Place, below, cut_page
from telefast.testing.paging import hash_of
from tests.conformance.asking import ask, refusal

places = st.lists(
    st.builds(Place, st.integers(0, 9), st.integers(0, 3), st.integers(-5, 5)), unique=True
)


def listed(world: World, *rules: Any, **fields: Any) -> Any:
    """Return a page of dialogs."""
    return ask(world, asking(**fields), *rules)


def asking(**fields: Any) -> Any:
    """Return a request for a page of dialogs."""
    plain = {"offset_date": None, "offset_id": 0, "offset_peer": types.InputPeerEmpty()}
    return functions.messages.GetDialogsRequest(**{**plain, "limit": 100, "hash": 0, **fields})


def crowd(count: int, **fields: Any) -> World:
    """Return a world of broadcast channels and groups of one message or more each."""
    world = World(seed=5, user_count=5, **fields)
    for number in range(count):
        world.add_channel(f"Chat {number}", message_count=1 + number % 7, megagroup=number % 2 > 0)
    return world


def after(page: Any) -> dict[str, Any]:
    """Return the offsets of the page that follows, as Telethon makes them."""
    last, message = page.dialogs[-1], page.messages[-1]
    hashes = {chat.id: chat.access_hash for chat in page.chats}
    peer = types.InputPeerChannel(last.peer.channel_id, hashes[last.peer.channel_id])
    return {"offset_date": message.date, "offset_id": message.id, "offset_peer": peer}


@given(places, st.integers(1, 4), st.integers(0, 3))
def test_pages_give_each_place_once_in_order(found: list[Place], limit: int, pins: int) -> None:
    """Whatever the places and pins, pages from the last place on give all, highest first."""
    ordered = sorted(found, reverse=True)
    pinned, others = ordered[:pins], ordered[pins:]
    page = cut_page(pinned, others, before=None, limit=100)
    assert page == ordered
    walked: list[Place] = []
    before: Place | None = Place(10, 0, 0)
    while before is not None:
        page = cut_page([], others, before=before, limit=limit)
        walked += page
        before = page[-1] if page else None
    assert walked == others
    for place in ordered:
        assert below(ordered, place) == ordered.index(place) + 1


@pytest.mark.rule("dialogs.each-once")
async def test_telethon_reads_1500_dialogs_each_once() -> None:
    """`iter_dialogs` gives each of 1,500 dialogs once, pinned first, then by date; 15 requests."""
    world = crowd(1500)
    chats = [*world.channels.values()]
    pinned = [chats[700].marked_id, chats[3].marked_id]
    world.account.dialogs.pin(*pinned)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        found = [dialog async for dialog in client.iter_dialogs()]
        ids = [dialog.id for dialog in found]
        assert sorted(ids) == sorted(chat.marked_id for chat in chats)
        assert ids[:2] == pinned
        assert [dialog.pinned for dialog in found[:3]] == [True, True, False]
        dates = [dialog.date for dialog in found[2:]]
        assert dates == sorted(dates, reverse=True)
        assert telegram.requests["messages.getDialogs"] == 16
        assert (await client.get_dialogs(limit=0)).total == 1500
        unpinned = [dialog.id async for dialog in client.iter_dialogs(ignore_pinned=True)]
        assert sorted([*unpinned, *pinned]) == sorted(ids)
        middle = found[800].date
        older = [d.id async for d in client.iter_dialogs(offset_date=middle, ignore_pinned=True)]
        assert older == [d.id for d in found[2:] if d.date < middle]


@pytest.mark.rule("dialogs.folders")
async def test_telethon_tells_the_archive_from_the_rest() -> None:
    """`archived=True`, `False` and None list the archive, the rest, and both."""
    world = crowd(250)
    chats = [*world.channels.values()]
    archived = {chat.marked_id for chat in chats[:120]}
    world.account.dialogs.archive(*archived)
    world.account.dialogs.pin(chats[5].marked_id, chats[200].marked_id)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        inside = [dialog async for dialog in client.iter_dialogs(archived=True)]
        outside = [dialog async for dialog in client.iter_dialogs(archived=False)]
        everything = [dialog async for dialog in client.iter_dialogs()]
    assert {d.id for d in inside} == archived
    assert all(d.archived for d in inside)
    assert {d.id for d in outside} == {chat.marked_id for chat in chats[120:]}
    assert not any(d.archived for d in outside)
    assert inside[0].id == chats[5].marked_id
    assert outside[0].id == everything[0].id == chats[200].marked_id
    assert len(everything) == 250 == len({d.id for d in everything})
    assert sum(d.archived for d in everything) == 120


@pytest.mark.rule("dialogs.slice")
def test_pages_are_slices_until_they_hold_all() -> None:
    """A list that fits is `dialogs`; a longer one, and any page but the first, a slice."""
    world = crowd(30)
    whole = listed(world)
    assert isinstance(whole, types.messages.Dialogs)
    assert len(whole.dialogs) == len(whole.messages) == 30
    first = listed(world, limit=12)
    assert isinstance(first, types.messages.DialogsSlice)
    assert (first.count, len(first.dialogs)) == (30, 12)
    assert len(listed(world, limit=0).dialogs) == 20
    rest = listed(world, **after(first))
    assert isinstance(rest, types.messages.DialogsSlice)
    got = [d.peer.channel_id for page in (first, rest) for d in page.dialogs]
    assert got == [d.peer.channel_id for d in whole.dialogs]
    end = listed(world, **after(rest))
    assert (end.count, end.dialogs) == (30, [])
    many = listed(crowd(130), limit=1000)
    assert (len(many.dialogs), many.count) == (100, 130)


def test_a_dialog_that_moves_up_is_missed_not_repeated() -> None:
    """A post between two pages moves a dialog above the place where the next page begins."""
    world = crowd(30)
    first = listed(world, limit=12)
    rest = listed(world, **after(first))
    late = world.channels[rest.dialogs[-1].peer.channel_id]
    late.post(2_000)
    fresh = listed(world, **after(first))
    assert [d.peer.channel_id for d in fresh.dialogs] == [
        d.peer.channel_id for d in rest.dialogs[:-1]
    ]
    assert listed(world).dialogs[0].peer.channel_id == late.id


@pytest.mark.rule("dialogs.not-modified")
def test_dialogs_are_refused_and_not_modified_as_telegram_does() -> None:
    """Unknown folders, offset peers and ids are refused; an equal hash spares the page."""
    world = crowd(5)
    assert refusal(world, asking(folder_id=2)) == (400, "FOLDER_ID_INVALID")
    stranger = types.InputPeerUser(17, 0)
    assert refusal(world, asking(offset_peer=stranger)) == (400, "OFFSET_PEER_ID_INVALID")
    wrong = types.InputPeerChannel(next(iter(world.channels)), 1)
    assert refusal(world, asking(offset_peer=wrong)) == (400, "OFFSET_PEER_ID_INVALID")
    assert refusal(world, asking(offset_peer=types.InputPeerChat(5)))[0] == 400
    assert refusal(world, asking(offset_id=-1)) == (400, "MSG_ID_INVALID")
    assert refusal(world, asking(limit=-1)) == (400, "LIMIT_INVALID")
    page = listed(world)
    same = listed(world, hash=hash_of(d.top_message for d in page.dialogs))
    assert (type(same), same.count) == (types.messages.DialogsNotModified, 5)
    assert listed(world, hash=1).dialogs


@pytest.mark.rule("dialogs.pinned")
def test_pinned_dialogs_have_their_own_list() -> None:
    """messages.getPinnedDialogs keeps their order, and begins with the archive if there is one."""
    world = crowd(6)
    marks = [chat.marked_id for chat in world.channels.values()]
    book = world.account.dialogs
    book.archive(marks[0], marks[1])
    book.pin(marks[4], marks[2], marks[1])
    book.read(marks[1], inbox=0)
    main = ask(world, functions.messages.GetPinnedDialogsRequest(0))
    folder, *pinned = main.dialogs
    assert isinstance(folder, types.DialogFolder)
    assert folder.folder.id == 1
    assert folder.unread_unmuted_peers_count == 1
    assert [-1_000_000_000_000 - d.peer.channel_id for d in pinned] == [marks[4], marks[2]]
    assert len(main.messages) == 3
    inside = ask(world, functions.messages.GetPinnedDialogsRequest(1))
    assert [d.peer.channel_id for d in inside.dialogs] == [-marks[1] - 1_000_000_000_000]
    assert inside.dialogs[0].folder_id == 1
    assert refusal(world, functions.messages.GetPinnedDialogsRequest(7))[1] == "FOLDER_ID_INVALID"
    assert isinstance(inside.state, types.updates.State)


def test_dialogs_can_be_asked_for_by_peer() -> None:
    """messages.getPeerDialogs answers in request order, also for a user without a chat."""
    world = World(seed=2, user_count=9)
    chat = world.add_private_chat(message_count=9)
    club = world.add_channel("Club", message_count=40)
    stranger = next(u for u in world.users.values() if u.id not in {world.me.id, chat.id})
    peers = [
        types.InputDialogPeer(club.input_peer()),
        types.InputDialogPeer(types.InputPeerUser(stranger.id, stranger.access_hash)),
        types.InputDialogPeer(chat.input_peer()),
        types.InputDialogPeerFolder(1),
    ]
    answer = ask(world, functions.messages.GetPeerDialogsRequest(peers))
    assert [d.top_message for d in answer.dialogs] == [40, 0, chat.ids.max()]
    assert {user.id for user in answer.users} >= {stranger.id, chat.id}
    world.account.dialogs.archive(club.marked_id)
    answer = ask(world, functions.messages.GetPeerDialogsRequest(peers))
    assert isinstance(answer.dialogs[0], types.DialogFolder)
    wrong = types.InputDialogPeer(types.InputPeerUser(stranger.id, 1))
    request = functions.messages.GetPeerDialogsRequest([wrong])
    assert refusal(world, request) == (400, "PEER_ID_INVALID")
    request = functions.messages.GetPeerDialogsRequest([types.InputDialogPeerFolder(4)])
    assert refusal(world, request) == (400, "FOLDER_ID_INVALID")


@pytest.mark.rule("dialogs.unread")
def test_unread_messages_are_those_of_others_above_the_mark() -> None:
    """Dialog and full channel tell the same marks; own messages never count as unread."""
    world = World(seed=3)
    club = world.add_channel("Club", message_count=300, holes=0.1)
    plain = listed(world).dialogs[0]
    assert (plain.unread_count, plain.read_inbox_max_id) == (0, club.ids.max())
    world.account.dialogs.read(club.marked_id, inbox=100, outbox=90)
    world.account.dialogs.marked_unread.add(club.marked_id)
    dialog = listed(world).dialogs[0]
    above = [club.message(id_) for id_ in club.ids if id_ > 100]
    assert any(message.out for message in above)
    assert dialog.unread_count == sum(not message.out for message in above)
    assert dialog.unread_mentions_count == sum(
        bool(message.mentioned) and not message.out for message in above
    )
    assert (dialog.read_inbox_max_id, dialog.read_outbox_max_id) == (100, 90)
    assert dialog.unread_mark
    request = functions.channels.GetFullChannelRequest(club.input_peer())
    full = ask(world, request).full_chat
    assert (full.unread_count, full.read_inbox_max_id, full.read_outbox_max_id) == (
        dialog.unread_count,
        100,
        90,
    )
    club.delete(*range(101, club.last_id))
    assert listed(world).dialogs[0].unread_count <= 1


def test_closed_chats_leave_the_dialogs_or_say_so() -> None:
    """Private and left channels are no dialogs; those that banned us are, without a message."""
    world = crowd(4)
    private, left, banned, _open = world.channels.values()
    private.private = left.left = banned.kicked = True
    group = world.add_group("Crew", message_count=9)
    group.kicked = True
    page = listed(world)
    assert len(page.dialogs) == 3
    kinds = {chat.id: type(chat) for chat in page.chats}
    assert kinds[banned.id] is types.ChannelForbidden
    assert kinds[group.id] is types.ChatForbidden
    assert [d.top_message for d in page.dialogs[1:]] == [0, 0]
    assert len(page.messages) == 1


async def test_telethon_walks_past_dialogs_without_messages() -> None:
    """Empty dialogs stand last; `iter_dialogs` gets each of 150 of them once."""
    world = crowd(60)
    for number in range(150):
        world.add_channel(f"Empty {number}")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        ids = [dialog.id async for dialog in client.iter_dialogs()]
    assert sorted(ids) == sorted(chat.marked_id for chat in world.channels.values())


async def test_overlapping_pages_show_a_dialog_twice() -> None:
    """A page that overlaps by one begins with the last of the page before; nothing is lost."""
    world = crowd(250)
    rule = OverlapDialogs(nth=2)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        first = await client(asking())
        second = await client(asking(**after(first)))
        assert second.dialogs[0].peer == first.dialogs[-1].peer
        assert len(second.dialogs) == 100
        third = await client(asking(**after(second)))
    got = [d.peer.channel_id for page in (first, second, third) for d in page.dialogs]
    assert len(got) == 251
    assert len(set(got)) == 250
    assert rule.fired == 1


async def test_a_repeated_page_ends_telethons_walk() -> None:
    """A page that comes again holds nothing new: the walk of Telethon ends with what it has."""
    world = crowd(450)
    rule = RepeatDialogs(nth=range(3, 99))
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        ids = [dialog.id async for dialog in client.iter_dialogs()]
        assert telegram.requests["messages.getDialogs"] == 3
    assert len(ids) == 200 == len(set(ids))
    assert rule.fired == 1


def test_rules_of_dialogs_do_nothing_where_they_cannot() -> None:
    """There is nothing above the first page, and nothing before the first call."""
    world = crowd(5)
    again, overlap = RepeatDialogs(every=1), OverlapDialogs(every=1, by=9)
    assert len(listed(world, again, overlap).dialogs) == 5
    assert (again.fired, overlap.fired) == (0, 0)
    assert len(listed(world, again).dialogs) == 5
    assert again.fired == 1


def test_a_book_of_dialogs_keeps_folders_and_pins_apart() -> None:
    """Moving a dialog unpins it; pinning twice and bad marks are refused."""
    book = DialogBook()
    book.pin(7, 8)
    book.archive(7, 9)
    assert book.pinned == {0: [8], 1: []}
    book.pin(9)
    with pytest.raises(WorldError, match=r"dialogs.pinned: 9 is pinned already"):
        book.pin(9)
    book.unarchive(9, 8)
    assert (book.pinned, book.archived) == ({0: [8], 1: []}, {7})
    book.unpin(8, 55)
    assert not book.is_pinned(8)
    with pytest.raises(WorldError, match=r"dialogs.read_inbox\[7\]=-1"):
        book.read(7, inbox=-1)


async def test_dialogs_belong_to_an_account_and_travel() -> None:
    """Another account has its own folders; a world in another process keeps them all."""
    world = crowd(6)
    marks = [chat.marked_id for chat in world.channels.values()]
    other = world.add_account()
    world.account.dialogs.archive(marks[0])
    other.dialogs.pin(marks[3])
    other.dialogs.read(marks[2], inbox=0, outbox=0)
    other.dialogs.marked_unread.add(marks[1])
    twin = World.from_recipe(world.recipe())
    for account in (0, 1):
        books = [vars(each.accounts[account].dialogs) for each in (world, twin)]
        assert books[0] == books[1]
    page = ask(twin, asking(), account=twin.accounts[1])
    assert page.dialogs[0].pinned
    assert not any(d.folder_id for d in page.dialogs)
    assert [d.date for d in page.messages[1:]] == sorted(
        (d.date for d in page.messages[1:]), reverse=True
    )
    assert datetime(2017, 1, 1, tzinfo=UTC) < page.messages[0].date
