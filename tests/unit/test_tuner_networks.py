"""The tuner on simulated networks: against all fixed choices, and against Telegram Desktop."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from telefast.testing.flood_limits import TokenBucket
from tests.unit.download_model import (
    KIB,
    MIB,
    Desktop,
    Fixed,
    Network,
    Outcome,
    Tuned,
    draw,
    run,
)

Choice = tuple[int, int, int]

QUICK = (range(30), (64, 512), (1, 4, 16), (1, 8))
FULL = (range(200), (64, 128, 256, 512), (1, 4, 16), (1, 2, 4, 8))
WARM = 800
"""Parts after which the tuner is warm, and 60 seconds where there are floods: our choice."""


@dataclass
class Score:
    """What one way got of the best fixed choice, on each network."""

    shares: list[float]

    @property
    def close(self) -> float:
        """On how many of the networks it is within 15 %, of 1."""
        return sum(share >= 0.85 for share in self.shares) / len(self.shares)


def tuned(network: Network, *, warm: int = WARM, parts: int = 400) -> tuple[Tuned, Outcome]:
    """Download as the tuner says."""
    way = Tuned()
    return way, run(network, way, warm=warm, parts=parts)


@pytest.mark.parametrize(
    ("seeds", "sizes", "in_flights", "connections"),
    [QUICK, pytest.param(*FULL, marks=[pytest.mark.slow, pytest.mark.timeout(600)])],
    ids=["quick", "full"],
)
def test_as_good_as_the_best_fixed_choice(
    seeds: range, sizes: tuple[int, ...], in_flights: tuple[int, ...], connections: tuple[int, ...]
) -> None:
    """Warm, it is within 15 % of the best fixed choice on 95 % of the networks.

    Over all of them it is faster than any one fixed choice, and than Telegram Desktop's way.
    """
    choices: list[Choice] = [
        (size * KIB, in_flight * MIB, count)
        for size in sizes
        for in_flight in in_flights
        for count in connections
    ]
    sums = dict.fromkeys(choices, 0.0)
    ours, desktop = Score([]), Score([])
    for seed in seeds:
        network = draw(seed)
        speeds = {
            choice: run(network, Fixed(*choice), warm=100 + choice[1] // choice[0], parts=250).speed
            for choice in choices
        }
        best = max(speeds.values())
        for choice, speed in speeds.items():
            sums[choice] += speed / best
        ours.shares.append(tuned(network)[1].speed / best)
        desktop.shares.append(run(network, Desktop(), warm=WARM, parts=400).speed / best)
    assert ours.close >= 0.95, ours
    assert sum(ours.shares) > max(sums.values())
    assert sum(ours.shares) > sum(desktop.shares)


@pytest.mark.parametrize("rtt", [0.0, 0.03, 0.1])
def test_connections_with_a_limit_each_are_added(rtt: float) -> None:
    """Where each connection carries 5 MB/s, eight of them bring nearly eight times that."""
    way, outcome = tuned(Network(rtt=rtt, line=5e6))
    assert 8 == way.tuner.connections(2)
    assert outcome.speed > 0.9 * 8 * 5e6


@pytest.mark.parametrize("rtt", [0.0, 0.03, 0.1])
@pytest.mark.parametrize(("line", "needed"), [(10e6, 3), (14e6, 2), (60e6, 1)])
def test_connections_that_bring_nothing_are_given_back(
    rtt: float, line: float, needed: int
) -> None:
    """Where the data centre sends 25 MB/s in all, no more connections are kept than that takes."""
    way, outcome = tuned(Network(rtt=rtt, line=line, dc=25e6), warm=3000)
    assert way.tuner._climbs[2].base.connections in (needed, needed + 1)
    assert outcome.speed > 0.93 * 25e6


def test_parts_do_not_queue_until_they_time_out() -> None:
    """At 400 KB/s no part waits for its deadline, though 16 MiB would be allowed."""
    way, outcome = tuned(Network(rtt=0.05, dc=4e5), warm=200, parts=100)
    assert 0 == outcome.timeouts
    assert outcome.speed > 0.95 * 4e5
    assert way.tuner._climbs[2].base.in_flight <= 4e5 * 2.1


@pytest.mark.parametrize("rtt", [0.02, 0.1])
@pytest.mark.parametrize("burst", [2, 4])
def test_waits_become_rare(rtt: float, burst: int) -> None:
    """Where too much in flight brings a wait, waits end."""
    network = Network(
        rtt=rtt, dc=7e6, budget=TokenBucket(burst=burst * MIB, rate=7.2e6, back=MIB), wait=7
    )
    counts = [
        len(run(network, Tuned(), warm=0, parts=parts).floods) for parts in (1000, 4000, 5000)
    ]
    assert counts[0] >= 1
    assert counts[1] - counts[0] <= 2 * counts[0]
    assert counts[2] == counts[1]


def test_lost_parts_do_not_stop_the_rest() -> None:
    """One part in a hundred is lost for ten seconds: the others take nearly the whole line."""
    outcome = tuned(Network(rtt=0.05, dc=20e6, loss=0.01, overhead=0.0))[1]
    assert outcome.speed > 0.8 * 20e6


def test_a_network_that_changes_is_followed() -> None:
    """What was learned on a slow network does not stay when it becomes fast, nor the reverse."""
    slow = Network(rtt=0.1, dc=2e6, line=1e6)
    fast = replace(slow, dc=80e6, line=20e6)
    way = Tuned()
    for network in (slow, fast, slow, fast):
        way.flying = 0
        speed = run(network, way, warm=2000, parts=400).speed
        assert speed > 0.85 * network.dc


def test_a_restored_tuner_needs_no_warm_up() -> None:
    """A tuner that begins with what another one learned is as fast from the first part on."""
    network = Network(rtt=0.1, line=10e6)
    way, warm = tuned(network)
    again = Tuned()
    again.tuner.restore(way.tuner.snapshot())
    again.look()
    assert run(network, again, warm=64, parts=200).speed > 0.9 * warm.speed
    assert run(network, Tuned(), warm=0, parts=60).speed < 0.7 * warm.speed
