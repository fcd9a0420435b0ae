"""Do searches, filters and threads list what Telegram would, paged as a history is?"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.tl import functions, types

from telefast.testing import LocalTelegram, ShortPage, SwapNeighbours, World, methods
from telefast.testing.index import FILTERS, ChatIndex, kinds_of, thread_of
from telefast.testing.rpc import Call, RpcFault, UnknownMethodFault, method_name
from telefast.testing.tl import read_object

if TYPE_CHECKING:
    from telefast.testing import Channel, Chat

DATE = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EMPTY = types.InputMessagesFilterEmpty()


@pytest.fixture(scope="module")
def world() -> World:
    """Every kind of chat; no test changes it."""
    world = World(seed=41)
    club = world.add_channel("Club", message_count=900, holes=0.1, username="club_one")
    world.add_channel("News", message_count=150, megagroup=False)
    world.add_private_chat("Grace Hopper", message_count=700, holes=0.05)
    world.add_group("Crew", message_count=400)
    club.post(230, reply_to=club.ids[100])
    return world


def ask(world: World, request: Any, *rules: Any) -> Any:
    """Return the answer; it must be exactly what Telethon would write."""
    call = Call(method_name(type(request)), request, 1, world, rules=rules)
    data = methods.answer(call)
    answer = read_object(data)
    if not isinstance(answer, list):
        assert bytes(answer) == data
    return answer


def refusal(world: World, request: Any) -> str:
    """Return the error that a request is refused with."""
    with pytest.raises(RpcFault) as caught:
        ask(world, request)
    assert caught.value.code == 400
    return caught.value.message


def search(chat: Chat, q: str = "", wanted: Any = EMPTY, **arguments: Any) -> Any:
    """Return a request for a page of what fits."""
    fields: dict[str, Any] = dict.fromkeys(("offset_id", "add_offset", "max_id", "min_id"), 0)
    fields |= {"limit": 100, "hash": 0, "min_date": None, "max_date": None}
    peer = chat.input_peer()
    return functions.messages.SearchRequest(
        **{"peer": peer, "q": q, "filter": wanted, **fields, **arguments}
    )


def replies(chat: Chat, msg_id: int, **arguments: Any) -> Any:
    """Return a request for a page of a thread."""
    fields: dict[str, Any] = dict.fromkeys(("offset_id", "add_offset", "max_id", "min_id"), 0)
    fields |= {"limit": 100, "hash": 0, "offset_date": None}
    return functions.messages.GetRepliesRequest(
        **{"peer": chat.input_peer(), "msg_id": msg_id, **fields, **arguments}
    )


def ids_of(answer: Any) -> list[int]:
    """Return the ids of an answer's messages."""
    return [message.id for message in answer.messages]


def chats(world: World) -> list[Chat]:
    """Return all chats."""
    return [*world.account.chats()]


def club(world: World) -> Channel:
    """Return the supergroup."""
    return next(iter(world.channels.values()))


def wanted_ids(chat: Chat, fits: Any) -> list[int]:
    """Return the ids of messages that fit, newest first, read one by one."""
    return [id_ for id_ in reversed(chat.ids) if fits(chat.message(id_))]


@pytest.mark.parametrize("name", [*FILTERS])
def test_a_filter_shows_its_kinds_and_nothing_else(world: World, name: str) -> None:
    """All pages of a filter are the messages of these kinds, newest first, with their count."""
    wanted = getattr(types, f"InputMessagesFilter{name}", None)
    if wanted is None:
        pytest.skip("not in this Telethon")
    for chat in chats(world):
        expected = wanted_ids(chat, lambda m: {*FILTERS[name]} & {*kinds_of(m)})
        seen: list[int] = []
        while True:
            answer = ask(world, search(chat, "", wanted(), offset_id=seen[-1] if seen else 0))
            assert getattr(answer, "count", len(answer.messages)) == len(expected)
            seen += ids_of(answer)
            if not answer.messages or isinstance(answer, types.messages.Messages):
                break
        assert seen == expected


def test_kinds_are_those_of_telethon(world: World) -> None:
    """Photos, videos and the like are what Telethon's own properties call so."""
    names = ("photo", "video", "round", "gif", "voice", "music", "contact", "geo", "poll")
    found: set[str] = set()
    for chat in chats(world):
        for id_ in chat.ids:
            message: Any = chat.message(id_)
            if isinstance(message, types.MessageService):
                continue
            kinds = set(kinds_of(message))
            found |= kinds
            props = {"round": "video_note", "music": "audio"}
            for name in names:
                has = bool(getattr(message, props.get(name, name)))
                if name == "photo":
                    has = isinstance(message.media, types.MessageMediaPhoto)
                if name == "video" and (message.gif or message.video_note):
                    has = False
                assert (name in kinds) == has, (name, message)
            assert ("pinned" in kinds) == bool(message.pinned)
    assert {*names, "document", "sticker", "url", "pinned"} - {"poll"} <= found


def test_calls_that_were_missed_are_told_apart(world: World) -> None:
    """The filter of calls shows all, with `missed` only those that were missed."""
    talk = chats(world)[3]
    calls = ask(world, search(talk, "", types.InputMessagesFilterPhoneCalls())).messages
    missed = ask(world, search(talk, "", types.InputMessagesFilterPhoneCalls(missed=True)))
    expected = [
        m.id for m in calls if isinstance(m.action.reason, types.PhoneCallDiscardReasonMissed)
    ]
    assert ids_of(missed) == expected
    assert 0 < len(expected) < len(calls)


@pytest.mark.rule("search.words")
@pytest.mark.parametrize("words", ["Grüße", "grüsse", "GRÜSSE", "a", "ок", "zzz-never", "@"])
def test_words_are_found_in_any_case(world: World, words: str) -> None:
    """A search shows exactly the messages whose text contains the words."""
    for chat in chats(world):
        expected = wanted_ids(chat, lambda m: words.casefold() in (m.message or "").casefold())
        answer = ask(world, search(chat, words))
        assert ids_of(answer) == expected[:100]
        assert getattr(answer, "count", len(answer.messages)) == len(expected)


@pytest.mark.rule("search.parts-add-up")
def test_words_and_filter_add_up(world: World) -> None:
    """Text, filter and sender must all fit."""
    chat = club(world)
    sender = next(m for id_ in chat.ids if (m := chat.message(id_)).media and m.message)
    assert isinstance(sender.from_id, types.PeerUser)
    user = world.users[sender.from_id.user_id]
    peer = types.InputPeerUser(user.id, user.access_hash or 0)
    answer = ask(world, search(chat, "e", types.InputMessagesFilterUrl(), from_id=peer))
    assert ids_of(answer) == wanted_ids(
        chat,
        lambda m: m.from_id == sender.from_id and "url" in kinds_of(m) and "e" in m.message.lower(),
    )


@pytest.mark.rule("search.sender-ignored-in-private")
def test_a_sender_is_found_in_groups_and_ignored_in_private(world: World) -> None:
    """from_id works in groups, for users, ourselves and the group itself; not in private chats."""
    for chat in (club(world), chats(world)[2]):
        own = wanted_ids(chat, lambda m: m.from_id == types.PeerUser(world.me.id))
        assert ids_of(ask(world, search(chat, from_id=types.InputPeerSelf()))) == own[:100]
    group = club(world)
    anonymous = wanted_ids(group, lambda m: m.from_id == types.PeerChannel(group.id))
    assert anonymous
    assert ids_of(ask(world, search(group, from_id=group.input_peer()))) == anonymous[:100]
    talk = chats(world)[3]
    answer = ask(world, search(talk, from_id=types.InputPeerSelf()))
    assert answer.count == len(talk.ids)
    assert refusal(world, search(group, from_id=types.InputPeerUser(5, 5))) == "PEER_ID_INVALID"


@pytest.mark.rule("search.same-arithmetic")
def test_the_offset_arithmetic_is_that_of_a_history(world: World) -> None:
    """Pages of a filtered list are cut as `core.telegram.org/api/offsets` says."""
    chat = club(world)
    wanted = types.InputMessagesFilterPhotoVideo()
    expected = wanted_ids(chat, lambda m: {"photo", "video"} & {*kinds_of(m)})
    draw = random.Random(5)
    for _ in range(200):
        offset_id = draw.choice([0, draw.randrange(1, 1300), *expected])
        add_offset = draw.choice([0, 0, -1, -20, 20, 300, -300, draw.randrange(-50, 50)])
        limit = draw.choice([1, 7, 100, 300])
        start = sum(1 for id_ in expected if id_ >= offset_id) if offset_id else 0
        start += add_offset
        page = expected[max(0, start) : max(0, start + min(limit, 100))]
        request = search(chat, "", wanted, offset_id=offset_id, add_offset=add_offset, limit=limit)
        answer = ask(world, request)
        assert ids_of(answer) == page
        assert answer.count == len(expected)
        if page:
            assert answer.offset_id_offset == expected.index(page[0])


@pytest.mark.rule("search.dates-only-shrink")
def test_dates_and_ids_only_shrink_a_page(world: World) -> None:
    """Limits of ids and of dates are applied after the page was cut."""
    chat = club(world)
    newest = [*reversed(chat.ids)][:100]
    middle = datetime.fromtimestamp(chat.timestamp(newest[50]), UTC)
    late = ask(world, search(chat, min_date=middle))
    assert ids_of(late) == [i for i in newest if chat.timestamp(i) > middle.timestamp()]
    early = ask(world, search(chat, max_date=middle))
    assert ids_of(early) == [i for i in newest if chat.timestamp(i) < middle.timestamp()]
    assert ids_of(ask(world, search(chat, min_date=EPOCH, max_date=EPOCH))) == newest
    assert ids_of(ask(world, search(chat, min_id=newest[9]))) == newest[:9]
    assert ids_of(ask(world, search(chat, max_id=newest[90]))) == newest[91:]
    old = datetime.fromtimestamp(chat.timestamp(chat.ids[5]), UTC)
    assert ids_of(ask(world, search(chat, max_date=old))) == []


def test_a_limit_of_zero_counts(world: World) -> None:
    """A search with limit 0 tells how many there are, and shows none."""
    for chat in chats(world):
        answer = ask(world, search(chat, limit=0))
        assert (answer.count, answer.messages) == (len(chat.ids), [])


def test_a_whole_list_of_a_private_chat_has_no_count(world: World) -> None:
    """A search that fits one page is `messages` outside channels, channelMessages in them."""
    talk, crew = chats(world)[3], chats(world)[2]
    for chat in (talk, crew):
        answer = ask(world, search(chat, "", types.InputMessagesFilterPinned()))
        assert type(answer) is types.messages.Messages
        assert type(ask(world, search(chat))) is types.messages.MessagesSlice
        assert type(ask(world, search(chat, "zzz-never"))) is types.messages.Messages
    assert type(ask(world, search(club(world), "zzz"))) is types.messages.ChannelMessages
    nobody = next(u for u in world.users.values() if u.id not in world.private_chats)
    peer = types.InputPeerUser(nobody.id, nobody.access_hash or 0)
    assert ask(world, search(talk, peer=peer)).messages == []


@pytest.mark.rule("replies.same-arithmetic")
def test_a_thread_is_read_as_a_history(world: World) -> None:
    """A request for replies pages those to one message, both ways, with dates and count."""
    chat = club(world)
    root = chat.ids[100]
    expected = wanted_ids(
        chat,
        lambda m: (
            m.reply_to and not m.reply_to.reply_to_peer_id and (m.reply_to.reply_to_msg_id == root)
        ),
    )
    assert len(expected) >= 230
    first = ask(world, replies(chat, root))
    assert (ids_of(first), first.count) == (expected[:100], len(expected))
    second = ask(world, replies(chat, root, offset_id=expected[99]))
    assert ids_of(second) == expected[100:200]
    far = ask(world, replies(chat, root, add_offset=150, limit=20))
    assert (ids_of(far), far.offset_id_offset) == (expected[150:170], 150)
    up = ask(world, replies(chat, root, offset_id=1, add_offset=-100))
    assert ids_of(up) == expected[-100:]
    date = datetime.fromtimestamp(chat.timestamp(expected[120]), UTC)
    before = ask(world, replies(chat, root, offset_date=date))
    assert before.messages[0].date < date
    in_search = ask(world, search(chat, top_msg_id=root))
    assert ids_of(in_search) == expected[:100]
    quiet = next(i for i in chat.ids if not chat.index.in_thread(i))
    assert ask(world, replies(chat, quiet)).messages == []


@pytest.mark.rule("replies.top-message")
def test_a_thread_goes_by_its_top() -> None:
    """A reply that names a top message is in the thread of that one; replies elsewhere in none."""
    world = World(seed=1)
    chat = world.add_channel("Club", message_count=10)

    def put(id_: int, **header: Any) -> None:
        reply = types.MessageReplyHeader(**header)
        chat.put(types.Message(id_, chat.peer(), DATE, "x", reply_to=reply))

    put(20, reply_to_msg_id=3)
    put(21, reply_to_msg_id=20, reply_to_top_id=3)
    put(22, reply_to_msg_id=3, reply_to_peer_id=types.PeerChannel(5))
    story = types.MessageReplyStoryHeader(types.PeerUser(1), 3)
    chat.put(types.Message(23, chat.peer(), DATE, "x", reply_to=story))
    seeded = {id_ for id_ in range(1, 11) if thread_of(chat.message(id_)) == 3}
    assert {*ids_of(ask(world, replies(chat, 3)))} == {20, 21} | seeded
    assert ids_of(ask(world, replies(chat, 20))) == []


@pytest.mark.rule("search.unknown-filter", "replies.unknown-thread")
def test_what_cannot_be_listed_is_refused(world: World) -> None:
    """Unknown threads, filters and peers are refused; what is not embedded says so."""
    chat, news, crew, talk = chats(world)
    gone = next(i for i in range(1, 900) if i not in chat.ids)
    for request in (replies(chat, gone), replies(chat, 0), replies(news, news.ids[3])):
        assert refusal(world, request) == "MSG_ID_INVALID"
    assert refusal(world, search(chat, top_msg_id=gone)) == "MSG_ID_INVALID"
    assert refusal(world, search(talk, top_msg_id=talk.ids[0])) == "MSG_ID_INVALID"
    assert refusal(world, replies(crew, crew.ids[0])) == "CHANNEL_INVALID"
    assert refusal(world, search(chat, offset_id=-1)) == "MSG_ID_INVALID"
    assert refusal(world, replies(chat, chat.ids[0], offset_id=-1)) == "MSG_ID_INVALID"
    assert refusal(world, search(chat, "", types.InputPeerEmpty())) == "INPUT_FILTER_INVALID"
    assert refusal(world, search(chat, peer=types.InputPeerEmpty())) == "PEER_ID_INVALID"
    with pytest.raises(UnknownMethodFault):
        ask(world, search(chat, saved_peer_id=types.InputPeerSelf()))
    counters = functions.messages.GetSearchCountersRequest
    with pytest.raises(UnknownMethodFault):
        ask(world, counters(chat.input_peer(), [EMPTY], saved_peer_id=types.InputPeerSelf()))


@pytest.mark.rule("search.counters")
def test_counters_count_several_filters(world: World) -> None:
    """One request tells the length of each filtered list, also of a thread."""
    chat = club(world)
    filters = [EMPTY, types.InputMessagesFilterPhotos(), types.InputMessagesFilterUrl()]
    request = functions.messages.GetSearchCountersRequest(chat.input_peer(), filters)
    found = ask(world, request)
    assert [each.count for each in found] == [
        ask(world, search(chat, "", each, limit=0)).count for each in filters
    ]
    request.top_msg_id = chat.ids[100]
    assert ask(world, request)[0].count == ask(world, replies(chat, chat.ids[100])).count
    nobody = next(u for u in world.users.values() if u.id not in world.private_chats)
    request = functions.messages.GetSearchCountersRequest(
        types.InputPeerUser(nobody.id, nobody.access_hash or 0), filters
    )
    assert [each.count for each in ask(world, request)] == [0, 0, 0]


def test_nothing_is_scheduled(world: World) -> None:
    """The scheduled messages of every chat are none; it refuses unknown ones."""
    request = functions.messages.GetScheduledHistoryRequest
    for chat in chats(world):
        answer = ask(world, request(chat.input_peer(), 0))
        assert (type(answer), answer.messages) == (types.messages.Messages, [])
    assert refusal(world, request(types.InputPeerChat(5), 0)) == "CHAT_ID_INVALID"


def test_lists_follow_changes() -> None:
    """Posts, deletions and replaced messages show in every list at once."""
    world = World(seed=3)
    chat = world.add_channel("Club", message_count=400)
    photos = types.InputMessagesFilterPhotos()
    before = ids_of(ask(world, search(chat, "", photos)))
    assert ask(world, search(chat, "lighthouse")).count == 0
    chat.delete(before[0])
    assert ids_of(ask(world, search(chat, "", photos))) == before[1:]
    chat.put(types.Message(before[1], chat.peer(), DATE, "A Lighthouse, no photo"))
    assert ids_of(ask(world, search(chat, "", photos))) == before[2:]
    assert ids_of(ask(world, search(chat, "lighthouse"))) == [before[1]]
    new = chat.post(400)
    after = ids_of(ask(world, search(chat, "", photos)))
    assert after == wanted_ids(chat, lambda m: "photo" in kinds_of(m))[:100]
    assert set(after) & set(new)
    reply = chat.post(1, reply_to=before[1])
    assert reply[0] in ids_of(ask(world, replies(chat, before[1])))
    chat.put(types.Message(before[1], chat.peer(), DATE, "Dark"))
    assert ask(world, search(chat, "lighthouse")).count == 0


def test_many_searches_do_not_pile_up() -> None:
    """A chat remembers a bounded number of searches, and is right about forgotten ones."""
    world = World(seed=3)
    chat = world.add_channel("Club", message_count=50)
    counts = [ask(world, search(chat, chr(97 + n % 26) * (1 + n // 26))).count for n in range(60)]
    assert len(chat.index._queries) <= 16
    again = [ask(world, search(chat, chr(97 + n % 26) * (1 + n // 26))).count for n in range(60)]
    assert again == counts


@given(st.text(max_size=12), st.text(max_size=4))
def test_any_text_is_found_by_its_parts(text: str, part: str) -> None:
    """A message is found by a part of its text exactly if the part is in it."""
    world = World(user_count=0)
    chat = world.add_channel("Club", channel_id=5)
    text = text.encode("utf-8", "ignore").decode()
    part = part.encode("utf-8", "ignore").decode()
    chat.put(types.Message(1, chat.peer(), DATE, text))
    index = ChatIndex(chat)
    if part:
        assert (1 in index.with_words(part)) == (part.casefold() in text.casefold())


def global_search(q: str, **arguments: Any) -> Any:
    """Return a request for a page of all chats."""
    fields: dict[str, Any] = {"min_date": None, "max_date": None, "offset_rate": 0, "limit": 100}
    fields |= {"offset_peer": types.InputPeerEmpty(), "offset_id": 0, "filter": EMPTY}
    return functions.messages.SearchGlobalRequest(q=q, **{**fields, **arguments})


def all_places(world: World, fits: Any) -> list[tuple[int, int, int]]:
    """Return date, peer and id of what fits in all chats, the latest first."""
    places = [
        (chat.timestamp(id_), chat.marked_id, id_)
        for chat in chats(world)
        for id_ in wanted_ids(chat, fits)
    ]
    return sorted(places, reverse=True)


@pytest.mark.rule("search.global")
def test_all_chats_are_searched_by_date(world: World) -> None:
    """A global search pages through all chats by date, peer and id, each message once."""
    expected = all_places(world, lambda m: "e" in (m.message or "").lower())
    seen: list[tuple[int, int, int]] = []
    request = global_search("E")
    for _ in range(50):
        answer = ask(world, request)
        assert answer.count == len(expected)
        if not answer.messages:
            break
        for message in answer.messages:
            mark = next(c.marked_id for c in chats(world) if c.peer() == message.peer_id)
            seen.append((int(message.date.timestamp()), mark, message.id))
        assert answer.next_rate == seen[-1][0]
        last = world.chat(seen[-1][1])
        assert last is not None
        request.offset_rate = answer.next_rate
        request.offset_peer, request.offset_id = last.input_peer(), seen[-1][2]
    assert seen == expected


def test_a_global_search_can_be_narrowed(world: World) -> None:
    """By kind of chat, by filter, by date; what fits one page has no count."""
    photos = types.InputMessagesFilterPhotos()
    for flag, kinds in (
        ("users_only", {"private chat"}),
        ("groups_only", {"supergroup", "basic group"}),
        ("broadcasts_only", {"channel"}),
    ):
        answer = ask(world, global_search("", filter=photos, limit=1, **{flag: True}))
        expected = [c for c in chats(world) if c.kind in kinds]
        total = sum(len(wanted_ids(c, lambda m: "photo" in kinds_of(m))) for c in expected)
        assert getattr(answer, "count", 1) == total
    places = all_places(world, lambda m: "photo" in kinds_of(m))
    low, high = places[50][0], places[9][0]
    answer = ask(
        world,
        global_search(
            "",
            filter=photos,
            min_date=datetime.fromtimestamp(low, UTC),
            max_date=datetime.fromtimestamp(high, UTC),
        ),
    )
    assert isinstance(answer, types.messages.Messages)
    assert ids_of(answer) == [place[2] for place in places if low < place[0] < high]
    late = datetime(2037, 1, 1, tzinfo=UTC)
    assert ask(world, global_search("e", min_date=late)).messages == []
    wrong = global_search("e", offset_rate=9, offset_peer=types.InputPeerUser(5, 5))
    assert refusal(world, wrong) == "PEER_ID_INVALID"


def test_a_closed_channel_is_not_searched() -> None:
    """What is not open to us has nothing to find."""
    world = World(seed=1)
    world.add_channel("Club", message_count=40).private = True
    assert ask(world, global_search("e")).messages == []


def test_faults_of_pages_reach_every_list(world: World) -> None:
    """Rules can cut and swap pages of searches and threads, if told so."""
    chat = club(world)
    whole = ids_of(ask(world, search(chat)))
    short = ShortPage(nth=1, drop=3, method="messages.search")
    assert ids_of(ask(world, search(chat), short)) == whole[:-3]
    swap = SwapNeighbours(nth=1, method="messages.getReplies", at=-2)
    thread = ids_of(ask(world, replies(chat, chat.ids[100])))
    swapped = ids_of(ask(world, replies(chat, chat.ids[100]), swap))
    assert swapped == [*thread[:-2], thread[-1], thread[-2]]
    assert ids_of(ask(world, search(chat), swap)) == whole
    assert (short.fired, swap.fired) == (1, 1)


async def test_the_unmodified_client_searches(world: World) -> None:
    """iter_messages with search, filter, from_user, reply_to and scheduled; all chats at once."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        for chat in chats(world):
            found = [m async for m in client.iter_messages(chat.marked_id, search="E", wait_time=0)]
            expected = wanted_ids(chat, lambda m: "e" in (m.message or "").casefold())
            assert [m.id for m in found] == expected
            for filter_ in (types.InputMessagesFilterPhotos, types.InputMessagesFilterUrl):
                down = client.iter_messages(chat.marked_id, filter=filter_, wait_time=0)
                up = client.iter_messages(chat.marked_id, filter=filter_, reverse=True, wait_time=0)
                ids = [m.id async for m in down]
                assert ids[::-1] == [m.id async for m in up]
                name = filter_.__name__.removeprefix("InputMessagesFilter")
                assert ids == wanted_ids(chat, lambda m, n=name: {*FILTERS[n]} & {*kinds_of(m)})
            total = (await client.get_messages(chat.marked_id, 0, search="E")).total
            assert total == len(expected)
            own = [
                m async for m in client.iter_messages(chat.marked_id, from_user="me", wait_time=0)
            ]
            assert [m.id for m in own] == wanted_ids(
                chat, lambda m: m.from_id == types.PeerUser(world.me.id)
            )
            assert not [
                m async for m in client.iter_messages(chat.marked_id, scheduled=True, wait_time=0)
            ]
        chat = club(world)
        thread = [
            m.id async for m in client.iter_messages(chat.id, reply_to=chat.ids[100], wait_time=0)
        ]
        assert thread == [*reversed(chat.index.in_thread(chat.ids[100]) & chat.ids)]
        every = [m async for m in client.iter_messages(None, search="E", limit=500, wait_time=0)]
        places = all_places(world, lambda m: "e" in (m.message or "").lower())
        assert [m.id for m in every] == [place[2] for place in places[:500]]
        assert telegram.unknown == []
