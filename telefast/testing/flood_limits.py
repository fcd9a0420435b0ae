"""How much may be asked, and what one is told who asks for more: the figures of flood limits.

Pure: callers pass the time, and keep the state, which is a short list of numbers, ready for JSON.
What Telegram's limits look like inside is published nowhere. These are the three shapes that
reports of flood waits agree with; each is an assumption that a test can swap for another.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from telefast.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "SLACK",
    "FixedWindow",
    "FloodLimit",
    "Lockout",
    "TokenBucket",
    "limit_from_json",
    "limit_to_json",
]

SLACK: Final = 1e-5
"""Seconds by which one may come too early: numbers of seconds since 1970 are that coarse, and who
waits as long as told must never be refused."""

_LARGEST: Final = 1e15


class FloodLimit(Protocol):
    """What a budget is cut by: one of `TokenBucket`, `FixedWindow` and `Lockout`."""

    def fresh(self, now: float) -> list[float]:
        """Return the state of one who has asked for nothing so far."""

    def ask(self, state: list[float], now: float, cost: float) -> bool:
        """Return whether *cost* may be had *now*; *state* changes by the passing of time alone."""

    def take(self, state: list[float], cost: float) -> None:
        """Take *cost* off, which `ask` has just allowed."""

    def refuse(self, state: list[float], now: float, cost: float, fine: float) -> float:
        """Refuse *cost* and take *fine* off instead.

        Returns:
            The seconds after which *cost* may be had, if nothing else is asked for meanwhile.
        """

    def is_fresh(self, state: list[float], now: float) -> bool:
        """Return whether *state* may be forgotten, since it is as good as a new one."""

    def describe(self, unit: str) -> str:
        """Return the figures in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBucket:
    """A burst, then a sustained rate.

    Who asks too early may be lucky: the bucket refills all the while, and one that waits less than
    told is refused only until there is enough.

    Args:
        burst: What may be had at once after a rest.
        rate: What comes back each second.
        back: How much must be back before the wait that is announced ends, at most *burst*; more
            makes waits longer and rarer. Default 1.
    """

    burst: float
    rate: float
    back: float = 1

    def __post_init__(self) -> None:
        """Refuse figures that make no bucket."""
        _check("burst", self.burst, least=1)
        _check("rate", self.rate, least=1e-6)
        _check("back", self.back, least=0, most=self.burst)

    def fresh(self, now: float) -> list[float]:
        """Return a full bucket."""
        return [self.burst, now]

    def ask(self, state: list[float], now: float, cost: float) -> bool:
        """Refill, then look; a cost beyond *burst* counts as *burst*."""
        level, since = state
        state[0] = min(self.burst, level + max(0.0, now - since) * self.rate)
        state[1] = max(now, since)
        return self._wait(state, cost) <= SLACK

    def take(self, state: list[float], cost: float) -> None:
        """Take *cost* out."""
        state[0] -= min(cost, self.burst)

    def refuse(self, state: list[float], now: float, cost: float, fine: float) -> float:
        """Take *fine* out, to a whole *burst* below nothing at most; wait until *back* is there."""
        state[0] = max(-self.burst, state[0] - fine)
        return self._wait(state, max(self.back, cost))

    def is_fresh(self, state: list[float], now: float) -> bool:
        """Return whether the bucket is full again."""
        return state[0] + max(0.0, now - state[1]) * self.rate >= self.burst

    def describe(self, unit: str) -> str:
        """Return the figures in words.

        Example:
            >>> TokenBucket(burst=30, rate=1, back=3).describe("requests")
            '1 request/s after a burst of 30, waits until 3 are back'
        """
        waits = f", waits until {_shown(self.back, unit)} are back" if self.back > 1 else ""
        return f"{_rate(self.rate, unit)} after a burst of {_shown(self.burst, unit)}{waits}"

    def _wait(self, state: list[float], wanted: float) -> float:
        """Return the seconds until *wanted* is there, or less than nothing."""
        return (min(wanted, self.burst) - state[0]) / self.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedWindow:
    """So much in so many seconds, counted from the first request; then the count starts again.

    Waits are long after a burst: up to the whole window.

    Args:
        count: What may be had in one window.
        seconds: How long a window is.
    """

    count: float
    seconds: float

    def __post_init__(self) -> None:
        """Refuse figures that make no window."""
        _check("count", self.count, least=1)
        _check("seconds", self.seconds, least=1)

    def fresh(self, now: float) -> list[float]:
        """Return an empty window that has not begun."""
        return [0.0, now]

    def ask(self, state: list[float], now: float, cost: float) -> bool:
        """Begin a new window if the last is over, then look; a cost counts as *count* at most."""
        used, since = state
        if not used or now >= since + self.seconds - SLACK:
            state[:] = [0.0, now]
            return True
        return used + min(cost, self.count) <= self.count

    def take(self, state: list[float], cost: float) -> None:
        """Count *cost*."""
        state[0] += min(cost, self.count)

    def refuse(self, state: list[float], now: float, cost: float, fine: float) -> float:
        """Let the window end later by its share for *fine*, but not later than one begun now."""
        state[1] = max(state[1], min(now, state[1] + fine * self.seconds / self.count))
        return state[1] + self.seconds - now

    def is_fresh(self, state: list[float], now: float) -> bool:
        """Return whether the window is over."""
        return not state[0] or now >= state[1] + self.seconds

    def describe(self, unit: str) -> str:
        """Return the figures in words.

        Example:
            >>> FixedWindow(count=30, seconds=30).describe("requests")
            '30 requests in 30 s'
        """
        what = "" if unit == "bytes" else f" {unit}"
        return f"{_shown(self.count, unit)}{what} in {_shown(self.seconds)} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lockout:
    """A bucket that is locked for a while once it is empty, and does not refill meanwhile.

    The strict one: nothing is to be had before the wait is over, whoever asks, and asking during
    it may make it longer. Afterwards there is *back*, and no burst.

    Args:
        burst: What may be had at once after a rest.
        rate: What comes back each second while it is not locked; 0 for a bucket that only locks
            refill.
        wait: Seconds for which it is locked.
        back: What is in it after that, at most *burst*; no request counts as more. Default 1.
        penalty: Seconds by which each request during the wait makes it longer. Default 0.
        longest: The longest wait that penalties lead to, in seconds. Default: a day.
    """

    burst: float
    rate: float
    wait: float
    back: float = 1
    penalty: float = 0
    longest: float = 86_400

    def __post_init__(self) -> None:
        """Refuse figures that make no such bucket."""
        _check("burst", self.burst, least=1)
        _check("rate", self.rate, least=0)
        _check("wait", self.wait, least=1)
        _check("back", self.back, least=1, most=self.burst)
        _check("penalty", self.penalty, least=0)
        _check("longest", self.longest, least=self.wait)

    def fresh(self, now: float) -> list[float]:
        """Return a full, open bucket."""
        return [self.burst, now, 0.0]

    def ask(self, state: list[float], now: float, cost: float) -> bool:
        """Unlock or refill, then look."""
        level, since, until = state
        if until:
            if now < until - SLACK:
                return False
            level, since = self.back, min(now, until)
        level = min(self.burst, level + max(0.0, now - since) * self.rate)
        state[:] = [level, max(now, since), 0.0]
        return level >= min(cost, self.back)

    def take(self, state: list[float], cost: float) -> None:
        """Take *cost* out."""
        state[0] -= min(cost, self.back)

    def refuse(self, state: list[float], now: float, cost: float, fine: float) -> float:
        """Lock it; if it is locked, add *penalty*, which is all the fine that there is."""
        until = state[2]
        state[2] = min(now + self.longest, until + self.penalty) if until else now + self.wait
        return state[2] - now

    def is_fresh(self, state: list[float], now: float) -> bool:
        """Return whether the bucket is open and full."""
        level, since, until = state
        if until:
            level, since = self.back, until
        return now >= until and level + max(0.0, now - since) * self.rate >= self.burst

    def describe(self, unit: str) -> str:
        """Return the figures in words.

        Example:
            >>> Lockout(burst=30, rate=1, wait=25, penalty=5).describe("requests")
            '1 request/s after a burst of 30, then locked for 25 s, 5 s more for each request'
        """
        more = f", {_shown(self.penalty)} s more for each request" if self.penalty else ""
        return (
            f"{_rate(self.rate, unit)} after a burst of {_shown(self.burst, unit)}, "
            f"then locked for {_shown(self.wait)} s{more}"
        )


_KINDS: Final[dict[str, type[TokenBucket | FixedWindow | Lockout]]] = {
    "bucket": TokenBucket,
    "window": FixedWindow,
    "lockout": Lockout,
}


def limit_to_json(limit: FloodLimit) -> dict[str, Any]:
    """Return a limit as plain data.

    Raises:
        ArgumentError: If it is none of this module.
    """
    for name, kind in _KINDS.items():
        if isinstance(limit, kind):
            return {"kind": name, **asdict(limit)}
    raise ArgumentError("limit", limit, "a TokenBucket, FixedWindow or Lockout")


def limit_from_json(data: Mapping[str, Any]) -> TokenBucket | FixedWindow | Lockout:
    """Return the limit that `limit_to_json` made *data* of.

    Raises:
        ArgumentError: If there is no such limit.
    """
    figures = dict(data)
    kind = _KINDS.get(figures.pop("kind", ""))
    if kind is None:
        raise ArgumentError("kind", data.get("kind"), f"one of {', '.join(_KINDS)}")
    return kind(**figures)


def _check(name: str, value: float, *, least: float, most: float = _LARGEST) -> None:
    """Refuse what is no number between the bounds."""
    given: object = value
    if isinstance(given, bool) or not isinstance(given, int | float) or not least <= given <= most:
        raise ArgumentError(name, value, f"a number from {least:g} to {most:g}")


def _shown(figure: float, unit: str = "") -> str:
    """Return a figure as people write it."""
    if unit == "bytes" and figure >= 1e5:
        return f"{figure / 1e6:,.4g} MB"
    return f"{figure:,.2f}".rstrip("0").rstrip(".")


def _rate(figure: float, unit: str) -> str:
    """Return a figure for each second as people write it."""
    if unit == "bytes" and figure >= 1e5:
        return f"{_shown(figure, unit)}/s"
    return f"{_shown(figure)} {unit.removesuffix('s') if figure == 1 else unit}/s"
