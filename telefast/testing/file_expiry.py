"""How long file references last, and which of them are over: the base of `file_store.Files`."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from telefast.testing.file_refs import MESSAGE, FileKey, Reference

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Expiry"]

_COUNTED: Final = 100_000
"""Most references whose uses are counted; the one used longest ago is forgotten first."""


class Expiry:
    """The references that a world has given.

    Args:
        seed: What they are signed by depends on it.

    Attributes:
        reference_ttl: Seconds of server time after which a reference is FILE_REFERENCE_EXPIRED.
            None (the default) means never. What Telegram does is not published.
        reference_uses: Requests that one reference opens a file for, before it is expired. None
            (the default) means any number.
        now: Server time of the request that is being answered, in seconds since the epoch.
    """

    def __init__(self, seed: int) -> None:
        self._secret = blake2b(f"{seed}/references".encode(), digest_size=16).digest()
        self.reference_ttl: float | None = None
        self.reference_uses: int | None = None
        self.now = 0.0
        self._serial = 0
        self._revoked_before = -1
        self._revoked: dict[tuple[int, int], int] = {}
        self._uses: OrderedDict[tuple[Any, ...], int] = OrderedDict()

    @property
    def secret(self) -> bytes:
        """What references are signed with."""
        return self._secret

    @property
    def are_renewed(self) -> bool:
        """Whether each answer brings fresh references, since old ones may expire."""
        return (
            self.reference_ttl is not None
            or self.reference_uses is not None
            or self._revoked_before >= 0
            or bool(self._revoked)
        )

    def revoke(self, marked_id: int | None = None, message_ids: Iterable[int] = ()) -> None:
        """Let all references that were given so far expire now; later ones are good.

        Args:
            marked_id: Only those of this chat or peer; None for all of the world.
            message_ids: Only those of these messages of the chat; none means all of the chat's.
        """
        if marked_id is None:
            self._revoked_before = self._serial
            return
        for message_id in [*message_ids] or [-1]:
            self._revoked[marked_id, message_id] = self._serial

    def has_expired(self, reference: Reference, key: FileKey) -> bool:
        """Return whether a reference opens its file no more, and count its use if it does."""
        if self.reference_ttl is not None:
            age = self.now - reference.issued / 1000
            if age >= self.reference_ttl:
                return True
        revoked = max(
            self._revoked_before,
            self._revoked.get((reference.mark, -1), -1),
            self._revoked.get((reference.mark, reference.message_id), -1),
        )
        if reference.serial <= revoked:
            return True
        if self.reference_uses is None:
            return False
        place = (reference, key)
        uses = self._uses.pop(place, 0)
        self._uses[place] = min(uses + 1, self.reference_uses)
        if len(self._uses) > _COUNTED:
            self._uses.popitem(last=False)
        return uses >= self.reference_uses

    def issue(self, account: int, mark: int, number: int, place: int = MESSAGE) -> Reference:
        """Return a reference of now; in a world without expiry it is ageless.

        Args:
            account: Index of the account that gets it.
            mark: As of a `Reference`.
            number: Its `message_id`.
            place: As of a `Reference`.
        """
        if not self.are_renewed:
            return Reference(account, mark, number, place=place)
        self._serial += 1
        return Reference(
            account, mark, number, int(self.now * 1000), self._serial & 0xFFFFFFFF, place
        )
