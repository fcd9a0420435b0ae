"""Simulated networks and ways to download: what each way gets, in virtual time.

A file without end lies in one data centre. Parts are asked for over up to eight connections, each
of which carries its answers one after the other, as all together do. Everything is seeded, nothing
sleeps. As cheap as may be: when the last byte of an answer arrives is decided when it is asked for.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field, replace
from random import Random
from typing import Protocol

from telefast import PartSizeTuner
from telefast.testing.flood_limits import TokenBucket

DC = 2
KIB = 1024
MIB = 1024 * KIB
DEADLINE = 10.0
"""Seconds after which a part is asked for again."""
SECONDS = 60.0
"""To warm up and to measure where there are waits: several of them."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A road to a data centre.

    Attributes:
        rtt: Round trip in seconds.
        jitter: Seconds that are added at most.
        dc: Bytes per second from the data centre, over all connections.
        line: Bytes per second on each connection.
        overhead: Seconds that each answer costs both ends, whatever its size.
        loss: The share of parts that never come.
        budget: Bytes that may be asked for; None is any number.
        wait: Seconds at least for which one waits who asks for more.
        is_per_connection: Whether each connection has a budget of its own.
        seed: What the draws depend on.
    """

    rtt: float
    jitter: float = 0.0
    dc: float = math.inf
    line: float = math.inf
    overhead: float = 0.0002
    loss: float = 0.0
    budget: TokenBucket | None = None
    wait: float = 2.0
    is_per_connection: bool = False
    seed: int = 0


def draw(seed: int) -> Network:
    """Return one of the networks: round trips of 0 to 300 ms, 1 to 1000 MB/s."""
    rng = Random(seed)
    network = Network(
        rtt=rng.choice((0.0, rng.uniform(0.0, 0.06), rng.uniform(0, 0.3), rng.uniform(0, 0.3))),
        jitter=rng.choice((0.0, 0.0, rng.uniform(0, 0.03))),
        dc=1e6 * 10 ** rng.uniform(0, 3),
        overhead=10 ** rng.uniform(-4, -3),
        loss=rng.choice((0.0, 0.0, 0.0, 10 ** rng.uniform(-3.3, -2))),
        seed=seed,
    )
    if rng.random() < 0.5:
        network = replace(network, line=max(1e6, network.dc * 10 ** rng.uniform(-1.2, 0)))
    if rng.random() < 0.25:
        # 5 to 8 MB/s were reported, for each connection or for all together.
        speed = 1e6 * 10 ** rng.uniform(0.3, 1)
        budget = TokenBucket(
            burst=MIB * rng.choice((2, 4, 8, 16, 32)), rate=speed * rng.uniform(0.8, 1.1), back=MIB
        )
        network = replace(network, budget=budget, wait=rng.randint(2, 9))
        if rng.random() < 0.5:
            network = replace(network, line=speed, is_per_connection=True)
        else:
            network = replace(network, dc=speed)
    return network


class Way(Protocol):
    """A way to download."""

    def next_part(self, loads: list[int], *, now: float) -> tuple[int, int] | None:
        """Return the connection and the bytes of the next part; None: not now.

        *loads* are the parts in flight on each of the eight connections.
        """

    def on_part(self, connection: int, size: int, seconds: float, *, now: float) -> None:
        """Note a part that arrived."""

    def on_timeout(self, connection: int, size: int, *, now: float) -> None:
        """Note one that did not."""

    def on_flood(self, connection: int, size: int, seconds: float, *, now: float) -> None:
        """Note one that was refused, and how long to ask for none."""


@dataclass
class Outcome:
    """What was had after the warm-up: bytes, seconds; and floods and timeouts of all."""

    size: int = 0
    seconds: float = 0.0
    floods: list[float] = field(default_factory=list)
    timeouts: int = 0

    @property
    def speed(self) -> float:
        """Bytes per second."""
        return self.size / self.seconds


def run(network: Network, way: Way, *, warm: int, parts: int) -> Outcome:
    """Download so many *parts* after the first *warm*; with a budget both last `SECONDS`."""
    rng = Random(network.seed)
    outcome = Outcome()
    loads = [0] * 8
    line_free = [0.0] * 8
    dc_free = held = now = begun = 0.0
    budgets: dict[int, list[float]] = {}
    events: list[tuple[float, int, str, int, int, float]] = []
    order = done = 0
    per_byte, line_per_byte = 1 / network.dc, 1 / network.line
    seconds = SECONDS if network.budget is not None else 0.0
    while True:
        while now >= held and (chosen := way.next_part(loads, now=now)) is not None:
            connection, size = chosen
            loads[connection] += 1
            order += 1
            budget = network.budget
            if budget is not None:
                key = connection if network.is_per_connection else 0
                state = budgets.setdefault(key, budget.fresh(now))
                if not budget.ask(state, now, size):
                    wait = max(network.wait, math.ceil(budget.refuse(state, now, size, 0)))
                    heapq.heappush(
                        events, (now + network.rtt, order, "flood", connection, size, wait)
                    )
                    continue
                budget.take(state, size)
            ready = now + network.rtt
            line = line_free[connection] = max(ready, line_free[connection]) + size * line_per_byte
            dc_free = max(ready, dc_free) + size * per_byte + network.overhead
            there = max(line, dc_free)
            if network.jitter:
                there += rng.random() * network.jitter
            is_lost = network.loss and rng.random() < network.loss
            if is_lost or there > now + DEADLINE:
                heapq.heappush(events, (now + DEADLINE, order, "timeout", connection, size, 0.0))
            else:
                heapq.heappush(events, (there, order, "part", connection, size, now))
        if events:
            now, _, what, connection, size, figure = heapq.heappop(events)
        else:
            now, what = held, "wake"
        if what == "part":
            loads[connection] -= 1
            done += 1
            way.on_part(connection, size, now - figure, now=now)
            if done > warm and now > seconds:
                outcome.size += size
                outcome.seconds = now - begun
                if done >= warm + parts and now >= begun + seconds:
                    return outcome
            else:
                begun = now
        elif what == "timeout":
            loads[connection] -= 1
            outcome.timeouts += 1
            way.on_timeout(connection, size, now=now)
            if outcome.timeouts == 400:
                outcome.seconds = now - begun
                return outcome
        elif what == "flood":
            loads[connection] -= 1
            if now >= held:
                outcome.floods.append(now)
                heapq.heappush(events, (now + figure, order, "wake", 0, 0, 0.0))
            elif now + figure > held:
                heapq.heappush(events, (now + figure, order, "wake", 0, 0, 0.0))
            held = max(held, now + figure)
            way.on_flood(connection, size, figure, now=now)


class Fixed:
    """Always the same parts, in flight and connections."""

    def __init__(self, size: int, in_flight: int, connections: int) -> None:
        self.size = size
        self.window = max(1, in_flight // size)
        self.connections = connections
        self.flying = 0

    def next_part(self, loads: list[int], *, now: float) -> tuple[int, int] | None:
        if self.flying >= self.window:
            return None
        self.flying += 1
        mine = loads[: self.connections]
        return mine.index(min(mine)), self.size

    def on_part(self, connection: int, size: int, seconds: float, *, now: float) -> None:
        self.flying -= 1

    def on_timeout(self, connection: int, size: int, *, now: float) -> None:
        self.flying -= 1

    def on_flood(self, connection: int, size: int, seconds: float, *, now: float) -> None:
        self.flying -= 1


class Tuned(Fixed):
    """As the tuner says."""

    def __init__(self, tuner: PartSizeTuner | None = None) -> None:
        self.tuner = tuner or PartSizeTuner()
        super().__init__(1, 1, 1)
        self.look()

    def look(self) -> None:
        """Ask the tuner."""
        self.size = self.tuner.part_size(None, DC)
        self.window = self.tuner.window(DC)
        self.connections = self.tuner.connections(DC)

    def on_part(self, connection: int, size: int, seconds: float, *, now: float) -> None:
        self.flying -= 1
        self.tuner.on_part(DC, size, seconds, now=now, connection=connection)
        self.look()

    def on_timeout(self, connection: int, size: int, *, now: float) -> None:
        self.flying -= 1
        self.tuner.on_timeout(DC, connection, now=now)
        self.look()

    def on_flood(self, connection: int, size: int, seconds: float, *, now: float) -> None:
        self.flying -= 1
        self.tuner.on_flood(DC, seconds, now=now)
        self.look()


@dataclass
class Session:
    """One of Telegram Desktop's: bytes asked for, bytes that may be, successes."""

    requested: int = 0
    most: int = 4 * 128 * KIB
    successes: int = 0


class Desktop:
    """As Telegram Desktop does it (`storage/download_manager_mtproto.cpp`).

    Parts of 128 KiB; a session begins with 4 of them in flight and has one more for each that
    comes while all are asked for, up to 16. Three successes of each session bring another session,
    up to 8. Four timeouts (or parts that took 8 seconds) remove one, which comes back later each
    time, and only after more successes.
    """

    def __init__(self) -> None:
        self.sessions = [Session()]
        self.begun: dict[int, list[tuple[float, int]]] = {number: [] for number in range(8)}
        self.timeouts = self.removals = 0
        self.removed_index = -1
        self.removed_at = -math.inf

    def next_part(self, loads: list[int], *, now: float) -> tuple[int, int] | None:
        free = [s for s in self.sessions if s.requested + 128 * KIB <= s.most]
        if not free:
            return None
        session = min(free, key=lambda each: each.requested)
        session.requested += 128 * KIB
        self.amount = session.requested
        return self.sessions.index(session), 128 * KIB

    def on_part(self, connection: int, size: int, seconds: float, *, now: float) -> None:
        if connection >= len(self.sessions):
            return
        session = self.sessions[connection]
        amount = session.requested
        session.requested -= size
        if now - seconds <= self.removed_at:
            return
        if seconds >= 8:
            self._time_out(now)
            return
        if amount == session.most:
            session.most = min(session.most + size, 16 * size)
        session.successes += 1
        if any(each.successes < (self.removals + 1) * 3 for each in self.sessions):
            return
        for each in self.sessions:
            each.successes = 0
        if self.timeouts:
            self.timeouts -= 1
        elif len(self.sessions) < 8 and now >= self.removed_at + (self.removals + 1) * 8:
            self.sessions.append(Session())

    def on_timeout(self, connection: int, size: int, *, now: float) -> None:
        if connection < len(self.sessions):
            self.sessions[connection].requested -= size
            self._time_out(now)

    def on_flood(self, connection: int, size: int, seconds: float, *, now: float) -> None:
        if connection < len(self.sessions):
            self.sessions[connection].requested -= size

    def _time_out(self, now: float) -> None:
        for each in self.sessions:
            each.successes = 0
        if len(self.sessions) == 1:
            return
        self.timeouts += 1
        if self.timeouts < 4:
            return
        self.timeouts = 0
        self.sessions.pop()
        index = len(self.sessions)
        self.removals = self.removals + 1 if index == self.removed_index else 1
        self.removed_index = index
        self.removed_at = now
