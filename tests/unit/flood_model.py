"""Simulated servers and callers: what a way to wait costs, in virtual time.

So many callers send one request after another; a request needs half a round trip to the server and
an answer the other half. Everything is seeded, nothing sleeps.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from telefast.testing.flood_limits import (
    SLACK,
    FixedWindow,
    FloodLimit,
    Lockout,
    TokenBucket,
)
from telefast.transport.pacing import Clocks, FloodPacer

KIND = "history"


class Way(Protocol):
    """A way to wait."""

    def next_start(self, *, now: float) -> float:
        """Return when the next request may start; infinity: ask again after the next answer."""

    def pause(self, *, now: float) -> float:
        """Return for how long the caller whose turn it is sleeps first, while others go on."""

    def on_sent(self, *, now: float) -> int:
        """Note a start; returns its number."""

    def on_reply(self, number: int) -> None:
        """Note an answer."""

    def on_flood(self, number: int, seconds: float, *, now: float) -> float:
        """Note a refusal; returns for how long its caller sleeps, whatever the others do."""


REQUESTS = 1000
CALLERS = 6
RTT = 0.15


@dataclass
class Server:
    """One that refuses what *limit* has not, and asks for a wait.

    `waits` draws them from a range, whatever the limit's own would be, and refuses all until they
    are over (the limit refills meanwhile); None for the limit's own.
    """

    limit: FloodLimit
    waits: tuple[int, int] | None
    rng: Random
    state: list[float] = field(default_factory=list)
    locked_until: float = -math.inf

    def ask(self, now: float) -> float | None:
        """Serve, or return the seconds to wait."""
        if not self.state:
            self.state = self.limit.fresh(now)
        if now < self.locked_until - SLACK:
            return math.ceil(self.locked_until - now - SLACK)
        if self.limit.ask(self.state, now, 1):
            self.limit.take(self.state, 1)
            return None
        wait = math.ceil(self.limit.refuse(self.state, now, 1, 0) - SLACK)
        if self.waits is not None:
            wait = self.rng.randint(*self.waits)
            self.locked_until = now + wait
        return max(1, wait)


@dataclass
class Outcome:
    """What it took: seconds, requests refused, waits, and how the first wait left things."""

    seconds: float = 0.0
    refused: int = 0
    first_end: float = 0.0
    first_wait: float = 0.0
    served_before: int = 0


def simulate(
    server: Server, way: Way, *, requests: int = REQUESTS, callers: int = CALLERS, rtt: float = RTT
) -> Outcome:
    """Send so many requests, each until it is served; first come, first served."""
    outcome = Outcome()
    events: list[tuple[float, int, Callable[[float], None]]] = []
    order = done = 0
    left = requests
    waiting: deque[int] = deque(range(callers))
    wakes_at = math.inf

    def at(time: float, what: Callable[[float], None]) -> None:
        nonlocal order
        order += 1
        heapq.heappush(events, (time, order, what))

    def look(now: float) -> None:
        """Let those start who may; the first in the row keeps the others back."""
        nonlocal left, wakes_at
        while waiting and left:
            start = way.next_start(now=now)
            if start > now:
                if start < wakes_at:
                    wakes_at = start
                    at(start, wake)
                return
            waiting.popleft()
            left -= 1
            pause = way.pause(now=now)
            if pause:
                left += 1
                at(now + pause, again)
                continue
            number = way.on_sent(now=now)
            at(now + rtt / 2, arrival(number))

    def wake(now: float) -> None:
        nonlocal wakes_at
        if now >= wakes_at:
            wakes_at = math.inf
        look(now)

    def arrival(number: int) -> Callable[[float], None]:
        def arrive(now: float) -> None:
            wait = server.ask(now)
            at(now + rtt / 2, lambda time: answered(time, number, wait))

        return arrive

    def answered(now: float, number: int, wait: float | None) -> None:
        nonlocal left, done
        back = now
        if wait is None:
            done += 1
            outcome.seconds = now
            way.on_reply(number)
        else:
            if not outcome.refused:
                outcome.first_end, outcome.first_wait = now + wait, wait
                outcome.served_before = done
            outcome.refused += 1
            left += 1
            back += way.on_flood(number, wait, now=now)
        at(back, again)

    def again(now: float) -> None:
        waiting.append(0)
        look(now)

    look(0.0)
    while done < requests:
        time, _, what = heapq.heappop(events)
        what(time)
    return outcome


@dataclass(frozen=True)
class Profile:
    """A server, and the least time that it leaves to anybody.

    Attributes:
        limit: Makes its limit.
        rate: Requests a second in the long run.
        burst: Requests at once after a rest.
        waits: See `Server`.
        is_counter: Whether it counts requests, in windows or until it locks: no bucket.
    """

    limit: Callable[[], FloodLimit]
    rate: float
    burst: int
    waits: tuple[int, int] | None = None
    is_counter: bool = False

    def server(self, rng: Random) -> Server:
        """Return a server that nobody has asked yet."""
        return Server(self.limit(), self.waits, rng)

    def optimum(self, requests: int) -> float:
        """Return the least seconds that so many requests take.

        Whichever is longer, the budget or the line. (Both added up would be a milder yardstick.)
        """
        return max((requests - self.burst) / self.rate, math.ceil(requests / CALLERS) * RTT)

    def after_first_wait(self, outcome: Outcome) -> float:
        """Return the time from the end of the first wait on, in the optima of what was left."""
        if not outcome.refused:
            return outcome.seconds / self.optimum(REQUESTS)
        there = min(self.burst, self.rate * outcome.first_wait)
        left = REQUESTS - outcome.served_before - there
        return (outcome.seconds - outcome.first_end) * self.rate / left

    def second_run(self, seed: int) -> FloodPacer:
        """Return a pacer that remembers what a first run of ours learned here, an hour ago."""
        first = Paced()
        outcome = simulate(self.server(Random(-seed - 1)), first)
        clocks = Clocks(1e9, 0.0)
        data = first.pacer.snapshot(now=outcome.seconds, clocks=clocks)
        pacer = FloodPacer()
        pacer.restore(data, now=0.0, clocks=Clocks(1e9 + 3600, 3600.0))
        return pacer

    def remembered(self, share: float = 1.0) -> FloodPacer:
        """Return a pacer that remembers this server, its rate times *share*."""
        clocks = Clocks(1e9, 0.0)
        figures = {"rate": share * self.rate, "burst": self.burst, "level": self.burst}
        entry = figures | {"wait": 16.0, "count": 0, "date": 1e9}
        data = {"version": 1, "clocks": clocks.as_json(), "kinds": {KIND: entry}}
        pacer = FloodPacer()
        pacer.restore(data, now=0.0, clocks=clocks)
        return pacer


DRAWN = (3, 30)
PROFILES: dict[str, Profile] = {
    "1/s": Profile(lambda: TokenBucket(burst=30, rate=1), 1, 30, DRAWN),
    "10/s": Profile(lambda: TokenBucket(burst=30, rate=10), 10, 30, DRAWN),
    "1/s short waits": Profile(lambda: TokenBucket(burst=30, rate=1, back=3), 1, 30),
    "10/s short waits": Profile(lambda: TokenBucket(burst=30, rate=10, back=10), 10, 30),
    "30 in 30 s": Profile(lambda: FixedWindow(count=30, seconds=30), 1, 30, is_counter=True),
    "300 in 30 s": Profile(lambda: FixedWindow(count=300, seconds=30), 10, 300, is_counter=True),
    "1/s locked for 15 s": Profile(lambda: Lockout(burst=30, rate=1, wait=15), 1, 30),
    "10/s locked for 15 s": Profile(lambda: Lockout(burst=30, rate=10, wait=15), 10, 30),
    "30, then 30 s": Profile(
        lambda: Lockout(burst=30, rate=0, wait=30, back=30), 1, 30, is_counter=True
    ),
}
"""Buckets with waits of any length and with the waits that they need, windows, buckets that do not
refill during a wait, and a counter that only a wait sets back."""


class Paced:
    """All callers ask a `FloodPacer`."""

    def __init__(self, pacer: FloodPacer | None = None) -> None:
        self.pacer = pacer or FloodPacer()

    def next_start(self, *, now: float) -> float:
        return self.pacer.next_start(KIND, now=now)

    def pause(self, *, now: float) -> float:
        return 0.0

    def on_sent(self, *, now: float) -> int:
        return self.pacer.on_sent(KIND, now=now)

    def on_reply(self, number: int) -> None:
        self.pacer.on_reply(KIND, number)

    def on_flood(self, number: int, seconds: float, *, now: float) -> float:
        self.pacer.on_flood(KIND, number, seconds, now=now)
        return 0.0


class Sleeping:
    """Each caller sleeps its own wait: Telethon's way (`telethon/client/users.py`).

    Who comes while a wait is remembered sleeps what is left of it, unless that is 3 seconds or
    less; after its sleep nobody remembers it.
    """

    def __init__(self) -> None:
        self.due = 0.0

    def next_start(self, *, now: float) -> float:
        return now

    def pause(self, *, now: float) -> float:
        left = round(self.due - now)
        return left if left > 3 else 0.0

    def on_sent(self, *, now: float) -> int:
        return 0

    def on_reply(self, number: int) -> None:
        pass

    def on_flood(self, number: int, seconds: float, *, now: float) -> float:
        self.due = now + seconds
        return seconds


class Aimd:
    """A common pace: 0.05 requests/s more each second, half of it at a flood; 1/s at first."""

    def __init__(self) -> None:
        self.rate, self.since, self.until, self.last = 1.0, 0.0, 0.0, -math.inf
        self.count = self.first = 0

    def next_start(self, *, now: float) -> float:
        self.rate += 0.05 * max(0.0, now - self.since)
        self.since = max(now, self.since)
        return max(now, self.until, self.last + 1 / self.rate)

    def pause(self, *, now: float) -> float:
        return 0.0

    def on_sent(self, *, now: float) -> int:
        self.last = now
        self.count += 1
        return self.count

    def on_reply(self, number: int) -> None:
        pass

    def on_flood(self, number: int, seconds: float, *, now: float) -> float:
        self.until = max(self.until, now + seconds)
        if number >= self.first:
            self.first = self.count + 1
            self.rate /= 2
            self.since = self.until
        return 0.0
