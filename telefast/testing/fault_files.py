"""Faults of files: parts that are short or wrong, sizes that lie, references that run out.

Rules as in `faults`. Those of parts look at `upload.getFile` alone and count its calls, also one
that is sent to another data centre: with `dc=` only the calls at that one count.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final, Unpack

from telefast.errors import WorldError
from telefast.testing.faults import Timed

if TYPE_CHECKING:
    from collections.abc import Collection

    from telethon.tl import types

    from telefast.testing.fault_select import Methods, Numbers, Where
    from telefast.testing.file_content import Blob
    from telefast.testing.rpc import Call

__all__ = [
    "CorruptPart",
    "ExpireReferences",
    "FileFault",
    "ReplaceMedia",
    "ShortPart",
    "WrongSize",
]

GET_FILE: Final = "upload.getFile"


class FileFault(Timed):
    """Base of the faults of parts: changes nothing. Override what a fault needs."""

    def blob(self, call: Call, blob: Blob) -> Blob:
        """Return the file that is served instead of *blob*."""
        return blob

    def part(self, call: Call, data: bytes) -> bytes:
        """Return the bytes that are sent instead of *data*."""
        return data

    def redirect(self, call: Call, blob: Blob) -> bytes | None:
        """Return the TL bytes that take the place of a part, or None."""
        return None


class ShortPart(FileFault):
    """Send certain parts short, or empty, although more of the file remains.

    Args:
        nth: Which calls of `upload.getFile`, 1 for the first: a number or several.
        every: Every call whose number is a multiple of this.
        keep: How many bytes are sent at most; 0 for an empty part.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        *,
        nth: Numbers = None,
        every: int | None = None,
        keep: int = 0,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(GET_FILE, nth, every, **where)
        if keep < 0:
            raise WorldError(f"ShortPart: keep={keep}: expected 0 or more")
        self.keep = keep

    def part(self, call: Call, data: bytes) -> bytes:
        """Cut the part."""
        if not self.due(call) or len(data) <= self.keep:
            return data
        self.fired += 1
        return data[: self.keep]


class CorruptPart(FileFault):
    """Flip bits of one byte in certain parts.

    Args:
        nth: Which calls of `upload.getFile`, 1 for the first: a number or several.
        every: Every call whose number is a multiple of this.
        at: Which byte of the part; negative counts from its end. Clipped to the part.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        *,
        nth: Numbers = None,
        every: int | None = None,
        at: int = 0,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(GET_FILE, nth, every, **where)
        self.at = at

    def part(self, call: Call, data: bytes) -> bytes:
        """Corrupt the part."""
        if not data or not self.due(call):
            return data
        self.fired += 1
        at = max(0, min(self.at + len(data) if self.at < 0 else self.at, len(data) - 1))
        return data[:at] + bytes((data[at] ^ 0xFF,)) + data[at + 1 :]


class WrongSize(FileFault):
    """Serve files that are longer or shorter than their messages say.

    Args:
        by: Bytes that the real size is above the declared one; below 0 for shorter. Files end at 0.
        file_id: Only the document or photo with this id; None means every one.
        nth: Which calls of `upload.getFile`, 1 for the first: a number or several.
        every: Every call whose number is a multiple of this; default: every one.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        by: int,
        *,
        file_id: int | None = None,
        nth: Numbers = None,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(GET_FILE, nth, every, **where)
        if not by:
            raise WorldError("WrongSize: by=0: expected another number")
        self.by = by
        self.file_id = file_id

    def blob(self, call: Call, blob: Blob) -> Blob:
        """Change the size."""
        if not self.due(call):
            return blob
        if self.file_id is not None and getattr(call.request.location, "id", 0) != self.file_id:
            return blob
        self.fired += 1
        return blob._replace(size=max(0, blob.size + self.by))


class ExpireReferences(Timed):
    """Let file references expire right before certain calls; fetching the message renews them.

    Args:
        nth: Which calls, 1 for the first: a number or several.
        every: Every call whose number is a multiple of this.
        chat: Marked id of the chat whose references expire; None means all of the world's.
        message_ids: Only those of these messages of *chat*; none means all of them.
        method: The method whose calls are counted, or several.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        *,
        nth: Numbers = None,
        every: int | None = None,
        chat: int | None = None,
        message_ids: Collection[int] = (),
        method: Methods = GET_FILE,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)
        if message_ids and chat is None:
            raise WorldError("ExpireReferences: message_ids=...: expected with chat")
        self.chat = chat
        self.message_ids = message_ids

    def before(self, call: Call) -> None:
        """Let them expire if the call is due."""
        if self.due(call):
            self.fired += 1
            call.world.file_store.revoke(self.chat, self.message_ids)


class ReplaceMedia(Timed):
    """Give a message other media right before certain calls, as an edit does.

    Args:
        chat: Marked id of the chat, of the account that asks.
        message_id: The message; nothing happens if it is not there.
        media: What it has from then on; None for nothing.
        nth: Which calls, 1 for the first: a number or several.
        every: Every call whose number is a multiple of this.
        method: The method whose calls are counted, or several.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        chat: int,
        message_id: int,
        media: types.TypeMessageMedia | None,
        *,
        nth: Numbers = None,
        every: int | None = None,
        method: Methods = GET_FILE,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)
        self.chat = chat
        self.message_id = message_id
        self.media = media

    def before(self, call: Call) -> None:
        """Replace the media if the call is due."""
        if not self.due(call):
            return
        chat = call.account.chat(self.chat)
        if chat is None or not chat.has(self.message_id):
            return
        message: Any = copy.copy(chat.message(self.message_id))
        message.media = self.media
        chat.put(message)
        self.fired += 1
