"""Flood limits: who may ask what, and how long they must wait who ask too much.

Pure: callers pass the time. The state belongs to the server and is kept by account, so that a flood
outlives reconnects, other sessions of the account, and with `FloodModel.as_json` even the server.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from telefast.errors import ArgumentError
from telefast.testing.flood_limits import (
    FixedWindow,
    Lockout,
    TokenBucket,
    limit_from_json,
    limit_to_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from telefast.testing.rpc import Call

__all__ = ["FAMILIES", "Asked", "Budget", "FloodModel", "Refusal", "asked_by", "family_of"]

FAMILIES: Final[Mapping[str, frozenset[str]]] = {
    "history": frozenset(
        {
            "messages.getHistory",
            "messages.getReplies",
            "messages.getSavedHistory",
            "messages.search",
            "messages.searchGlobal",
        }
    ),
    "by-ids": frozenset({"channels.getMessages", "messages.getMessages"}),
    "files": frozenset({"upload.getCdnFile", "upload.getFile", "upload.getWebFile"}),
    "dialogs": frozenset(
        {
            "messages.getDialogs",
            "messages.getPeerDialogs",
            "messages.getPinnedDialogs",
        }
    ),
    "auth-exports": frozenset({"auth.exportAuthorization", "auth.importAuthorization"}),
}
"""Methods that share a budget. Chosen: floods are reported by method ("flood is counted per account
and method"), and nobody reports that searching helps against a flood of history."""

OTHER: Final = "other"
"""The family of all other methods."""

MAX_STATES: Final = 4096
"""States kept before those that may be forgotten are looked for; connections come and go."""

Scope = Literal["account", "dc", "connection"]
_SCOPES: Final = {"account": "account", "dc": "data centre", "connection": "connection"}
_FAMILY_OF: Final = {method: name for name, methods in FAMILIES.items() for method in methods}


def family_of(method: str) -> str:
    """Return the name of the family that a method belongs to.

    Example:
        >>> family_of("messages.search"), family_of("help.getConfig")
        ('history', 'other')
    """
    return _FAMILY_OF.get(method, OTHER)


class Asked(NamedTuple):
    """One request, as far as limits are concerned.

    Attributes:
        method: Telegram's name of the method.
        account: Number of the account; None before login.
        dc_id: The data centre that was asked.
        connection: Number of the connection that it came on.
        size: Bytes of the file that are asked for; 0 for other methods.
        is_takeout: Whether it came in `invokeWithTakeout`.
        is_premium: Whether the account has Telegram Premium.
    """

    method: str
    account: int | None = 0
    dc_id: int = 2
    connection: int = 1
    size: int = 0
    is_takeout: bool = False
    is_premium: bool = False


def asked_by(call: Call) -> Asked:
    """Return what limits have to know of a call."""
    account = call.key.account
    is_file = family_of(call.method) == "files"
    return Asked(
        method=call.method,
        account=account,
        dc_id=call.dc_id,
        connection=call.connection,
        size=max(0, call.request.limit) if is_file else 0,
        is_takeout=call.takeout is not None,
        is_premium=account is not None and bool(call.account.me.premium),
    )


class Refusal(NamedTuple):
    """What one is told who asks too much.

    Attributes:
        seconds: How long to wait, at least 1.
        is_premium: Whether it is one of the waits that Telegram Premium would spare.
    """

    seconds: int
    is_premium: bool = False

    @property
    def message(self) -> str:
        """Telegram's error message, of code 420.

        Example:
            >>> Refusal(3).message, Refusal(7, is_premium=True).message
            ('FLOOD_WAIT_3', 'FLOOD_PREMIUM_WAIT_7')
        """
        return f"FLOOD_{'PREMIUM_' if self.is_premium else ''}WAIT_{self.seconds}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One limit, on what it is and whose it is.

    Args:
        family: Which requests draw from it: a family (`history`, `by-ids`, `files`, `dialogs`,
            `auth-exports`, `other`), one method by Telegram's name, or several of these joined
            by `+`, which then share it.
        limit: The figures: a `TokenBucket`, `FixedWindow` or `Lockout`.
        per: Whose it is: each account has one of its own, or also each data centre or connection of
            it. Default: only each account, as all reports have it for histories.
        unit: Whether `requests` are counted or the `bytes` of files that they ask for.
        is_takeout: Whether it is for requests in a takeout. Those draw from the takeout budgets of
            their family alone, if the profile has any, and from the others if not.
        is_premium_wait: Whether one is told `FLOOD_PREMIUM_WAIT_n` instead of `FLOOD_WAIT_n`.
        spares_premium: Whether accounts with Telegram Premium are free of it.
        least_wait: The shortest wait that is announced, in seconds. One that is longer than the
            limit ever needs makes all waits the same. Default 1.
        stretch: Announced waits are this many times as long as they have to be, at least 1.
            Default 1.
        fine: What a refused request costs, in *unit*. Default 0: it is free.

    Raises:
        ArgumentError: If a value is none of these.

    Example:
        >>> from telefast.testing import TokenBucket
        >>> Budget(family="history", limit=TokenBucket(burst=30, rate=1)).describe()
        'history: 1 request/s after a burst of 30'
    """

    family: str
    limit: TokenBucket | FixedWindow | Lockout
    per: tuple[Scope, ...] = ("account",)
    unit: Literal["requests", "bytes"] = "requests"
    is_takeout: bool = False
    is_premium_wait: bool = False
    spares_premium: bool = False
    least_wait: int = 1
    stretch: float = 1.0
    fine: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what makes no budget."""
        if any(each not in {*FAMILIES, OTHER} and "." not in each for each in self._parts()):
            known = ", ".join([*FAMILIES, OTHER])
            expected = f"one of {known}, or a method's name, or several joined by +"
            raise ArgumentError("family", self.family, expected)
        limit_to_json(self.limit)
        if not set(self.per) <= set(_SCOPES):
            raise ArgumentError("per", self.per, f"some of {', '.join(_SCOPES)}")
        if self.unit not in {"requests", "bytes"}:
            raise ArgumentError("unit", self.unit, "requests or bytes")
        if self.least_wait < 1:
            raise ArgumentError("least_wait", self.least_wait, "whole seconds, 1 or more")
        if self.stretch < 1:
            raise ArgumentError("stretch", self.stretch, "1 or more")
        if self.fine < 0:
            raise ArgumentError("fine", self.fine, "0 or more")

    def covers(self, asked: Asked) -> bool:
        """Return whether a request draws from this budget, takeout or not."""
        if self.spares_premium and asked.is_premium:
            return False
        if self.unit == "bytes" and not asked.size:
            return False
        return not self._parts().isdisjoint((asked.method, family_of(asked.method)))

    def _parts(self) -> set[str]:
        """Return the families and methods that draw from it."""
        return {*self.family.split("+")}

    def key(self, asked: Asked) -> str:
        """Return whose budget a request draws from."""
        facts = {"account": asked.account, "dc": asked.dc_id, "connection": asked.connection}
        return " ".join(f"{scope}={facts[scope]}" for scope in _SCOPES if scope in self.per)

    def wait(self, seconds: float) -> int:
        """Return the wait to announce, in whole seconds, for one of *seconds*."""
        return max(self.least_wait, math.ceil(seconds * self.stretch - 1e-6))

    def describe(self) -> str:
        """Return the budget in words."""
        own = [f"per {_SCOPES[scope]}" for scope in self.per if scope != "account"]
        notes = [*own, *(["in a takeout"] if self.is_takeout else [])]
        if self.is_premium_wait:
            notes.append("FLOOD_PREMIUM_WAIT")
        if self.spares_premium:
            notes.append("not with Premium")
        if self.least_wait > 1:
            notes.append(f"waits of {self.least_wait} s or more")
        if self.stretch > 1:
            notes.append(f"waits {self.stretch:g} times too long")
        if self.fine:
            notes.append(f"a refused request costs {self.fine:g}")
        tail = f" ({'; '.join(notes)})" if notes else ""
        return f"{self.family}: {self.limit.describe(self.unit)}{tail}"

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        figures: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self)}
        return figures | {"per": list(self.per), "limit": limit_to_json(self.limit)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Budget:
        """Return the budget that `as_json` made *data* of."""
        own = {"per": tuple(data["per"]), "limit": limit_from_json(data["limit"])}
        return cls(**(dict(data) | own))


class FloodModel:
    """Judge requests by budgets, and remember what was asked.

    Args:
        budgets: The limits. A request must be within all that cover it; one that is refused takes
            nothing from the others.

    Example:
        >>> from telefast.testing import TokenBucket
        >>> budget = Budget(family="history", limit=TokenBucket(burst=2, rate=0.5))
        >>> model = FloodModel([budget])
        >>> [model.judge(Asked("messages.getHistory"), now=10.0) for _ in range(3)]
        [None, None, Refusal(seconds=2, is_premium=False)]
        >>> model.judge(Asked("messages.getHistory"), now=12.0) is None
        True
    """

    def __init__(self, budgets: Iterable[Budget]) -> None:
        self.budgets = tuple(budgets)
        self._states: dict[tuple[int, str], list[float]] = {}
        self._prune_at = MAX_STATES

    def judge(self, asked: Asked, now: float) -> Refusal | None:
        """Return None and take what is asked from its budgets, or return why not.

        Args:
            asked: The request.
            now: The time, in seconds; may go back, which brings nothing.
        """
        if len(self._states) >= self._prune_at:
            self._prune(now)
        drawn = [
            (budget, self._state(number, budget, asked, now), _cost(budget, asked))
            for number, budget in self._covering(asked)
        ]
        refused = [each for each in drawn if not each[0].limit.ask(each[1], now, each[2])]
        if not refused:
            for budget, state, cost in drawn:
                budget.limit.take(state, cost)
            return None
        return max(
            Refusal(
                budget.wait(budget.limit.refuse(state, now, cost, budget.fine)),
                budget.is_premium_wait,
            )
            for budget, state, cost in refused
        )

    def as_json(self) -> list[list[Any]]:
        """Return what is remembered, as plain data."""
        return [[number, key, *state] for (number, key), state in self._states.items()]

    def load(self, data: Iterable[list[Any]]) -> None:
        """Remember what a model of the same budgets returned from `as_json`."""
        self._states = {(number, key): state for number, key, *state in data}

    def _covering(self, asked: Asked) -> list[tuple[int, Budget]]:
        """Return the budgets that a request draws from, with their numbers."""
        found = [each for each in enumerate(self.budgets) if each[1].covers(asked)]
        takeout = [each for each in found if each[1].is_takeout]
        if asked.is_takeout and takeout:
            return takeout
        return [each for each in found if not each[1].is_takeout]

    def _state(self, number: int, budget: Budget, asked: Asked, now: float) -> list[float]:
        """Return the state of one budget for one who asks."""
        key = (number, budget.key(asked))
        if key not in self._states:
            self._states[key] = budget.limit.fresh(now)
        return self._states[key]

    def _prune(self, now: float) -> None:
        """Forget those whose budget is as good as new."""
        self._states = {
            key: state
            for key, state in self._states.items()
            if not self.budgets[key[0]].limit.is_fresh(state, now)
        }
        self._prune_at = max(MAX_STATES, 2 * len(self._states))


def _cost(budget: Budget, asked: Asked) -> float:
    """Return what a request takes from a budget."""
    return asked.size if budget.unit == "bytes" else 1
