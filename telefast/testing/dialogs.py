"""The order of dialogs, the pages cut from it, and what an account notes about its dialogs. Pure.

Dialogs are ordered by the date of their top message, the latest first, and by the id of that
message and the peer where dates are equal. A page begins below the place that its request names
(https://core.telegram.org/api/offsets); pinned dialogs stand above all others, in their own order
(https://core.telegram.org/api/folders).
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from telefast.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ARCHIVE", "MAIN", "DialogBook", "Place", "below", "cut_page"]

MAIN: Final = 0
"""The folder of all dialogs that are not archived (https://core.telegram.org/api/folders)."""
ARCHIVE: Final = 1
"""The archive; there are no other peer folders."""


class Place(NamedTuple):
    """Where a dialog stands: the greater, the higher.

    Attributes:
        date: Date of the top message in seconds since the epoch.
        top: Id of the top message, 0 if there is none.
        mark: Marked id of the peer.
    """

    date: int
    top: int
    mark: int


def below(places: Sequence[Place], before: Place) -> int:
    """Return the index of the first of *places* that stands below *before*.

    Args:
        places: Places, the highest first.
        before: Where a page begins.

    Example:
        >>> below([Place(9, 3, 7), Place(5, 2, 8), Place(5, 1, 6)], Place(5, 2, 8))
        2
    """
    return bisect_right(places, _reversed(before), key=_reversed)


def cut_page(
    pinned: Sequence[Place], others: Sequence[Place], *, before: Place | None, limit: int
) -> list[Place]:
    """Cut one page of dialogs.

    Pinned dialogs count against the limit, and stand only on a page from the top. Chosen: no
    source says whether they count.

    Args:
        pinned: The pinned dialogs in their order; none if the request excludes them.
        others: All other dialogs, the highest first.
        before: Where the page begins; None means the top.
        limit: Most entries on it.
    """
    if before is not None:
        start = below(others, before)
        return list(others[start : start + limit])
    return [*pinned, *others[: max(0, limit - len(pinned))]][:limit]


class DialogBook:
    """What one account notes about its dialogs; `Account.dialogs`.

    Chats are named by their marked ids. Nothing here is checked against the world but by
    `World.check`.

    Attributes:
        pinned: Pinned dialogs of each folder, the highest first.
        archived: Dialogs in the archive.
        read_inbox: Up to which id the account has read; a chat that is not in it is read.
        read_outbox: Up to which id others have read what the account wrote; as *read_inbox*.
        marked_unread: Dialogs that the user marked as unread.

    Example:
        >>> book = DialogBook()
        >>> book.archive(-7)
        >>> book.pin(5, 6)
        >>> book.folder_of(-7), book.is_pinned(6), book.pinned
        (1, True, {0: [5, 6], 1: []})
    """

    def __init__(self) -> None:
        self.pinned: dict[int, list[int]] = {MAIN: [], ARCHIVE: []}
        self.archived: set[int] = set()
        self.read_inbox: dict[int, int] = {}
        self.read_outbox: dict[int, int] = {}
        self.marked_unread: set[int] = set()

    def folder_of(self, mark: int) -> int:
        """Return the folder that a dialog is in."""
        return ARCHIVE if mark in self.archived else MAIN

    def is_pinned(self, mark: int) -> bool:
        """Return whether a dialog is pinned in its folder."""
        return mark in self.pinned[self.folder_of(mark)]

    def pin(self, *marks: int) -> None:
        """Pin dialogs below those that are pinned already, each in the folder that it is in.

        Raises:
            WorldError: If one is pinned already.
        """
        for mark in marks:
            if self.is_pinned(mark):
                raise WorldError(f"dialogs.pinned: {mark} is pinned already")
            self.pinned[self.folder_of(mark)].append(mark)

    def unpin(self, *marks: int) -> None:
        """Unpin dialogs; those that are not pinned are passed over."""
        for mark in marks:
            for pinned in self.pinned.values():
                if mark in pinned:
                    pinned.remove(mark)

    def archive(self, *marks: int) -> None:
        """Put dialogs into the archive; that unpins them."""
        fresh = [mark for mark in marks if mark not in self.archived]
        self.unpin(*fresh)
        self.archived.update(fresh)

    def unarchive(self, *marks: int) -> None:
        """Take dialogs out of the archive; that unpins them."""
        old = [mark for mark in marks if mark in self.archived]
        self.unpin(*old)
        self.archived.difference_update(old)

    def read(self, mark: int, *, inbox: int | None = None, outbox: int | None = None) -> None:
        """Note how far a chat is read; what is above counts as unread.

        Args:
            mark: Marked id of the chat.
            inbox: Highest id that the account has read; 0 for nothing.
            outbox: Highest id that others have read; 0 for nothing.

        Raises:
            WorldError: If an id is below 0.
        """
        for name, value, noted in (
            ("inbox", inbox, self.read_inbox),
            ("outbox", outbox, self.read_outbox),
        ):
            if value is None:
                continue
            if value < 0:
                raise WorldError(f"dialogs.read_{name}[{mark}]={value}: expected 0 or more")
            noted[mark] = value


def _reversed(place: Place) -> tuple[int, int, int]:
    return (-place.date, -place.top, -place.mark)
