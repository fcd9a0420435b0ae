"""The budget of one kind of request, learned from the floods that it runs into.

Theory of operation. Telegram publishes no limits; reports agree with a bucket: so many requests at
once (the burst), then so many a second (the rate). One flood gives one equation for two unknowns,
so the first is only noted, and the second teaches. The states:

* `free`: nothing is known, nothing is held back. At the first flood: *n* requests in *t* seconds
  is burst + rate x t. Fewer than 10 say nothing (an earlier run has emptied the bucket): stay free.
* `again`: after that wait, free once more, but only for 0.8 of those *n*. Getting so far without a
  flood means that the method is fast.
* `grow`: from the pace so far, half as much again after every 10 requests that had to wait.
* `run`: a bucket of our own with the learned rate and 0.9 of the learned burst. A flood here lowers
  both. After a time without one (the *probe*) the rate goes up by 2 %, then by 4, 8 and 16 %; that
  time is so long that floods cost 5 % of it at most. Where a wait costs nothing the steps go on
  doubling, up to twice the rate: a guess that was far too low is left behind in minutes.
* `count`: three floods in a row came after the same number of requests, however slowly those were
  sent: the server counts, and pacing only wastes time. So many at once, then wait as told.

After every wait one request goes alone, and each answer lets one more go beside it, so two, four,
eight are in flight after as many round trips: who waits is released in steps. A refusal of what
was sent before the flood was known is its echo: it may prolong the wait and teaches nothing. What
was sent then and is served all the same has used up what came back meanwhile.

Who is refused after *n* requests has found less than one: the budget was between *n* and *n* + 1,
so *n* + 0.5 is reckoned with.

A wait costs nothing as long as the bucket is not full again before it ends. Methods so slow that
this holds run at the whole learned rate, others at 0.98 of it, since a flood costs them seconds.

All constants are our choice, made on simulated servers (`tests/unit/flood_model.py`).

Sans-I/O: holds no clock; callers pass *now*, in seconds of one monotonic clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Bucket", "Learned"]

LEAST_TOLD = 10
"""Requests between two floods from which a rate may be told."""
FIRST_RATE = 1.0
"""Requests a second to begin with where the floods told nothing."""
GROWTH = 1.5
GROW_EVERY = 10
"""Requests after which a pace that holds somebody back grows."""
MOST_STARTS = 4096
"""Starts remembered since the last flood."""
MOST_PROBE = 1.0
"""By how much of itself a rate grows at once, at most, where a flood costs no time."""
IDLE = 60.0
"""Seconds of silence after which a bucket that nobody knows counts as full again."""
FULL_WINDOW = 64
"""Requests in flight from which an earlier wait bounds them no more: more are never asked for."""
SLACK = 1e-6
"""Seconds by which a start may be early: sums of floats are that coarse."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What is worth remembering of a bucket.

    Attributes:
        rate: Requests a second.
        burst: Requests at once after a rest.
        level: How many of those there are now.
        wait: The last flood wait, in seconds.
        count: How many requests the server counts between its floods; 0 if it has a rate.
    """

    rate: float
    burst: float
    level: float
    wait: float
    count: int = 0


class Bucket:
    """Decide when the next request of one kind may start, and learn from what becomes of it."""

    def __init__(self) -> None:
        self.held_until = -math.inf
        self.last_start = -math.inf
        self.state = "free"
        self._rate = 0.0
        self._burst = 0.0
        self._level = 0.0
        self._level_at = 0.0
        # Requests
        self._next = 0
        self._first = 0  # of those since the last flood; what is older is refused as an echo only
        self._starts: list[float] = []  # of those; the oldest may be forgotten
        self._sent = 0  # how many those were
        self._began = 0.0  # when the first of them started
        self._window = math.inf
        self._in_flight: set[int] = set()
        self._late: set[int] = set()  # sent after the refused one, before that was known
        # Floods
        self._flood_at = -math.inf
        self._empty_at = -math.inf
        self._wait = 0.0
        self._first_flood = (0, 0.0)
        self._counts: list[int] = []  # requests between the latest floods
        self._refills = True  # whether the budget comes back during a wait
        self._is_fresh = False  # whether what is known was remembered, and no flood has come since
        # Trying more
        self._probe_at = math.inf
        self._probe = 0.02
        self._corrections = 0  # floods since the rate was told
        self._grow_at = 0

    def next_start(self, *, now: float, spacing: float = 0.0) -> float:
        """Return when the next request may start; infinity: not before an answer comes."""
        if len(self._in_flight) >= self._window:
            return math.inf
        start = max(now, self.held_until)
        if spacing > 0:
            start = max(start, self.last_start + spacing)
        if self.state == "again" and self._sent >= 0.8 * self._first_flood[0]:
            self._grow_from(self._sent / max(now - self._empty_at, 1.0), now)
        if self.state in ("grow", "run"):
            self._refill(now)
            if self._level < 1 - SLACK:
                self._try_more(now)
                start = max(start, now + (1 - self._level) / self._pace())
        return start

    def on_sent(self, *, now: float) -> int:
        """Note a start; returns its number, for what becomes of it."""
        if self.state == "free" and now - self.last_start > IDLE and not self._in_flight:
            self._starts.clear()
            self._sent = 0
        number = self._next
        self._next += 1
        if not self._sent:
            self._began = now
        self._sent += 1
        self.last_start = now
        self._starts.append(now)
        if len(self._starts) > MOST_STARTS:
            del self._starts[: MOST_STARTS // 2]
        self._in_flight.add(number)
        if self.state in ("grow", "run"):
            self._refill(now)
            self._level -= 1
        return number

    def on_reply(self, number: int) -> None:
        """Note an answer: one more may be in flight."""
        if number in self._in_flight:
            self._in_flight.remove(number)
            self._window += 1
            if self._window > FULL_WINDOW:
                self._window = math.inf
        elif number in self._late:
            # Served after the flood: it took what came back meanwhile.
            self._late.remove(number)
            self._sent += 1
            self._starts.insert(0, self._empty_at)
            self._level -= 1

    def on_lost(self, number: int) -> None:
        """Note that there will be no answer."""
        self._in_flight.discard(number)
        self._late.discard(number)

    def on_flood(self, number: int, seconds: float, *, now: float) -> bool:
        """Learn from a refusal.

        Returns:
            Whether it is a flood of its own, and not the echo of one.
        """
        self.held_until = max(self.held_until, now + seconds)
        if number < self._first:
            self._late.discard(number)
            return False
        # What started after the refused one is being refused as well.
        later = self._next - number
        index = len(self._starts) - later
        at = self._starts[index] if index >= 0 else now
        del self._starts[max(index, 0) :]
        self._learn(max(self._sent - later, 0), at)
        self._wait = seconds
        self._flood_at = at
        late = {each for each in self._in_flight if each > number}
        self._begin_again(at)
        self._late = late
        return True

    def hold(self, until: float, *, now: float) -> bool:
        """Let nobody start before *until*; returns whether that is news."""
        if until <= max(self.held_until, now) + SLACK:
            return False
        was_held = self.held_until > now
        self.held_until = until
        if not was_held:
            self._begin_again(now)
        return True

    def learned(self, *, now: float) -> Learned | None:
        """Return what is known of the budget; None if nothing is."""
        if self.state == "run":
            self._refill(now)
            return Learned(self._rate, self._burst, max(self._level, 0.0), self._wait)
        if self.state == "count":
            return Learned(self._rate, self._burst, 0.0, self._wait, self._counts[-1])
        return None

    @property
    def rate(self) -> float:
        """The rate that is known, in starts per second; 0 if none is."""
        return self._rate

    def restore(self, learned: Learned, *, now: float) -> None:
        """Begin with what an earlier run has learned."""
        self._rate, self._burst, self._wait = learned.rate, learned.burst, learned.wait
        if learned.count:
            self.state = "count"
            self._counts = [learned.count]
            return
        self._is_fresh = True
        self._corrections = 3
        self._run(now)
        self._level = min(learned.level, self._cap())

    # Learning

    def _begin_again(self, at: float) -> None:
        """Count anew, from an empty bucket *at* this time."""
        self._first = self._next
        self._starts.clear()
        self._sent = 0
        self._in_flight.clear()
        self._window = 1
        self._empty_at = at if self._refills else self.held_until
        self._level, self._level_at = 0.0, self._empty_at

    def _learn(self, sent: int, at: float) -> None:
        """Learn from a flood after so many requests since the last one."""
        self._counts = [*self._counts[-2:], sent]
        if self.state == "count":
            if _are_alike(self._counts[-2:]):
                return
            self.state = "free"
        if self.state == "run":
            self._correct(sent, at)
        elif self.state == "free" and sent >= LEAST_TOLD:
            self._first_flood = (sent, at - self._began)
            self.state = "again"
        elif self.state == "free" and self._flood_at == -math.inf:
            pass  # the bucket was half empty when we came
        elif sent < LEAST_TOLD:
            if sent < 3 and self._wait >= 5:
                self._refills = False
            least = self._rate / 2 if self.state == "grow" else FIRST_RATE
            self._grow_from(max(sent / max(at - self._empty_at, 1.0), least), at)
        else:
            count, time = self._first_flood
            self._rate = sent / max(at - self._empty_at, 1.0)
            for _ in range(5):
                self._burst = max(count + 0.5 - self._rate * time, 1.0)
                self._rate = self._told(sent, at)
            self._corrections = 0
            self._run(at)

    def _correct(self, sent: int, at: float) -> None:
        """Lower what was learned: it led to a flood."""
        came_back = min(self._rate * self._wait, self._cap())
        if self._is_counted(at):
            self.state = "count"
            return
        if self._refills and sent < 0.4 * came_back and self._flood_at > -math.inf:
            self._refills = False
        elif self._is_fresh and sent < self._cap():
            self._burst = max(0.95 * sent, 1.0)
            self._rate *= 0.9
        else:
            self._rate = min(max(self._told(sent, at), 0.8 * self._rate), 0.98 * self._rate)
            if sent < 3 * self._burst:  # else the burst was used up long ago, and not to blame
                self._burst = max(self._burst / 2, 1.0)
        self._is_fresh = False
        self._corrections = min(self._corrections + 1, 10)
        self._run(at)

    def _told(self, sent: int, at: float) -> float:
        """Return the least rate of a bucket of this burst that gave what was sent, and no more.

        It was empty at the last flood and is now. Either it was never full between, and all
        that was sent has come back in that time; or it was, and then what was sent since.
        """
        told = (sent + 0.5) / max(at - self._empty_at, 1.0)
        for count, start in enumerate(reversed(self._starts), 1):
            if count > self._burst and at - start >= 1:
                told = max(told, (count + 0.5 - self._burst) / (at - start))
        return told

    def _is_counted(self, at: float) -> bool:
        """Return whether floods come after so many requests, however slowly they are sent.

        And whether sending them at once and waiting would be faster by a quarter.
        """
        if len(self._counts) < 3 or self._counts[-1] < LEAST_TOLD or not _are_alike(self._counts):
            return False
        return at - self._flood_at > 1.25 * self._wait

    def _run(self, at: float) -> None:
        self.state = "run"
        self._level, self._level_at = 0.0, at
        self._probe = 0.02
        self._probe_at = at + self._patience()

    def _grow_from(self, rate: float, at: float) -> None:
        self.state = "grow"
        self._rate, self._burst = rate, 1.0
        self._level, self._level_at = 0.0, at
        self._grow_at = self._next + GROW_EVERY

    # Pacing

    def _try_more(self, now: float) -> None:
        """Raise the rate where it is time to; asked only when somebody has to wait."""
        if self.state == "grow":
            if self._next >= self._grow_at:
                self._rate *= GROWTH
                self._grow_at = self._next + GROW_EVERY
        elif now >= self._probe_at:
            self._rate *= 1 + self._probe
            self._probe = min(2 * self._probe, MOST_PROBE if self._is_slow() else 0.16)
            self._probe_at = now + self._patience()

    def _patience(self) -> float:
        """Return how long to go without a flood before a higher rate is tried."""
        long = max(120.0, 20 * self._wait)
        if self._is_slow() and not self._is_fresh:
            # Nothing is lost by it; but each flood makes a better rate less likely.
            return min(max(30.0, self._wait) * 2.0**self._corrections, long)
        return long

    def _is_slow(self) -> bool:
        """Return whether a wait costs nothing."""
        return self._rate * self._wait < 0.7 * self._burst

    def _pace(self) -> float:
        if self.state == "grow":
            return self._rate
        if self._is_slow():
            return 0.99 * self._rate if self._is_fresh else self._rate
        return 0.98 * self._rate

    def _cap(self) -> float:
        return max(0.9 * self._burst, 1.0)

    def _refill(self, now: float) -> None:
        if now > self._level_at:
            gained = (now - self._level_at) * self._pace()
            self._level = min(self._level + gained, self._cap() if self.state == "run" else 1.0)
            self._level_at = now


def _are_alike(counts: list[int]) -> bool:
    return max(counts) - min(counts) <= 0.1 * counts[-1]
