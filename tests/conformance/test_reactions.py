"""Rules of reactions: what messages show of them, who reacted, what custom emoji are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from telethon.errors import BroadcastForbiddenError
from telethon.tl import functions, types

from telefast.testing import Assumptions, ChangeReactions, Channel, LocalTelegram, World
from tests.conformance.asking import ask, refusal

if TYPE_CHECKING:
    from telefast.testing import Chat

EMOJI = 5_000_000_000_000_000_000


@pytest.fixture
def world() -> World:
    """500 people, a group, and a channel."""
    return World(seed=74, user_count=500)


@pytest.fixture
def ships(world: World) -> Channel:
    """A group; 450 reacted to its last message."""
    ships = world.add_channel("Ships", message_count=300, username="ships")
    ships.reactions.remove(300)
    ships.reactions.add(300, "👍", count=300)
    ships.reactions.add(300, EMOJI + 7, count=150)
    return ships


@pytest.fixture
def news(world: World) -> Channel:
    """A broadcast channel."""
    return world.add_channel("News", message_count=100, megagroup=False, username="news")


def listing(chat: Chat, message_id: int, **fields: Any) -> Any:
    """Return a request for a page of who reacted."""
    fields = {"limit": 100} | fields
    return functions.messages.GetMessageReactionsListRequest(
        chat.input_peer(), message_id, **fields
    )


def refresh(chat: Chat, *ids: int) -> Any:
    """Return a request for the reactions to messages."""
    return functions.messages.GetMessagesReactionsRequest(chat.input_peer(), [*ids])


def walk(
    world: World, chat: Chat, message_id: int, *rules: Any, second: Any = None, **fields: Any
) -> list[Any]:
    """Return all pages of who reacted; the rule *second* is in force for the second one alone."""
    pages = [ask(world, listing(chat, message_id, **fields), *rules)]
    while (offset := pages[-1].next_offset) is not None:
        request = listing(chat, message_id, offset=offset, **fields)
        more = [second] if second is not None and len(pages) == 1 else []
        pages.append(ask(world, request, *rules, *more))
    return pages


def entries(pages: list[Any]) -> list[tuple[int, bytes]]:
    """Return who reacted how."""
    return [(each.peer_id.user_id, bytes(each.reaction)) for p in pages for each in p.reactions]


@pytest.mark.rule("reactions.recent")
async def test_messages_show_three_of_those_who_reacted(world: World, ships: Channel) -> None:
    """The latest, newest first, and the counts of all; seeded messages as well."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("ships", ids=300)
        shown: Any = message.reactions
        latest = ships.reactions.listed(300)
        assert [(300, None), (150, EMOJI + 7)] == [
            (each.count, getattr(each.reaction, "document_id", None)) for each in shown.results
        ]
        assert [each.mark for each in latest[:3]] == [
            each.peer_id.user_id for each in shown.recent_reactions
        ]
        assert True is shown.can_see_list
        found = 0
        async for each in client.iter_messages("ships"):
            if each.reactions is not None:
                found += 1
                total = sum(result.count for result in each.reactions.results)
                assert total == len(ships.reactions.listed(each.id))
        assert found > 30


@pytest.mark.rule("reactions.list")
async def test_those_who_reacted_are_listed(world: World, ships: Channel) -> None:
    """450 in five pages, each once, the latest first; a page holds the people of it."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        offset, pages = None, []
        while not pages or offset is not None:
            page = await client(listing(ships, 300, offset=offset, limit=500))
            pages.append(page)
            offset = page.next_offset
            assert {e.peer_id.user_id for e in page.reactions} == {user.id for user in page.users}
        assert 5 == telegram.requests["messages.getMessageReactionsList"]
        assert [] == telegram.client_faults
    assert [100, 100, 100, 100, 50] == [len(page.reactions) for page in pages]
    assert 450 == len({*entries(pages)})
    assert {450} == {page.count for page in pages}
    dates = [each.date for page in pages for each in page.reactions]
    assert sorted(dates, reverse=True) == dates
    only = walk(world, ships, 300, reaction=types.ReactionCustomEmoji(EMOJI + 7))
    assert (2, 150) == (len(only), only[0].count)
    empty = ask(world, listing(ships, 300, reaction=types.ReactionEmoji("🐈")))
    assert (0, [], None) == (empty.count, empty.reactions, empty.next_offset)
    bare = next(id_ for id_ in ships.ids if ships.message(id_).reactions is None)
    assert 0 == ask(world, listing(ships, bare)).count


@pytest.mark.rule("reactions.list")
def test_bad_requests_for_who_reacted_are_refused(world: World, ships: Channel) -> None:
    """No such message, no limit, an offset that nobody gave, nobody's chat."""
    assert (400, "MSG_ID_INVALID") == refusal(world, listing(ships, 10**6))
    assert (400, "LIMIT_INVALID") == refusal(world, listing(ships, 300, limit=0))
    for offset in ("x", "nine", "bm8=", "🐈", "%%%"):
        assert (400, "OFFSET_INVALID") == refusal(world, listing(ships, 300, offset=offset))
    nobody = next(user for user in world.users.values() if not user.is_self)
    request = listing(ships, 1)
    request.peer = types.InputPeerUser(nobody.id, nobody.access_hash or 0)
    assert (400, "MSG_ID_INVALID") == refusal(world, request)


@pytest.mark.rule("reactions.list-offsets", side="place")
def test_an_offset_is_a_place(world: World, ships: Channel) -> None:
    """Who reacts meanwhile is missed, who goes is missing, and nobody comes twice."""
    before = {(each.mark, each.key) for each in ships.reactions.listed(300)}
    rule = ChangeReactions(add=5, remove=3)
    pages = walk(world, ships, 300, second=rule)
    found = entries(pages)
    gone = before - {(each.mark, each.key) for each in ships.reactions.listed(300)}
    assert (1, 3) == (rule.fired, len(gone))
    assert sorted(before - gone) == sorted(found)
    assert [450, 452] == [page.count for page in pages[:2]]


@pytest.mark.rule("reactions.list-offsets", side="count")
def test_an_offset_is_a_count(world: World, ships: Channel) -> None:
    """Who reacts meanwhile pushes others onto the next page; who goes lets others slip by."""
    world.assume = Assumptions(reaction_offsets="count")
    before = {(each.mark, each.key) for each in ships.reactions.listed(300)}
    twice = entries(walk(world, ships, 300, second=ChangeReactions(add=5)))
    assert (455, 450, before) == (len(twice), len({*twice}), {*twice})
    pages = [ask(world, listing(ships, 300))]
    for each in ships.reactions.listed(300)[:5]:
        ships.reactions.remove(300, by=each.mark)
    rest = ask(world, listing(ships, 300, offset=pages[0].next_offset))
    missed = {(each.mark, each.key) for each in ships.reactions.listed(300)[95:100]}
    assert not missed & {*entries([*pages, rest])}


@pytest.mark.rule("reactions.broadcast")
async def test_nobody_lists_who_reacted_in_a_channel(world: World, news: Channel) -> None:
    """Not even administrators; asking is a fault, as the post said so."""
    news.admins = (world.me.id,)
    news.reactions.add(100, "👍", count=90_000)
    news.reactions.add(100, "❤", by=world.me.id)
    grace = world.add_private_chat("Grace Hopper", message_count=9)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("news", ids=100)
        shown: Any = message.reactions
        counts = {e.reaction.emoticon: (e.count, e.chosen_order) for e in shown.results}
        assert (90_000, None) == counts["👍"]
        assert 0 == counts["❤"][1]
        assert not shown.can_see_list
        assert not shown.recent_reactions
        with pytest.raises(BroadcastForbiddenError):
            await client(listing(news, 100))
        assert ["BROADCAST_FORBIDDEN"] == [fault.error for fault in telegram.client_faults]
    assert (403, "BROADCAST_FORBIDDEN") == refusal(world, listing(grace, grace.ids.max()))


@pytest.mark.rule("reactions.broadcast")
def test_a_group_can_hide_who_reacted(world: World, ships: Channel) -> None:
    """Its messages then show counts only, those that were written before as well."""
    counts = [
        [result.count for result in message.reactions.results]
        for message in map(ships.message, ships.ids)
        if message.reactions is not None
    ]
    ships.reactions.hide()
    again = [message for message in map(ships.message, ships.ids) if message.reactions is not None]
    assert counts == [[result.count for result in each.reactions.results] for each in again]
    for message in again:
        shown: Any = message.reactions
        assert not shown.can_see_list
        assert not shown.recent_reactions
    assert (403, "BROADCAST_FORBIDDEN") == refusal(world, listing(ships, 300))


@pytest.mark.rule("reactions.refresh")
async def test_reactions_are_refreshed_in_batches(world: World, ships: Channel) -> None:
    """What a message shows and what is told of it are the same; what has none is not told."""
    ids = [*range(201, 301)]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        messages = await client.get_messages("ships", ids=ids)
        answer = await client(refresh(ships, *ids))
        shown = {message.id: bytes(message.reactions) for message in messages if message.reactions}
        assert shown == {update.msg_id: bytes(update.reactions) for update in answer.updates}
        assert 10 < len(shown) < 50
        assert {ships.id} == {update.peer.channel_id for update in answer.updates}
        assert [] == telegram.client_faults
    assert (400, "LIMIT_INVALID") == refusal(world, refresh(ships, *range(101)))
    assert [] == ask(world, refresh(ships, 10**6)).updates


@pytest.mark.rule("reactions.min", "reactions.refresh")
def test_own_choices_are_not_in_min(world: World, ships: Channel) -> None:
    """They come by a refresh, for each account its own."""
    second = world.add_account()
    ships.reactions.add(300, "🐈", by=[world.me.id, second.me.id])
    ships.reactions.show_min(300)
    shown: Any = ships.message(300).reactions
    assert True is shown.min
    assert {None} == {result.chosen_order for result in shown.results}
    for account in world.accounts:
        request = refresh(ships, 300)
        request.peer = account.input_peer(ships)
        [update] = ask(world, request, account=account).updates
        chosen = {
            each.reaction.emoticon: each.chosen_order
            for each in update.reactions.results
            if isinstance(each.reaction, types.ReactionEmoji)
        }
        assert not update.reactions.min
        assert chosen["🐈"] is not None
        own = [e.peer_id.user_id for e in update.reactions.recent_reactions if e.my]
        assert own in ([], [account.me.id])


@pytest.mark.rule("reactions.paid")
def test_stars_are_paid(world: World, news: Channel) -> None:
    """The count is that of stars; the three who paid most are shown, and who looks at it."""
    book = news.reactions
    book.remove(100)
    one, other, third = (id_ for id_ in news.members[3:6])
    book.pay(100, 500)
    book.pay(100, 200, by=one)
    book.pay(100, 100, by=one)
    book.pay(100, 250, by=other, anonymous=True)
    book.pay(100, 20, by=third)
    book.pay(100, 5, by=world.me.id)
    shown: Any = news.message(100).reactions
    [paid] = shown.results
    assert (types.ReactionPaid, 1075) == (type(paid.reaction), paid.count)
    rows = [
        (*(bool(flag) for flag in (each.top, each.my, each.anonymous)), each.count, each.peer_id)
        for each in shown.top_reactors
    ]
    assert [
        (True, False, True, 500, None),
        (True, False, False, 300, types.PeerUser(one)),
        (True, False, True, 250, None),
        (False, True, False, 5, types.PeerUser(world.me.id)),
    ] == rows


@pytest.mark.rule("reactions.tags")
async def test_reactions_to_saved_messages_are_tags(world: World) -> None:
    """Each is an own one; all of them are counted."""
    notes = world.add_private_chat(world.me, message_count=30)
    first, second, third = [*notes.ids][:3]
    for id_ in notes.ids:
        notes.reactions.remove(id_)
    notes.reactions.add(first, "📌", by=world.me.id)
    notes.reactions.add(second, "📌", by=world.me.id)
    notes.reactions.add(second, EMOJI + 1, by=world.me.id)
    shown: Any = notes.message(second).reactions
    assert True is shown.reactions_as_tags
    assert [0, 1] == [result.chosen_order for result in shown.results]
    assert None is notes.message(third).reactions
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        tags = await client(functions.messages.GetSavedReactionTagsRequest(hash=0))
        assert [2, 1] == [tag.count for tag in tags.tags]
        again = await client(functions.messages.GetSavedReactionTagsRequest(hash=tags.hash))
        assert isinstance(again, types.messages.SavedReactionTagsNotModified)


@pytest.mark.rule("reactions.custom-emoji")
async def test_custom_emoji_are_documents(world: World) -> None:
    """Those of the seed and of sets, in request order; they can be fetched; others are left out."""
    own = world.file_store.document(900, "own.tgs")
    world.file_store.shelf.put_set("Mine", [own], emojis=True)
    world.file_store.absent_emoji.add(EMOJI + 5)
    wanted = functions.messages.GetCustomEmojiDocumentsRequest
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        found = await client(wanted([EMOJI + 9, own.id, EMOJI + 5, 4, EMOJI]))
        assert [EMOJI + 9, own.id, EMOJI] == [document.id for document in found]
        for document in found:
            [attribute] = [
                each
                for each in document.attributes
                if isinstance(each, types.DocumentAttributeCustomEmoji)
            ]
            assert attribute.alt
        assert found[0].size == len(await client.download_media(found[0], bytes))
        assert [] == telegram.client_faults
    assert (400, "LIMIT_INVALID") == refusal(world, wanted([EMOJI] * 201))
