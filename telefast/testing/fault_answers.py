"""Faults of answers: what nobody can read, ids in the wrong order, updates in between.

Rules as in `faults`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, Unpack

from telethon.tl import types
from telethon.tl.tlobject import TLObject

from telefast.errors import WorldError
from telefast.testing.faults import Timed
from telefast.testing.pages import vector
from telefast.testing.session import GZIP_PACKED

if TYPE_CHECKING:
    from telefast.testing.fault_select import Methods, Numbers, Where
    from telefast.testing.faults import Line
    from telefast.testing.rpc import Call, Empty
    from telefast.testing.world import World

__all__ = ["GzipErrors", "ScrambleIds", "UnknownConstructor", "UpdateStorm"]

UNKNOWN: Final = struct.pack("<I", 0x7E1EFA57)
"""A constructor that no layer has."""

_RPC_ERROR: Final = struct.pack("<I", 0x2144CA19)

Kind: TypeAlias = Literal["status", "message", "too-long", "unknown"]


class UnknownConstructor(Timed):
    """Put an object that no client of this layer can read into certain answers.

    Args:
        method: Telegram's name of the method, several, a family, or None for all.
        of: Type of the object whose first one is made unreadable, such as `types.Message`.
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.

    Example:
        >>> from telethon.tl import types
        >>> UnknownConstructor("messages.getHistory", types.Message, nth=3)
        <UnknownConstructor messages.getHistory nth=3 fired=0>
    """

    def __init__(
        self,
        method: Methods,
        of: type[TLObject] = types.Message,
        *,
        nth: Numbers = None,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)
        self._wanted = struct.pack("<I", of.CONSTRUCTOR_ID)

    def result(self, call: Call, body: bytes) -> bytes:
        """Replace the constructor, if the call is due and the object is there."""
        if not self.due(call):
            return body
        place = body.find(self._wanted)
        while place % 4 and place >= 0:  # All of TL is aligned to four bytes.
            place = body.find(self._wanted, place + 1)
        if place < 0:
            return body
        self.fired += 1
        return body[:place] + UNKNOWN + body[place + 4 :]


class GzipErrors(Timed):
    """Compress the errors that certain requests get, as Telegram may do with any answer.

    Args:
        method: Telegram's name of the method, several, a family, or None for all.
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.
    """

    def answered(self, line: Line, call: Call, body: bytes) -> bytes:
        """Compress the error, if it is one and the call is due."""
        if not body.startswith(_RPC_ERROR) or not self.due(call):
            return body
        self.fired += 1
        packer = zlib.compressobj(wbits=31)
        data = packer.compress(body) + packer.flush()
        packed: bytes = TLObject.serialize_bytes(data)
        return GZIP_PACKED.to_bytes(4, "little") + packed


class ScrambleIds(Timed):
    """Answer requests for messages by id in another order, and without some of them.

    So Telegram answers outside channels: what does not exist may be left out, and the order is not
    that of the request.

    Args:
        method: Telegram's name of the method, or several.
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        omit: Ids that are left out, or `missing` for those that do not exist.
        shuffle: Whether the order changes; each request gets its own, the same in each run.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        method: Methods = "messages.getMessages",
        *,
        nth: Numbers = None,
        every: int | None = None,
        omit: Collection[int] | Literal["missing"] = "missing",
        shuffle: bool = True,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)
        self.omit = omit
        self.shuffle = shuffle

    def by_ids(self, call: Call, page: list[int | Empty]) -> list[int | Empty]:
        """Leave ids out, then shuffle."""
        if not self.due(call):
            return page
        shown = [entry for entry in page if not self._is_left_out(call, entry)]
        if self.shuffle:
            Random(f"{call.world.seed}/{call.number}").shuffle(shown)
        self.fired += shown != page
        return shown

    def _is_left_out(self, call: Call, entry: int | Empty) -> bool:
        """Return whether an entry is omitted."""
        if self.omit != "missing":
            return (entry if isinstance(entry, int) else entry.id) in self.omit
        if not isinstance(entry, int):
            return True
        chat = call.chat or call.account.owner(entry)
        return chat is None or not chat.has(entry)


class UpdateStorm(Timed):
    """Push updates to all connected clients while certain requests are answered.

    Sessions whose last request came in `invokeWithoutUpdates` get none.

    Args:
        method: Telegram's name of the method, several, a family, or None for all.
        count: How many updates for each such request.
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        kinds: What comes, in turn: `status` (a user is online or not), `message` (a new one on top
            of the first channel, which is posted for it), `too-long` (`updatesTooLong`: clients ask
            for the difference) or `unknown` (nobody can read it; if it shares a packet with an
            answer, Telethon passes over both and waits for ever: `Packing(1)` keeps them apart).
        **where: What else must hold, see `Where`.

    Raises:
        WorldError: If *count* is below 1 or a kind is none of these.
    """

    def __init__(
        self,
        method: Methods = None,
        count: int = 10,
        *,
        nth: Numbers = None,
        every: int | None = None,
        kinds: Collection[Kind] = ("status", "message"),
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)
        if count < 1:
            raise WorldError(f"UpdateStorm: count={count}: expected 1 or more")
        unknown = set(kinds) - {"status", "message", "too-long", "unknown"}
        if unknown or not kinds:
            raise WorldError(f"UpdateStorm: kinds={kinds!r}: expected status, message, too-long, …")
        self.count = count
        self._kinds = tuple(kinds)
        self._pushed = 0

    def arrived(self, line: Line, call: Call) -> None:
        """Push them if the request is due."""
        if not self.due(call):
            return
        for _ in range(self.count):
            kind = self._kinds[self._pushed % len(self._kinds)]
            self._pushed += 1
            self.fired += line.broadcast(self._update(kind, call.world, call.now)) > 0

    def _update(self, kind: Kind, world: World, now: float) -> bytes:
        """Return the TL bytes of one `Updates` object."""
        date = datetime.fromtimestamp(int(now), UTC)
        if kind == "too-long":
            return bytes(types.UpdatesTooLong())
        if kind == "unknown":
            return UNKNOWN + bytes(4)
        channel = next(iter(world.channels.values()), None)
        if kind == "status" or channel is None:
            status: types.TypeUserStatus = (
                types.UserStatusOffline(date) if self._pushed % 2 else types.UserStatusRecently()
            )
            user_id = world.me.id
            return bytes(types.UpdateShort(types.UpdateUserStatus(user_id, status), date))
        [message_id] = channel.post()
        message = channel.message_bytes(message_id)
        update = struct.pack("<I", types.UpdateNewChannelMessage.CONSTRUCTOR_ID)
        update += message + struct.pack("<ii", channel.pts, 1)
        head = struct.pack("<I", types.Updates.CONSTRUCTOR_ID)
        peers = vector([]), vector([channel.to_bytes()])
        return head + vector([update]) + b"".join(peers) + struct.pack("<ii", int(now), 0)
