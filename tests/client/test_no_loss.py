"""Whatever breaks on the way: every message once, in order, byte for byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telefast import BatchedHistory
from telefast.testing import (
    ChangeWorld,
    Channel,
    ClampAddOffset,
    ErrorOn,
    HoldBack,
    LocalTelegram,
    OnlyEmpty,
    RepeatLastId,
    Restricted,
    Rule,
    ShortPage,
    World,
)
from telefast.transport.account import Account
from telefast.transport.retry import RetryPolicy
from tests.client.clock import Clock, Silence
from tests.client.exact import BY_IDS, HISTORY, club, ids_of, read

COUNT = 1000


def delete(*message_ids: int) -> Callable[[World], None]:
    """Return a change that deletes messages of the only chat."""

    def change(world: World) -> None:
        [chat] = world.channels.values()
        chat.delete(*message_ids)

    return change


def post(count: int) -> Callable[[World], None]:
    """Return a change that posts messages in the only chat."""

    def change(world: World) -> None:
        [chat] = world.channels.values()
        chat.post(count)

    return change


FAULTS: dict[str, Callable[[Clock], list[Rule]]] = {
    "none": lambda _: [],
    "each page short by 1": lambda _: [ShortPage(every=1)],
    "every other page short by 7": lambda _: [ShortPage(every=2, drop=7)],
    "every third page of one message": lambda _: [ShortPage(every=3, drop=99)],
    "the first page short": lambda _: [ShortPage(nth=1, drop=60)],
    "each page repeats an id": lambda _: [RepeatLastId(every=1)],
    "every other page repeats an id": lambda _: [RepeatLastId(every=2)],
    "an id twice in each page": lambda _: [RepeatLastId(every=1, inside=True)],
    "pages of empties": lambda _: [OnlyEmpty(nth=(2, 5, 9))],
    "the first page of empties": lambda _: [OnlyEmpty(nth=1)],
    "every third page of empties": lambda _: [OnlyEmpty(every=3)],
    "500": lambda _: [ErrorOn(HISTORY, 500, "INTERNAL", every=3)],
    "-503": lambda _: [ErrorOn(HISTORY, -503, "Timeout", every=4)],
    "RPC_CALL_FAIL": lambda _: [ErrorOn(HISTORY, 400, "RPC_CALL_FAIL", nth=range(2, 6))],
    "errors on the first": lambda _: [ErrorOn(HISTORY, 500, "INTERNAL", nth=range(1, 5))],
    "errors on sweeps": lambda _: [
        Restricted(range(400, 620)),
        ErrorOn(BY_IDS, 500, "INTERNAL", nth=(1, 2)),
    ],
    "floods": lambda _: [ErrorOn(HISTORY, 420, "FLOOD_WAIT_1", every=3)],
    "floods of all kinds": lambda _: [
        ErrorOn(HISTORY, 420, "FLOOD_WAIT_0", nth=1),
        ErrorOn(HISTORY, 420, "FLOOD_PREMIUM_WAIT_9", nth=4),
        ErrorOn(HISTORY, 420, "FLOOD_SKIP_FAILED_WAIT", nth=6),
        ErrorOn(HISTORY, 420, "SLOWMODE_WAIT_30", nth=7),
    ],
    "no answer": lambda clock: [Silence(clock, HISTORY, nth=(3, 14))],
    "no answer to the first": lambda clock: [Silence(clock, HISTORY, nth=(1, 2))],
    "no answer to a sweep": lambda clock: [
        Restricted(range(400, 620)),
        Silence(clock, BY_IDS, nth=1),
    ],
    "one deletion": lambda _: [ChangeWorld(HISTORY, 4, delete(500))],
    "deletions at the seams": lambda _: [ChangeWorld(HISTORY, 3, delete(*range(99, 1000, 99)))],
    "deletions at the seams in reverse": lambda _: [
        ChangeWorld(HISTORY, 3, delete(*range(2, 1000, 99)))
    ],
    "bulk deletion of the newest": lambda _: [ChangeWorld(HISTORY, 5, delete(*range(880, 1001)))],
    "bulk deletion of the oldest": lambda _: [ChangeWorld(HISTORY, 5, delete(*range(1, 160)))],
    "bulk deletion in between": lambda _: [
        ChangeWorld(HISTORY, 3, delete(*range(300, 420))),
        ChangeWorld(HISTORY, 6, delete(*range(600, 760))),
    ],
    "posts": lambda _: [ChangeWorld(HISTORY, None, post(3), every=2)],
    "posts and deletions": lambda _: [
        ChangeWorld(HISTORY, None, post(2), every=2),
        ChangeWorld(HISTORY, 3, delete(*range(901, 905))),
        ChangeWorld(HISTORY, 7, delete(*range(100, 400, 3))),
    ],
    "hidden run": lambda _: [Restricted(range(400, 620))],
    "hidden run, not there by id either": lambda _: [Restricted(range(400, 620), by_id=False)],
    "hidden at both ends": lambda _: [Restricted({*range(1, 90), *range(950, 1001)})],
    "clamped positions": lambda _: [ClampAddOffset(300)],
    "clamped to nothing": lambda _: [ClampAddOffset(100)],
    "everything": lambda clock: [
        ShortPage(every=5, drop=12),
        RepeatLastId(every=4),
        OnlyEmpty(nth=7),
        ErrorOn(HISTORY, 500, "INTERNAL", nth=(3, 13)),
        ErrorOn(HISTORY, 420, "FLOOD_WAIT_5", nth=9),
        Silence(clock, HISTORY, nth=6),
        ChangeWorld(HISTORY, 8, delete(*range(450, 480))),
        ChangeWorld(HISTORY, 10, post(5)),
    ],
}


class Reading:
    """What a chat held before, and whether a stream of it is whole."""

    def __init__(self, chat: Channel, rules: list[Rule]) -> None:
        self.chat = chat
        self.before = set(chat.ids)
        self.exact = {i: chat.message_bytes(i) for i in chat.ids}
        self.hidden = {i for rule in rules if isinstance(rule, Restricted) for i in rule.ids}

    def check(self, messages: list[Any], *, reverse: bool) -> None:
        """Check that all that was there from start to end is, once, in order, byte for byte."""
        got = [message.id for message in messages]
        assert sorted(set(got), reverse=not reverse) == got
        owed = (self.before & set(self.chat.ids)) - self.hidden
        assert owed - set(got) == set()
        posted = range(max(self.before) + 1, self.chat.last_id + 1)
        assert set(got) <= self.before | set(posted)
        assert set(got) & self.hidden == set()
        for message in messages:
            if message.id in self.exact:
                assert self.exact[message.id] == bytes(message)


@pytest.mark.parametrize("concurrency", [4, 16])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_no_loss_1k(fault: str, reverse: bool, concurrency: int, quick_clock: Clock) -> None:
    """1,000 messages, each fault on: nothing lost, nothing twice, in order, unchanged."""
    world, chat = club(COUNT)
    rules = FAULTS[fault](quick_clock)
    reading = Reading(chat, rules)
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        history = BatchedHistory(client, "club", reverse=reverse, concurrency=concurrency)
        async with history:
            reading.check([message async for message in history], reverse=reverse)
            assert history.stats().path == "pages"
        assert telegram.unknown == []
    assert all(rule.fired for rule in rules) or "clamped" in fault


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("drops", [1, 3])
async def test_no_loss_1k_when_the_line_is_cut(drops: int, reverse: bool) -> None:
    """The connection is cut with requests in flight, several times: Telethon reconnects, exact."""
    world, chat = club(COUNT)
    reading = Reading(chat, [])
    event = asyncio.Event()
    async with (
        LocalTelegram(world, rules=[HoldBack(HISTORY, range(6, 9), event)]) as telegram,
        telegram.client(retry_delay=0) as client,
    ):
        messages = []
        async with BatchedHistory(client, "club", reverse=reverse) as history:
            async for message in history:
                messages.append(message)
                if len(messages) in [200 + 20 * drop for drop in range(drops)]:
                    await telegram.requests.until(lambda ledger: ledger.in_flight > 0)
                    await telegram.drop_connections()
                    event.set()
        reading.check(messages, reverse=reverse)
        assert COUNT == len(messages)
        assert telegram.requests.connections > 1


def any_rules(rng: Random, clock: Clock) -> list[Rule]:
    """Return a few different faults that leave Telegram usable.

    Not: the same page of empties twice, which is believed; posts at every request, which never end.
    """
    often = rng.randint(2, 9)
    choices: list[Callable[[], Rule]] = [
        lambda: ShortPage(every=often, drop=rng.randint(1, 99)),
        lambda: RepeatLastId(every=often, inside=rng.random() < 0.3),
        lambda: OnlyEmpty(nth=rng.randint(1, 20)),
        lambda: ErrorOn(HISTORY, 500, "INTERNAL", every=often),
        lambda: ErrorOn(HISTORY, 420, f"FLOOD_WAIT_{rng.randint(0, 20)}", every=often),
        lambda: ErrorOn(BY_IDS, -503, "Timeout", every=often),
        lambda: Silence(clock, HISTORY, nth=rng.randint(1, 20)),
        lambda: ChangeWorld(HISTORY, rng.sample(range(1, 20), 4), post(rng.randint(1, 90))),
        lambda: ChangeWorld(
            HISTORY, rng.randint(1, 12), delete(*rng.sample(range(1, COUNT), rng.randint(1, 300)))
        ),
        lambda: _bulk(rng),
        lambda: ClampAddOffset(rng.randint(100, 500)),
    ]
    return [choose().maybe() for choose in rng.sample(choices, rng.randint(1, 4))]


def _bulk(rng: Random) -> Rule:
    low = rng.randint(1, COUNT)
    return ChangeWorld(HISTORY, rng.randint(1, 12), delete(*range(low, low + rng.randint(1, 300))))


@given(st.integers(0, 2**63))
@settings(
    max_examples=max(settings.default.max_examples // 10, 1),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_no_loss_under_any_mix_of_faults(quick_clock: Clock, seed: int) -> None:
    """Any few faults together, any number of requests in flight: still nothing is lost."""
    rng = Random(seed)
    world, chat = club(COUNT, holes=rng.choice([0, 0.1, 0.6]))
    rules = any_rules(rng, quick_clock)
    reading = Reading(chat, rules)
    reverse = rng.random() < 0.5
    options = {"concurrency": rng.choice([1, 2, 4, 16]), "request_size": rng.choice([100, 100, 37])}
    async with (
        LocalTelegram(world, rules=rules) as telegram,
        telegram.client() as client,
        BatchedHistory(client, "club", reverse=reverse, **options) as history,
    ):
        # In lockstep with the server's count, one request may meet every second error.
        Account.of(client).retry = RetryPolicy(max_retries=100)
        reading.check([message async for message in history], reverse=reverse)


@pytest.mark.parametrize("reverse", [False, True])
async def test_a_page_of_empties_again_and_again(reverse: bool) -> None:
    """Ids that five answers call MessageEmpty, but that exist by id, are delivered."""
    world, chat = club(1000)
    rules = [OnlyEmpty(nth=range(3, 8))]
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        got = ids_of(await read(client, chat.input_peer(), reverse=reverse, concurrency=1))
    assert sorted(chat.ids, reverse=not reverse) == got
