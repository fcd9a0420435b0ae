"""Errors, silence and lost connections: each call ends as it should, and leaves nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import errors, types

from telefast import BatchedHistory, ConnectionLostError, DeadlineError
from telefast.testing import ChangeWorld, ErrorOn, HoldBack, NeverAnswer, Restricted
from telefast.transport.account import Account
from tests.client.clock import Clock, Silence, turns
from tests.client.exact import BY_IDS, HISTORY, down, ids_of, read


class Taken:
    """What a consumer got, and what stopped it."""

    def __init__(self, stream: BatchedHistory) -> None:
        self.stream = stream
        self.ids: list[int] = []
        self.error: Exception | None = None

    async def consume(self) -> Taken:
        """Take everything."""
        try:
            async for message in self.stream:
                self.ids.append(message.id)
        except Exception as error:  # noqa: BLE001 - looked at by the test
            self.error = error
        return self


async def take(*arguments: Any, **options: Any) -> Taken:
    """Consume a new stream."""
    return await Taken(BatchedHistory(*arguments, **options)).consume()


@pytest.fixture(autouse=True)
async def _nothing_is_logged(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """No exception is left unread, no task destroyed, whatever the test did."""
    yield
    complaints = [r.getMessage() for r in caplog.records if r.name == "asyncio"]
    assert complaints == []


# Errors


@pytest.mark.parametrize("method", [HISTORY, BY_IDS])
@pytest.mark.parametrize(
    ("code", "message"),
    [(500, "INTERNAL"), (-503, "Timeout"), (500, "RPC_CALL_FAIL"), (-500, "No workers running")],
)
async def test_errors_of_telegram_itself_are_retried(
    scene: Any, quick_clock: Clock, method: str, code: int, message: str
) -> None:
    """Up to `max_retries` errors in a row cost nothing but time, counted."""
    rule = ErrorOn(method, code, message, nth=range(1, 4))
    async with scene(rule, count=300, retries=3) as here:
        ids = None if method == HISTORY else down(300)
        taken = await take(here.client, here.peer, ids=ids, concurrency=1)
        assert (down(300), None) == (taken.ids, taken.error)
        assert rule.fired == 3
        assert Account.of(here.client).metrics["retries"] == 3
        assert taken.stream.stats().requests == here.telegram.requests[method] - 3


async def test_retries_wait_longer_each_time(scene: Any, quick_clock: Clock) -> None:
    """The pauses double, and end with Telethon's error, raised once."""
    async with scene(ErrorOn(HISTORY, 500, "INTERNAL", every=1)) as here:
        Account.of(here.client).retry = type(Account.of(here.client).retry)(max_retries=4)
        taken = await take(here.client, here.peer)
        assert isinstance(taken.error, errors.ServerError)
        assert [1, 2, 4, 8] == quick_clock.slept
        assert here.telegram.requests[HISTORY] == 5
        assert here.left() == set()


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (400, "CHANNEL_INVALID", errors.ChannelInvalidError),
        (406, "CHANNEL_PRIVATE", errors.ChannelPrivateError),
        (401, "SESSION_REVOKED", errors.SessionRevokedError),
        (400, "SOMETHING_NEW", errors.BadRequestError),
    ],
)
async def test_an_error_comes_after_what_was_before_it(
    scene: Any, code: int, message: str, kind: type[Exception]
) -> None:
    """The chat vanishes in mid-run: Telethon's error, after all messages before it."""
    async with scene(ErrorOn(HISTORY, code, message, nth=5)) as here:
        taken = await take(here.client, here.peer, concurrency=2)
        assert type(taken.error) is kind
        # Page 5 of the walk, 99 new messages each after the first.
        assert down(1000)[: 100 + 3 * 99] == taken.ids
        assert taken.ids[-1] == taken.stream.cursor.offset_id
        assert len(taken.ids) == taken.stream.cursor.taken == taken.stream.stats().messages
        assert not taken.stream.cursor.done
        assert here.left() == set()
        assert "(caused by GetHistoryRequest)" in str(taken.error) or kind is errors.BadRequestError
        assert type(taken.error.request).__name__ == "GetHistoryRequest"  # type: ignore[attr-defined]
        with pytest.raises(StopAsyncIteration):
            await anext(taken.stream)
        rest = await read(here.client, here.peer, offset_id=taken.stream.cursor.offset_id)
        assert down(1000) == taken.ids + ids_of(rest)


@pytest.mark.parametrize("change", ["private", "gone"])
async def test_a_chat_that_vanishes_while_it_is_read(scene: Any, change: str) -> None:
    """The world takes the chat away: each further request fails, what came before is kept."""

    def vanish(world: Any) -> None:
        if change == "private":
            next(iter(world.channels.values())).private = True
        else:
            world.channels.clear()

    async with scene(ChangeWorld(HISTORY, 4, vanish)) as here:
        taken = await take(here.client, here.peer)
        assert isinstance(taken.error, errors.ChannelPrivateError | errors.ChannelInvalidError)
        assert down(1000)[: len(taken.ids)] == taken.ids
        assert len(taken.ids) >= 100
        assert here.left() == set()


async def test_an_error_of_a_later_page_waits_for_the_earlier(scene: Any) -> None:
    """An error that arrives first is raised last: the pages before it are delivered."""
    event = asyncio.Event()
    rules = (HoldBack(HISTORY, 2, event), ErrorOn(HISTORY, 400, "CHANNEL_INVALID", nth=3))
    async with scene(*rules) as here:
        taken = Taken(BatchedHistory(here.client, here.peer))
        consumer = asyncio.create_task(taken.consume())
        ledger = here.telegram.requests
        await ledger.until(lambda ledger: ledger.errors["CHANNEL_INVALID"] == 1)
        await turns()
        assert (100, None) == (len(taken.ids), taken.error)
        event.set()
        await consumer
        assert down(1000)[:199] == taken.ids
        assert isinstance(taken.error, errors.ChannelInvalidError)


@pytest.mark.parametrize(
    ("nth", "rules"),
    [
        (1, ()),  # the first page
        (2, (Restricted(range(901, 1001)),)),  # a walk
    ],
)
async def test_an_error_where_only_one_request_is_in_flight(
    scene: Any, nth: int, rules: tuple[Any, ...]
) -> None:
    """An error of the request that the whole stream waits for ends it, in both directions."""
    for reverse in (False, True):
        rule = ErrorOn(HISTORY, 406, "CHANNEL_PRIVATE", nth=nth)
        async with scene(rule, *rules) as here:
            taken = await take(here.client, here.peer, reverse=reverse)
            assert isinstance(taken.error, errors.ChannelPrivateError)
            assert here.left() == set()


async def test_an_error_of_a_sweep_is_raised(scene: Any) -> None:
    """What could not be checked is not called complete."""
    rules = (Restricted(range(1, 300)), ErrorOn(BY_IDS, 400, "CHANNEL_INVALID", nth=1))
    async with scene(*rules) as here:
        taken = await take(here.client, here.peer)
        assert isinstance(taken.error, errors.ChannelInvalidError)
        assert down(1000, 300) == taken.ids


async def test_an_error_among_ids(scene: Any) -> None:
    """Answers before the one that failed are delivered, then Telethon's error."""
    rule = ErrorOn(BY_IDS, 406, "CHANNEL_PRIVATE", nth=3)
    async with scene(rule) as here:
        taken = await take(here.client, here.peer, ids=down(1000), concurrency=4)
        assert down(1000)[:400] == taken.ids
        assert isinstance(taken.error, errors.ChannelPrivateError)
        assert here.left() == set()


@pytest.mark.parametrize("name", ["nobody_is_here", 987654321, types.PeerChannel(5)])
async def test_an_unknown_chat_is_telethons_error(scene: Any, name: Any) -> None:
    """What Telethon cannot resolve raises what Telethon raises, and no page is asked for."""
    async with scene() as here:
        with pytest.raises((ValueError, errors.RPCError)) as theirs:
            await here.client.get_input_entity(name)
        taken = await take(here.client, name)
        assert type(theirs.value) is type(taken.error)
        assert str(theirs.value) == str(taken.error)
        assert here.telegram.requests[HISTORY] == 0
        assert here.left() == set()


@pytest.mark.parametrize("gzip", [False, True])
async def test_gzipped_answers(scene: Any, gzip: bool) -> None:
    """Compressed or not, the answers are the same; errors inside are errors."""
    async with scene(gzip=gzip) as here:
        taken = await take(here.client, here.peer)
        assert (down(1000), None) == (taken.ids, taken.error)


# Silence


async def test_silence_is_asked_again(scene: Any, clock: Clock) -> None:
    """At the deadline the request is asked again, not before; the first answer wins."""
    event = asyncio.Event()
    async with scene(HoldBack(HISTORY, 3, event)) as here:
        taken = Taken(BatchedHistory(here.client, here.peer, timeout=60, concurrency=2))
        consumer = asyncio.create_task(taken.consume())
        ledger = here.telegram.requests
        await ledger.until(lambda ledger: ledger.in_flight == 1 and ledger[HISTORY] >= 4)
        await turns()
        clock.turn(59)
        await turns()
        asked = ledger[HISTORY]
        assert ledger.in_flight == 1
        clock.turn(1)
        await consumer
        assert (down(1000), None) == (taken.ids, taken.error)
        assert ledger[HISTORY] > asked
        metrics = Account.of(here.client).metrics
        assert metrics["timeouts"] == 1
        assert metrics["requests"] == metrics["history_requests"] + 1
        event.set()  # the late answer comes: nobody minds, nothing is left of it
        await ledger.until(lambda ledger: ledger.in_flight == 0)
        await turns()
        assert here.client._sender._pending_state == {}


async def test_a_late_answer_wins_over_a_later_one(scene: Any, clock: Clock) -> None:
    """If the answer to the first asking comes before that to the second, it is taken."""
    first, second = asyncio.Event(), asyncio.Event()
    async with scene(HoldBack(HISTORY, 1, first), HoldBack(HISTORY, 2, second), count=50) as here:
        taken = Taken(BatchedHistory(here.client, here.peer, timeout=60))
        consumer = asyncio.create_task(taken.consume())
        await here.telegram.requests.until(lambda ledger: ledger[HISTORY] == 1)
        clock.turn(60)
        await here.telegram.requests.until(lambda ledger: ledger[HISTORY] == 2)
        first.set()
        await consumer
        assert (down(50), None) == (taken.ids, taken.error)
        second.set()
        await turns()


async def test_lasting_silence_is_an_error(scene: Any, quick_clock: Clock) -> None:
    """Asked three times in vain: `DeadlineError`, after the messages before it."""
    rule = Silence(quick_clock, HISTORY, nth=range(3, 100))
    async with scene(rule) as here:
        taken = await take(here.client, here.peer, concurrency=1, timeout=60)
        assert isinstance(taken.error, DeadlineError)
        error = taken.error
        assert (HISTORY, 60, 3) == (error.method, error.timeout, error.attempts)
        assert error.retryable
        assert isinstance(error, TimeoutError)
        assert down(1000)[:199] == taken.ids
        assert here.telegram.requests[HISTORY] == 5
        assert here.left() == set()


async def test_no_deadline_waits_for_ever(scene: Any, clock: Clock) -> None:
    """With `timeout=None` a request is asked once, however long it takes."""
    event = asyncio.Event()
    async with scene(HoldBack(HISTORY, 1, event), count=50) as here:
        reading = asyncio.create_task(take(here.client, here.peer, timeout=None))
        await here.telegram.requests.until(lambda ledger: ledger[HISTORY] == 1)
        clock.turn(10**6)
        await turns()
        assert here.telegram.requests[HISTORY] == 1
        event.set()
        assert (await reading).ids == down(50)


async def test_cancelled_requests_are_not_hoarded(scene: Any, quick_clock: Clock) -> None:
    """Every other answer never comes: the dead requests are taken out of Telethon's memory.

    They would stay for ever, 680 bytes each, and all be sent again after a reconnect.
    """
    rule = Silence(quick_clock, HISTORY, nth=range(2, 2000, 2))
    async with scene(rule, count=10_000) as here:
        taken = await take(here.client, here.peer, concurrency=1, by_ids=False)
        assert (down(10_000), None) == (taken.ids, taken.error)
        assert rule.fired > 90
        assert len(here.client._sender._pending_state) <= 65


async def test_old_cancelled_requests_are_forgotten(scene: Any, clock: Clock) -> None:
    """Cancelled more than half a minute ago, a request is forgotten at the next deadline."""
    rules = (NeverAnswer(HISTORY, nth=(1, 3)), NeverAnswer(BY_IDS, nth=1))
    async with scene(*rules, count=50) as here:
        pending = here.client._sender._pending_state
        reading = asyncio.create_task(take(here.client, here.peer, ids=[1]))
        await here.telegram.requests.until(lambda ledger: ledger[BY_IDS] == 1)
        clock.turn(60)
        assert (await reading).ids == [1]
        assert len(pending) == 1
        clock.turn(40)
        reading = asyncio.create_task(take(here.client, here.peer))
        await here.telegram.requests.until(lambda ledger: ledger[HISTORY] == 1)
        clock.turn(60)
        assert (await reading).ids == down(50)
        assert len(pending) == 1  # this one's own first asking


# Connections


async def test_the_user_disconnects(scene: Any) -> None:
    """With requests in flight: `ConnectionLostError` after what had come, never silence."""
    event = asyncio.Event()
    async with scene(HoldBack(HISTORY, range(3, 99), event)) as here:
        taken = Taken(BatchedHistory(here.client, here.peer))
        consumer = asyncio.create_task(taken.consume())
        await here.telegram.requests.until(lambda ledger: ledger[HISTORY] > 4)
        await turns()
        await here.client.disconnect()
        await consumer
        assert type(taken.error) is ConnectionLostError
        assert HISTORY == taken.error.method
        assert isinstance(taken.error, ConnectionError)
        assert down(1000)[:199] == taken.ids
        assert here.left() == set()
        event.set()
        await here.client.connect()
        rest = await read(here.client, here.peer, offset_id=taken.stream.cursor.offset_id)
        assert down(1000) == taken.ids + ids_of(rest)


@pytest.mark.parametrize("turns_before", range(12))
@pytest.mark.parametrize("timeout", [None, 60.0])
async def test_the_user_disconnects_at_any_moment(
    scene: Any, turns_before: int, timeout: float | None
) -> None:
    """Whenever that is, even before a request was packed: the same error, and at once."""
    async with scene() as here:
        taken = Taken(BatchedHistory(here.client, here.peer, timeout=timeout))
        consumer = asyncio.create_task(taken.consume())
        await turns(turns_before)
        await here.client.disconnect()
        await consumer
        assert type(taken.error) is ConnectionLostError
        assert down(1000)[: len(taken.ids)] == taken.ids
        assert here.left() == set()


@pytest.mark.parametrize("timeout", [None, 60.0])
async def test_a_request_that_was_never_packed(
    scene: Any, monkeypatch: pytest.MonkeyPatch, timeout: float | None
) -> None:
    """Telethon may leave what was queued at a disconnect pending for ever: not so our call."""
    async with scene() as here:
        queued: list[asyncio.Future[bytes]] = []

        def forget(request: object) -> asyncio.Future[bytes]:
            queued.append(asyncio.get_running_loop().create_future())
            return queued[-1]

        monkeypatch.setattr(here.client._sender, "send", forget)
        consumer = asyncio.create_task(take(here.client, here.peer, timeout=timeout))
        await turns()
        assert [False] == [future.done() for future in queued]
        await here.client._sender.disconnect()
        assert type((await consumer).error) is ConnectionLostError
        assert [True] == [future.cancelled() for future in queued]


async def test_the_user_disconnects_while_nothing_is_in_flight(scene: Any) -> None:
    """The next request finds the client disconnected: the same error, not another one."""
    async with scene() as here:
        stream = BatchedHistory(here.client, here.peer, concurrency=1, prefetch=1)
        ids = [(await anext(stream)).id]
        await here.telegram.requests.until(lambda ledger: ledger.in_flight == 0)
        await turns()
        await here.client.disconnect()
        taken = Taken(stream)
        await taken.consume()
        assert type(taken.error) is ConnectionLostError
        assert down(1000)[: 1 + len(taken.ids)] == ids + taken.ids


async def test_a_client_that_was_never_connected(scene: Any) -> None:
    """The first step says so, and sends nothing."""
    async with scene() as here:
        other = here.telegram.client()
        taken = await take(other, here.peer)
        assert type(taken.error) is ConnectionLostError
        assert "connect" in str(taken.error)
        assert taken.ids == []
        by_name = await take(other, "club")
        assert isinstance(by_name.error, ConnectionError)
        assert here.telegram.requests[HISTORY] == 0


@pytest.mark.parametrize("reverse", [False, True])
async def test_a_cut_line_costs_nothing(scene: Any, reverse: bool) -> None:
    """Telethon reconnects and asks again what was in flight: exact, without a word."""
    event = asyncio.Event()
    async with scene(HoldBack(HISTORY, range(3, 7), event)) as here:
        taken = Taken(BatchedHistory(here.client, here.peer, reverse=reverse))
        consumer = asyncio.create_task(taken.consume())
        await here.telegram.requests.until(lambda ledger: ledger[HISTORY] > 5)
        await here.telegram.drop_connections()
        event.set()
        await consumer
        expected = down(1000)[::-1] if reverse else down(1000)
        assert (expected, None) == (taken.ids, taken.error)
        assert here.telegram.requests.connections == 2


async def test_a_line_that_stays_cut(scene: Any) -> None:
    """Telethon does not reconnect: its error becomes ours, and the stream ends."""
    event = asyncio.Event()
    rule = HoldBack(HISTORY, range(3, 99), event)
    async with scene(rule, auto_reconnect=False, connection_retries=0) as here:
        taken = Taken(BatchedHistory(here.client, here.peer))
        consumer = asyncio.create_task(taken.consume())
        await here.telegram.requests.until(lambda ledger: ledger[HISTORY] > 5)
        await here.telegram.drop_connections()
        await consumer
        assert type(taken.error) is ConnectionLostError
        assert down(1000)[:199] == taken.ids
        assert here.left() == set()
