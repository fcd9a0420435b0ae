"""Several accounts of which some cannot be asked: the others read on, and nothing is missing."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from telethon.errors import UnauthorizedError

from telefast import ArgumentError, BatchedHistory, FloodWaitTooLongError, WaitEvent
from telefast.testing import Call, ErrorOn, virtual_loop, virtual_time
from telefast.transport.account import Account
from tests.client.exact import HISTORY, down, ids_of
from tests.client.test_several_accounts import COUNT, SeesLess, read, scene

RTT = 0.05
FULL = "channels.getFullChannel"
START = {"nth": 1}
MIDDLE = {"nth": 5}


def flood(victim: int, seconds: int, where: dict[str, Any]) -> Any:
    """Return what makes the rule that an account is told to wait."""

    def make(world: Any) -> ErrorOn:
        account = world.accounts[victim]
        return ErrorOn(HISTORY, 420, f"FLOOD_WAIT_{seconds}", account=account, **where)

    return make


@pytest.mark.parametrize("victim", [0, 1])
@pytest.mark.parametrize("where", [START, MIDDLE], ids=["start", "middle"])
@pytest.mark.parametrize("seconds", [3000, 30_000])
@virtual_time
async def test_a_flood_of_one_stalls_nobody(
    victim: int, where: dict[str, Any], seconds: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Told to wait, too long or not, at the start or later, an account leaves it to the other."""
    async with scene(flood(victim, seconds, where), rtt=RTT) as here:
        events: list[WaitEvent] = []
        began = virtual_loop().time()
        found, history = await read(here.clients, on_wait=events.append)
        assert down(COUNT) == ids_of(found)
        assert virtual_loop().time() - began < 60
        assert history.stats().shares[1 - victim] > history.stats().shares[victim]
        is_lost = seconds > 3600
        texts = [record.getMessage() for record in caplog.records]
        said = f"account {victim + 1} of 2 takes no more requests: FloodWaitTooLongError"
        assert is_lost == (said in texts)
        lost = Account.of(here.clients[0]).metrics["history_accounts_lost"]
        assert is_lost == lost
        if not is_lost:
            waiting = here.world.accounts[victim].me.id
            assert [("flood", waiting)] == [(event.reason, event.account) for event in events]


@virtual_time
async def test_who_has_waited_takes_its_share_again() -> None:
    """A wait that ends while the chat is read: the account goes on where help is needed."""
    for where in (START, MIDDLE):
        async with scene(flood(1, 2, where), count=10_000, rtt=0.3) as here:
            found, history = await read(here.clients, concurrency=2)
            assert down(10_000) == ids_of(found)
            assert min(history.stats().shares) >= 20


@pytest.mark.parametrize("seconds", [(300, 2000), (2000, 300)])
@virtual_time
async def test_all_wait_for_the_first_that_may_go_on(seconds: tuple[int, int]) -> None:
    """If all accounts are told to wait, the shorter wait is what it costs."""
    rules = [flood(number, wait, {"nth": 4}) for number, wait in enumerate(seconds)]
    async with scene(*rules, rtt=RTT) as here:
        began = virtual_loop().time()
        found, _ = await read(here.clients)
        assert down(COUNT) == ids_of(found)
        assert 300 <= virtual_loop().time() - began < 400
    rules = [flood(number, wait, START) for number, wait in enumerate(seconds)]
    async with scene(*rules, rtt=RTT) as here:
        began = virtual_loop().time()
        found, _ = await read(here.clients)
        assert down(COUNT) == ids_of(found)
        assert 300 <= virtual_loop().time() - began < 400


@pytest.mark.parametrize("victim", [0, 1])
@virtual_time
async def test_logged_out_at_the_start(victim: int, caplog: pytest.LogCaptureFixture) -> None:
    """The other account reads all of it; if both are, that is the error."""

    def out(number: int) -> Any:
        def make(world: Any) -> ErrorOn:
            account = world.accounts[number]
            return ErrorOn(HISTORY, 401, "AUTH_KEY_UNREGISTERED", every=1, account=account)

        return make

    async with scene(out(victim)) as here:
        found, history = await read(here.clients)
        assert down(COUNT) == ids_of(found)
        assert 0 == history.stats().shares[victim]
        texts = [record.getMessage() for record in caplog.records]
        assert any(f"account {victim + 1} of 2 takes no more" in text for text in texts)
    async with scene(out(0), out(1)) as here:
        with pytest.raises(UnauthorizedError):
            await read(here.clients)


async def test_disconnected_at_the_start() -> None:
    """Another account that is not there is left out, also where the chat is named by its id."""
    async with scene(accounts=3) as here:
        first, second, _ = here.clients
        await second.disconnect()
        for chat in ("club", await first.get_input_entity("club")):
            found, history = await read(here.clients, chat)
            assert down(COUNT) == ids_of(found)
            assert 0 == history.stats().shares[1]
        private = here.world.add_private_chat("Grace Hopper", message_count=3)
        with pytest.raises(ArgumentError, match="differ between accounts"):
            await read(here.clients, private.input_peer())


@virtual_time
async def test_an_account_to_which_a_part_is_hidden_does_not_begin_alone() -> None:
    """Nobody may take for the whole chat what one sees who joined late: the first one decides."""
    async with scene(flood(0, 30_000, START), rtt=RTT) as here:
        here.chat.hidden_prehistory = True
        with pytest.raises(FloodWaitTooLongError):
            await read(here.clients)
        assert 1 == here.telegram.requests[FULL]
    async with scene(flood(0, 3000, START), rtt=RTT) as here:
        here.chat.hidden_prehistory = True
        began = virtual_loop().time()
        found, history = await read(here.clients)
        assert down(COUNT) == ids_of(found)
        assert virtual_loop().time() - began >= 2999
        assert min(history.stats().shares) >= 5


@virtual_time
async def test_who_joins_later_and_sees_less_is_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What has begun goes on without an account whose pages would leave holes."""
    caplog.set_level(logging.WARNING)
    rules = [flood(1, 2, START), lambda world: SeesLess(world.accounts[1])]
    async with scene(*rules, count=10_000, rtt=0.3) as here:
        found, history = await read(here.clients, concurrency=2)
        assert down(10_000) == ids_of(found)
        assert 0 == history.stats().shares[1]
        texts = [record.getMessage() for record in caplog.records]
        assert any("account 2 of 2 takes no more requests: ArgumentError" in t for t in texts)


class FloodOnCount(ErrorOn):
    """Let the n-th request of an account that only counts run into a flood."""

    def due(self, call: Call) -> bool:
        """Look at requests for one message only."""
        return getattr(call.request, "limit", None) == 1 and super().due(call)


@pytest.mark.parametrize("seconds", [20, 30_000])
@virtual_time
async def test_nobody_waits_for_a_comparison(seconds: int) -> None:
    """If whom to compare with must wait, so must who would join, while a third one reads on."""

    def hold(world: Any) -> ErrorOn:
        account, text = world.accounts[0], f"FLOOD_WAIT_{seconds}"
        return FloodOnCount(HISTORY, 420, text, nth=2, account=account)

    async with scene(flood(1, 2, START), hold, count=10_000, accounts=3, rtt=0.3) as here:
        began = virtual_loop().time()
        history = BatchedHistory(here.clients, "club", concurrency=1)
        async with history:
            taken = [await anext(history)]
            here.chat.post(7)
            taken += [message async for message in history]
        assert down(10_000) == ids_of(taken)
        assert virtual_loop().time() - began < 60
        shares = history.stats().shares
        assert shares[2] > shares[0]
        assert (seconds == 30_000) == (shares[0] < 10)
        assert shares[1] >= 5


@virtual_time
async def test_pauses_are_no_reason_to_change() -> None:
    """With *wait_time* each account spaces its own requests."""
    async with scene(count=600) as here:
        events: list[WaitEvent] = []
        found, history = await read(here.clients, wait_time=2, on_wait=events.append)
        assert down(600) == ids_of(found)
        assert {"spacing"} == {event.reason for event in events}
        assert {account.me.id for account in here.world.accounts} == {
            event.account for event in events
        }
        assert min(history.stats().shares) >= 2


@virtual_time
async def test_who_joins_later_is_compared_with_what_is_there_then() -> None:
    """Messages that were posted meanwhile are no reason to leave an account out."""
    async with scene(flood(1, 2, START), count=10_000, rtt=0.3) as here:
        history = BatchedHistory(here.clients, "club", concurrency=2)
        async with history:
            taken = [await anext(history)]
            here.chat.post(7)
            taken += [message async for message in history]
        assert down(10_000) == ids_of(taken)
        assert min(history.stats().shares) >= 5
