"""Named profiles of Telegram's flood limits and speeds, with their sources.

Telegram publishes no limits. Each profile says where its figures were reported and what had to be
assumed; whoever shows a result that depends on one shows `FloodProfile.describe` beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from telefast.errors import ArgumentError
from telefast.testing.flood_limits import TokenBucket
from telefast.testing.flood_model import Budget

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FLOOD_PROFILES", "FloodProfile", "flood_profile"]

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodProfile:
    """What an account may ask for, and how fast bytes come.

    Profiles add up: `flood_profile("telegram-plain+free-download")`, or `plain | free`, has the
    budgets of both, and of two speeds the lower one.

    Args:
        name: What it is called wherever results are shown.
        budgets: Limits on requests; none by default.
        bandwidth: Bytes per second that each connection carries towards its client; None means no
            limit.
        dc_bandwidth: Bytes per second that all connections to one data centre share; None means no
            limit.
        source: Where the figures were reported.
        assumed: What no source tells.

    Raises:
        ArgumentError: If a speed is not above 0.

    Example:
        >>> print(flood_profile("telegram-takeout").figures()[0])
        history: 10 requests/s after a burst of 30, waits until 10 are back (in a takeout)
        >>> print(flood_profile("unlimited").describe())
        unlimited: no flood limits
    """

    name: str
    budgets: tuple[Budget, ...] = ()
    bandwidth: float | None = None
    dc_bandwidth: float | None = None
    source: str = ""
    assumed: str = ""

    def __post_init__(self) -> None:
        """Refuse speeds that are none."""
        for name in ("bandwidth", "dc_bandwidth"):
            speed = getattr(self, name)
            if speed is not None and not 0 < speed < float("inf"):
                raise ArgumentError(name, speed, "bytes per second, above 0, or None")

    def __or__(self, other: FloodProfile) -> FloodProfile:
        """Return both together; `unlimited` adds nothing."""
        both = [each for each in (self, other) if each.name != UNLIMITED]
        if len(both) < 2:
            return both[0] if both else self
        return FloodProfile(
            name=f"{self.name}+{other.name}",
            budgets=self.budgets + other.budgets,
            bandwidth=_lower(self.bandwidth, other.bandwidth),
            dc_bandwidth=_lower(self.dc_bandwidth, other.dc_bandwidth),
            source=" ".join(filter(None, (self.source, other.source))),
            assumed=" ".join(filter(None, (self.assumed, other.assumed))),
        )

    def figures(self) -> list[str]:
        """Return each limit in words."""
        found = [budget.describe() for budget in self.budgets]
        if self.bandwidth is not None:
            found.append(f"{_speed(self.bandwidth)} per connection")
        if self.dc_bandwidth is not None:
            found.append(f"{_speed(self.dc_bandwidth)} per data centre")
        return found or ["no flood limits"]

    def describe(self) -> str:
        """Return name and figures in one line, to be shown beside results."""
        return f"{self.name}: {'; '.join(self.figures())}"

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        names = ("name", "bandwidth", "dc_bandwidth", "source", "assumed")
        figures: dict[str, Any] = {name: getattr(self, name) for name in names}
        return figures | {"budgets": [budget.as_json() for budget in self.budgets]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FloodProfile:
        """Return the profile that `as_json` made *data* of."""
        budgets = tuple(Budget.from_json(budget) for budget in data["budgets"])
        return cls(**(dict(data) | {"budgets": budgets}))


UNLIMITED: Final = "unlimited"

FLOOD_PROFILES: Final[Mapping[str, FloodProfile]] = {
    profile.name: profile
    for profile in (
        FloodProfile(
            name=UNLIMITED,
            source="None: for comparing programs, not for forecasts.",
            assumed="That nothing is refused, which no account enjoys.",
        ),
        FloodProfile(
            name="telegram-plain",
            budgets=(
                Budget(family="history", limit=TokenBucket(burst=30, rate=1, back=3)),
                Budget(family="by-ids", limit=TokenBucket(burst=30, rate=1, back=3)),
            ),
            source=(
                "LonamiWebs/Telethon pull request 565: 3,000 messages within 30 seconds. "
                "tg-chat-dump 1.2.1: about 6,000 messages a minute for an account, however many "
                "workers ask. LonamiWebs/Telethon issue 3882: waits of 3 seconds."
            ),
            assumed=(
                "A burst of 30 requests; that pages are full (100 messages); that requests by ids "
                "have a budget of the same size of their own; that a refused request is free."
            ),
        ),
        FloodProfile(
            name="telegram-takeout",
            budgets=(
                Budget(
                    family="history",
                    limit=TokenBucket(burst=30, rate=10, back=10),
                    is_takeout=True,
                ),
                Budget(
                    family="by-ids", limit=TokenBucket(burst=30, rate=10, back=10), is_takeout=True
                ),
            ),
            source="tg-chat-dump 1.2.1: about 60,000 messages a minute of an account in a takeout.",
            assumed=(
                "That pages are full; a burst of 30 requests and waits of about 1 second; the same "
                "for requests by ids; nothing about requests outside the takeout."
            ),
        ),
        FloodProfile(
            name="free-download",
            budgets=(
                Budget(
                    family="files",
                    limit=TokenBucket(burst=32 * MIB, rate=7_550_000, back=MIB),
                    per=("account", "dc"),
                    unit="bytes",
                    is_premium_wait=True,
                    spares_premium=True,
                    least_wait=7,
                ),
            ),
            dc_bandwidth=7_550_000,
            source=(
                "xwc9527/TeleGet: 7.55 MB/s for a file of 2.16 GB in the account's own data "
                "centre, over 4 connections; premium waits of 7 to 11 seconds; limits are for the "
                "account, and more connections bring nothing."
            ),
            assumed=(
                "That this speed, the best that was shown, is the limit, for each data centre and "
                "of all who are connected to it; that what is asked for counts; that a premium "
                "wait comes to those who have more than 32 MiB in flight; that it is 7 seconds."
            ),
        ),
        FloodProfile(
            name="premium-download",
            budgets=(
                Budget(
                    family="files",
                    limit=TokenBucket(burst=16 * MIB, rate=5_500_000, back=MIB),
                    per=("account", "dc", "connection"),
                    unit="bytes",
                    is_premium_wait=True,
                    least_wait=2,
                ),
            ),
            bandwidth=5_500_000,
            source=(
                "mateof/TelegramFileManager pull requests 100 and 107: 5 to 6 MB/s for each "
                "connection of a Premium account, premium waits when more is asked of one, while "
                "Telegram Desktop gets 50 to 60 MB/s over several."
            ),
            assumed=(
                "5.5 MB/s, the middle; that a wait comes to those who have more than 16 MiB in "
                "flight on one connection; that it is 2 seconds; that connections share no limit."
            ),
        ),
    )
}
"""The profiles that have a name; see the guide for the table of their figures and sources."""


def flood_profile(name: str | FloodProfile) -> FloodProfile:
    """Return a profile by its name, or several with `+` between their names as one.

    Raises:
        ArgumentError: If there is no profile of that name.

    Example:
        >>> flood_profile("telegram-plain+telegram-takeout").name
        'telegram-plain+telegram-takeout'
    """
    if isinstance(name, FloodProfile):
        return name
    whole = FLOOD_PROFILES[UNLIMITED]
    for part in str(name).split("+"):
        profile = FLOOD_PROFILES.get(part.strip())
        if profile is None:
            raise ArgumentError("flood", name, f"some of {', '.join(FLOOD_PROFILES)}, joined by +")
        whole |= profile
    return whole


def _lower(one: float | None, other: float | None) -> float | None:
    """Return the lower of two limits; None is none."""
    return min((each for each in (one, other) if each is not None), default=None)


def _speed(rate: float) -> str:
    """Return a speed as people write it."""
    return f"{rate / 1e6:g} MB/s"
