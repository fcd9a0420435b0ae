"""`LazyMessage`: a message that is read from the bytes of the answer as its parts are asked for.

Most of what an answer holds is never looked at: an archive keeps the bytes, an analysis wants dates
and texts. Telethon makes some 30 objects for a message; a `LazyMessage` is one, and what a program
asks it for is read then, from where it lies. What it gives is what Telethon's own message has.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from struct import Struct
from typing import Any, Final

from telethon.extensions.binaryreader import BinaryReader
from telethon.tl import types

from telefast.transport.decode import decode
from telefast.transport.schema import Field, layout_of
from telefast.transport.skip import places

__all__ = ["LazyMessage"]

_INT: Final = Struct("<i")
_UINT: Final = Struct("<I")
_PEER: Final = Struct("<Iq")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_MESSAGE: Final = types.Message.CONSTRUCTOR_ID
_SERVICE: Final = types.MessageService.CONSTRUCTOR_ID
_MEDIA_EMPTY: Final = types.MessageMediaEmpty.CONSTRUCTOR_ID
_PEER_USER: Final = types.PeerUser.CONSTRUCTOR_ID
_PEER_CHAT: Final = types.PeerChat.CONSTRUCTOR_ID
_CHANNEL_MARK: Final = 10**12
"""Telethon's marked ids, `telethon.utils.get_peer_id`: a channel's are -(10**12 + id)."""

HEADS: Final = {
    _MESSAGE: ("from_id", "peer_id", "date", "message"),
    _SERVICE: ("from_id", "peer_id", "date"),
}
"""The fields of each kind of message that are asked for most."""
_KEYED: Final = {
    types.MessageMediaPhoto.CONSTRUCTOR_ID: ("photo", types.Photo.CONSTRUCTOR_ID),
    types.MessageMediaDocument.CONSTRUCTOR_ID: ("document", types.Document.CONSTRUCTOR_ID),
}

_READS: Final[dict[str, Callable[[BinaryReader], Any]]] = {
    "int": BinaryReader.read_int,
    "uint": lambda reader: reader.read_int(signed=False),
    "long": BinaryReader.read_long,
    "double": BinaryReader.read_double,
    "int128": lambda reader: reader.read_large_int(128),
    "int256": lambda reader: reader.read_large_int(256),
    "string": BinaryReader.tgread_string,
    "bytes": BinaryReader.tgread_bytes,
    "bool": BinaryReader.tgread_bool,
    "date": BinaryReader.tgread_date,
}


class Source:
    """The answer that messages came in, and what they are bound to.

    Attributes:
        data: The bytes of the answer.
        entities: Its users and chats, by marked id.
        marked: Ids of its messages that carry a reason why their display is restricted.
    """

    __slots__ = ("_chat", "_client", "_finish", "_own", "data", "entities", "marked")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.entities: dict[int, Any] = {}
        self.marked: set[int] = set()
        self._client: Any = None
        self._own: bytes | None = None
        self._chat: Any = None
        self._finish: Callable[..., None] | None = None

    def bind(
        self, client: Any, self_id: int | None, input_chat: Any, finish: Callable[..., None]
    ) -> None:
        """Say whose the messages are.

        Args:
            client: The client that they belong to.
            self_id: Its account's id, if known.
            input_chat: The chat that was asked for.
            finish: Binds a decoded message: `finish(message, client, entities, input_chat)`.
        """
        self._client = client
        self._own = None if self_id is None else _PEER.pack(_PEER_USER, self_id)
        self._chat = input_chat
        self._finish = finish

    @property
    def client(self) -> Any:
        """The client that the messages belong to; None while they are bound to none."""
        return self._client

    @property
    def input_chat(self) -> Any:
        """The chat that was asked for."""
        return self._chat

    @property
    def own_peer(self) -> bytes | None:
        """The account itself, as a `Peer` on the wire."""
        return self._own

    def decode(self, start: int) -> Any:
        """Return the message there, as Telethon's own, bound."""
        message, _ = decode(self.data, start)
        if self._finish is not None:
            self._finish(message, self._client, self.entities, self._chat)
        return message


class LazyMessage:
    """A message whose parts are read from the bytes of its answer when they are asked for.

    Its id, date, sender, chat, raw text and media key cost about a microsecond each. Every other
    field of Telethon's `Message`, such as its reactions or what it answers, costs its own decoding.
    Anything else that a message of Telethon's can do, such as ``reply`` or ``download_media``, is
    done by the whole message, which is decoded once, at the first use.

    It cannot be changed, and it is no instance of Telethon's `Message`: `full()` gives that one.
    While it is kept, the bytes of its answer are, some 25 kB for 100 messages.

    Attributes:
        id: The message's id.
        date: When it was sent, in UTC.
    """

    __slots__ = ("_end", "_full", "_head", "_source", "_start", "id")

    def __init__(
        self,
        source: Source | None,
        start: int,
        end: int,
        id: int,
        head: tuple[int, ...],
        full: Any = None,
    ) -> None:
        self._source = source
        self._start = start
        self._end = end
        self.id = id
        self._head = head  # where the fields of `HEADS` lie, from the start on
        self._full = full

    def full(self) -> Any:
        """Return Telethon's own message, bound as `iter_messages` does; the same at each call."""
        if self._full is None:
            assert self._source is not None  # noqa: S101 - either is given
            self._full = self._source.decode(self._start)
        return self._full

    def __bytes__(self) -> bytes:
        """Return the message as it came over the wire."""
        source = self._source
        return bytes(self._full) if source is None else source.data[self._start : self._end]

    @property
    def date(self) -> datetime | None:
        """When it was sent, in UTC."""
        if self._full is not None:
            return self._full.date  # type: ignore[no-any-return]
        return _EPOCH + timedelta(seconds=self._seconds())

    @property
    def peer_id(self) -> Any:
        """The chat, as a `Peer`."""
        if self._full is not None:
            return self._full.peer_id
        return _to_peer(self._peer(1))

    @property
    def chat_id(self) -> int | None:
        """Marked id of the chat."""
        if self._full is not None:
            return self._full.chat_id  # type: ignore[no-any-return]
        return _marked(self._peer(1))

    @property
    def from_id(self) -> Any:
        """Who sent it, as a `Peer`; None where the chat says it all."""
        if self._full is not None:
            return self._full.from_id
        return _to_peer(self._peer(0)) if self._head[0] >= 0 else None

    @property
    def sender_id(self) -> int | None:
        """Marked id of who sent it; the channel's own for a post."""
        if self._full is not None:
            return self._full.sender_id  # type: ignore[no-any-return]
        if self._head[0] >= 0:
            return _marked(self._peer(0))
        chat = self._peer(1)
        is_from_peer = not self._flag("out") and _PEER.unpack(chat)[0] == _PEER_USER
        return _marked(chat) if is_from_peer or self._flag("post") else None

    @property
    def out(self) -> bool:
        """Whether this account sent it, or it is in the chat with itself and no forward."""
        if self._full is not None:
            return self._full.out  # type: ignore[no-any-return]
        if self._flag("out"):
            return True
        return self._peer(1) == self._origin.own_peer and self._at("fwd_from") < 0

    @property
    def message(self) -> str | None:
        """Its text or caption, without markup; None for a service message."""
        if self._full is not None:
            return self._full.message  # type: ignore[no-any-return]
        if len(self._head) < 4:
            return None
        return _text(self._origin.data, self._start + self._head[3])

    @property
    def raw_text(self) -> str | None:
        """The same as *message*, by Telethon's other name."""
        return self.message

    @property
    def text(self) -> str | None:
        """Its text in the markup of the client's parse mode, as Telethon's message has it."""
        client = None if self._full is not None else self._origin.client
        if client is None:
            return self.full().text  # type: ignore[no-any-return]
        text, mode = self.message, client.parse_mode
        return text if text is None or not mode else mode.unparse(text, self.entities)

    @property
    def media(self) -> Any:
        """What is attached to it, as Telethon's message has it."""
        if self._full is not None:
            return self._full.media
        found = self._field("media")
        return None if isinstance(found, types.MessageMediaEmpty) else found

    @property
    def media_key(self) -> tuple[str, int] | None:
        """Kind and id of its photo or document, as `("photo", 5368324170671202286)`.

        None without one, and where there is none of its own: of a web page, a story, a poll.
        """
        if self._full is not None:
            media = self._full.media
            kind = _KEYED.get(getattr(media, "CONSTRUCTOR_ID", 0), ("", 0))[0]
            found: Any = getattr(media, kind, None)
            return (kind, found.id) if hasattr(found, "access_hash") else None
        data, at = self._origin.data, self._at("media")
        if at < 0:
            return None
        kind, whole = _KEYED.get(_UINT.unpack_from(data, at)[0], ("", 0))
        at = places(data, at, kind)[0] if kind else -1
        if at < 0 or _UINT.unpack_from(data, at)[0] != whole:
            return None
        (at,) = places(data, at, "id")
        return kind, int.from_bytes(data[at : at + 8], "little", signed=True)

    @property
    def action(self) -> Any:
        """What a service message says has happened; None for other messages."""
        if self._full is not None:
            return self._full.action
        return self._field("action")

    @property
    def source(self) -> Source | None:
        """The answer that it came in; None if it was decoded at once."""
        return self._source

    @property
    def span(self) -> tuple[int, int]:
        """Where it lies in the bytes of that answer."""
        return self._start, self._end

    @property
    def input_chat(self) -> Any:
        """The chat, as Telethon's requests take it; None if not known."""
        if self._full is None and self._origin.input_chat is not None:
            return self._origin.input_chat
        return self.full().input_chat

    def __getattr__(self, name: str) -> Any:
        # Only for names that are no slot and no property.
        if self._full is None and name in _fields():
            return self._field(name)
        return getattr(self.full(), name)

    def __repr__(self) -> str:
        return f"LazyMessage(id={self.id})"

    def stamp(self) -> tuple[bytes, int]:
        """Return its chat, as a `Peer` on the wire, and its date, in seconds since the epoch."""
        return self._peer(1), self._seconds()

    # Inside: only while it is not decoded

    @property
    def _origin(self) -> Source:
        assert self._source is not None  # noqa: S101 - it is that, or decoded
        return self._source

    def _number(self) -> int:
        number: int = _UINT.unpack_from(self._origin.data, self._start)[0]
        return number

    def _peer(self, index: int) -> bytes:
        at = self._start + self._head[index]
        return self._origin.data[at : at + _PEER.size]

    def _seconds(self) -> int:
        seconds: int = _INT.unpack_from(self._origin.data, self._start + self._head[2])[0]
        return seconds

    def _flag(self, name: str) -> bool:
        """Return whether a field is there."""
        field = _fields()[name].get(self._number())
        if field is None or not field.word:
            return field is not None
        word = 4 if field.word == "flags" else 8
        flags: int = _UINT.unpack_from(self._origin.data, self._start + word)[0]
        return bool(flags & field.mask)

    def _at(self, name: str) -> int:
        """Return where a field lies; -1 if it is not there."""
        return places(self._origin.data, self._start, name)[0] if self._flag(name) else -1

    def _field(self, name: str) -> Any:
        """Return a field as Telethon's reader reads it, None if it is not there."""
        field = _fields()[name].get(self._number())
        if field is None:
            return None
        if field.kind == "true":
            return self._flag(name)
        at = self._at(name)
        return None if at < 0 else _read(field, self._origin.data, at)


def lazy_of(message: Any) -> Any:
    """Return a message of Telethon's as a `LazyMessage`; anything else as it is."""
    if not isinstance(message, types.Message | types.MessageService):
        return message
    return LazyMessage(None, 0, 0, message.id, (), message)


def whole(message: Any) -> Any:
    """Return a lazy message as Telethon's; anything else as it is."""
    return message.full() if isinstance(message, LazyMessage) else message


@cache
def _fields() -> dict[str, dict[int, Field]]:
    """Return the fields of messages, by name and by constructor."""
    found: dict[str, dict[int, Field]] = {}
    for number in HEADS:
        layout = layout_of(number)
        for field in layout.fields if layout is not None else ():
            found.setdefault(field.name, {})[number] = field
    return found


def _read(field: Field, data: bytes, at: int) -> Any:
    """Return a field as Telethon's reader reads it."""
    if not field.is_vector:
        return _item(field.kind, data, at)[0]
    count, at = _INT.unpack_from(data, at + 4)[0], at + 8
    found = []
    for _ in range(count):
        each, at = _item(field.kind, data, at)
        found.append(each)
    return found


def _item(kind: str, data: bytes, at: int) -> tuple[Any, int]:
    if kind == "object":
        return decode(data, at)
    reader = BinaryReader(data)
    reader.set_position(at)
    return _READS[kind](reader), reader.tell_position()


def _text(data: bytes, at: int) -> str:
    length = data[at]
    if length == 254:
        length = int.from_bytes(data[at + 1 : at + 4], "little")
        at += 3
    return str(data[at + 1 : at + 1 + length], "utf-8", "replace")


def _marked(peer: bytes) -> int:
    kind, number = _PEER.unpack(peer)
    if kind == _PEER_USER:
        return int(number)
    return -int(number) if kind == _PEER_CHAT else -int(_CHANNEL_MARK + number)


def _to_peer(peer: bytes) -> Any:
    return decode(peer)[0]
