"""Waits are told of once, whoever they hold."""

from __future__ import annotations

from telefast.transport.waits import Reason, WaitEvent, told_once


def event(
    ends: float,
    *,
    kind: str = "history",
    reason: Reason = "flood",
    wall: float = 1e9,
    account: int = 1,
) -> WaitEvent:
    """Return a wait until then, where the wall clock is *wall* ahead of the loop's."""
    return WaitEvent(
        "messages.getHistory", kind, reason, ends - 100.0, wall + ends, ends=ends, account=account
    )


def test_one_wait_is_told_once() -> None:
    """Repetitions are dropped; a longer wait, a later one and another kind's are told."""
    told: list[WaitEvent] = []
    tell = told_once(told.append)
    waits = [event(110), event(110.5), event(108), event(120), event(120, kind="files"), event(130)]
    waits.append(event(115, account=2))
    for each in waits:
        tell(each)
    assert [waits[0], *waits[3:]] == told


def test_a_clock_that_is_set_hides_nothing() -> None:
    """Whatever the wall clock says meanwhile, the second flood is told and the first not twice."""
    told: list[WaitEvent] = []
    tell = told_once(told.append)
    waits = [event(110), event(110, wall=2e9), event(200, wall=1e9 - 5000)]
    for each in waits:
        tell(each)
    assert [waits[0], waits[2]] == told


def test_pauses_do_not_hide_floods() -> None:
    """A long pause of pacing is told apart from a flood that ends sooner."""
    told: list[WaitEvent] = []
    tell = told_once(told.append)
    waits = [event(200, reason="pacing"), event(150), event(199, reason="spacing")]
    for each in waits:
        tell(each)
    assert waits[:2] == told
