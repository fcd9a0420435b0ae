"""When may a request start? One answer for all callers of an account.

Theory of operation: Telegram's limits belong to the account and the kind of request, so all
requests of one kind share one `Bucket` (`transport/bucket.py` says how it learns). Whoever is first
in the row asks `next_start`; when that time has come it says `on_sent`, and later what became of
it. A flood wait holds the whole kind, and no other. Waits are obeyed, never shortened or evaded.
Latency says nothing about floods and changes nothing here.

What was learned can be kept from run to run as plain data, together with waits that are not over.

Sans-I/O: holds no clock; callers pass *now*, in seconds of one monotonic clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from telefast.transport.bucket import Bucket, Learned

__all__ = ["Clocks", "FloodPacer", "kind_of", "merged"]

_FAMILIES = {
    "messages.getHistory": "history",
    "messages.getReplies": "history",
    "messages.getSavedHistory": "history",
    "messages.getMessages": "history",
    "channels.getMessages": "history",
    "upload.getFile": "files",
    "upload.getCdnFile": "files",
    "upload.getWebFile": "files",
}
"""Methods that share a budget; every other method has one of its own. That messages by ids draw
from the budget of histories is assumed until somebody measures it: the careful choice."""

VERSION = 1
"""Of the snapshot."""
_DAMAGED = (KeyError, TypeError, ValueError, AttributeError)
FORGET_AFTER = 30 * 86400.0
"""Seconds after which what was learned is too old to begin with: our choice."""
AGREE = 60.0
"""Seconds by which two clocks may differ and still tell the same: more than any slew in a day."""


def kind_of(
    method: str,
    *,
    is_takeout: bool = False,
    dc_id: int | None = None,
    connection: int | None = None,
) -> str:
    """Return the name of the budget that a request draws from.

    Args:
        method: Telegram's name, such as `messages.getHistory`.
        is_takeout: Whether it is sent within a takeout, which has limits of its own.
        dc_id: The data centre that is asked, for files; None where all share the budget.
        connection: The connection, for files that are limited by connection; None where all share.

    Example:
        >>> kind_of("channels.getMessages"), kind_of("upload.getFile", dc_id=4)
        ('history', 'files dc=4')
    """
    name = _FAMILIES.get(method, method)
    if is_takeout:
        name = f"takeout:{name}"
    if dc_id is not None:
        name += f" dc={dc_id}"
    if connection is not None:
        name += f" connection={connection}"
    return name


@dataclass(frozen=True, slots=True)
class Clocks:
    """What the clocks say that outlive a process.

    Attributes:
        wall: Seconds since the epoch; somebody may move it.
        steady: Seconds of a clock that nobody moves, since the machine was started.
        boot: What names this start of the machine; "" if nothing does.
    """

    wall: float
    steady: float
    boot: str = ""

    def since(self, earlier: Clocks) -> float:
        """Return for how long *earlier* is past, in seconds.

        Exact while the machine runs. After a restart of it only the wall clock tells. In doubt
        the least that it can be, so that no wait ends too early.
        """
        wall = max(self.wall - earlier.wall, 0.0)
        steady = self.steady - earlier.steady
        is_known = bool(self.boot and earlier.boot)
        if steady < 0 or (is_known and self.boot != earlier.boot):
            return max(wall, self.steady)  # the machine has run for so long at least
        return steady if is_known or abs(wall - steady) > AGREE else wall

    def as_json(self) -> dict[str, Any]:
        """Return them as plain data."""
        return {"wall": self.wall, "steady": self.steady, "boot": self.boot}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Clocks:
        """Return what `as_json` made *data* of."""
        return cls(_number(data["wall"]), _number(data["steady"]), str(data["boot"]))


class FloodPacer:
    """Let requests start as fast as their budgets allow, and not while a flood wait lasts."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self._dates: dict[str, float] = {}

    def next_start(self, kind: str, *, now: float, spacing: float = 0.0) -> float:
        """Say when the next request may start; books nothing.

        Args:
            kind: Which budget, see `kind_of`.
            now: The time.
            spacing: Least time between two starts of this kind, in seconds.

        Returns:
            The time, not before *now*; ask again then, since a flood may have come. Infinity: not
            before one that is in flight is answered or lost.
        """
        return self._of(kind).next_start(now=now, spacing=spacing)

    def on_sent(self, kind: str, *, now: float) -> int:
        """Note that a request starts, which takes its share of the budget.

        Returns:
            Its number, for exactly one of `on_reply`, `on_flood` and `on_lost`.
        """
        return self._of(kind).on_sent(now=now)

    def on_reply(self, kind: str, number: int) -> None:
        """Note an answer, be it an error of another sort."""
        self._of(kind).on_reply(number)

    def on_lost(self, kind: str, number: int) -> None:
        """Note that nobody waits for an answer any more."""
        self._of(kind).on_lost(number)

    def on_flood(self, kind: str, number: int, seconds: float, *, now: float) -> bool:
        """Note a flood wait. It holds the kind; it never shortens a wait.

        Returns:
            False for the echo of a flood: a refusal of what was sent before it was known.
        """
        return self._of(kind).on_flood(number, seconds, now=now)

    def hold(self, kind: str, until: float, *, now: float) -> bool:
        """Hold a kind for a wait that others ran into; returns whether that is news."""
        return self._of(kind).hold(until, now=now)

    def held_until(self, kind: str) -> float:
        """Return when the wait of this kind ends or ended; minus infinity if there was none."""
        return self._of(kind).held_until

    def interval(self, kind: str) -> float:
        """Return the seconds between two starts that are learned; 0 if nothing is."""
        rate = self._of(kind).rate
        return 1 / rate if rate > 0 else 0.0

    def snapshot(self, *, now: float, clocks: Clocks) -> dict[str, Any]:
        """Return what was learned, and the waits that last, as data for JSON."""
        kinds: dict[str, dict[str, float]] = {}
        for kind, bucket in self._buckets.items():
            if " connection=" in kind:
                continue  # connections have no name in the next run
            entry: dict[str, float] = {}
            learned = bucket.learned(now=now)
            if learned is not None:
                date = clocks.wall - (now - bucket.last_start)
                entry = {name: getattr(learned, name) for name in Learned.__slots__}
                entry["date"] = max(date, self._dates.get(kind, -math.inf))
            if bucket.held_until > now:
                entry["held"] = bucket.held_until - now
            if entry:
                kinds[kind] = entry
        return {"version": VERSION, "clocks": clocks.as_json(), "kinds": kinds}

    def restore(self, data: object, *, now: float, clocks: Clocks) -> None:
        """Begin with what an earlier run left; a kind that is in use already keeps its own.

        Data of another version, or damaged, is passed over: it costs a flood, no error.
        """
        try:
            past = clocks.since(Clocks.from_json(_checked(data)["clocks"]))
            for kind, entry in _checked(data)["kinds"].items():
                if kind not in self._buckets:
                    self._restore(kind, entry, past, now, clocks.wall)
        except _DAMAGED:
            return

    def _restore(
        self, kind: str, entry: Mapping[str, Any], past: float, now: float, wall: float
    ) -> None:
        bucket = Bucket()
        if "rate" in entry and wall - _number(entry["date"]) < FORGET_AFTER:
            rate, burst, level, wait, count = (_number(entry[name]) for name in Learned.__slots__)
            if rate > 0 and burst >= 1 and wait >= 0 and count >= 0:
                level = min(max(level, 0.0) + rate * past, burst)
                bucket.restore(Learned(rate, burst, level, wait, int(count)), now=now)
                self._dates[kind] = _number(entry["date"])
        if "held" in entry:
            bucket.hold(now + _number(entry["held"]) - past, now=now)
        self._buckets[kind] = bucket

    def _of(self, kind: str) -> Bucket:
        bucket = self._buckets.get(kind)
        if bucket is None:
            bucket = self._buckets[kind] = Bucket()
        return bucket


def merged(theirs: object, ours: dict[str, Any]) -> dict[str, Any]:
    """Return our snapshot, with what another process has learned of kinds that we know less of.

    Args:
        theirs: The snapshot that it left, if any; passed over if damaged.
        ours: A later one, which is changed.
    """
    try:
        past = Clocks.from_json(ours["clocks"]).since(Clocks.from_json(_checked(theirs)["clocks"]))
        for kind, entry in _checked(theirs)["kinds"].items():
            mine = ours["kinds"].get(kind, {})
            if _number(mine.get("date", 0)) < _number(entry.get("date", 0)):
                held = _number(entry.pop("held", 0)) - past
                held = max(held, mine.get("held", 0.0))
                ours["kinds"][kind] = entry | ({"held": held} if held > 0 else {})
    except _DAMAGED:
        pass
    return ours


def _checked(data: object) -> Mapping[str, Any]:
    if not isinstance(data, Mapping) or data["version"] != VERSION:
        raise ValueError(data)
    return data


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number
