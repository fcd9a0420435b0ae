"""Which requests a rule is about: one selector for all rules.

Pure: facts come in, a yes or no goes out, and what matched is counted.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import TYPE_CHECKING, TypeAlias, TypedDict

from telefast.errors import WorldError
from telefast.testing.rpc import method_names

if TYPE_CHECKING:
    from telefast.testing.account import Account
    from telefast.testing.rpc import Call

__all__ = ["Methods", "Numbers", "Selector", "Where"]

Numbers: TypeAlias = int | Collection[int] | None
"""A number or several; None means any."""

Methods: TypeAlias = str | Collection[str] | None
"""A method, several, a family such as `upload.*`, or None for all."""


class Where(TypedDict, total=False):
    """What every rule of requests may be narrowed down to; each part narrows it further.

    Beside these, rules take `nth` (which of the requests that match, 1 for the first: a number or
    several) and `every` (those whose number is a multiple of it). Without `nth`, `every` and
    `start` a rule is about all requests that match.

    Attributes:
        start: From which of the requests that match on, 1 for the first.
        dc: Number of a data centre, or several.
        connection: Number of a TCP connection (`Ledger.connections`), or several; 1 is the first
            that the server accepted, of all data centres.
        account: Whose requests.
        from_request: From which request of all on, whatever its method (`Ledger.total`).
        between: From when until when, in seconds since the rule first saw a request.

    Example:
        >>> from telefast.testing import ErrorOn
        >>> ErrorOn("upload.getFile", 420, "FLOOD_WAIT_30", nth=5, dc=4)
        <ErrorOn upload.getFile nth=5 dc=4 fired=0>
    """

    start: int | None
    dc: Numbers
    connection: Numbers
    account: Account | None
    from_request: int | None
    between: tuple[float, float] | None


class Selector:
    """Say whether a rule is about a request (or a packet, or a connection), and count those.

    With the name of one method and nothing else, requests are counted by the server: the fifth is
    the fifth since it started. Otherwise what matches is counted here, since the rule is in force.

    Args:
        rule: Name of the rule, for errors.
        method: Which methods.
        nth: Which of those that match, 1 for the first.
        every: Those whose number is a multiple of this.
        own_count: Whether to count here in any case.
        where: What else must hold.

    Raises:
        WorldError: If nothing could ever match: a method that Telegram does not have, for one.
    """

    def __init__(
        self,
        rule: str,
        method: Methods,
        nth: Numbers,
        every: int | None,
        where: Where,
        *,
        own_count: bool = False,
    ) -> None:
        self._rule = rule
        self._text = _text(method, nth, every, where)
        names = (method,) if isinstance(method, str) else method
        if names is not None and not all(names or [""]):
            raise WorldError(f"{rule}: method={method!r}: expected names of methods")
        for name in names or ():
            _check_name(rule, name)
        self._exact = None if names is None else frozenset(n for n in names if n[-1] != "*")
        self._prefixes = tuple(n[:-1] for n in names or () if n[-1] == "*")
        self._nth = self._numbers("nth", nth)
        self._every = self._number("every", every)
        self._start = self._number("start", where.get("start"))
        if sum(n is not None for n in (self._nth, self._every, self._start)) > 1:
            raise WorldError(f"{rule}: expected one of nth=, every= and start=, not several")
        self._dcs = self._numbers("dc", where.get("dc"))
        self._connections = self._numbers("connection", where.get("connection"))
        self._account = where.get("account")
        self._from_request = self._number("from_request", where.get("from_request"))
        self._between = where.get("between")
        if self._between is not None and not 0 <= self._between[0] < self._between[1]:
            raise WorldError(f"{rule}: between={self._between}: expected a start below the end")
        self._began: float | None = None
        self._count = 0
        parts = (self._dcs, self._connections, self._account, self._from_request, self._between)
        self._counts_here = (
            own_count or not isinstance(method, str) or bool(self._prefixes) or any(parts)
        )

    @property
    def dcs(self) -> Collection[int] | None:
        """The data centres that the rule is about; None for all."""
        return self._dcs

    def __str__(self) -> str:
        """Show what was asked for."""
        return self._text

    def picks(self, call: Call) -> bool:
        """Return whether the rule is about this request; ask once for each request."""
        named = self._exact is None or call.method in self._exact
        if not named and not call.method.startswith(self._prefixes):
            return False
        if not self._counts_here:
            return self._has(call.number)
        if self._account is not None and call.asker is not self._account:
            return False
        if self._from_request is not None and call.ledger.total < self._from_request:
            return False
        return self.picks_line(call.dc_id, call.connection, call.now)

    def picks_line(self, dc_id: int, connection: int, now: float) -> bool:
        """Return whether the rule is about this packet or connection; ask once for each.

        Args:
            dc_id: Number of its data centre.
            connection: Number of its TCP connection.
            now: The server's time in seconds.
        """
        if self._dcs is not None and dc_id not in self._dcs:
            return False
        if self._connections is not None and connection not in self._connections:
            return False
        if self._between is not None:
            if self._began is None:
                self._began = now
            if not self._between[0] <= now - self._began < self._between[1]:
                return False
        self._count += 1
        return self._has(self._count)

    def _has(self, number: int) -> bool:
        """Return whether the request of this number is meant."""
        if self._nth is not None:
            return number in self._nth
        if self._every is not None:
            return number % self._every == 0
        return self._start is None or number >= self._start

    def _number(self, name: str, value: int | None) -> int | None:
        """Check a number that begins at 1."""
        if value is not None and value < 1:
            raise WorldError(f"{self._rule}: {name}={value}: expected 1 or more")
        return value

    def _numbers(self, name: str, value: Numbers) -> Collection[int] | None:
        """Check one or several numbers that begin at 1."""
        if value is None:
            return None
        several = frozenset([value]) if isinstance(value, int) else value
        if not isinstance(several, range):
            several = frozenset(several)
        if not several:
            raise WorldError(f"{self._rule}: {name} is empty: expected at least one number")
        self._number(name, min(several))
        return several


def _check_name(rule: str, name: str) -> None:
    """Refuse the name of a method or family that there is not."""
    known = method_names()
    if name in known or (name[-1] == "*" and any(n.startswith(name[:-1]) for n in known)):
        return
    near = difflib.get_close_matches(name, known, 1)
    hint = f"; is it {near[0]}?" if near else ""
    raise WorldError(f"{rule}: method={name!r}: Telegram has no such method{hint}")


def _text(method: Methods, nth: Numbers, every: int | None, where: Where) -> str:
    """Return how a selector shows itself."""
    words = [method] if isinstance(method, str) else sorted(method or ())
    given = {"nth": nth, "every": every, **where}
    words += [f"{name}={value}" for name, value in given.items() if value is not None]
    return " ".join(words)
