"""Takeout sessions and the ranges that they split histories into."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from telethon import errors, functions, types, utils

from telefast.testing import (
    LocalTelegram,
    TakeoutDelay,
    TakeoutRequired,
    TakeoutSession,
    World,
    run_virtual,
)

HISTORY = "messages.getHistory"


@pytest.fixture
def world() -> World:
    """A world with a channel, and a private chat and a group that share ids."""
    world = World(seed=9, user_count=6)
    world.add_channel("Ships", message_count=120, username="ships")
    world.add_private_chat("Grace Hopper", message_count=230)
    world.add_group("Crew", message_count=130)
    world.account.split_ranges = [(1, 300), (301, 2**31 - 1)]
    return world


class _GivenUpError(Exception):
    """An export ends early."""


@pytest.mark.rule("takeout.finish")
@pytest.mark.parametrize("process", [False, True])
@pytest.mark.parametrize("success", [True, False])
async def test_a_takeout_from_beginning_to_end(world: World, success: bool, process: bool) -> None:
    """What is read in it is what is read outside; it is finished with the flag, and then over."""
    async with LocalTelegram(world, process=process) as telegram, telegram.client() as client:
        outside = [m.id async for m in client.iter_messages("ships")]
        with suppress(_GivenUpError):
            async with client.takeout(megagroups=True) as takeout:
                takeout_id = client.session.takeout_id
                assert [m.id async for m in takeout.iter_messages("ships")] == outside
                if not success:
                    raise _GivenUpError
        await telegram.sync()
        ended = "success" if success else "failure"
        assert telegram.takeouts == [TakeoutSession(0, ("message_megagroups",), ended)]
        with pytest.raises(errors.TakeoutInvalidError):
            await client(functions.InvokeWithTakeoutRequest(takeout_id, _history(world)))
        assert not telegram.unknown


@pytest.mark.rule("takeout.id-invalid")
async def test_an_id_that_is_not_open(world: World) -> None:
    """An id that nobody gave, one that was replaced, and that of another account are invalid."""
    other = world.add_account()
    begin = functions.account.InitTakeoutSessionRequest(message_megagroups=True)
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as client,
        telegram.client(account=other) as foreign,
    ):
        first = (await client(begin)).id
        second = (await client(begin)).id
        assert [each.state for each in telegram.takeouts] == ["replaced", "open"]
        for who, takeout_id in ((client, 7), (client, first), (foreign, second)):
            with pytest.raises(errors.TakeoutInvalidError):
                await who(functions.InvokeWithTakeoutRequest(takeout_id, _history(world)))
        inside = functions.InvokeWithTakeoutRequest(second, _history(world))
        assert len((await client(inside)).messages) == 100


@pytest.mark.rule("takeout.required")
async def test_what_needs_a_takeout(world: World) -> None:
    """Ranges, finishing, and what a rule says are refused outside of one, and answered inside."""
    rule = TakeoutRequired(HISTORY)
    ranged = functions.InvokeWithMessagesRangeRequest(types.MessageRange(1, 9), _history(world))
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        for request in (
            functions.messages.GetSplitRangesRequest(),
            functions.account.FinishTakeoutSessionRequest(True),
            _history(world),
            ranged,
        ):
            with pytest.raises(errors.TakeoutRequiredError):
                await client(request)
        async with client.takeout() as takeout:
            assert (await takeout(_history(world))).messages
    assert rule.fired == 2


@pytest.mark.rule("takeout.init-delay")
def test_a_takeout_must_wait_until_it_is_confirmed(world: World) -> None:
    """The delay counts down by the server's clock, and then a takeout may begin."""

    async def main() -> None:
        rule = TakeoutDelay(86_400)
        begin = functions.account.InitTakeoutSessionRequest()
        async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
            for waited, left in ((0, 86_400), (86_000, 400)):
                await asyncio.sleep(waited)
                with pytest.raises(errors.TakeoutInitDelayError) as refused:
                    await client(begin)
                assert left - 1 <= refused.value.seconds <= left
            await asyncio.sleep(400)
            assert (await client(begin)).id
        assert rule.fired == 2

    run_virtual(main)


@pytest.mark.rule("takeout.split-ranges", "takeout.ranges-bound-lists")
async def test_ranges_together_give_everything(world: World) -> None:
    """Each range shows and counts its own part; a channel is whole, in the last range."""
    chats = [*world.private_chats.values(), *world.groups.values(), *world.channels.values()]
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as client,
        client.takeout(users=True, chats=True, megagroups=True) as takeout,
    ):
        ranges = await takeout(functions.messages.GetSplitRangesRequest())
        assert world.account.split_ranges == [(each.min_id, each.max_id) for each in ranges]
        for chat in chats:
            parts = [await _read(takeout, each, chat.input_peer()) for each in ranges]
            assert sorted(chat.ids, reverse=True) == [*parts[1], *parts[0]]
            if chat is chats[2]:
                assert not parts[0]
            else:
                assert all(id_ <= 300 for id_ in parts[0])
                assert all(id_ > 300 for id_ in parts[1])


async def test_a_range_has_its_own_dialogs(world: World) -> None:
    """A dialog stands by its top message in the range; without one it is not listed."""
    grace, crew, ships = (
        *world.private_chats.values(),
        *world.groups.values(),
        *world.channels.values(),
    )
    late = world.add_group("Late", message_count=0)
    late.post(2)
    world.add_channel("Empty")
    empty = next(chat for chat in world.channels.values() if chat is not ships)
    ask = functions.messages.GetDialogsRequest(None, 0, types.InputPeerEmpty(), 100, 0)
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as client,
        client.takeout() as takeout,
    ):
        shown = []
        for low, high in world.account.split_ranges:
            within = functions.InvokeWithMessagesRangeRequest(types.MessageRange(low, high), ask)
            page = await takeout(within)
            dates = [message.date for message in page.messages]
            assert dates == sorted(dates, reverse=True)
            shown.append({each.top_message: utils.get_peer_id(each.peer) for each in page.dialogs})
        tops = [max(id_ for id_ in chat.ids if id_ <= 300) for chat in (grace, crew)]
        assert shown[0] == {tops[0]: grace.marked_id, tops[1]: crew.marked_id}
        everything = await client(ask)
        assert shown[1] == {
            each.top_message: utils.get_peer_id(each.peer) for each in everything.dialogs
        }
        assert {late.marked_id, empty.marked_id} < set(shown[1].values())


async def _read(takeout: Any, within: types.MessageRange, peer: Any) -> list[int]:
    """Return the ids of a history within a range; each page counts what is in the range."""
    request = functions.messages.GetHistoryRequest(peer, 0, None, 0, 100, 0, 0, 0)
    found: list[int] = []
    counts: set[int] = set()
    while True:
        page = await takeout(functions.InvokeWithMessagesRangeRequest(within, request))
        if not page.messages:
            assert counts <= {len(found)}
            return found
        if len(page.messages) == 100:
            counts.add(page.count)
        found += [message.id for message in page.messages]
        request.offset_id = found[-1]


def _history(world: World) -> functions.messages.GetHistoryRequest:
    """Return a request for a page of the channel."""
    wanted = next(iter(world.channels.values())).input_peer()
    return functions.messages.GetHistoryRequest(wanted, 0, None, 0, 100, 0, 0, 0)
