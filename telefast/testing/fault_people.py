"""Faults of the people on a page: shown as `min`, or not at all.

Rules as in `faults`. They hold for every answer that carries users; what `World.min_users` and
`World.absent_users` name holds without a rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from telefast.errors import WorldError
from telefast.testing.faults import Timed

if TYPE_CHECKING:
    from collections.abc import Collection, Container

    from telefast.testing.fault_select import Methods, Numbers, Where
    from telefast.testing.rpc import Call

__all__ = ["MinUsers", "MissingUsers"]


class _PeopleRule(Timed):
    """Watch certain calls, and name some users or all.

    Args:
        user_ids: Bare ids of the users; None means everybody but who asks.
        nth: Which calls of *method*, 1 for the first; None means all.
        every: Those whose number is a multiple of this.
        method: Which methods; None means every method, which *nth* excludes.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        user_ids: Collection[int] | None = None,
        *,
        nth: Numbers = None,
        every: int | None = None,
        method: Methods = None,
        **where: Unpack[Where],
    ) -> None:
        if nth is not None and method is None:
            raise WorldError(f"{type(self).__name__}: nth={nth}: expected with method=")
        super().__init__(method, nth, every, **where)
        self.user_ids: Container[int] = _Everybody() if user_ids is None else frozenset(user_ids)

    def before(self, call: Call) -> None:
        """Name the users for as long as this call is answered."""
        named = self._named(call)
        named.pop(self, None)
        if self.due(call):
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
        every: Those whose number is a multiple of this.
        method: Telegram's name of a method, several, or a family; None means every method, which
            *nth* excludes.
        **where: What else must hold, see `Where`.

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
        every: Those whose number is a multiple of this.
        method: Telegram's name of a method, several, or a family; None means every method, which
            *nth* excludes.
        **where: What else must hold, see `Where`.

    Raises:
        WorldError: If *nth* is given without *method*.
    """

    def _named(self, call: Call) -> dict[object, Container[int]]:
        return call.account.left_out
