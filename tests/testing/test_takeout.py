"""Takeout sessions and the ranges that they split histories into."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from telethon import errors, functions, types

from telefast.testing import LocalTelegram, TakeoutDelay, TakeoutRequired, World, run_virtual
from telefast.testing.method_takeout import Takeouts

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
@pytest.mark.parametrize("success", [True, False])
async def test_a_takeout_from_beginning_to_end(world: World, success: bool) -> None:
    """What is read in it is what is read outside; it is finished with the flag, and then over."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        outside = [m.id async for m in client.iter_messages("ships")]
        with suppress(_GivenUpError):
            async with client.takeout(megagroups=True) as takeout:
                takeout_id = client.session.takeout_id
                assert [m.id async for m in takeout.iter_messages("ships")] == outside
                if not success:
                    raise _GivenUpError
        kept = telegram._dispatcher.kept[Takeouts]
        assert ([success], {}) == (kept.finished, kept.open)
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
