"""Who uses an account's takeout, and what becomes of it when nobody does.

Theory of operation: an account has one takeout at a time, and Telegram asks the user to agree to
it, so all pieces on one client share one. Who enters first begins it, or adopts the one whose id
lies in the session file: left there by a process that died, or begun by the user's own code. Who
leaves last finishes it, if it was begun here; as a success only if nobody left with an error.

Sans-I/O: the requests, and the session, are the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from telefast.errors import UsageError

__all__ = ["Lease", "Scope"]

_REFUSED_FOR = 600.0
"""Seconds for which a refusal is remembered: our choice. Whoever can do without a takeout asks
again that often at most, not once for each chat."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a takeout is for, besides messages.

    Attributes:
        contacts: Contacts as well.
        files: Files as well.
        max_file_size: Largest file, in bytes; 0 for Telegram's own bound.
    """

    contacts: bool = False
    files: bool = False
    max_file_size: int = 0

    def covers(self, other: Scope) -> bool:
        """Return whether all that *other* is for is in this one."""
        is_size_covered = not self.max_file_size or 0 < other.max_file_size <= self.max_file_size
        return (
            self.contacts >= other.contacts
            and self.files >= other.files
            and (not other.files or is_size_covered)
        )


class Lease:
    """Count the users of one account's takeout."""

    def __init__(self) -> None:
        self.users = 0
        self.takeout_id: int | None = None
        self._scope: Scope | None = None  # None: unknown, it was not begun here
        self._failed = False
        self._votes: set[bool] = set()
        self._refusal = ""
        self._refused_until = 0.0

    def next_step(self, kept_id: int | None) -> Literal["begin", "check", "join"]:
        """Say what to do before one more user may enter.

        Args:
            kept_id: The id in the session, None for none.
        """
        if kept_id is None:
            return "begin"
        return "join" if self.users and kept_id == self.takeout_id else "check"

    def on_open(self, takeout_id: int, scope: Scope | None) -> None:
        """Report a takeout that was begun, for *scope*, or adopted (None)."""
        self.takeout_id = takeout_id
        self._scope = scope
        self._failed = False
        self._votes = set()

    def on_refused(self, reason: str, *, now: float) -> None:
        """Report that Telegram did not let a takeout begin."""
        self._refusal = reason
        self._refused_until = now + _REFUSED_FOR

    def refusal(self, *, now: float) -> str:
        """Return why Telegram refused lately, "" if it did not."""
        return self._refusal if now < self._refused_until else ""

    def join(self, scope: Scope) -> None:
        """Let one more user in.

        Raises:
            UsageError: If the takeout was begun for less than *scope*.
        """
        if self._scope is not None and not self._scope.covers(scope):
            raise UsageError(
                f"the takeout of this account was begun for less ({self._scope}); "
                "enter the one that is for all of it first"
            )
        self.users += 1

    def leave(self, *, success: bool, finish: bool | None) -> None:
        """Let one user out.

        Args:
            success: Whether it got all that it came for.
            finish: Whether to finish the takeout; None for what `next_end` says by itself.
        """
        self.users -= 1
        self._failed = self._failed or not success
        if finish is not None:
            self._votes.add(finish)

    def next_end(self, kept_id: int | None) -> bool | None:
        """Say how to finish.

        Args:
            kept_id: The id in the session, None for none.

        Returns:
            The flag to finish with: whether all users were successful. None if the takeout goes
            on: it has users, it was adopted, a user wants it kept, or somebody else ended it.
        """
        if self.users or self.takeout_id is None or kept_id != self.takeout_id:
            return None
        if True in self._votes or (self._scope is not None and False not in self._votes):
            return not self._failed
        return None

    def on_end(self) -> None:
        """Report that what `next_end` said was done."""
        if not self.users:
            self.takeout_id = None
