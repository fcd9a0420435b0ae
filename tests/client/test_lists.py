"""Searches, filters, senders and threads: exact, many pages at a time, and equal to stock's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap
from telethon import types

from telefast import BatchedHistory
from telefast.history.query import Query
from telefast.testing import (
    ChangeWorld,
    LocalTelegram,
    OnlyEmpty,
    RepeatLastId,
    Restricted,
    Rule,
    ShortPage,
    SwapNeighbours,
    World,
)
from tests.client.exact import BY_IDS, HISTORY, assert_same, club, has, ids_of, read, stock
from tests.unit.history_model import oracle

T = TypeVar("T")

SEARCH = "messages.search"
REPLIES = "messages.getReplies"
SHARE = max(settings.default.max_examples // 2, 1)
PHOTOS = types.InputMessagesFilterPhotos
SEEDS = st.integers(0, 2**63)


@dataclass(frozen=True)
class Kind:
    """A list: the arguments that choose it, and which messages are in it.

    Attributes:
        owed: Whether a message is owed.
        listed: Whether Telegram lists it; others than those owed are dropped by the client.
    """

    arguments: dict[str, Any]
    owed: Callable[[Any], bool]
    listed: Callable[[Any], bool] = lambda message: True

    def __repr__(self) -> str:
        return f"Kind({self.arguments})"


def is_photo(message: Any) -> bool:
    """Return whether a message is a photo."""
    return isinstance(getattr(message, "media", None), types.MessageMediaPhoto)


def both(*tests: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Return whether all of these hold."""
    return lambda m: all(test(m) for test in tests)


def in_club(root: int, someone: int) -> list[Kind]:
    """Return the lists of a supergroup."""

    def by(message: Any) -> bool:
        return message.from_id == types.PeerUser(someone)

    def answers(message: Any) -> bool:
        header = message.reply_to
        return header is not None and root in (header.reply_to_top_id, header.reply_to_msg_id)

    return [
        Kind({"search": "e"}, has("e"), has("e")),
        Kind({"search": "the", "filter": PHOTOS()}, *[both(has("the"), is_photo)] * 2),
        Kind({"search": ""}, lambda m: True),
        Kind({"filter": PHOTOS}, is_photo, is_photo),
        Kind({"filter": types.InputMessagesFilterEmpty}, lambda m: True),
        Kind({"from_user": someone}, by, by),
        Kind({"from_user": someone, "search": "a"}, *[both(by, has("a"))] * 2),
        Kind({"reply_to": root}, answers, answers),
        Kind({"reply_to": root, "search": "nowhere at all"}, answers, answers),
        Kind({"reply_to": root, "from_user": someone}, both(by, answers), answers),
    ]


def in_private(me: int, other: int) -> list[Kind]:
    """Return the lists of a private chat: Telegram does not filter by sender there."""

    def mine(message: Any) -> bool:
        return message.from_id == types.PeerUser(me)

    def theirs(message: Any) -> bool:
        return message.from_id is None

    return [
        Kind({"search": "e"}, has("e"), has("e")),
        Kind({"filter": PHOTOS}, is_photo, is_photo),
        Kind({"from_user": me}, mine),
        Kind({"from_user": other}, theirs),
        Kind({"from_user": me, "search": "e"}, both(mine, has("e")), has("e")),
        Kind({"from_user": other, "filter": PHOTOS}, both(theirs, is_photo), is_photo),
    ]


class House:
    """One server with a supergroup and a private chat; one client reads, one compares."""

    def __init__(self) -> None:
        self.world, self.club = club(700)
        senders = [m.from_id for m in map(self.club.message, range(1, 701))]
        people = [s.user_id for s in senders if isinstance(s, types.PeerUser)]
        busiest = max(set(people), key=people.count)
        self.club.post(230, reply_to=5)
        user = next(user for user in self.world.users.values() if not user.is_self)
        self.world.add_group("Neighbours", message_count=200)
        self.private = self.world.add_private_chat(user, message_count=500)
        self.all_ids = {id(chat): BitMap(chat.ids) for chat in (self.club, self.private)}
        self.kinds = [(self.club, kind) for kind in in_club(5, busiest)]
        me = self.world.me.id
        self.kinds += [(self.private, kind) for kind in in_private(me, user.id)]
        self._runner = asyncio.Runner()
        self.telegram = LocalTelegram(self.world)
        self.run(self.telegram.__aenter__())
        self.ours, self.theirs = self.telegram.client(), self.telegram.client()
        for client in (self.ours, self.theirs):
            self.run(client.connect())
            self.run(client.get_dialogs())  # resolves senders by their bare ids
            self.run(stock(client, self.club.input_peer()))

    def close(self) -> None:
        """Disconnect and stop."""
        self.run(self.telegram.__aexit__(None, None, None))
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* in the house's loop."""
        return self._runner.run(work)

    def thin_out(self, chat: Any, rng: Random) -> None:
        """Let only some messages of a chat exist, the root of the thread among them."""
        share = rng.choice([1, 1, 0.6, 0.1, 0])
        ids = [i for i in self.all_ids[id(chat)] if rng.random() < share or i == 5]
        chat.ids = BitMap(ids)
        chat.changed = True


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """The house of this module."""
    house = House()
    yield house
    house.close()


def query_of(rng: Random, top: int) -> Query:
    """Draw arguments, each absent in most cases."""

    def maybe(value: int) -> int:
        return value if rng.random() < 0.3 else 0

    low = maybe(rng.randint(1, rng.choice([top // 4, top])))
    high = maybe(rng.randint(rng.choice([1, top // 4 * 3]), top))
    return Query(
        limit=rng.choice([0, 1, 5, 99, 100, 101, 250]) if rng.random() < 0.3 else None,
        min_id=min(low, high or low),  # crossing bounds are an error
        max_id=high and max(low, high),
        offset_id=maybe(rng.randint(1, top)),
        add_offset=maybe(rng.choice([1, 10, 99, 150]) * rng.choice([1, -1])),
        reverse=rng.random() < 0.5,
    )


def arguments_of(query: Query) -> dict[str, Any]:
    """Return the keyword arguments that mean *query*."""
    names = ("limit", "min_id", "max_id", "offset_id", "add_offset", "reverse")
    return {name: getattr(query, name) for name in names}


def owed(chat: Any, kind: Kind, query: Query) -> list[int]:
    """Return what is owed: the walk is that of Telegram's list, the limit that of what is kept."""
    listed = [i for i in chat.ids if kind.listed(chat.message(i))]
    walk = oracle(listed, replace(query, limit=None))
    return [i for i in walk if kind.owed(chat.message(i))][: query.limit]


def stock_is_right(query: Query) -> bool:
    """Tell whether Telethon's iterator keeps to the oracle, see `telefast.history.query`."""
    has_two_starts = 0 < query.max_id != query.offset_id > 0
    return query.add_offset == 0 and (query.reverse or not has_two_starts)


@given(SEEDS)
@settings(max_examples=3 * SHARE)
def test_any_list_with_any_arguments(house: House, seed: int) -> None:
    """Exactly the oracle's ids; stock's finished messages and total where stock is right."""
    rng = Random(seed)
    chat, kind = rng.choice(house.kinds)
    house.thin_out(chat, rng)
    query = query_of(rng, max(chat.ids, default=10) + 10)
    arguments = arguments_of(query) | kind.arguments

    async def ours() -> BatchedHistory:
        concurrency = rng.choice([1, 4, 16])
        async with BatchedHistory(
            house.ours, chat.input_peer(), concurrency=concurrency, **arguments
        ) as history:
            found.extend([message async for message in history])
        return history

    found: list[Any] = []
    history = house.run(ours())
    assert owed(chat, kind, query) == ids_of(found)
    assert history.stats().reason == ""
    if stock_is_right(query):
        iterator = house.theirs.iter_messages(chat.input_peer(), wait_time=0, **arguments)
        theirs = house.run(_all(iterator))
        # Where it filters by itself it ends at the first page without a match.
        if ("from_user" in arguments and chat is house.private) or "reply_to" in arguments:
            found = found[: len(theirs)]
        assert_same(found, house.ours, theirs, house.theirs)
        if found:
            assert iterator.total == history.total


async def _all(iterator: Any) -> list[Any]:
    return [message async for message in iterator]


@given(SEEDS, st.integers(-1, 1))
@settings(max_examples=SHARE)
def test_any_list_from_any_date(house: House, seed: int, seconds: int) -> None:
    """Before the date forward, at or after it in reverse, unless an id says where to begin."""
    rng = Random(seed)
    chat, kind = rng.choice(house.kinds)
    house.thin_out(chat, rng)
    query = query_of(rng, max(chat.ids, default=10) + 10)
    timestamp = chat.timestamp(rng.choice(list(house.all_ids[id(chat)]))) + seconds
    when = datetime.fromtimestamp(timestamp, UTC)
    arguments = arguments_of(query) | kind.arguments | {"offset_date": when}
    ours = house.run(read(house.ours, chat.input_peer(), **arguments))
    if not (query.offset_id or (query.min_id if query.reverse else query.max_id)):
        before = max((i for i in chat.ids if chat.timestamp(i) < timestamp), default=0)
        query = replace(query, offset_id=before if query.reverse else before + 1)
    assert owed(chat, kind, query) == ids_of(ours)


FAULTS: list[Callable[[str, Random], Rule]] = [
    lambda method, rng: ShortPage(every=rng.randint(2, 3), drop=rng.randint(1, 120), method=method),
    lambda method, rng: RepeatLastId(every=2, count=rng.choice([1, 1, 30]), method=method),
    lambda method, rng: RepeatLastId(every=2, inside=True, method=method),
    lambda method, rng: OnlyEmpty(every=rng.randint(2, 4), method=method),
    lambda method, rng: SwapNeighbours(every=1, at=rng.choice([0, -2, 50]), method=method),
    lambda method, rng: Restricted(range(rng.randint(1, 700), 700, rng.randint(1, 3))),
]


@given(SEEDS)
@settings(max_examples=max(SHARE // 3, 1))
def test_any_list_with_any_fault(seed: int) -> None:
    """Pages that are short, empty, repeated, hidden or in disorder lose nothing that is shown."""
    rng = Random(seed)
    world, chat = club(rng.choice([100, 400, 700]))
    chat.post(rng.choice([99, 150]), reply_to=5)
    kinds: list[tuple[str, dict[str, Any], Callable[[Any], bool]]] = [
        (SEARCH, {"search": "e"}, has("e")),
        (SEARCH, {"filter": PHOTOS}, is_photo),
        (REPLIES, {"reply_to": 5}, lambda m: m.reply_to and m.reply_to.reply_to_msg_id == 5),
    ]
    method, chosen, fits = rng.choice(kinds)
    rule = rng.choice(FAULTS)(method, rng).maybe()
    hidden = rule.ids if isinstance(rule, Restricted) else ()
    query = query_of(rng, max(chat.ids)) if rng.random() < 0.5 else Query(reverse=seed % 2 > 0)
    query = replace(query, add_offset=0)
    ids = [i for i in chat.ids if fits(chat.message(i)) and i not in hidden]

    async def ours() -> list[Any]:
        async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
            return await read(client, chat.input_peer(), **arguments_of(query), **chosen)

    assert oracle(ids, query) == ids_of(asyncio.run(ours()))


# What it costs


@pytest.mark.parametrize("reverse", [False, True])
async def test_a_search_costs_what_its_pages_cost(reverse: bool) -> None:
    """5,000 hits: little more than a request for each hundred, eight of them in flight."""
    world, chat = club(10_000)
    hits = sum(has("e")(chat.message(i)) for i in chat.ids)
    assert hits > 5000
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        arguments: dict[str, Any] = {"search": "e", "reverse": reverse}
        async with BatchedHistory(client, chat.input_peer(), **arguments) as history:
            assert hits == len([message async for message in history])
        assert telegram.requests[SEARCH] == history.stats().requests
        assert telegram.requests[SEARCH] <= hits / 100 * 1.01 + 4
        assert telegram.requests[HISTORY] == telegram.requests[BY_IDS] == 0
        assert telegram.requests.peak_in_flight_by[SEARCH] == 8
        assert ("pages", hits) == (history.stats().path, history.total)
        assert not telegram.unknown


@pytest.mark.parametrize(
    ("change", "reverse"),
    [("out", False), ("out", True), ("in", False), ("in", True)],
)
async def test_edits_in_mid_walk_lose_nothing_else(change: str, reverse: bool) -> None:
    """Messages edited out of the list, or into it, shift its positions; the others all come."""
    world, chat = club(1500)
    fits = has("e")
    hits = [i for i in chat.ids if fits(chat.message(i))]
    others = sorted(set(chat.ids) - set(hits))
    edited = [i for i in (hits if change == "out" else others) if 300 < i < 1200][::3]

    def edit(world: World) -> None:
        for message_id in edited:
            message = chat.message(message_id)
            if isinstance(message, types.Message):
                message.message = "xyz" if change == "out" else "e"
                message.entities = None
                chat.put(message)

    rule = ChangeWorld(SEARCH, 4, edit)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        got = ids_of(await read(client, chat.input_peer(), search="e", reverse=reverse))
    assert set(hits) - set(edited) <= set(got)
    assert set(got) <= {*hits, *edited}
    assert sorted(set(got), reverse=not reverse) == got  # type: ignore[type-var]


# Where stock is wrong


async def test_stock_finds_nothing_before_a_date() -> None:
    """`max_date` shrinks a page that was cut without it: stock's first page is empty, its last."""
    world, chat = club(1000)
    when = datetime.fromtimestamp(chat.timestamp(500), UTC)
    expected = [i for i in range(499, 0, -1) if has("e")(chat.message(i))]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        arguments: dict[str, Any] = {"search": "e", "offset_date": when}
        assert expected == ids_of(await read(client, chat.input_peer(), **arguments))
        assert await stock(client, chat.input_peer(), **arguments) == []


async def test_stock_reads_a_date_backwards_in_a_search() -> None:
    """In reverse a date is where the list begins; stock takes it for where it ends."""
    world, chat = club(1000)
    when = datetime.fromtimestamp(chat.timestamp(500), UTC)
    expected = [i for i in range(500, 1001) if has("e")(chat.message(i))]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        arguments: dict[str, Any] = {"search": "e", "offset_date": when, "reverse": True}
        assert expected == ids_of(await read(client, chat.input_peer(), **arguments))
        theirs = ids_of(await stock(client, chat.input_peer(), **arguments))
        assert theirs != expected


async def test_stock_ends_where_a_page_has_no_match() -> None:
    """In a private chat the sender is looked for here: a page without him is not the end."""
    world = World(seed=3)
    user = next(user for user in world.users.values() if not user.is_self)
    chat = world.add_private_chat(user, message_count=600)
    middle = list(chat.ids)[200:400]
    for message_id in middle:
        message = chat.message(message_id)
        message.out, message.from_id = True, types.PeerUser(world.me.id)
        chat.put(message)
    expected = [i for i in reversed(chat.ids) if chat.message(i).from_id is None]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        peer = chat.input_peer()
        async with BatchedHistory(client, peer, from_user=peer) as history:
            ours = [message async for message in history]
        assert expected == ids_of(ours)
        assert ("pages", 600) == (history.stats().path, history.total)
        theirs = await stock(client, peer, from_user=peer)
        assert len(theirs) < len(ours)
        assert_same(ours[: len(theirs)], client, theirs, client)


async def test_comments_on_a_post() -> None:
    """The comments on a channel's post are messages of its discussion group, as from stock."""
    world = World(seed=3)
    channel = world.add_channel("News", message_count=5, megagroup=False)
    group = world.add_channel("Talk", message_count=30)
    world.link(channel, group)
    world.discuss(channel, 3, comments=150)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        ours = await read(client, channel.input_peer(), reply_to=3)
        assert 150 == len(ours)
        assert_same(ours, client, await stock(client, channel.input_peer(), reply_to=3), client)
