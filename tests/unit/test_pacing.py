"""Who may start when: first come, first served, nobody during a wait."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from telefast.transport.pacing import FloodPacer

KIND = "messages.getHistory"
OTHER = "channels.getMessages"
times = st.floats(0, 1e6, allow_nan=False)


@given(st.lists(times, min_size=1, max_size=20))
def test_without_floods_everybody_starts_at_once(nows: list[float]) -> None:
    """No flood, no spacing: each start is now, whatever went before."""
    pacer = FloodPacer()
    for now in nows:
        assert now == pacer.next_start(KIND, now=now)
    assert pacer.held_until(KIND) == 0.0


def test_spacing_parts_starts_and_keeps_order() -> None:
    """Callers that ask at once start one spacing apart, in the order in which they asked."""
    pacer = FloodPacer()
    starts = [pacer.next_start(KIND, now=10.0, spacing=2.0) for _ in range(4)]
    assert [10.0, 12.0, 14.0, 16.0] == starts
    assert pacer.next_start(KIND, now=100.0, spacing=2.0) == 100.0
    assert pacer.next_start(KIND, now=100.0) == 100.0


def test_kinds_do_not_hold_each_other() -> None:
    """A wait and a spacing concern their own kind only."""
    pacer = FloodPacer()
    pacer.on_flood(KIND, 30.0, now=0.0)
    pacer.next_start(KIND, now=0.0, spacing=5.0)
    assert pacer.next_start(OTHER, now=1.0, spacing=5.0) == 1.0
    assert pacer.held_until(OTHER) == 0.0


@given(times, st.floats(0, 1e5), st.floats(0, 1e5), st.floats(0, 50))
def test_nobody_starts_during_a_wait(
    flood_at: float, wait: float, after: float, spacing: float
) -> None:
    """Whoever asks while a wait lasts starts at its end or, spaced, later."""
    pacer = FloodPacer()
    pacer.next_start(KIND, now=flood_at)
    pacer.on_flood(KIND, wait, now=flood_at)
    now = flood_at + after
    first = pacer.next_start(KIND, now=now, spacing=spacing)
    second = pacer.next_start(KIND, now=now, spacing=spacing)
    assert first >= max(now, flood_at + wait) == max(now, pacer.held_until(KIND))
    assert second >= first + spacing


@given(st.lists(st.tuples(times, st.floats(0, 1e5)), min_size=1, max_size=10))
def test_echoes_never_shorten_a_wait(floods: list[tuple[float, float]]) -> None:
    """After any floods, in any order, the kind is held until the last of their ends."""
    pacer = FloodPacer()
    for now, wait in floods:
        pacer.on_flood(KIND, wait, now=now)
    assert max(now + wait for now, wait in floods) == pacer.held_until(KIND)
