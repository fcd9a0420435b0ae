"""Takeouts: begun once, wrapped once, and finished with the right flag whatever happens."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from telethon import TelegramClient, errors, functions, types
from telethon.sessions import SQLiteSession

from telefast import (
    ArgumentError,
    BatchedHistory,
    ClosedError,
    DeadlineError,
    Takeout,
    TakeoutDelayError,
    UsageError,
    wrap,
)
from telefast.testing import (
    CutAfter,
    ErrorOn,
    HoldBack,
    LocalTelegram,
    NeverAnswer,
    TakeoutDelay,
    TakeoutRequired,
    World,
    run_virtual,
)
from telefast.testing.method_takeout import Takeouts
from telefast.transport.account import Account
from tests.client.clock import Clock, turns
from tests.client.exact import HISTORY, assert_same, club, down, ids_of, read, stock

ROOT = Path(__file__).parents[2]
BEGIN = "account.initTakeoutSession"
END = "account.finishTakeoutSession"
RANGES = "messages.getSplitRanges"
IN = "InvokeWithTakeout"


class GivenUpError(Exception):
    """The consumer has had enough."""


async def collect(history: BatchedHistory, got: list[int]) -> None:
    """Take what comes, and keep it though an error follows."""
    async with history:
        async for message in history:
            got.append(message.id)  # noqa: PERF401 - kept, whatever comes next


def takeouts(here: Any) -> Takeouts:
    """Return the takeouts of a server."""
    found: Takeouts = here.telegram._dispatcher.kept[Takeouts]
    return found


def is_over(here: Any, *flags: bool) -> bool:
    """Tell whether takeouts were finished with *flags*, and none is left, here or there."""
    found = takeouts(here)
    kept = here.client.session.takeout_id
    return (found.finished, found.open, kept) == (list(flags), {}, None)


def counts(here: Any) -> tuple[int, int, int]:
    """Return how often takeouts were begun, tried, and finished."""
    requests = here.telegram.requests
    return requests[BEGIN], requests[RANGES], requests[END]


# One stream


async def test_all_of_a_stream_is_wrapped_once(scene: Any, wrappers: list[tuple[str, ...]]) -> None:
    """Begun outside, each request once within, finished within as a success; then it is over."""
    async with scene(count=1000) as here:
        theirs = await stock(here.client, here.peer)
        wrappers.clear()
        async with BatchedHistory(here.client, here.peer, takeout=True) as history:
            ours = [message async for message in history]
            assert history.stats().takeout == "on"
        assert ("InitTakeoutSession",) == wrappers[0]
        assert {(IN, "GetHistory")} == set(wrappers[1:-1])
        assert (IN, "FinishTakeoutSession") == wrappers[-1]
        assert_same(ours, here.client, theirs, here.client)
        assert is_over(here, True)
        assert here.telegram.unknown == []
        assert history.stats().requests == len(wrappers) - 2


async def test_a_name_is_resolved_within_too(scene: Any, wrappers: list[tuple[str, ...]]) -> None:
    """Looking the chat up is a request of the takeout like any other."""
    async with scene(count=100) as here:
        wrappers.clear()
        assert down(100) == ids_of(await read(here.client, "club", takeout=True))
        assert (IN, "ResolveUsername") in wrappers
        assert all(each[0] == IN for each in wrappers if each != ("InitTakeoutSession",))


@pytest.mark.parametrize(
    "options",
    [
        {"search": "a"},
        {"ids": [7, 4000]},
        {"ids": [types.InputMessageID(7), types.InputMessageID(4000)]},
        {"from_user": "me"},
        {"reply_to": 8},
        {"scheduled": True},
    ],
    ids=["search", "ids", "input-ids", "from_user", "reply_to", "scheduled"],
)
async def test_every_path_is_wrapped(
    scene: Any, wrappers: list[tuple[str, ...]], options: dict[str, Any]
) -> None:
    """Telethon's own iterator goes through the takeout too, and its messages are the client's."""
    async with scene(count=300) as here:
        theirs = await stock(here.client, here.peer, **options)
        wrappers.clear()
        ours = await read(here.client, here.peer, takeout=True, **options)
        assert_same(ours, here.client, theirs, here.client)
        assert bool(theirs) is ("scheduled" not in options)
        assert all(each[0] == IN and IN not in each[1:] for each in wrappers[1:])
        assert is_over(here, True)


async def test_a_search_of_all_chats_is_wrapped(
    scene: Any, wrappers: list[tuple[str, ...]]
) -> None:
    """As is what falls back to Telethon's iterator in mid-run."""
    async with scene(count=300) as here:
        theirs = await stock(here.client, None, search="a")
        wrappers.clear()
        ours = await read(here.client, None, search="a", takeout=True)
        assert ids_of(theirs) == ids_of(ours)
        assert all(message.client is here.client for message in ours)
        assert {(IN, "SearchGlobal")} == set(wrappers[1:-1])


async def test_a_client_without_updates(scene: Any, wrappers: list[tuple[str, ...]]) -> None:
    """All envelopes that there are, each once."""
    async with scene(count=100, receive_updates=False) as here:
        wrappers.clear()
        await read(here.client, here.peer, takeout=True)
        assert ("InvokeWithoutUpdates", "InitTakeoutSession") == wrappers[0]
        assert {("InvokeWithoutUpdates", IN)} == {each[:2] for each in wrappers[1:]}


async def test_what_is_only_to_be_had_within(scene: Any) -> None:
    """A server that shows its history to takeouts alone shows it; the count too."""
    async with scene(TakeoutRequired(HISTORY), count=300) as here:
        assert down(300) == ids_of(await read(here.client, here.peer, takeout=True))
        async with BatchedHistory(here.client, here.peer, limit=0, takeout=True) as history:
            assert [] == [m async for m in history]
        assert history.total == 300
        with pytest.raises(errors.TakeoutRequiredError):
            await read(here.client, here.peer)


async def test_without_being_asked_there_is_no_takeout(scene: Any) -> None:
    """The default sends nothing that the user's other devices would show."""
    async with scene(count=100) as here:
        async with BatchedHistory(here.client, here.peer) as history:
            assert len([m async for m in history]) == 100
        assert counts(here) == (0, 0, 0)
        assert history.stats().takeout == "off"


async def test_a_wrapped_client_takes_part(scene: Any) -> None:
    """`wrap` hands the option on, and one takeout around several calls is shared by them."""
    async with scene(count=250) as here:
        fast = wrap(here.client, takeout=True)
        async with Takeout(here.client):
            assert len(await fast.get_messages(here.peer, None)) == 250
            assert len([m async for m in fast.iter_messages(here.peer, takeout=False)]) == 250
            assert len([m async for m in fast.iter_messages(here.peer)]) == 250
        assert counts(here) == (1, 0, 1)
        assert is_over(here, True)


# The flag


async def test_an_error_makes_it_a_failure(scene: Any) -> None:
    """After what was fetched before; nothing is read again outside of the takeout."""
    rule = ErrorOn(HISTORY, 400, "CHANNEL_PRIVATE", nth=5)
    async with scene(rule, count=1000) as here:
        got: list[int] = []
        with pytest.raises(errors.ChannelPrivateError):
            await collect(BatchedHistory(here.client, here.peer, takeout=True), got)
        assert down(1000, 1001 - len(got)) == got
        assert got
        asked = here.telegram.requests[HISTORY]
        await turns()
        assert asked == here.telegram.requests[HISTORY] <= 5 + 7
        assert counts(here) == (1, 0, 1)
        assert is_over(here, False)
        assert here.left() == set()


async def test_an_early_end_makes_it_a_failure(scene: Any) -> None:
    """Who closes the stream before its end has not exported the chat."""
    async with scene(count=3000) as here:
        async with BatchedHistory(here.client, here.peer, takeout=True) as history:
            assert (await anext(history)).id == 3000
        assert is_over(here, False)
        assert here.left() == set()


async def test_a_cancelled_consumer_makes_it_a_failure(scene: Any) -> None:
    """The cancellation goes on its way once the takeout is finished."""
    async with scene(HoldBack(HISTORY, 3, asyncio.Event()), count=3000) as here:
        reading = asyncio.create_task(read(here.client, here.peer, takeout=True, by_ids=False))
        await here.telegram.requests.until(lambda ledger: ledger[HISTORY] > 5)
        await turns()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert is_over(here, False)
        assert here.left() == set()


@pytest.mark.parametrize("kind", [None, GivenUpError, asyncio.CancelledError])
async def test_a_takeout_alone(
    scene: Any, wrappers: list[tuple[str, ...]], kind: type[BaseException] | None
) -> None:
    """With stock Telethon: its flag is the end of the block, and it is sent within."""
    async with scene(count=250) as here:
        wrappers.clear()
        try:
            async with Takeout(here.client) as takeout:
                assert 250 == len(await stock(takeout.client, here.peer))
                if kind is not None:
                    raise kind
        except (GivenUpError, asyncio.CancelledError) as error:
            assert type(error) is kind
        else:
            assert kind is None
        assert [("InitTakeoutSession",), (IN, "FinishTakeoutSession")] == [
            each for each in wrappers if each[-1].endswith("TakeoutSession")
        ]
        assert {(IN, "GetHistory")} == {each for each in wrappers if each[-1] == "GetHistory"}
        assert is_over(here, kind is None)
        with pytest.raises(ClosedError, match="not entered"):
            _ = takeout.client


async def test_cancelled_while_it_begins(scene: Any) -> None:
    """The id is waited for, since what nobody knows nobody can finish."""
    gate = asyncio.Event()
    async with scene(HoldBack(BEGIN, 1, gate), count=100) as here:
        history = BatchedHistory(here.client, here.peer, takeout=True)
        reading = asyncio.create_task(anext(history))
        await here.telegram.requests.until(lambda ledger: ledger[BEGIN] == 1)
        closing = asyncio.create_task(history.aclose())
        await turns()
        assert not closing.done()
        gate.set()
        await closing
        with pytest.raises(ClosedError):
            await reading
        assert is_over(here, False)
        assert here.telegram.requests[HISTORY] == 0
        assert here.left() == set()


async def test_cancelled_at_any_moment(scene: Any) -> None:
    """Whatever it is doing: no takeout is left that no session knows, and no task."""
    async with scene(count=300) as here:
        flags = set()
        for moment in range(0, 120, 3):

            async def use() -> None:
                async with Takeout(here.client):
                    await read(here.client, here.peer, takeout=True)

            using = asyncio.create_task(use())
            await turns(moment)
            using.cancel()
            await asyncio.wait({using})
            assert using.cancelled() or using.result() is None
            assert here.client.session.takeout_id is None
            found = here.telegram._dispatcher.kept.get(Takeouts)
            if found is not None:
                assert found.open == {}
                flags.add((using.cancelled(), *found.finished))
                found.finished.clear()
            assert here.left() == set()
            assert Account.of(here.client).takeout.users == 0
        assert {(True, False), (False, True)} <= flags


async def test_a_stream_that_is_forgotten(scene: Any) -> None:
    """Neither read to its end nor closed, but collected: its takeout is finished as a failure."""
    async with scene(count=3000) as here:
        history = BatchedHistory(here.client, here.peer, takeout=True)
        assert (await anext(history)).id == 3000
        del history
        gc.collect()
        await here.telegram.requests.until(lambda ledger: ledger[END] == 1)
        await turns()
        assert is_over(here, False)
        assert here.left() == set()


async def test_cancelled_again_while_it_is_finished(scene: Any) -> None:
    """However often: it is finished first, then the cancellation goes on."""
    gate = asyncio.Event()
    async with scene(HoldBack(END, 1, gate), count=100) as here:

        async def use() -> None:
            async with Takeout(here.client):
                pass

        using = asyncio.create_task(use())
        await here.telegram.requests.until(lambda ledger: ledger[END] == 1)
        for _ in range(3):
            using.cancel()
            await turns(5)
            assert not using.done()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await using
        assert is_over(here, True)


def test_finishing_takes_a_bounded_time(caplog: pytest.LogCaptureFixture) -> None:
    """Where Telegram does not answer: 10 seconds; the id is kept, and that is told."""

    async def main() -> None:
        world, chat = club(100)
        rule = NeverAnswer(END, every=1)
        async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
            loop = asyncio.get_running_loop()
            async with BatchedHistory(client, chat.input_peer(), takeout=True) as history:
                assert [m.id async for m in history] == down(100)
            assert 9.9 < (ended := loop.time()) < 10.1
            assert client.session.takeout_id is not None
            with pytest.raises(asyncio.CancelledError):
                async with Takeout(client):
                    raise asyncio.CancelledError
            assert 9.9 < loop.time() - ended < 10.1
            assert Account.of(client).metrics["takeouts_unfinished"] == 2

    run_virtual(main)
    told = [r.getMessage() for r in caplog.records if r.name == "telefast.takeout"]
    assert ["takeout not finished, kept for the next run reason=TimeoutError"] * 2 == told


async def test_a_lost_connection_keeps_the_id(scene: Any) -> None:
    """What cannot be finished now is gone on with by the next run."""
    async with scene(count=100) as here:
        takeout = Takeout(here.client)
        await takeout.__aenter__()
        kept = here.client.session.takeout_id
        await here.client.disconnect()
        await takeout.__aexit__(None, None, None)
        assert kept == here.client.session.takeout_id
        assert takeouts(here).finished == []


# One for all


async def test_streams_side_by_side_share_one(scene: Any) -> None:
    """Begun once, whoever comes first; finished once, by whoever leaves last."""
    async with scene(count=500) as here:
        gate = asyncio.Event()

        async def use(**options: Any) -> list[int | None]:
            async with Takeout(here.client):
                found = ids_of(await read(here.client, here.peer, takeout=True, **options))
                await gate.wait()
            return found

        using = [asyncio.create_task(use(reverse=bool(i % 2))) for i in range(5)]
        await here.telegram.requests.until(lambda ledger: ledger[HISTORY] > 25)
        assert counts(here) == (1, 0, 0)
        gate.set()
        for i, task in enumerate(using):
            assert sorted(down(500), reverse=not i % 2) == await task
        assert counts(here) == (1, 0, 1)
        assert is_over(here, True)


async def test_one_failure_is_the_takeouts(scene: Any) -> None:
    """It succeeded only if all that took part did."""
    async with scene(count=200) as here:
        async with Takeout(here.client):
            with pytest.raises(GivenUpError):
                async with Takeout(here.client):
                    raise GivenUpError
            assert counts(here) == (1, 0, 0)
            assert 200 == len(await read(here.client, here.peer, takeout=True))
        assert is_over(here, False)


async def test_a_client_and_its_wrappers_share_one(scene: Any) -> None:
    """The client, its proxy and the drop-in over it are one account."""
    async with scene(count=100) as here:
        async with Takeout(wrap(here.client)) as takeout:  # type: ignore[arg-type]
            assert 100 == len(await read(here.client, here.peer, takeout=True))
            assert 100 == len(await read(takeout.client, here.peer, takeout=True))
        assert counts(here) == (1, 0, 1)
        assert is_over(here, True)


async def test_what_it_is_for(scene: Any) -> None:
    """Messages of every kind of chat always; more if asked; who needs more than it has is told."""
    async with scene(count=10) as here:
        async with Takeout(here.client, files=True, max_file_size=5000) as takeout:
            [(_, request)] = takeouts(here).open.values()
            flags = request.to_dict()
            assert {name for name, value in flags.items() if value is True} == {
                "message_users",
                "message_chats",
                "message_megagroups",
                "message_channels",
                "files",
            }
            assert flags["file_max_size"] == 5000
            async with Takeout(here.client, files=True, max_file_size=100):
                pass
            with pytest.raises(UsageError, match="begun for less"):
                async with Takeout(here.client, contacts=True):
                    raise AssertionError
            with pytest.raises(UsageError, match="entered already"):
                await takeout.__aenter__()
        assert counts(here) == (1, 0, 1)
        assert is_over(here, True)


# Those of others


@pytest.mark.parametrize("takeout", [False, True, "auto"])
async def test_a_takeout_proxy_is_used_as_it_is(
    scene: Any, wrappers: list[tuple[str, ...]], takeout: Any
) -> None:
    """Wrapped once by the proxy's own id; its owner finishes it, nobody else."""
    async with scene(count=300) as here:
        async with here.client.takeout(channels=True) as proxy:
            wrappers.clear()
            async with BatchedHistory(proxy, here.peer, takeout=takeout) as history:
                messages = [message async for message in history]
            assert "on" == history.stats().takeout
            assert {(IN, "GetHistory")} == set(wrappers)
            assert down(300) == ids_of(messages)
            assert all(message.client is proxy for message in messages)
            assert takeouts(here).finished == []
        assert counts(here) == (1, 0, 1)
        assert is_over(here, True)
        with pytest.raises(ClosedError, match="was finished"):
            await read(proxy, here.peer, takeout=takeout)


async def test_a_running_takeout_is_adopted(scene: Any) -> None:
    """Tried by one request, used, and left as it was; `finish=True` takes it over."""
    async with scene(count=300) as here:
        async with here.client.takeout(finalize=False, megagroups=True):
            kept = here.client.session.takeout_id
        for _ in range(2):
            assert down(300) == ids_of(await read(here.client, here.peer, takeout=True))
            assert kept == here.client.session.takeout_id
        assert counts(here) == (1, 2, 0)
        assert Account.of(here.client).metrics["takeouts_adopted"] == 2
        async with Takeout(here.client, finish=True):
            pass
        assert counts(here) == (1, 3, 1)
        assert is_over(here, True)


async def test_a_takeout_that_is_kept(scene: Any) -> None:
    """With `finish=False` the next run goes on with it."""
    async with scene(count=300) as here:
        async with Takeout(here.client, finish=False):
            pass
        kept = here.client.session.takeout_id
        assert kept == takeouts(here).open[0][0]
        async with Takeout(here.client):
            assert kept == here.client.session.takeout_id


async def test_a_stale_id_is_found_by_one_request(scene: Any) -> None:
    """Once, however many want in: cleared, and another takeout begins."""
    async with scene(count=300) as here:
        here.client.session.takeout_id = 77
        for found in await asyncio.gather(
            *(read(here.client, here.peer, takeout=True) for _ in range(3))
        ):
            assert down(300) == ids_of(found)
        assert counts(here) == (1, 1, 1)
        assert is_over(here, True)


async def test_a_stale_id_is_cleared_even_if_no_other_begins(scene: Any) -> None:
    """The next run need not try it again."""
    async with scene(TakeoutDelay(60), count=10) as here:
        here.client.session.takeout_id = 77
        with pytest.raises(TakeoutDelayError):
            await read(here.client, here.peer, takeout=True)
        assert here.client.session.takeout_id is None
        assert counts(here) == (1, 1, 0)


async def test_a_takeout_that_ends_in_mid_run(scene: Any) -> None:
    """Telegram's error, after what was fetched before; no page is asked again outside of it."""
    rule = ErrorOn(HISTORY, 400, "TAKEOUT_INVALID", nth=4)
    async with scene(rule, count=1000) as here:
        got: list[int] = []
        with pytest.raises(errors.TakeoutInvalidError):
            await collect(BatchedHistory(here.client, here.peer, takeout=True), got)
        assert down(1000, 1001 - len(got)) == got
        assert here.telegram.requests[HISTORY] <= 4 + 7
        assert is_over(here, False)


async def test_a_takeout_that_the_user_finished_meanwhile(scene: Any) -> None:
    """Nothing goes out by it; the error says so, and nobody finishes it again."""
    async with scene(count=300) as here:
        async with Takeout(here.client) as takeout:
            await here.client.end_takeout(success=True)
            with pytest.raises(ClosedError, match="was finished"):
                await takeout.ranges()
        assert counts(here) == (1, 0, 1)
        assert is_over(here, True)


async def test_finishing_what_is_over(scene: Any) -> None:
    """Where Telegram does not know it any more, that is the end as well."""
    async with scene(count=10) as here:
        async with Takeout(here.client):
            takeouts(here).open.clear()
        assert here.client.session.takeout_id is None


# Refusals


async def test_a_delay_is_an_error_with_its_remedies(scene: Any) -> None:
    """When, and what can be done; nothing is held, so that a confirmation helps at once."""
    rule = TakeoutDelay(86_400)
    async with scene(rule, count=100) as here:
        began = time.time()
        for _ in range(2):
            with pytest.raises(TakeoutDelayError) as caught:
                await read(here.client, here.peer, takeout=True)
        assert 86_390 < caught.value.seconds <= 86_400
        assert -1 < caught.value.retry_at - caught.value.seconds - began < 30
        assert caught.value.date.timestamp() == pytest.approx(caught.value.retry_at, abs=1e-3)
        assert caught.value.retryable
        for word in ("another device", "wait", 'takeout="auto"', "UTC"):
            assert word in str(caught.value)
        assert isinstance(caught.value.__cause__, errors.TakeoutInitDelayError)
        assert counts(here) == (2, 0, 0)
        assert here.telegram.requests[HISTORY] == 0
        assert Account.of(here.client).metrics["flood_waits"] == 0
        rule._until.clear()  # confirmed
        rule.seconds = 0
        assert down(100) == ids_of(await read(here.client, here.peer, takeout=True))


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (lambda: TakeoutDelay(86_400), "delay"),
        (lambda: ErrorOn(BEGIN, 400, "BOT_METHOD_INVALID", every=1), "bot"),
        (lambda: ErrorOn(BEGIN, 420, "FLOOD_WAIT_9000", every=1), "flood"),
    ],
)
async def test_auto_goes_on_without(
    scene: Any,
    wrappers: list[tuple[str, ...]],
    caplog: pytest.LogCaptureFixture,
    rule: Any,
    reason: str,
) -> None:
    """Plainly, counted, said once; Telegram is not asked again for each chat."""
    async with scene(rule(), count=300) as here:
        wrappers.clear()
        for _ in range(3):
            async with BatchedHistory(here.client, here.peer, takeout="auto") as history:
                assert down(300) == ids_of([m async for m in history])
            assert reason == history.stats().takeout
        assert {("InitTakeoutSession",), ("GetHistory",)} == set(wrappers)
        assert counts(here) == (1, 0, 0)
        assert Account.of(here.client).metrics["takeout_refusals"] == 3
        told = [r.getMessage() for r in caplog.records if r.name == "telefast.takeout"]
        assert len(told) == 1
        assert f"reason={reason}" in told[0]
        async with Takeout(here.client, optional=True) as takeout:
            assert reason == takeout.refusal
            assert takeout.client is here.client
            with pytest.raises(UsageError, match="no takeout"):
                await takeout.ranges()


async def test_auto_takes_what_it_gets(scene: Any) -> None:
    """Where nothing speaks against it, it is a takeout like any other."""
    async with scene(count=300) as here:
        async with BatchedHistory(here.client, here.peer, takeout="auto") as history:
            assert down(300) == ids_of([m async for m in history])
        assert history.stats().takeout == "on"
        assert is_over(here, True)


async def test_any_other_refusal_is_an_error_with_auto_too(scene: Any) -> None:
    """Going on in silence after an error that nobody knows would hide it."""
    async with scene(ErrorOn(BEGIN, 403, "USER_RESTRICTED", nth=1), count=100) as here:
        with pytest.raises(errors.ForbiddenError):
            await read(here.client, here.peer, takeout="auto")
        assert here.telegram.requests[HISTORY] == 0


def test_a_takeout_is_not_begun_twice() -> None:
    """A late answer could name one that the second asking has replaced: silence is an error."""

    async def main() -> None:
        world, chat = club(10)
        rule = NeverAnswer(BEGIN, 1)
        async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
            with pytest.raises(DeadlineError, match=BEGIN):
                await read(client, chat.input_peer(), takeout=True, timeout=30)
            assert telegram.requests[BEGIN] == 1

    run_virtual(main)


async def test_beginning_survives_a_server_error(scene: Any) -> None:
    """Telegram's own failures are tried again."""
    async with scene(ErrorOn(BEGIN, 500, "INTERNAL", nth=1), count=100) as here:
        assert down(100) == ids_of(await read(here.client, here.peer, takeout=True))
        assert counts(here) == (2, 0, 1)
        assert is_over(here, True)


# Budgets


async def test_a_plain_flood_holds_no_takeout(scene: Any, clock: Clock) -> None:
    """The budgets are two: neither a plain stream's wait nor the user's own holds the takeout."""
    rule = ErrorOn(HISTORY, 420, "FLOOD_WAIT_600", nth=(1, 2))
    async with scene(rule, count=300, flood_sleep_threshold=0) as here:
        with pytest.raises(errors.FloodWaitError):
            await here.client.get_messages(here.peer, 1)
        plain = asyncio.create_task(read(here.client, here.peer))
        await turns()
        clock.turn(601)
        await here.telegram.requests.until(lambda ledger: ledger[HISTORY] == 2)
        await turns()
        assert not plain.done()
        assert down(300) == ids_of(await read(here.client, here.peer, takeout=True))
        assert not plain.done()
        clock.turn(600)
        assert down(300) == ids_of(await plain)


# Ranges


async def test_ranges(wrappers: list[tuple[str, ...]]) -> None:
    """Each request once in the takeout, once in its range, with its peer resolved."""
    world = World(seed=9, user_count=6)
    chat = world.add_private_chat("Grace Hopper", message_count=230)
    world.account.split_ranges = [(1, 100), (101, 2**31 - 1)]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        wrappers.clear()
        parts = []
        async with Takeout(client) as takeout:
            for within in await takeout.ranges():
                found: list[int] = []
                while True:
                    request = functions.messages.GetHistoryRequest(
                        chat.marked_id, found[-1] if found else 0, None, 0, 100, 0, 0, 0
                    )
                    page = await takeout.ask(request, within=within)
                    if not page.messages:
                        break
                    found += ids_of(page.messages)  # type: ignore[arg-type]
                assert all(within.min_id <= i <= within.max_id for i in found)
                parts.append(found)
        assert sorted(chat.ids) == sorted(i for part in parts for i in part)
        assert all(parts)
        assert {("GetHistory", IN, "InvokeWithMessagesRange"), ("GetSplitRanges", IN)} == {
            (each[-1], *each[:-1]) for each in wrappers[1:-1]
        }
        assert telegram.unknown == []


# Sessions


CHILD = """
import asyncio, os, signal, sys
from telethon import TelegramClient
from telefast import BatchedHistory

async def main():
    client = TelegramClient(sys.argv[1], 1, "hash")
    await client.connect()
    async with BatchedHistory(client, "club", takeout=True) as history:
        async for message in history:
            if message.id <= 900:
                os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("is_known", [True, False])
async def test_a_killed_run_is_gone_on_with(tmp_path: Path, is_known: bool) -> None:
    """The session file has the id: the next run adopts it, or begins anew if it is stale."""
    world, chat = club(1000)
    path = tmp_path / "me"
    async with LocalTelegram(world) as telegram:
        client = telegram.client(session=SQLiteSession(str(path)))
        client.session.save()
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, str(path), cwd=ROOT
        )
        assert await child.wait() == -9
        found = telegram._dispatcher.kept[Takeouts]
        [(takeout_id, _)] = found.open.values()
        again = TelegramClient(SQLiteSession(str(path)), 1, "hash")
        await again.connect()
        assert takeout_id == again.session.takeout_id
        if not is_known:
            found.open.clear()
        messages = await read(again, chat.input_peer(), offset_id=900, takeout=True)
        assert down(899) == ids_of(messages)
        begun = telegram.requests[BEGIN]
        if is_known:
            assert (1, takeout_id, []) == (begun, again.session.takeout_id, found.finished)
        else:
            assert (2, None, [True]) == (begun, again.session.takeout_id, found.finished)
        await again.disconnect()


async def test_a_session_file_that_another_process_holds(
    scene: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The takeout works all the same; that its id was not saved is told."""
    path = tmp_path / "me"
    async with scene(count=100, session=SQLiteSession(str(path))) as here:
        here.client.session.save()
        here.client.session._conn.execute("pragma busy_timeout = 0")
        other = sqlite3.connect(path.with_suffix(".session"), isolation_level=None)
        try:
            other.execute("begin immediate")
            assert down(100) == ids_of(await read(here.client, here.peer, takeout=True))
        finally:
            other.close()
        told = [r.getMessage() for r in caplog.records if r.name == "telefast.takeout"]
        assert ["takeout not saved reason=database is locked"] * 2 == told
        assert is_over(here, True)


async def test_the_id_is_saved_at_once(scene: Any, tmp_path: Path) -> None:
    """No transaction stays open on the session file while the takeout runs."""
    path = tmp_path / "me"
    async with scene(count=10, session=SQLiteSession(str(path))) as here:
        async with Takeout(here.client):
            with sqlite3.connect(path.with_suffix(".session"), timeout=0) as other:
                [(kept,)] = other.execute("select takeout_id from sessions")
                other.execute("update version set version = version")
            other.close()
            assert kept == here.client.session.takeout_id
        assert SQLiteSession(str(path)).takeout_id is None


async def test_through_a_cut_line(scene: Any) -> None:
    """A connection that is cut in mid-run changes nothing."""
    async with scene(CutAfter(answers=4), count=1000) as here:
        assert down(1000) == ids_of(await read(here.client, here.peer, takeout=True))
        assert counts(here)[0] == 1
        assert is_over(here, True)


# Misuse


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"client": 5}, "client"),
        ({"max_file_size": 5}, "max_file_size"),
        ({"files": True, "max_file_size": 0}, "max_file_size"),
    ],
)
async def test_arguments_of_a_takeout(scene: Any, options: dict[str, Any], name: str) -> None:
    """Die at once, with their name."""
    async with scene(count=1) as here:
        with pytest.raises(ArgumentError, match=f"{name}="):
            Takeout(**{"client": here.client, **options})


async def test_a_foreign_loop_begins_nothing(scene: Any) -> None:
    """In another loop than the client's: a typed error, nothing is sent."""
    async with scene(count=10) as here:

        async def use() -> None:
            async with Takeout(here.client):
                raise AssertionError

        with pytest.raises(UsageError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, use())
        assert counts(here) == (0, 0, 0)


async def test_no_log_shows_an_id(scene: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What identifies the takeout stays in the session."""
    async with scene(count=10) as here:
        with caplog.at_level(logging.DEBUG, "telefast"):
            async with Takeout(here.client) as takeout:
                kept = str(here.client.session.takeout_id)
                await read(here.client, here.peer, takeout=True)
                assert kept not in repr(takeout)
        assert any("takeout finished success=True" in r.getMessage() for r in caplog.records)
        assert not any(kept in r.getMessage() for r in caplog.records)
