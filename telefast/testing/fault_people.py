"""Faults of the people on a page: shown as `min`, or not at all.

Rules as in `faults`. They hold for every answer that carries users; what `World.min_users` and
`World.absent_users` name holds without a rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telefast.errors import WorldError
from telefast.testing.faults import Rule

if TYPE_CHECKING:
    from collections.abc import Collection, Container

    from telefast.testing.rpc import Call

__all__ = ["MinUsers", "MissingUsers"]


class _PeopleRule(Rule):
    """Watch certain calls, and name some users or all.

    Args:
        user_ids: Bare ids of the users; None means everybody but who asks.
        nth: Which calls of *method*, 1 for the first; None means all.
        method: Telegram's name of a method; None means every method, which *nth* excludes.
    """

    def __init__(
        self,
        user_ids: Collection[int] | None = None,
        *,
        nth: int | Collection[int] | None = None,
        method: str | None = None,
    ) -> None:
        if nth is not None and method is None:
            raise WorldError(f"{type(self).__name__}: nth={nth}: expected with method=")
        self.user_ids: Container[int] = _Everybody() if user_ids is None else frozenset(user_ids)
        self.nth = None if nth is None else frozenset([nth] if isinstance(nth, int) else nth)
        self.method = method

    def before(self, call: Call) -> None:
        """Name the users for as long as this call is answered."""
        named = self._named(call)
        named.pop(self, None)
        if self.method is not None and call.method != self.method:
            return
        if self.nth is None or call.number in self.nth:
            named[self] = self.user_ids
            self.fired += 1

    def _named(self, call: Call) -> dict[object, Container[int]]:
        raise NotImplementedError


class _Everybody:
    """A container that has every id."""

    def __contains__(self, user_id: object) -> bool:
        """Return True."""
        return True


class MinUsers(_PeopleRule):
    """Show users as `min`: their access hash opens nothing, and fields are left out.

    Such a user is named in requests through a message that shows the user
    (`inputUserFromMessage`, https://core.telegram.org/api/min).

    Args:
        user_ids: Bare ids of the users; None means everybody but who asks.
        nth: Which calls of *method*, 1 for the first: a number or several. None means all.
        method: Telegram's name of a method; None means every method, which *nth* excludes.

    Raises:
        WorldError: If *nth* is given without *method*.
    """

    def _named(self, call: Call) -> dict[object, Container[int]]:
        return call.account.shown_min


class MissingUsers(_PeopleRule):
    """Leave users out of the answers that refer to them.

    Args:
        user_ids: Bare ids of the users; None means everybody, who asks included.
        nth: Which calls of *method*, 1 for the first: a number or several. None means all.
        method: Telegram's name of a method; None means every method, which *nth* excludes.

    Raises:
        WorldError: If *nth* is given without *method*.
    """

    def _named(self, call: Call) -> dict[object, Container[int]]:
        return call.account.left_out
