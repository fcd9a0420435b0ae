"""Waits are told of once, whoever they hold."""

from __future__ import annotations

from telefast.transport.waits import Reason, WaitEvent, told_once


def event(until: float, *, kind: str = "history", reason: Reason = "flood") -> WaitEvent:
    """Return a wait until then."""
    return WaitEvent("messages.getHistory", kind, reason, until - 100.0, until)


def test_one_wait_is_told_once() -> None:
    """Repetitions are dropped; a longer wait, a later one and another kind's are told."""
    told: list[WaitEvent] = []
    tell = told_once(told.append)
    waits = [event(110), event(110.5), event(108), event(120), event(120, kind="files"), event(130)]
    for each in waits:
        tell(each)
    assert [waits[0], waits[3], waits[4], waits[5]] == told


def test_pauses_do_not_hide_floods() -> None:
    """A long pause of pacing is told apart from a flood that ends sooner."""
    told: list[WaitEvent] = []
    tell = told_once(told.append)
    waits = [event(200, reason="pacing"), event(150), event(199, reason="spacing")]
    for each in waits:
        tell(each)
    assert waits[:2] == told
