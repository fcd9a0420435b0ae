"""How many bytes of one data centre to have in flight, over how many connections.

Theory of operation. What counts is the rate at which bytes arrive, losses included, so it is
measured; nothing is deduced from a round trip alone. A measurement begins with the first part that
was asked for after the last change and lasts for whole round trips.

* In the beginning, bytes in flight and connections are doubled together as long as the rate grows
  by a fifth: where each connection has its own limit, neither helps without the other. Two
  doublings in vain end it, and the best level so far is the base.
* From then on, the rate of the base is measured again and again. Now and then one move is tried:
  fewer connections, half the bytes or larger parts are kept if hardly anything is lost by them;
  twice the bytes, twice of both or smaller parts if something is gained. A move in vain is tried
  ever more seldom. So connections that bring nothing are given back, and finding that out costs
  little. If the rate falls for good, as where parts get lost and their places with them, more is
  tried at once.
* A flood ends what is being tried or, if nothing is, takes half of the bytes in flight. It leaves
  enough for the average rate since the flood before, for going slower than that would cost more
  than the waits do, and asks for more connections, for some limits are those of each connection.
  The level at which it came is a ceiling for a time in which one flood costs a twentieth, and that
  doubles with each flood. Up to the ceiling it goes in small steps, and not faster than a rate that
  lies between that average and the one at which the flood came. So waits become rare.
* A part that times out counts one, and eight that arrive take one back. At four, the only
  connection on which they were is given up; were there several, half the bytes in flight are. Both
  are remembered as floods are.
* No more is in flight than arrives within a round trip and two seconds: beyond that, parts only
  queue until they time out, and those of other files behind them. And no less is tried than
  arrives in the shortest time that a part took and as long again (0.02 to 0.25 seconds of that),
  lest one lost part stop all. Less is worth trying: what is in flight fills memory at both ends.

Numbers without a source are our choice, made on simulated networks
(`tests/unit/download_model.py`).

Sans-I/O: holds no clock; callers pass *now*, in seconds of one monotonic clock.
"""

from __future__ import annotations

import math
from typing import Final

from telefast.media.levels import FIRST_PAUSE, Bounds, Level, Move
from telefast.media.measure import Meter

__all__ = ["Climb"]

ENOUGH: Final = 24
"""Parts of one measurement at least, and half as many in the beginning."""
ROUNDS: Final = 2
"""Round trips of one measurement at least, and one in the beginning."""
DOUBLE: Final = Move(2, 2, 1)
FEWER: Final = 0.75
"""The share of the connections that is tried, and kept if it is enough."""
DOUBLED: Final = 1.2
"""What a doubling must bring in the beginning to be followed by another one."""
GAIN: Final = 1.05
"""What more must bring later to be kept."""
LOSS: Final = 0.97
"""What less must bring to be kept."""
FALLEN: Final = 0.85
RISEN: Final = 1.4
"""What becomes of the rate of a base in a network that is no longer the same, or in which parts
are lost: then more is tried at once."""
BLEND: Final = 0.3
"""How much one measurement counts for the usual rate."""
HOPELESS: Final = 0.9
"""What a trial must bring at first sight to be measured at all."""
SHORT_QUEUE: Final = (0.02, 0.25)
"""Seconds for which a part always may wait, at least and at most, between them as long as a part
takes: so much is asked for, lest one lost part stop all, and so that a line that has become faster
shows it."""
QUEUE: Final = 2.0
"""Seconds for which a part may wait behind others."""
FLOOD_LEAVES: Final = 0.5
SAFE: Final = 0.7
"""Where a rate without floods is looked for: between the average since the flood before, waits
included (0), and the rate at which a flood came (1)."""
CAREFUL: Final = 1.25
"""How much more is tried at once while a flood is remembered."""
FLOOD_SHARE: Final = 20
"""How many times longer than its wait a flood is remembered at first."""
TIMEOUTS: Final = 4
"""As many as Telegram Desktop bears before it removes a session
(`storage/download_manager_mtproto.cpp`)."""
FORGIVEN: Final = 1 / 8
"""Timeouts that one part makes up for."""
TIMEOUT_REST: Final = 8.0
"""Seconds for which timeouts are remembered at first, as in Telegram Desktop (same file)."""


class Climb:
    """Find the level for one data centre, and follow the network when it changes.

    Args:
        bounds: What the level may be.
        start: Where to begin.
        is_known: Whether *start* was found before, so that it need not be sought.

    Attributes:
        level: What to ask for now; at times a trial.
        base: What has proved good so far.
    """

    def __init__(self, *, bounds: Bounds, start: Level, is_known: bool = False) -> None:
        self._bounds = bounds
        self._rate: float | None = None  # of the base, in bytes per second
        self._promised = 0.0  # what that was when it became the base
        self._shortest = math.inf  # seconds that a part took
        self._is_starting = not is_known
        self._misses = 0  # doublings in vain, or measurements that were far too low
        # Trials
        self._count = 0
        self._trial: Move | None = None
        self._is_first_look = False
        soon, later = (0, FIRST_PAUSE // 2) if self._is_starting else (2 * FIRST_PAUSE,) * 2
        self._moves = (
            Move(1, FEWER, 1, soon, is_saving=True),
            Move(0.5, 1, 1, soon, is_saving=True),
            Move(1, 1, 2, later, is_saving=True),
            Move(2, 2, 1, later),
            Move(2, 1, 1, later),
            Move(1, 1, 0.5, later),
        )
        # Floods and timeouts
        self._held_until = -math.inf
        self._safe_rate = math.inf  # that may be without a flood, as far as is known
        self._flood_at: float | None = None  # or the first part before any
        self._arrived = 0  # bytes since that flood
        self._strikes = 0.0
        self._late: set[int] = set()
        self._meter = Meter()
        self.base = bounds.legal(start, now=0.0)
        self.level = self.base

    @property
    def is_known(self) -> bool:
        """Whether the base is more than a guess."""
        return not self._is_starting

    @property
    def part_size(self) -> int:
        """The size of a part, in bytes."""
        return self._bounds.part_size(self.level)

    def on_part(self, size: int, seconds: float, *, now: float) -> None:
        """Note that so many bytes have arrived *seconds* after they were asked for."""
        if self._flood_at is None:
            self._flood_at = now
        self._arrived += size
        self._shortest = min(self._shortest, max(0.0, seconds))
        self._strikes = max(0.0, self._strikes - FORGIVEN)
        if not self._strikes:
            self._late.clear()
        few = 1 + (self._is_starting or self._is_first_look)
        rate = self._meter.on_part(
            size, now - seconds, now=now, parts=ENOUGH // few, rounds=ROUNDS // few
        )
        if rate is not None:
            self._judge(rate, now)

    def on_flood(self, seconds: float, *, now: float) -> None:
        """Note a wait; one that comes during another only prolongs it."""
        is_echo = now < self._held_until
        self._held_until = max(self._held_until, now + seconds)
        if is_echo:
            self._meter.restart(now=self._held_until)
            return
        since = now if self._flood_at is None else self._flood_at
        average = self._arrived / max(now - since, 1e-6)
        self._flood_at = now
        self._arrived = 0
        least = float(self.base.connections * self._bounds.smallest)
        if self._shortest < math.inf:
            least = max(least, average * self._shortest)
        most = max(0.9 * self.level.in_flight, least)
        self._bounds.in_flight.lower(most, seconds * FLOOD_SHARE, now=now)
        if self.level.in_flight <= self.base.in_flight:
            if self._rate is not None:
                self._safe_rate = average + SAFE * max(0.0, self._rate - average)
            left = min(max(FLOOD_LEAVES * self.level.in_flight, least), self.base.in_flight)
            self._settle(left, 2 * self.base.connections, now)
        self._leave(now)
        self._meter.restart(now=self._held_until)

    def on_timeout(self, connection: int, *, now: float) -> None:
        """Note that a part did not come in time on a connection."""
        if not self._meter.has_begun:
            return  # asked for before the last change
        self._strikes += 1
        self._late.add(connection)
        if self._strikes < TIMEOUTS:
            return
        level = self.level
        if len(self._late) == 1 and level.connections > 1:
            self._bounds.connections.lower(level.connections - 1, TIMEOUT_REST, now=now)
        else:
            self._bounds.in_flight.lower(level.in_flight / 2, TIMEOUT_REST, now=now)
        self._strikes = 0.0
        self._late.clear()
        self._settle(self.base.in_flight, self.base.connections, now)
        self._leave(now)

    def on_idle(self, *, now: float) -> None:
        """Note that less is asked for than might be: what arrives now tells nothing."""
        if not self._is_starting:
            self._end_trial()
            self.level = self.base
        self._meter.restart(now=max(now, self._held_until))

    def _judge(self, rate: float, now: float) -> None:
        """Draw the conclusion from one measurement of the level."""
        if self._is_starting:
            self._start(rate, now)
            return
        self._count += 1
        if self._trial is None:
            self._follow(rate)
        else:
            self._conclude(self._trial, rate, now)
            if self._trial is not None:
                return
        self._shorten_queue(now)
        self._try_next(now)

    def _start(self, rate: float, now: float) -> None:
        """Double, or end doubling."""
        known = self._rate or 0.0
        useful = self._needed(rate, QUEUE)
        target = self._bounds.moved(self.level, DOUBLE, now=now, useful=useful, most=2)
        is_last = target == self.level or (self._misses == 1 and rate < DOUBLED * known)
        if rate >= (GAIN if is_last else DOUBLED) * known:
            self.base = self.level
            self._rate = self._promised = rate
            self._misses = 0
        else:
            self._misses += 1
        if is_last:
            self._leave(now)
        else:
            self._move_to(target, now)

    def _follow(self, rate: float) -> None:
        """Note the rate of the base; when it has changed for good, all is to be tried anew."""
        if self._rate is None:
            self._rate = self._promised = rate
        self._rate += BLEND * (rate - self._rate)
        is_other = not FALLEN * self._promised <= rate <= RISEN * self._promised
        self._misses = self._misses + 1 if is_other else 0
        if self._misses == 2:
            self._misses = 0
            self._rate = self._promised = rate
            for move in self._moves:
                if not move.is_saving:
                    move.wake(self._count)

    def _conclude(self, trial: Move, rate: float, now: float) -> None:
        """Keep what was tried, or go back, or measure it again at a second look."""
        known = self._rate or 0.0
        if self._is_first_look and rate >= HOPELESS * known:
            self._is_first_look = False
            return
        is_worth = not self._is_first_look and rate >= (LOSS if trial.is_saving else GAIN) * known
        may_flood = not trial.is_saving and self._bounds.in_flight.is_up(now=now)
        if is_worth and not (may_flood and rate > self._safe_rate):
            self.base = self.level
            self._rate = self._promised = max(rate, known)
            trial.wake(self._count)
        else:
            trial.rest(self._count)
        self._end_trial()

    def _shorten_queue(self, now: float) -> None:
        """Go back to the base, and have that no higher than the queue allows."""
        useful = self._needed(self._rate or 0.0, QUEUE)
        legal = self._bounds.legal(self.base, now=now, useful=useful)
        if legal.in_flight < LOSS * self.base.in_flight:
            self.base = legal
        if self.level != self.base:
            self._move_to(self.base, now)

    def _try_next(self, now: float) -> None:
        """Begin with the first move that is due and changes anything."""
        for move in self._moves:
            if move.due > self._count:
                continue
            target = self._target(move, now)
            if target == self.base:
                move.rest(self._count)
                continue
            self._trial = move
            self._is_first_look = True
            self._move_to(target, now)
            return

    def _target(self, move: Move, now: float) -> Level:
        """Return where a move leads; the base, if it should not be tried."""
        base, rate = self.base, self._rate or 0.0
        is_flooded = self._bounds.in_flight.is_up(now=now)
        if move.connections < 1 and is_flooded:
            return base
        target = self._bounds.moved(
            base,
            move,
            now=now,
            useful=self._needed(rate, QUEUE),
            most=CAREFUL if is_flooded else 2,
        )
        shortest, longest = SHORT_QUEUE
        queue = min(max(shortest, self._shortest), longest)
        least = self._needed(rate, queue) if move.in_flight < 1 else base.in_flight
        return target if target.in_flight >= least else base

    def _settle(self, in_flight: float, connections: int, now: float) -> None:
        """Have another base, of which nothing is known."""
        level = Level(int(in_flight), connections, self.base.largest)
        self.base = self._bounds.legal(level, now=now)
        self._rate = None

    def _leave(self, now: float) -> None:
        """End the beginning, or what is being tried."""
        self._is_starting = False
        self._misses = 0
        if self._trial is not None:
            self._trial.rest(self._count)
            self._end_trial()
        self._move_to(self.base, now)

    def _end_trial(self) -> None:
        self._trial = None
        self._is_first_look = False

    def _move_to(self, level: Level, now: float) -> None:
        self.level = level
        self._meter.restart(now=now)

    def _needed(self, rate: float, queue: float) -> float:
        """Return the bytes in flight that a rate takes, with so many seconds of *queue*."""
        return rate * (self._shortest + queue)
