"""What a program may know of the waits of its calls."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Reason", "WaitEvent", "told_once"]

Reason = Literal["flood", "own call", "remembered", "pacing", "spacing"]


@dataclass(frozen=True, slots=True)
class WaitEvent:
    """A call waits before it is sent.

    Attributes:
        method: Telegram's name of the method, such as `messages.getHistory`.
        kind: The budget that it draws from, such as `history` or `takeout:history`.
        reason: `flood`: Telegram asked for a wait; this call, or another one of the same kind.
            `own call`: a call that went through Telethon itself was asked to wait.
            `remembered`: a wait of an earlier run is not over. `pacing`: the learned rate allows
            no more. `spacing`: `wait_time`.
        seconds: How long it still takes.
        until: When it ends, in seconds since the epoch.
        error: Telethon's name of the flood, such as `FloodPremiumWaitError`; "" if there was none.
        ends: When it ends by the event loop's clock, which nobody sets.
        account: Id of the account that waits; None if its client does not know it.
    """

    method: str
    kind: str
    reason: Reason
    seconds: float
    until: float
    error: str = ""
    ends: float = 0.0
    account: int | None = None


def told_once(tell: Callable[[WaitEvent], object]) -> Callable[[WaitEvent], None]:
    """Return *tell* without repetitions: a wait that holds many calls is told of once.

    And again if it is prolonged, by a second or more.
    """
    told: dict[tuple[int | None, str, bool], float] = {}

    def tell_if_new(event: WaitEvent) -> None:
        key = event.account, event.kind, event.reason in ("pacing", "spacing")
        if event.ends >= told.get(key, -math.inf) + 1:
            told[key] = event.ends
            tell(event)

    return tell_if_new
