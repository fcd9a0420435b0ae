"""Whatever stops a consumer, the next run offers what is left: all of it, once, in order."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import types

from telefast import ArgumentError, HistoryCursor
from telefast.errors import CorruptStateError, CursorMismatchError, UnsupportedStateError
from telefast.history.chat_progress import ChatProgress
from telefast.history.checkpoint import Checkpoint, _unpack
from telefast.history.progress import ProcessedIds
from telefast.history.query import Query
from telefast.history.resume import Filling, Going, key_of
from telefast.history.track import Track
from tests.unit.history_model import oracle
from tests.unit.test_query import DEFAULTS

CHAT = -1000000001001
PLAIN = {"search": None, "filter": None, "from_user": None, "reply_to": None, "scheduled": False}


class World:
    """A chat, the checkpoint of one export of it, and what its consumers have done."""

    def __init__(self, ids: list[int], options: dict[str, Any], rng: Random) -> None:
        self.ids = ids
        self.options = options
        self.rng = rng
        self.query = Query.build(**DEFAULTS | options)
        self.checkpoint = memory()
        self.saved = self.checkpoint._pack()
        self.acked = set[int]()  # and saved
        self.asked = list[int]()

    @property
    def chat(self) -> ChatProgress:
        """What the checkpoint knows."""
        return self.checkpoint.chat(CHAT)

    def save(self) -> None:
        """Write the checkpoint."""
        self.saved = self.checkpoint._pack()
        self.acked = set(self.chat.done)

    def kill(self) -> None:
        """Forget what was not written."""
        self.checkpoint = memory(self.saved)

    def answer(self, part: dict[str, Any]) -> list[int | None]:
        """Return what a stream with these arguments yields."""
        arguments = {**DEFAULTS, **self.options, **part}
        if arguments["ids"] is not None:
            found = [i if i in self.ids else None for i in arguments["ids"]]
            return found[::-1] if arguments["reverse"] else found
        return list(oracle(self.ids, Query.build(**arguments)))

    def run(self, rest: Going | Filling, do: Any, most: int) -> list[int]:
        """Let a consumer take up to *most* messages; return which."""
        track = Track(self.query)
        taken: list[int] = []
        for part in rest.parts(CHAT, track, self.options):
            for each in self.answer(part):
                if len(taken) == most:
                    return taken
                if track.offers(message(each)):
                    assert each is not None
                    track.took(message(each))
                    taken.append(each)
                    do(each)
        track.ended()
        return taken


def message(message_id: int | None) -> Any:
    """Return what stands for a message here."""
    if message_id is None:
        return None
    return SimpleNamespace(id=message_id, peer_id=types.PeerChannel(1001))


def memory(saved: bytes | None = None) -> Checkpoint:
    """Return an open checkpoint without a file."""
    checkpoint = Checkpoint("nowhere", max_tries=2)
    checkpoint._is_open = True
    if saved is not None:
        checkpoint._chats = {each.chat_id: each for each in _unpack(saved, 2)}
    return checkpoint


OPTIONS = st.fixed_dictionaries(
    {"reverse": st.booleans()},
    optional={
        "limit": st.integers(1, 60),
        "min_id": st.integers(0, 40),
        "max_id": st.integers(41, 120),
        "add_offset": st.integers(-20, 20),
        "offset_id": st.integers(0, 120),
    },
)


@given(st.sets(st.integers(1, 110), max_size=60), OPTIONS, st.randoms(use_true_random=False))
def test_nothing_is_lost_and_nothing_comes_back(
    ids: set[int], options: dict[str, Any], rng: Random
) -> None:
    """Consumers fail, forget, work out of order and are killed: in the end all is acknowledged.

    What was written as acknowledged is never offered again, what is offered comes in walking
    order, and a message is passed over only where it failed twice.
    """
    world = World(sorted(ids), options, rng)
    owed = set(oracle(world.ids, world.query))
    waiting: list[int] = []

    def careless(message_id: int) -> None:
        assert message_id not in world.acked
        what = rng.random()
        if what < 0.5:
            world.chat.ack([message_id])
        elif what < 0.7:
            waiting.append(message_id)  # some other task is at it
        elif what < 0.8:
            world.chat.fail(message_id, "no")
        if waiting and rng.random() < 0.3:
            rng.shuffle(waiting)
            some = rng.randint(1, len(waiting))
            world.chat.ack(waiting[:some])
            del waiting[:some]
        if owed and rng.random() < 0.05:
            world.chat.ack([rng.choice(sorted(owed))])  # another consumer has it from elsewhere
        if rng.random() < 0.3:
            world.save()

    for _ in range(rng.randrange(6)):
        taken = world.run(Going(world.checkpoint), careless, rng.randrange(40))
        assert sorted(set(taken), reverse=not world.query.reverse) == taken
        assert owed.issuperset(taken)
        waiting.clear()
        if rng.random() < 0.5:
            world.kill()
        else:
            world.save()
        if owed and not options.keys() & {"limit", "add_offset"} and rng.random() < 0.5:
            gone = rng.choice(sorted(owed))
            world.ids.remove(gone)
            owed.discard(gone)

    def careful(message_id: int) -> None:
        assert message_id not in world.chat.done
        world.chat.ack([message_id])

    world.run(Going(world.checkpoint), careful, 1000)
    poisoned = {each.message_id for each in world.checkpoint.poisoned()}
    assert owed - poisoned == owed & set(world.chat.done)
    assert all(each.tries == 2 for each in world.chat.failures)
    assert [] == world.run(Going(world.checkpoint), careful, 1000)
    cursor = world.chat.cursor
    assert cursor is not None
    assert cursor.done
    if len(ids) == len(world.ids):
        assert len(owed) == cursor.taken
    if owed:
        assert [] == world.chat.missing(min(owed), max(owed))


@given(
    st.sets(st.integers(1, 110), min_size=1, max_size=60),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_holes_are_filled_and_only_they(ids: set[int], reverse: bool, rng: Random) -> None:
    """A fill asks for what is missing, writes down what is absent, and then asks no more."""
    world = World(sorted(ids), {"reverse": reverse}, rng)
    done = {i for i in ids if rng.random() < 0.5}
    world.chat.ack(done)
    first, last = rng.randint(1, 110), rng.choice([None, 110, rng.randint(1, 110)])
    top = world.chat.high if last is None else last
    gaps = set(range(first, top + 1)) - done
    asked: set[int] = set()
    for part in Filling(world.checkpoint, first, last).parts(CHAT, Track(world.query), {}):
        assert part["limit"] is None
        if part["ids"] is not None:
            asked.update(part["ids"])
        else:
            asked.update(range(part["min_id"] + 1, part["max_id"]))
    assert gaps == asked
    fill = Filling(world.checkpoint, first, last)
    most = rng.choice([3, 1000])
    taken = world.run(fill, lambda i: world.chat.ack([i]), most)
    owed = sorted(gaps & ids, reverse=not reverse)
    assert owed[:most] == taken
    if most == 1000:
        assert [] == world.chat.missing(first, top)
        assert gaps - ids == set(world.chat.absent)
        assert [] == list(fill.parts(CHAT, Track(world.query), {}))
    assert world.chat.cursor is None, "a fill is no walk"


def test_the_head_is_filled_on_request_only() -> None:
    """A walk that goes on leaves alone what lies in front of all that it has met."""
    world = World(list(range(1, 951)), {"reverse": True, "offset_id": 499}, Random(1))

    def ack(message_id: int) -> None:
        world.chat.ack([message_id])

    world.run(Going(world.checkpoint), ack, 401)
    assert [] == world.chat.missing()
    assert [range(1, 500)] == world.chat.missing(1)
    [part] = Going(world.checkpoint).parts(CHAT, Track(world.query), world.options)
    assert 900 == part["offset_id"]
    [part] = Filling(world.checkpoint, 1, None).parts(CHAT, Track(world.query), world.options)
    assert (0, 500, None) == (part["min_id"], part["max_id"], part["ids"])


def test_the_high_mark_is_the_highest() -> None:
    """Ids that come down do not rewind it, and the set is exact."""
    chat = ChatProgress(CHAT, 3)
    chat.ack([20])
    chat.ack([10])
    assert (20, [10, 20]) == (chat.high, list(chat.done))
    assert not chat.is_offered(20)
    for tries in (1, 2, 3):
        assert chat.is_offered(15)
        chat.fail(15, "x" * 500)
        assert (tries, "x" * 200) == (chat.failures[0].tries, chat.failures[0].reason)
    assert not chat.is_offered(15)
    assert [15] == [each.message_id for each in chat.poisoned]
    assert [range(11, 15), range(16, 20)] == chat.missing()
    chat.pass_over(11, 19)
    assert [15] == [each.message_id for each in chat.poisoned], "it is there"
    chat.ack([15])
    assert [] == chat.failures == chat.missing()
    chat.fail(30, "x")
    chat.pass_over(25, 35)
    assert [] == chat.failures, "it is gone"
    with pytest.raises(ArgumentError, match="reason"):
        chat.fail(3, None)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="message_id"):
        chat.fail(0, "x")
    assert (0, 0) == (ChatProgress(CHAT, 3).high, ChatProgress(CHAT, 3).bounds()[1])


def test_small_holes_go_by_ids() -> None:
    """Many small holes share a request; a large one, and one at the edge, are read as histories."""
    checkpoint = memory()
    chat = checkpoint.chat(CHAT)
    chat.ack([*range(10, 100, 2), *range(1000, 1010)])
    parts = list(Filling(checkpoint, 1, 1020).parts(CHAT, Track(Query()), {}))
    assert [(1009, 1021), (98, 1000), list(range(97, 10, -2)), (0, 10)] == [
        part["ids"] or (part["min_id"], part["max_id"]) for part in parts
    ]
    ranges = [range(5, 9), range(300, 900)]
    parts = list(Filling(ranges, 1, None).parts(CHAT, Track(Query()), {"reverse": True}))
    assert [[5, 6, 7, 8], (299, 900)] == [
        part["ids"] or (part["min_id"], part["max_id"]) for part in parts
    ]


@given(st.lists(st.integers(1, 20), max_size=30), st.booleans(), st.integers(0, 30))
def test_ids_go_on_too(ids: list[int], reverse: bool, stop: int) -> None:
    """From a cursor a list of ids goes on behind the last one, absent and repeated ones too."""
    options: dict[str, Any] = {"ids": ids, "reverse": reverse}
    key = key_of(PLAIN | {"ids": ids})
    wanted = ids[::-1] if reverse else ids
    cursor = HistoryCursor(taken=stop, key=key, query=Query(reverse=reverse))
    track = Track(Query(reverse=reverse), key, has_ids=True)
    going = Going(cursor)
    going.check(track)
    parts = list(going.parts(CHAT, track, going.arguments(options)))
    assert wanted[stop:] == [i for part in parts for i in part["ids"]]


def test_ids_and_a_checkpoint() -> None:
    """Of a list of ids those are left that are neither done, nor absent, nor failed too often."""
    checkpoint = memory()
    for expected, outcome in [([1, 2, 3, 4, 5], {1: "ack", 2: "fail"}), ([2, 4, 5], {2: "fail"})]:
        track = Track(Query(), has_ids=True)
        going = Going(checkpoint)
        [part] = going.parts(CHAT, track, {"ids": (i for i in [1, 2, 3, 4, 5])})
        assert expected == part["ids"]
        for each in part["ids"]:
            track.took(message(None if each == 3 else each))
            if outcome.get(each) == "ack":
                checkpoint.chat(CHAT).ack([each])
            elif each in outcome:
                checkpoint.chat(CHAT).fail(each, "no")
    chat = checkpoint.chat(CHAT)
    assert ([1], [3], [2]) == (
        list(chat.done),
        list(chat.absent),
        [each.message_id for each in chat.poisoned],
    )
    chat.ack([2, 4, 5])
    assert [] == list(going.parts(CHAT, Track(Query(), has_ids=True), {"ids": [1, 2, 3, 4, 5]}))
    assert chat.cursor is None


@pytest.mark.parametrize("reverse", [False, True])
def test_the_cursor_is_behind_all_that_is_settled(reverse: bool) -> None:
    """Of messages acknowledged together the last one counts; what is in front of it is a hole."""
    chat = ChatProgress(CHAT, 3)
    track = Track(Query(reverse=reverse))
    track.bind(chat)
    walk = [1, 2, 3, 4, 5] if reverse else [5, 4, 3, 2, 1]
    for each in walk:
        track.took(message(each))
    chat.ack(walk[1:4])
    assert chat.cursor is not None
    assert (walk[3], 4, CHAT) == (chat.cursor.offset_id, chat.cursor.taken, chat.cursor.peer_id)
    assert [walk[0]] == list(chat.holes(*sorted(walk[:4])[::3]))
    track.ended()
    assert not chat.cursor.done
    chat.ack(walk[4:])
    assert chat.cursor.done


def test_what_cannot_be_decoded_is_not_absent() -> None:
    """It is passed, counts as a failed try, and is asked for again, by the next Telethon maybe."""
    checkpoint = memory()
    chat = checkpoint.chat(CHAT)
    for expected in ([{}], [[8, 5]], []):
        track = Track(Query(limit=4))
        going = Going(checkpoint)
        parts = going.parts(CHAT, track, {})
        assert expected == [part.get("ids", {}) for part in parts]
        if expected:
            track.skip([8, 5])
        if expected == [{}]:
            for each in (9, 6):
                track.took(message(each))
                chat.ack([each])
        track.ended()
    assert [(8, 2), (5, 2)] == [(each.message_id, each.tries) for each in chat.poisoned][::-1]
    assert ([6, 9], [7]) == (list(chat.done), list(chat.absent))
    assert chat.cursor is not None
    assert (4, 5, True) == (chat.cursor.taken, chat.cursor.offset_id, chat.cursor.done)
    track = Track(Query(), has_ids=True)
    track.bind(memory().chat(CHAT), wanted=[3, 4])
    track.skip([4])
    for _ in (3, 4):
        track.took(None)
    assert [3] == list(track._chat.absent)  # type: ignore[union-attr]


# Cursors


@given(
    OPTIONS,
    st.integers(0, 2**31 - 1),
    st.integers(0, 10**6),
    st.booleans(),
    st.none() | st.integers(-(2**52), 2**52),
    st.none() | st.integers(0, 2**31 - 1),
)
def test_a_cursor_survives_json(
    options: dict[str, Any], last: int, taken: int, done: bool, peer: int | None, when: int | None
) -> None:
    """What comes back from JSON is the same, and no argument of the query is lost."""
    query = Query.build(**DEFAULTS | options)
    cursor = HistoryCursor(last, taken, done, peer, query, "key")
    assert cursor == HistoryCursor.from_json(cursor.to_json())
    arguments = Going(cursor).arguments({"concurrency": 3})
    assert arguments.pop("concurrency") == 3
    assert query == Query.build(**DEFAULTS | arguments)


WRONG_QUERIES = [
    HistoryCursor().to_dict()["query"] | wrong
    for wrong in (
        {"offset_date": 10**20},
        {"offset_date": -1},
        {"offset_date": 1.5},
        {"offset_date": True},
        {"limit": -1},
        {"min_id": -1},
        {"max_id": 2**31},
        {"min_id": 9, "max_id": 8},
        {"offset_id": 2**31},
        {"add_offset": -(2**31)},
        {"reverse": 0},
    )
]


@pytest.mark.parametrize(
    "change",
    [
        {"offset_id": -1},
        {"taken": "3"},
        {"done": 1},
        {"peer_id": "x"},
        {"key": None},
        {"query": {}},
        {"query": None},
        {"version": None},
        {"version": 0},
        {"version": True},
        {"taken": 1.5},
        {"taken": True},
        {"offset_id": 2**31},
        {"peer_id": 2**63},
        {"peer_id": False},
        *({"query": query} for query in WRONG_QUERIES),
    ],
    ids=str,
)
def test_what_is_no_cursor(change: dict[str, Any]) -> None:
    """Anything else is a typed error."""
    fields = HistoryCursor().to_dict()
    with pytest.raises(CorruptStateError, match="no cursor"):
        HistoryCursor.from_dict(fields | change)
    texts: list[Any] = ["", "{", "[1]", "{}", "null", "[" * 10**6, b"\xff", None, 5]
    for text in texts:
        with pytest.raises(CorruptStateError):
            HistoryCursor.from_json(text)
    with pytest.raises(UnsupportedStateError, match="version 2"):
        HistoryCursor.from_dict(fields | {"version": 2})


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"reverse": True}, "reverse"),
        ({"limit": 5}, "limit"),
        ({"min_id": 7}, "min_id"),
        ({"search": "x"}, "search"),
        ({"ids": [1]}, "search"),
    ],
    ids=str,
)
def test_a_cursor_of_another_query(options: dict[str, Any], what: str) -> None:
    """It is refused before anything is sent, and says in what they differ."""
    cursor = HistoryCursor(50, 10, query=Query(max_id=100))
    arguments = {**DEFAULTS, **PLAIN, **Going(cursor).arguments(options)}
    key = key_of(arguments)
    query = Query.build(**{name: arguments[name] for name in DEFAULTS} | {"ids": None})
    with pytest.raises(CursorMismatchError, match=what) as caught:
        Going(cursor).check(Track(query, key))
    assert "another" not in str(caught.value)


def test_a_cursor_of_another_chat() -> None:
    """It is refused as soon as the chat is known."""
    cursor = HistoryCursor(50, 10, peer_id=CHAT)
    with pytest.raises(CursorMismatchError, match=f"chat: the cursor holds {CHAT}, not -1002"):
        Going(cursor).parts(-1002, Track(Query()), {})
    assert [{"offset_id": 50, "add_offset": 0, "offset_date": None, "limit": None}] == list(
        Going(cursor).parts(CHAT, Track(Query()), {})
    )


def test_the_list_has_a_name() -> None:
    """Equal arguments give equal keys, others others, and what was searched is not in it."""
    plain = PLAIN | {"ids": None}
    seen = [
        key_of(plain | change)
        for change in (
            {},
            {"search": "secret"},
            {"search": "other"},
            {"reply_to": 5},
            {"scheduled": True},
            {"filter": types.InputMessagesFilterPhotos()},
            {"filter": types.InputMessagesFilterUrl()},
            {"from_user": 5},
            {"ids": [1, 2]},
            {"ids": [2, 1]},
            {"ids": [types.InputMessagePinned()]},
        )
    ]
    assert seen[0] == ""
    assert len(seen) == len(set(seen))
    assert not any("secret" in key for key in seen)
    same = [5, types.PeerUser(5), types.InputPeerUser(5, 77), types.User(5)]
    assert 1 == len({key_of(plain | {"from_user": each}) for each in same})
    assert key_of(plain | {"from_user": "@Durov"}) == key_of(plain | {"from_user": "durov"})


@pytest.mark.parametrize(
    "call",
    [
        lambda: Going("x"),  # type: ignore[arg-type]
        lambda: Going(HistoryCursor()).entity(None),
        lambda: Filling([range(1, 5)], 1, None).entity(None),
        lambda: Filling([range(1, 9, 2)], 1, None),
        lambda: Filling([5], 1, None),  # type: ignore[list-item]
        lambda: Filling([range(5)], 1, None),
        lambda: Filling([], 0, None),
        lambda: Filling([], 1, -1),
        lambda: Filling([], 1, None).arguments({"min_id": 3}),
        lambda: Filling([], 1, None).arguments({"search": "x"}),
    ],
    ids=range(10),
)
def test_what_cannot_be_meant(call: Any) -> None:
    """Arguments without a meaning are refused at once."""
    with pytest.raises(ArgumentError):
        call()


def test_nothing_is_known() -> None:
    """A checkpoint that knows nothing of a chat has no holes, and begins at the beginning."""
    checkpoint = memory()
    assert [] == list(Filling(checkpoint, 1, None).parts(CHAT, Track(Query()), {}))
    assert [{}] == Going(checkpoint).parts(CHAT, Track(Query()), {})
    assert [] == checkpoint.chat(CHAT).missing()
    assert CHAT == Going(HistoryCursor(peer_id=CHAT)).entity(None)
    assert "x" == Going(checkpoint).entity("x") == Filling([], 1, None).entity("x")
    assert ProcessedIds() == checkpoint.chat(CHAT).holes()
