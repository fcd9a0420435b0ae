"""Do unreadable answers, scrambled ids and storms of updates reach the client as told?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from telethon import events
from telethon.errors import FloodWaitError, TypeNotFoundError
from telethon.tl import functions, types

from telefast.errors import ArgumentError, ClosedError, WorldError
from telefast.testing import (
    ErrorOn,
    GzipErrors,
    LocalTelegram,
    Packing,
    RepeatLastId,
    Rule,
    ScrambleIds,
    UnknownConstructor,
    UnusedRuleError,
    UpdateStorm,
    World,
)

HISTORY = "messages.getHistory"
GET_STATE = functions.updates.GetStateRequest()
ALL = list(range(700, 0, -1))


@pytest.fixture
def world() -> World:
    """A chat of seven pages, and a private one."""
    world = World(seed=5, user_count=5)
    world.add_channel("Ships", message_count=700, username="ships", channel_id=77)
    world.add_private_chat("Grace Hopper", message_count=20)
    return world


@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize(
    ("method", "of", "ask"),
    [
        (HISTORY, types.Message, {"limit": 100}),
        (HISTORY, types.Channel, {"limit": 100}),
        ("channels.getMessages", types.Message, {"ids": [5, 6]}),
    ],
)
async def test_an_unknown_constructor_in_an_answer(
    world: World, method: str, of: Any, ask: dict[str, Any], gzip: bool
) -> None:
    """The caller gets `TypeNotFoundError`, from a page and by id, compressed or not; once."""
    rule = UnknownConstructor(method, of, nth=1)
    async with (
        LocalTelegram(world, rules=[rule], gzip=gzip) as telegram,
        telegram.client() as client,
    ):
        with pytest.raises(TypeNotFoundError):
            await client.get_messages("ships", **ask)
        assert await client.get_messages("ships", **ask)
    assert rule.fired == 1


async def test_what_is_not_there_is_not_replaced(world: World) -> None:
    """An answer without such an object comes as it is, and the rule has not fired."""
    rule = UnknownConstructor(HISTORY, types.Document, nth=1).maybe()
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        assert (await client.get_messages("ships", 0)).total == 700
    assert rule.fired == 0


async def test_a_gzipped_error(world: World, raw_client: Callable[..., Any]) -> None:
    """It is an rpc_error for who unpacks it; Telethon hands it out as if it were a result."""
    rules = [ErrorOn(HISTORY, 420, "FLOOD_WAIT_9", nth=(1, 2)), GzipErrors(HISTORY, nth=(1, 3))]
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        peer = await client.get_input_entity("ships")
        page = functions.messages.GetHistoryRequest(peer, 0, None, 0, 100, 0, 0, 0)
        error = await client(page)
        assert isinstance(error, types.RpcError)
        assert (error.error_code, error.error_message) == (420, "FLOOD_WAIT_9")
        client.flood_sleep_threshold = 0
        with pytest.raises(FloodWaitError):
            await client(page)
    assert rules[1].fired == 1


async def test_ids_come_omitted_and_shuffled(world: World) -> None:
    """Outside channels what is missing is left out and the order is another, the same each run."""
    chat = next(iter(world.private_chats.values()))
    wanted = [*list(chat.ids)[:8], 9_999]
    request = functions.messages.GetMessagesRequest([types.InputMessageID(id_) for id_ in wanted])
    found = []
    for _ in range(2):
        rules = [ScrambleIds(nth=1), ScrambleIds(nth=2, omit=wanted[:2], shuffle=False)]
        async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
            first, second = await client(request), await client(request)
            found.append([message.id for message in first.messages])
            assert [message.id for message in second.messages] == wanted[2:]
        assert [rule.fired for rule in rules] == [1, 1]
    assert found[0] == found[1] != wanted[:8]
    assert sorted(found[0]) == wanted[:8]


async def test_ids_of_channels_may_be_scrambled_too(world: World) -> None:
    """Telethon sorts nothing: it hands out what came, in the order in which it came."""
    rule = ScrambleIds("channels.getMessages", nth=1)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        request = functions.channels.GetMessagesRequest(
            await client.get_input_entity("ships"), [*map(types.InputMessageID, (1, 2, 3, 4, 999))]
        )
        ids = [message.id for message in (await client(request)).messages]
        assert sorted(ids) == [1, 2, 3, 4]
        assert ids != [1, 2, 3, 4]
    assert rule.fired == 1


async def test_pages_overlap(world: World) -> None:
    """A page begins forty entries early and keeps its length; stock Telethon stops there."""
    rule = RepeatLastId(nth=(1, 3), count=40)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        peer = await client.get_input_entity("ships")
        for expected in (range(640, 540, -1), range(600, 500, -1)):
            page = functions.messages.GetHistoryRequest(peer, 601, None, 0, 100, 0, 0, 0)
            assert [message.id for message in (await client(page)).messages] == [*expected]
        page = functions.messages.GetHistoryRequest(peer, 101, None, -100, 100, 0, 0, 0)
        upwards = [message.id for message in (await client(page)).messages]
        assert upwards == [*range(160, 60, -1)]
        rule = telegram.add(RepeatLastId(nth=5, count=40))
        ids = [message.id async for message in client.iter_messages(peer, wait_time=0)]
        assert ids == ALL[:100]
        assert rule.fired == 1


async def test_a_storm_of_updates(world: World) -> None:
    """Each page comes with six updates; the messages among them are told, the pages are right."""
    rule = UpdateStorm(HISTORY, 6, kinds=("status", "message"))
    seen: list[int] = []
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        client.add_event_handler(lambda event: _note(seen, event), events.NewMessage())
        ids = [m.id async for m in client.iter_messages("ships", wait_time=0, offset_id=701)]
        assert ids == ALL
        pages = telegram.requests[HISTORY]
        await _until(client, lambda: len(seen) == 3 * pages)
    assert seen == list(range(701, 701 + 3 * pages))
    assert rule.fired == 6 * pages


async def test_a_storm_of_what_nobody_can_read(world: World) -> None:
    """Unknown updates are passed over; after `updatesTooLong` the client asks for what it lacks."""
    rules = [
        UpdateStorm(HISTORY, 3, nth=1, kinds=["unknown"]),
        UpdateStorm(HISTORY, 3, nth=2, kinds=["too-long"]),
        Packing(1),
    ]
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        assert len([m async for m in client.iter_messages("ships", wait_time=0)]) == 700
        await telegram.requests.until(lambda ledger: ledger["updates.getDifference"] >= 2)
    assert [rule.fired for rule in rules[:2]] == [3, 3]


async def test_updates_go_where_they_are_wanted(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """Not to sessions that spoke last without updates, nor to those that never spoke."""
    other = world.add_account()
    update = types.UpdateShort(types.UpdateConfig(), None)
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        assert telegram.push(update) == 0
        await raw.ask(functions.InvokeWithoutUpdatesRequest(GET_STATE))
        assert telegram.push(update) == 0
        await raw.ask(GET_STATE)
        assert telegram.push(update, other) == 0
        assert telegram.push(bytes(update), world.account) == 1
        assert (await raw.ask(functions.PingRequest(3))).update == types.UpdateConfig()
        async with telegram.client(account=other):
            assert telegram.push(update) == 2
            assert telegram.push(update, other) == 1
        async with telegram.client(receive_updates=False) as silent:
            await silent(GET_STATE)
            assert telegram.push(update) == 1
    with pytest.raises(ClosedError):
        telegram.push(update)
    with pytest.raises(ArgumentError):
        LocalTelegram(world, process=True).push(update)


@pytest.mark.rule("envelope.push-ids")
async def test_pushed_messages_have_ids_of_the_server(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """Ids rise strictly; those of answers end in 01, those of updates in 11."""
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        await raw.ask(GET_STATE)
        telegram.push(types.UpdatesTooLong())
        raw.send(functions.PingRequest(1))
        messages = [*await raw.receive()]
        while len(messages) < 2:
            messages += await raw.receive()
        endings = {message.body[:4]: message.msg_id % 4 for message in messages}
        assert endings[bytes(types.UpdatesTooLong())] == 3
        assert sorted(endings.values()) == [1, 3]


async def test_a_rule_that_never_fired_fails_the_test(world: World) -> None:
    """Leaving names each of them, but for optional ones; an error of the body comes first."""
    fired = ErrorOn(None, 500, "X", nth=1).maybe()
    unused = ErrorOn(HISTORY, 500, "X", nth=9, dc=2)
    with pytest.raises(
        UnusedRuleError, match=r"<ErrorOn messages\.getHistory nth=9 dc=2"
    ) as caught:
        async with LocalTelegram(world, rules=[fired, unused]):
            pass
    assert caught.value.rules == [unused]
    with pytest.raises(ZeroDivisionError):
        async with LocalTelegram(world, rules=[ErrorOn(HISTORY, 500, "X", nth=9)]):
            _ = 1 / 0
    unused.optional = True
    async with LocalTelegram(world, rules=[fired, unused]):
        pass


async def _note(seen: list[int], event: Any) -> None:
    """Write the id of a new message down."""
    seen.append(event.message.id)


async def _until(client: Any, condition: Callable[[], bool]) -> None:
    """Let the client work until a condition holds."""
    while not condition():
        await client(GET_STATE)


SENSELESS: dict[str, Callable[[], Rule]] = {
    "0 updates": lambda: UpdateStorm(count=0),
    "no kinds": lambda: UpdateStorm(kinds=()),
    "kind": lambda: UpdateStorm(kinds=["odd"]),  # type: ignore[list-item]
    "overlap": lambda: RepeatLastId(nth=1, count=0),
}


@pytest.mark.parametrize("case", SENSELESS)
def test_a_fault_that_makes_no_sense_is_refused(case: str) -> None:
    """Bad arguments say so at once and name the rule."""
    with pytest.raises(WorldError, match=r"^[A-Z]\w+: "):
        SENSELESS[case]()
