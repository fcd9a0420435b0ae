"""Does each fault do exactly what it says, and nothing when it is not due?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from telethon.tl import functions, types

from telefast.errors import WorldError
from telefast.testing import (
    ChangeWorld,
    ClampAddOffset,
    ErrorOn,
    HoldBack,
    NeverAnswer,
    OnlyEmpty,
    RepeatLastId,
    Restricted,
    Rule,
    ShortPage,
    methods,
)
from telefast.testing.ledger import Ledger
from telefast.testing.rpc import Call, RpcFault
from telefast.testing.tl import read_object
from telefast.testing.world import World

if TYPE_CHECKING:
    from telefast.testing.channel import Channel

HISTORY = "messages.getHistory"


@pytest.fixture
def world() -> World:
    """A world with one chat of 300 messages."""
    world = World(seed=31)
    world.add_channel("Club", message_count=300, channel_id=1_400_000_000)
    return world


@pytest.fixture
def chat(world: World) -> Channel:
    """The chat."""
    return world.channels[1_400_000_000]


class Asker:
    """Ask for pages under rules, counting calls as the server does."""

    def __init__(self, world: World, *rules: Rule) -> None:
        self.world = world
        self.rules = rules
        self.ledger = Ledger()

    def call(self, method: str, request: Any) -> Call:
        """Count and return a call."""
        number = self.ledger.on_request(method, request)
        return Call(method, request, number, self.world, self.rules, ledger=self.ledger)

    def page(self, offset_id: int = 0, add_offset: int = 0, limit: int = 100) -> list[int]:
        """Return the ids of a page; an empty message is its id, negated."""
        chat = self.world.channels[1_400_000_000]
        request = functions.messages.GetHistoryRequest(
            chat.input_peer(), offset_id, None, add_offset, limit, 0, 0, 0
        )
        answer = read_object(methods.answer(self.call(HISTORY, request)))
        assert answer.count == len(chat.ids)
        return ids_of(answer)

    def by_ids(self, *ids: int) -> list[int]:
        """Return the ids of an answer to getMessages; an empty message is its id, negated."""
        chat = self.world.channels[1_400_000_000]
        peer = types.InputChannel(chat.id, chat.access_hash)
        request = functions.channels.GetMessagesRequest(
            peer, [types.InputMessageID(id_) for id_ in ids]
        )
        return ids_of(read_object(methods.answer(self.call("channels.getMessages", request))))


def ids_of(answer: Any) -> list[int]:
    """Return the ids of an answer's messages, those of empty ones negated."""
    return [
        -message.id if isinstance(message, types.MessageEmpty) else message.id
        for message in answer.messages
    ]


def down(top: int, bottom: int) -> list[int]:
    """Return ids from *top* down to *bottom*."""
    return list(range(top, bottom - 1, -1))


def test_a_bare_rule_changes_nothing(world: World) -> None:
    """The base of all rules lets everything pass."""
    ask = Asker(world, Rule())
    assert ask.page() == down(300, 201)
    assert ask.by_ids(5, 900) == [5, -900]
    assert asyncio.run(Rule().reply(ask.call("x", None))) is True


def test_an_error_comes_on_the_nth_call_only(world: World) -> None:
    """The second and fourth call fail with the error named, the others are answered."""
    rule = ErrorOn(HISTORY, 420, "FLOOD_WAIT_3", nth=(2, 4))
    ask = Asker(world, rule)
    for number in range(1, 6):
        if number in {2, 4}:
            with pytest.raises(RpcFault, match="FLOOD_WAIT_3") as caught:
                ask.page()
            assert caught.value.code == 420
        else:
            assert ask.page() == down(300, 201)
    assert ask.by_ids(1) == [1]
    assert rule.fired == 2


def test_an_error_may_come_on_every_nth_call(world: World) -> None:
    """`every=2` fails each second call of that method."""
    ask = Asker(world, ErrorOn(HISTORY, 500, "RPC_CALL_FAIL", every=2))
    failed = []
    for number in range(1, 7):
        try:
            ask.page()
        except RpcFault:
            failed.append(number)
    assert failed == [2, 4, 6]


def test_a_short_page_is_cut_at_its_far_end(world: World) -> None:
    """Downwards the oldest entries are missing, upwards the newest; a page never gets empty."""
    rule = ShortPage(every=1, drop=3)
    ask = Asker(world, rule)
    assert ask.page() == down(300, 204)
    assert ask.page(offset_id=101, add_offset=-100) == down(197, 101)
    assert rule.fired == 2
    assert ask.page(limit=2) == [300]
    assert ask.page(limit=1) == [300]
    assert ask.page(offset_id=1) == []
    assert rule.fired == 3


def test_a_page_repeats_the_last_id_of_the_one_before(world: World) -> None:
    """The page begins with the entry that the walk has seen last, in both directions."""
    rule = RepeatLastId(nth=(1, 2, 3, 4, 5))
    ask = Asker(world, rule)
    assert ask.page() == down(300, 201)  # There is nothing before the top.
    assert ask.page(offset_id=201) == down(201, 102)
    assert ask.page(offset_id=101, add_offset=-100) == down(199, 100)
    assert ask.page(offset_id=1, add_offset=-100) == down(100, 1)  # Nor before the first.
    assert ask.page(offset_id=5, limit=1) == [5, 4]
    assert ask.page(offset_id=5, limit=1) == [4]
    assert ask.page(offset_id=1) == []
    assert rule.fired == 3


def test_a_page_may_repeat_its_own_last_id(world: World) -> None:
    """With inside=True the far entry comes twice on one page."""
    ask = Asker(world, RepeatLastId(every=1, inside=True))
    assert ask.page(limit=3) == [300, 299, 298, 298]
    assert ask.page(offset_id=1, add_offset=-3, limit=3) == [3, 3, 2, 1]


def test_a_page_of_only_empties(world: World) -> None:
    """Each entry is MessageEmpty with its id, once; other pages are whole."""
    rule = OnlyEmpty(nth=2)
    ask = Asker(world, rule)
    assert ask.page(limit=2) == [300, 299]
    assert ask.page(limit=2) == [-300, -299]
    assert ask.page(limit=2) == [300, 299]
    both = Asker(world, OnlyEmpty(every=1), OnlyEmpty(every=1), RepeatLastId(every=1))
    assert both.page(offset_id=299, limit=2) == [299, -298]
    assert rule.fired == 1


def test_restricted_messages_leave_holes_and_stay_counted(world: World) -> None:
    """They are dropped after the page was cut: whole pages are empty, `count` is the whole."""
    rule = Restricted(range(100, 251))
    ask = Asker(world, rule)
    assert ask.page() == down(300, 251)
    assert ask.page(offset_id=220) == []
    assert ask.page(offset_id=100) == down(99, 1)
    assert ask.by_ids(99, 100, 101) == [99, 100, 101]
    assert rule.fired == 2


def test_restricted_messages_may_hide_from_ids_too(world: World, chat: Channel) -> None:
    """With by_id=False getMessages shows them empty; another channel is not concerned."""
    rule = Restricted({100, 101}, by_id=False)
    ask = Asker(world, rule, Restricted({99}, by_id=False, channel_id=5))
    assert ask.by_ids(99, 100, 900) == [99, -100, -900]
    assert ask.by_ids(99) == [99]
    assert ask.page(offset_id=103, limit=4) == [102, 99]
    assert rule.fired == 2
    mine = Asker(world, Restricted({100}, channel_id=chat.id))
    assert mine.page(offset_id=101, limit=1) == []


def test_the_world_changes_in_mid_run(world: World, chat: Channel) -> None:
    """Before the second page messages vanish and others are posted; then the chat is gone."""

    def change(world: World) -> None:
        chat.delete(*range(201, 301))
        chat.post(2)

    rule = ChangeWorld(HISTORY, 2, change)
    gone = ChangeWorld(HISTORY, None, lambda world: world.channels.clear(), every=3)
    ask = Asker(world, rule, gone)
    assert ask.page() == down(300, 201)
    assert ask.page() == [302, 301, *down(200, 103)]
    with pytest.raises(RpcFault, match="CHANNEL_INVALID"):
        ask.page()
    assert rule.fired == gone.fired == 1


async def test_an_answer_waits_for_an_event(world: World) -> None:
    """The due call is held until the event is set; others pass."""
    event = asyncio.Event()
    rule = HoldBack(HISTORY, 1, event)
    ask = Asker(world, rule)
    first, second = ask.call(HISTORY, None), ask.call(HISTORY, None)
    assert (rule.holds(first), rule.holds(second)) == (True, False)
    async with asyncio.TaskGroup() as tasks:
        held = tasks.create_task(rule.reply(first))
        await asyncio.sleep(0)
        assert not held.done()
        event.set()
    assert held.result() is True
    assert rule.fired == 1


async def test_an_answer_waits_for_a_condition_on_the_ledger(world: World) -> None:
    """The due call is held until the server has seen enough requests."""
    rule = HoldBack(HISTORY, None, lambda ledger: ledger[HISTORY] >= 3, every=1)
    ask = Asker(world, rule)
    first = ask.call(HISTORY, None)
    async with asyncio.TaskGroup() as tasks:
        held = tasks.create_task(rule.reply(first))
        await asyncio.sleep(0)
        ask.call(HISTORY, None)
        await asyncio.sleep(0)
        assert not held.done()
        ask.call(HISTORY, None)
    assert held.result() is True


async def test_a_call_is_never_answered(world: World) -> None:
    """The due call has no answer, the next one has."""
    rule = NeverAnswer(HISTORY, 1)
    ask = Asker(world, rule)
    first = ask.call(HISTORY, None)
    assert (rule.holds(first), await rule.reply(first)) == (True, False)
    assert rule.holds(ask.call(HISTORY, None)) is False
    assert rule.fired == 1


def test_a_large_add_offset_is_clamped(world: World) -> None:
    """An offset beyond the limit brings what the limit brings; the request stays as it was."""
    rule = ClampAddOffset(100)
    ask = Asker(world, rule)
    assert ask.page(offset_id=301, add_offset=100, limit=2) == [200, 199]
    assert ask.page(offset_id=301, add_offset=250, limit=2) == [200, 199]
    assert ask.page(offset_id=1, add_offset=-298, limit=100) == down(100, 1)
    assert ask.by_ids(1) == [1]
    assert rule.fired == 2
    assert ask.ledger.requests(HISTORY)[1].add_offset == 250


def test_rules_add_up_in_their_order(world: World) -> None:
    """Two rules on one page both apply."""
    ask = Asker(world, Restricted({299}), ShortPage(every=1))
    assert ask.page(limit=4) == [300, 298]


@pytest.mark.parametrize(
    "make",
    [
        lambda: ErrorOn("", 1, "X"),
        lambda: ErrorOn(HISTORY, 1, "X", nth=()),
        lambda: ErrorOn(HISTORY, 1, "X", nth=1, start=1),
        lambda: ErrorOn(HISTORY, 1, "X", start=0),
        lambda: ErrorOn(HISTORY, 1, "X", dc=0),
        lambda: ErrorOn(HISTORY, 1, "X", between=(2, 1)),
        lambda: ErrorOn(HISTORY, 1, "X", nth=1, every=1),
        lambda: ErrorOn(HISTORY, 1, "X", nth=0),
        lambda: ErrorOn(HISTORY, 1, "X", every=0),
        lambda: ShortPage(nth=1, drop=0),
        lambda: ClampAddOffset(99),
    ],
    ids=[
        "no name",
        "no nth",
        "nth and start",
        "start 0",
        "dc 0",
        "between",
        "both",
        "nth 0",
        "every 0",
        "drop 0",
        "clamp 99",
    ],
)
def test_a_rule_that_could_never_fire_is_refused(make: Any) -> None:
    """A fault that makes no sense says so at once."""
    with pytest.raises(WorldError):
        make()
