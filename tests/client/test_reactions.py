"""`ReactionCollector`: the exact reactors, with as few requests as can be, and redacted."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import logging
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from telethon import TelegramClient, errors, types

from telefast import (
    ArgumentError,
    BatchedHistory,
    Collected,
    FloodWaitTooLongError,
    ReactionCollector,
    ReactionSummary,
    ReactorList,
    Takeout,
    UnexpectedAnswerError,
    wrap,
)
from telefast.reactions import collector as collector_module
from telefast.testing import (
    Assumptions,
    ChangeReactions,
    Channel,
    ErrorOn,
    LocalTelegram,
    ShortReactions,
    TakeoutRequired,
    UnknownConstructor,
    World,
)
from telefast.transport.account import Account
from tests.client.clock import Clock

LIST = "messages.getMessageReactionsList"
REFRESH = "messages.getMessagesReactions"
EMOJI = "messages.getCustomEmojiDocuments"
CUSTOM = 5_000_000_000_000_000_000
KEY = b"a key of sixteen"


@pytest.fixture
def world() -> World:
    """500 people."""
    return World(seed=74, user_count=500)


@pytest.fixture
def ships(world: World) -> Channel:
    """A group of twenty messages; 450 reacted to the last one, nobody to the others."""
    ships = world.add_channel("Ships", message_count=20, username="ships")
    for message_id in ships.ids:
        ships.reactions.remove(message_id)
    ships.reactions.add(20, "👍", count=300)
    ships.reactions.add(20, CUSTOM + 7, count=150)
    return ships


def given_in(chat: Channel, message_id: int) -> list[tuple[int, str]]:
    """Return who reacted how, as the server knows it, the latest first."""
    found = []
    for each in chat.reactions.listed(message_id):
        reaction: Any = types.ReactionEmoji("👍")
        is_thumb = each.key == bytes(reaction)
        found.append((each.mark, "👍" if is_thumb else str(CUSTOM + 7)))
    return found


def given(told: ReactorList | None) -> list[tuple[Any, str]]:
    """Return who reacted how, as it was told."""
    assert told is not None
    return [(each.peer, each.key) for each in told.items]


async def each(items: Iterable[Any]) -> AsyncIterator[Any]:
    """Yield what is there."""
    for item in items:
        yield item


async def collected(source: Any) -> list[Collected]:
    """Return all that comes."""
    async with source:
        return [item async for item in source]


async def test_summary_sends_nothing(ships: Channel, world: World) -> None:
    """All counts of a chat come with its messages: kinds, order, one's own choice."""
    ships.reactions.add(19, "❤", by=world.me.id)
    ships.reactions.add(19, "👍", by=[x for x in ships.members if x != world.me.id][:2])
    ships.reactions.pay(19, 60)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        collector = ReactionCollector(client)
        async with BatchedHistory(client, "ships") as history:
            found = await collected(collector.collect(history))
        assert [*range(20, 0, -1)] == [item.message.id for item in found]
        assert "👍300 [5000000000000000007]150" == found[0].summary.format()
        assert {"👍2", "❤️1", "⭐60"} == set(found[1].summary.format().split())
        assert ["❤"] == [item.key for item in found[1].summary.items if item.chosen]
        assert not any(item.summary.items for item in found[2:])
        assert all(item.reactors is None for item in found)
        assert 0 == telegram.requests[LIST] == collector.stats().api_calls
        stats = collector.stats()
        assert (2, 453) == (stats.messages, stats.total)
        assert 453 == Account.of(client).metrics["reactions_total"]
        assert collector.summarize(found[0].message) == found[0].summary
        assert ReactionSummary() == collector.summarize(None)


async def test_450_reactors_over_five_pages(ships: Channel, world: World) -> None:
    """Each once, in order, with date and name, by five requests; again, by none.

    A message alone shows three of them (LonamiWebs/Telethon#4377).
    """
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("ships", ids=20)
        collector = ReactionCollector(client)
        told = await collector.reactors("ships", message)
        assert given_in(ships, 20) == given(told)
        assert (True, "", 450, 0) == (told.complete, told.reason, told.count, told.difference)
        assert all(each.date is not None for each in told.items)
        names = {user.id: user.first_name or "" for user in world.users.values()}
        assert all(each.name.startswith(names[each.peer]) for each in told.items)
        assert any(each.name for each in told.items)
        assert 5 == telegram.requests[LIST]
        assert told is await collector.reactors(None, message)
        assert 5 == telegram.requests[LIST]
        stats = collector.stats()
        assert (5, 1, 1) == (stats.api_calls, stats.cache_hits, stats.cache_misses)
        metrics = Account.of(client).metrics
        assert 5 == metrics["reactions_api_calls"]
        assert 1 == metrics["reactions_cache_hits"] == metrics["reactions_cache_misses"]
        assert not telegram.client_faults


@pytest.mark.parametrize("offsets", ["place", "count"])
async def test_450_reactors_under_change(offsets: Any, ships: Channel) -> None:
    """People react, and take it back, before each page: each comes once, the difference is told."""
    world = World(seed=74, user_count=500, assume=Assumptions(reaction_offsets=offsets))
    ships = world.add_channel("Ships", message_count=20, username="ships")
    ships.reactions.remove(20)
    ships.reactions.add(20, "👍", count=300)
    ships.reactions.add(20, CUSTOM + 7, count=150)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("ships", ids=20)
        before = {each[:3] for each in ships.reactions.listed(20)}
        telegram.add(ChangeReactions(7, 2, every=1))
        collector = ReactionCollector(client)
        told = await collector.reactors("ships", message)
        after = {each[:3] for each in ships.reactions.listed(20)}
        found = given(told)
        assert len(found) == len(set(found))
        # All who reacted before, and never took it back, are there.
        stayed = {mark for date, mark, key in before & after}
        assert stayed <= {mark for mark, _ in found}
        assert len(before & after) >= 440
        assert (False, "changed", len(after)) == (told.complete, told.reason, told.count)
        assert len(after) - len(found) == told.difference > 0
        assert 5 == telegram.requests[LIST]
        print(
            f"\n{offsets}: found={len(found)} counted={told.count} asked={telegram.requests[LIST]}"
        )
        again = await collector.reactors("ships", message)  # it is not kept
        assert again.count > told.count
        assert 0 == collector.stats().cache_hits


async def test_short_pages(ships: Channel, world: World) -> None:
    """A page that is shorter than asked for ends nothing."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("ships", ids=20)
        telegram.add(ShortReactions(drop=60, every=2))
        told = await ReactionCollector(client).reactors("ships", message)
        assert given_in(ships, 20) == given(told)
        assert told.complete


async def test_what_is_asked_for_at_most(ships: Channel, world: World) -> None:
    """`max_reactors` ends the list, and says so; `page_size` cuts it finer."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("ships", ids=20)
        told = await ReactionCollector(client, max_reactors=130).reactors(None, message)
        assert given_in(ships, 20)[:130] == given(told)
        assert (False, "limit", 320) == (told.complete, told.reason, told.difference)
        assert [100, 30] == [request.limit for request in telegram.requests.requests(LIST)]
        told = await ReactionCollector(client, page_size=50).reactors(None, message)
        assert (True, 2 + 9) == (told.complete, telegram.requests[LIST])


async def test_no_request_where_the_message_tells_all(world: World, ships: Channel) -> None:
    """Up to three reactors, and all in private chats, come with the message."""
    for message_id in range(10, 20):
        ships.reactions.add(message_id, "👍", by=ships.members[:3])
    ships.reactions.add(9, "👍", by=ships.members[:4])
    grace = world.add_private_chat("Grace", message_count=5)
    last = int(grace.ids.max())
    grace.reactions.remove(last)
    grace.reactions.add(last, "👍", by=[world.me.id, grace.marked_id])
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        collector = ReactionCollector(client, full=True)
        async with BatchedHistory(client, "ships", max_id=20) as history:
            found = await collected(collector.collect(history))
        assert all(item.reactors and item.reactors.complete for item in found)
        assert 1 == telegram.requests[LIST]  # for message 9, of 11 that have reactions
        for item in found:
            assert given_in(ships, item.message.id) == given(item.reactors)
        assert 10 == collector.stats().from_messages
        await client.get_dialogs()
        message = await client.get_messages(grace.marked_id, ids=last)
        told = await collector.reactors(None, message)
        assert {world.me.id, grace.marked_id} == {each.peer for each in told.items}
        assert told.complete
        assert 1 == telegram.requests[LIST]


async def test_channels_and_chats_that_hide_it(world: World, ships: Channel) -> None:
    """No request where nobody can know: the counts, and why there is no more."""
    news = world.add_channel("News", message_count=5, megagroup=False, username="news")
    news.reactions.add(5, "👍", count=9)
    ships.reactions.hide()
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        collector = ReactionCollector(client, full=True)
        for name, reason, total in (("news", "channel", 9), ("ships", "hidden", 450)):
            message = await client.get_messages(name, limit=1)
            [item] = await collected(collector.collect(each(message)))
            assert item.reactors is not None
            assert (False, reason) == (item.reactors.complete, item.reactors.reason)
            assert total <= item.summary.total
        assert 0 == telegram.requests[LIST]


async def test_a_refusal_is_remembered_for_the_chat(world: World, ships: Channel) -> None:
    """One request for a chat that refuses though its messages promise a list, not one each.

    Channels refuse administrators, too (wiz0u/WTelegramClient#291).
    """
    for message_id in range(1, 20):
        ships.reactions.add(message_id, "👍", count=5)
    other = world.add_channel("Boats", message_count=3, username="boats")
    other.reactions.remove(3)
    other.reactions.add(3, "👍", count=5)
    refusal = ErrorOn(LIST, 403, "BROADCAST_FORBIDDEN", nth=1)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        telegram.add(refusal)
        collector = ReactionCollector(client, full=True, concurrency=8)
        async with BatchedHistory(client, "ships") as history:
            found = await collected(collector.collect(history))
        assert 1 == telegram.requests[LIST]
        for item in found:
            assert item.reactors is not None
            assert (False, "forbidden") == (item.reactors.complete, item.reactors.reason)
            assert 3 == len(item.reactors.items)  # whom the message shows
        message = await client.get_messages("boats", ids=3)
        assert (await collector.reactors("boats", message)).complete
        assert 2 == telegram.requests[LIST]
        assert 1 == collector.stats().forbidden == Account.of(client).metrics["reactions_forbidden"]


async def test_a_message_that_is_gone(ships: Channel, world: World) -> None:
    """It is told of that message alone; errors that are about neither are raised."""
    ships.reactions.add(19, "👍", count=5)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        gone, here = await client.get_messages("ships", ids=[20, 19])
        collector = ReactionCollector(client)
        ships.delete(20)
        told = await collector.reactors(None, gone)
        assert (False, "gone", 450) == (told.complete, told.reason, told.count)
        assert (await collector.reactors(None, here)).complete
        telegram.add(ErrorOn(LIST, 400, "LIMIT_INVALID", nth=3))
        ships.reactions.add(19, "👍", count=1)
        [here] = await client.get_messages("ships", ids=[19])
        with pytest.raises(errors.LimitInvalidError):
            await collector.reactors(None, here)
        assert (await collector.reactors(None, here)).complete


async def test_counts_that_change_are_asked_again(ships: Channel, world: World) -> None:
    """What was kept holds for the same counts; the least recently used is forgotten."""
    for message_id in (17, 18, 19):
        ships.reactions.add(message_id, "👍", count=5)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        collector = ReactionCollector(client, cache_size=2)

        async def ask(message_id: int) -> int:
            """Ask for one; return how many requests that took."""
            before = telegram.requests[LIST]
            message = await client.get_messages("ships", ids=message_id)
            told = await collector.reactors(None, message)
            assert given_in(ships, message_id) == given(told)
            return telegram.requests[LIST] - before

        assert [1, 0, 1, 0, 0] == [await ask(i) for i in (17, 17, 18, 17, 18)]
        ships.reactions.add(17, "👍", count=1)
        assert [1, 0] == [await ask(i) for i in (17, 17)]
        assert [1, 0, 1, 0] == [await ask(i) for i in (19, 17, 18, 18)]
        collector = ReactionCollector(client, cache_size=0)
        assert [1, 1] == [await ask(i) for i in (17, 17)]


async def test_one_request_for_all_who_ask_at_once(ships: Channel, world: World) -> None:
    """Ten callers share the pages of one list."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("ships", ids=20)
        collector = ReactionCollector(client)
        tasks = [asyncio.create_task(collector.reactors(None, message)) for _ in range(10)]
        told = [await task for task in tasks]
        assert 5 == telegram.requests[LIST]
        assert all(one is told[0] for one in told)


async def test_concurrent_and_in_order(ships: Channel, world: World) -> None:
    """So many requests in flight as allowed, never more, and messages in their order."""
    for message_id in range(1, 20):
        ships.reactions.add(message_id, "👍", count=5)
    async with LocalTelegram(world, rtt=0.01) as telegram, telegram.client() as client:
        collector = ReactionCollector(client, full=True, concurrency=3)
        async with BatchedHistory(client, "ships", reverse=True) as history:
            found = await collected(collector.collect(history))
        assert [*range(1, 21)] == [item.message.id for item in found]
        assert all(item.reactors and item.reactors.complete for item in found)
        assert 19 + 5 == telegram.requests[LIST] == collector.stats().api_calls
        assert 3 == telegram.requests.peak_in_flight_by[LIST]


async def test_stopping_early_leaves_nothing(ships: Channel, world: World) -> None:
    """Leaving `async with` ends the requests; the collector is good for more."""
    for message_id in range(1, 20):
        ships.reactions.add(message_id, "👍", count=5)
    async with LocalTelegram(world, rtt=0.01) as telegram, telegram.client() as client:
        collector = ReactionCollector(client, full=True)
        before = asyncio.all_tasks()
        async with (
            BatchedHistory(client, "ships") as history,
            collector.collect(history) as found,
        ):
            async for message, _, _ in found:
                if message.id == 15:
                    break
        assert before == asyncio.all_tasks()
        message = await client.get_messages("ships", ids=3)
        assert (await collector.reactors(None, message)).complete


@pytest.mark.parametrize("redact", ["none", "id", "opaque", True, False])
async def test_redaction(
    redact: Any, ships: Channel, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """What was kept, told and logged has no more of a person than was allowed."""
    ships.reactions.add(19, "👍", by=ships.members[:2])  # told by the message
    caplog.set_level(logging.DEBUG, "telefast")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        messages = await client.get_messages("ships", ids=[19, 20])
        collector = ReactionCollector(client, redact=redact, key=KEY)
        for message in messages:
            told = await collector.reactors(None, message)
            peers = {each.peer for each in told.items}
            is_open = redact in ("none", False) and message.id == 20
            assert is_open == any(each.name for each in told.items)
            marks = {each.mark for each in ships.reactions.listed(message.id)}
            if redact == "opaque":
                assert all(isinstance(each, str) and len(each) == 64 for each in peers)
                again = await ReactionCollector(client, redact=redact, key=KEY).reactors(
                    None, message
                )
                assert told == again  # for every worker with the same key
                other = await ReactionCollector(client, redact=redact).reactors(None, message)
                assert not peers & {each.peer for each in other.items}
            else:
                assert marks == peers
        kept = repr(list(vars(collector)["_cache"].values()))
        for user in world.users.values() if redact == "opaque" else ():
            assert str(user.id) not in kept
        assert KEY.hex() not in caplog.text
        assert repr(KEY) not in caplog.text + repr(vars(collector))


async def test_stars(ships: Channel, world: World) -> None:
    """Who paid comes from the message: by name or without one; not all are told."""
    ships.reactions.add(19, "👍", by=ships.members[:4])
    payer = ships.members[9]
    ships.reactions.pay(19, 50, by=payer)
    ships.reactions.pay(19, 20)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("ships", ids=19)
        told = await ReactionCollector(client).reactors(None, message)
        assert [(payer, 50), (None, 20)] == [
            (each.peer, each.count) for each in told.items if each.kind == "paid"
        ]
        assert (True, 4, 0) == (told.complete, told.count, told.difference)
        for number in range(4):
            ships.reactions.pay(19, 30 + number)
        message = await client.get_messages("ships", ids=19)
        told = await ReactionCollector(client).reactors(None, message)
        assert (False, "stars", 0) == (told.complete, told.reason, told.difference)
        assert 1 == telegram.requests[LIST] - 1


async def test_what_nobody_can_read(ships: Channel, world: World) -> None:
    """Where a page holds an unknown kind, the known kinds are asked for apart."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("ships", ids=20)
        telegram.add(UnknownConstructor(LIST, types.ReactionCustomEmoji))
        collector = ReactionCollector(client)
        told = await collector.reactors(None, message)
        wanted = [one for one in given_in(ships, 20) if one[1] == "👍"]
        assert wanted == given(told)
        assert (False, "undecodable", 150) == (told.complete, told.reason, told.difference)
        told = await ReactionCollector(client, max_reactors=120).reactors(None, message)
        assert wanted[:120] == given(told)


async def test_refresh_in_batches(ships: Channel, world: World) -> None:
    """100 messages in a request; own choices where messages are `min`; none is none."""
    deep = world.add_channel("Deep", message_count=250, username="deep")
    for message_id in range(1, 251):
        deep.reactions.remove(message_id)
    deep.reactions.add(7, "👍", by=world.me.id)
    deep.reactions.show_min(7)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        collector = ReactionCollector(client)
        message = await client.get_messages("deep", ids=7)
        summary = collector.summarize(message)
        assert (True, False) == (summary.min, summary.items[0].chosen)
        found = await collector.refresh("deep", [*range(250, 0, -1), 7, 999])
        assert [*range(250, 0, -1), 999] == list(found)
        assert (False, True) == (found[7].min, found[7].items[0].chosen)
        assert [7] == [i for i, summary in found.items() if summary.items]
        assert 3 == telegram.requests[REFRESH] == collector.stats().api_calls
        assert [100, 100, 51] == [len(r.id) for r in telegram.requests.requests(REFRESH)]
        assert {} == await collector.refresh("deep", [])
        with pytest.raises(ArgumentError, match="ids=0"):
            await collector.refresh("deep", [0])
        assert 3 == telegram.requests[REFRESH]


async def test_custom_emoji_in_batches(ships: Channel, world: World) -> None:
    """200 documents in a request, each asked for once; those that are nowhere are left out.

    A custom emoji has no plain character of its own (telegramdesktop/tdesktop#28252).
    """
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        collector = ReactionCollector(client)
        message = await client.get_messages("ships", ids=20)
        ids = collector.summarize(message).custom_ids
        assert (CUSTOM + 7,) == ids
        tasks = [asyncio.create_task(collector.custom_emoji(ids)) for _ in range(3)]
        for task in tasks:
            found = await task
            assert [CUSTOM + 7] == list(found)
        assert 1 == telegram.requests[EMOJI]
        emoji = found[CUSTOM + 7]
        assert emoji.document.id == emoji.document_id
        alts = {number: told.alt for number, told in found.items()}
        assert f"👍300 {emoji.alt}150" == collector.summarize(message).format(alts.get)
        many = [CUSTOM + number for number in range(250)]
        found = await collector.custom_emoji([*many, 77, 77])
        assert [249 + 1, 3] == [len({*found, CUSTOM + 7}), telegram.requests[EMOJI]]
        assert 77 not in found
        assert found == await collector.custom_emoji([*many, 77])
        assert 3 == telegram.requests[EMOJI]
        assert {} == await collector.custom_emoji([])


async def test_disabled(ships: Channel, world: World) -> None:
    """A collector that is switched off passes messages on, and asks for nothing."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("ships", ids=20)
        collector = ReactionCollector(client, enabled=False, full=True)
        [item] = await collected(collector.collect(each([message])))
        assert Collected(message, ReactionSummary(), None) == item
        assert [] == item.rows()
        told = await collector.reactors(None, message)
        assert (False, "disabled") == (told.complete, told.reason)
        assert 0 == telegram.requests[LIST]


async def test_what_is_no_message(ships: Channel, world: World) -> None:
    """None and service messages pass, in their places."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("ships", ids=20)
        collector = ReactionCollector(client, full=True)
        found = await collected(collector.collect(each([None, message, None]), entity="ships"))
        assert [None, message, None] == [item.message for item in found]
        assert [0, 450, 0] == [len(item.reactors.items) for item in found if item.reactors]
        assert found[0].reactors is not None
        assert found[0].reactors.complete
        assert [0, 452] == [len(item.rows()) for item in found[:2]]


async def test_within_a_takeout(ships: Channel, world: World) -> None:
    """The requests of a takeout's client go within the takeout, and no others do."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        telegram.add(TakeoutRequired(LIST))
        message = await client.get_messages("ships", ids=20)
        collector = ReactionCollector(client)
        with pytest.raises(errors.TakeoutRequiredError):
            await collector.reactors("ships", message)
        async with Takeout(client) as takeout:
            told = await ReactionCollector(takeout.client).reactors("ships", message)
        assert (True, 450) == (told.complete, len(told.items))
        with pytest.raises(errors.TakeoutRequiredError):  # it is no refusal of the chat's
            await collector.reactors("ships", message)
        assert 2 + 5 == telegram.requests[LIST]


async def test_flood_waits_are_sat_out(ships: Channel, world: World, quick_clock: Clock) -> None:
    """A flood in mid-list costs its time and nothing else; one that is too long is an error."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        telegram.add(ErrorOn(LIST, 420, "FLOOD_WAIT_30", nth=3))
        message = await client.get_messages("ships", ids=20)
        collector = ReactionCollector(client)
        told = await collector.reactors(None, message)
        assert given_in(ships, 20) == given(told)
        assert (6, 5) == (telegram.requests[LIST], collector.stats().api_calls)
        assert quick_clock.passed >= 30
        telegram.add(ErrorOn(LIST, 420, "FLOOD_WAIT_3000", nth=7))
        with pytest.raises(FloodWaitTooLongError):
            await ReactionCollector(client, max_flood_wait=60).reactors(None, message)


async def test_cancelled_in_mid_list(ships: Channel, world: World) -> None:
    """Whichever page is awaited: nothing is left of the work, and the next one is exact."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("ships", ids=20)
        collector = ReactionCollector(client)
        before = asyncio.all_tasks()
        for page in range(1, 6):
            goal = telegram.requests[LIST] + page
            task = asyncio.create_task(collector.reactors(None, message))
            await telegram.requests.until(lambda ledger, goal=goal: ledger[LIST] >= goal)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert before == asyncio.all_tasks()
            assert 0 == collector.stats().cache_hits
        assert given_in(ships, 20) == given(await collector.reactors(None, message))


async def test_basic_groups(world: World) -> None:
    """They list who reacted as supergroups do, named by nothing but the message."""
    crew = world.add_group("Crew", message_count=30)
    last = int(crew.ids.max())
    crew.reactions.remove(last)
    people = crew.members[:5]
    crew.reactions.add(last, "👍", by=people)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        [message] = await client.get_messages(crew.marked_id, limit=1)
        [item] = await collected(ReactionCollector(client, full=True).collect(each([message])))
        assert item.reactors is not None
        assert item.reactors.complete
        assert [*people[::-1]] == [each.peer for each in item.reactors.items]
        assert {crew.marked_id} == {row.chat_id for row in item.rows()}
        assert 1 == telegram.requests[LIST]


async def test_what_a_worker_hands_on(ships: Channel, world: World) -> None:
    """Workers with one key, each with a part of the chat: plain rows, equal to those of one."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:

        async def work(first: int, last: int) -> str:
            """Do as a worker would: a collector of its own, JSON out."""
            collector = ReactionCollector(client, full=True, redact="opaque", key=KEY)
            history = BatchedHistory(client, "ships", min_id=first - 1, max_id=last + 1)
            found = await collected(collector.collect(history))
            await history.aclose()
            assert all(item[1:] == copy.deepcopy(item[1:]) for item in found)
            return json.dumps([dataclasses.asdict(row) for item in found for row in item.rows()])

        ships.reactions.add(19, "👍", by=ships.members[:3])
        ships.reactions.add(3, "👍", by=ships.members[:5])
        parts = [json.loads(await work(*span)) for span in ((11, 20), (1, 10))]
        whole = json.loads(await work(1, 20))
        assert whole == [row for part in parts for row in part]
        assert 2 + 450 + 1 + 3 + 1 + 5 == len(whole)


async def test_messages_from_elsewhere(ships: Channel, world: World) -> None:
    """A message that a program made itself names its chat by id, which the session knows."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("ships", ids=20)
        bare = types.Message(20, types.PeerChannel(ships.id), None, "", reactions=message.reactions)
        told = await ReactionCollector(wrap(client)).reactors(None, bare)
        assert given_in(ships, 20) == given(told)


async def test_an_answer_of_another_kind(
    ships: Channel, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no list is an error, and is not taken for one without entries."""

    async def answer(*_: object) -> bytes:
        return bytes(types.UpdatesTooLong())

    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("ships", ids=20)
        monkeypatch.setattr(collector_module, "call", answer)
        collector = ReactionCollector(client)
        with pytest.raises(UnexpectedAnswerError, match="getMessageReactionsList"):
            await collector.reactors(None, message)
        with pytest.raises(UnexpectedAnswerError, match="getMessagesReactions"):
            await collector.refresh(message.input_chat, [20])


@pytest.mark.parametrize(
    "options",
    [
        {"redact": "all"},
        {"key": b"short"},
        {"key": "a key of sixteen letters"},
        {"cache_size": -1},
        {"concurrency": 0},
        {"page_size": 101},
        {"max_reactors": 0},
        {"timeout": 0},
        {"full": "no"},
        {"enabled": 1},
    ],
)
async def test_bad_arguments(options: Any) -> None:
    """They are refused at once; a key is not shown."""
    client = TelegramClient(None, 1, "x")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=next(iter(options))) as raised:
        ReactionCollector(client, **options)
    assert "short" not in str(raised.value)
    assert "sixteen" not in str(raised.value)


async def test_what_is_no_message_and_no_ids() -> None:
    """It is refused before anything is asked, and is no list that claims to be complete."""
    collector = ReactionCollector(TelegramClient(None, 1, "x"))  # type: ignore[arg-type]
    wrong: Any
    for wrong in ("x", 5, [5]):
        with pytest.raises(ArgumentError, match="message="):
            await collector.reactors("ships", wrong)
        with pytest.raises(ArgumentError, match="messages="):
            collector.collect(wrong)
    for wrong in ("x", 5, None, ["x"], [True]):
        with pytest.raises(ArgumentError, match="ids="):
            await collector.refresh("ships", wrong)
        with pytest.raises(ArgumentError, match="ids="):
            await collector.custom_emoji(wrong)
    assert (await collector.reactors("ships", None)).complete
    assert 0 == collector.stats().api_calls
