"""`ChunkCodec`: messages to one chunk of bytes and back; `Chunk`: what comes back."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Literal, get_args

import zstandard
from telethon.tl.alltlobjects import LAYER

from telefast.checks import check_int
from telefast.chunks.collect import MAX_ID, collect, collect_rows
from telefast.chunks.frames import CODECS, FORMAT_VERSION, HEADER_SIZE, SCHEMAS, Header
from telefast.chunks.records import UndecodedRecord, decode_peer, decode_records
from telefast.chunks.rows import LaterVersionError, pack_rows, read_columns, unpack_rows
from telefast.chunks.schema import MAX_RECORDS, Body, pack_body, unpack_body
from telefast.errors import (
    ArgumentError,
    ChunkTooLargeError,
    CorruptChunkError,
    UnsupportedChunkError,
)
from telefast.transport.unshown import Unshown

__all__ = ["Chunk", "ChunkCodec"]

Compression = Literal["zstd", "zlib", "none"]
Schema = Literal["full", "light", "minimal"]

_MAX_LEVEL = {"zstd": 22, "zlib": 9, "none": 22}
_SCHEMA_NAMES = {number: name for name, number in SCHEMAS.items()}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False, repr=False)
class Chunk:
    """What a chunk holds; made by `ChunkCodec.decode`.

    Of the schema `full`, the records are the exact bytes that Telegram sent. They become Telethon's
    objects when these are first asked for, which costs some 10 us for each message, and what the
    installed Telethon cannot decode stays a record (`undecoded`).

    Of the schemas `light` and `minimal`, `messages` are `LightMessage` or `MinimalMessage`; there
    are no records, users and chats. `telefast.refill` fetches the originals.

    Attributes:
        body: The content as it is stored.
        raw_size: Bytes of the content before compression.
        packed_size: Bytes of the content in the chunk.
    """

    body: Body
    raw_size: int
    packed_size: int

    def __len__(self) -> int:
        return len(self.body.ids)

    def __repr__(self) -> str:
        ids = self.body.ids
        ends = f", ids {ids[0]}..{ids[-1]}" if ids else ""
        return f"Chunk({len(ids)} messages{ends}, chat_id={self.chat_id}, layer={self.layer})"

    # Known without decoding a message

    @property
    def ids(self) -> list[int]:
        """The messages' ids, in the order in which they were given."""
        return self.body.ids

    @property
    def records(self) -> list[bytes]:
        """The exact bytes of each message; of the schema `full` only."""
        return self.body.messages

    @property
    def schema(self) -> str:
        """What is kept of each message, `full`, `light` or `minimal`."""
        return self.body.schema

    @property
    def account(self) -> int | None:
        """Id of the account that received the messages; None if unknown.

        Access hashes and file references in them are good for this account only.
        """
        return self.body.account

    @property
    def chat_id(self) -> int | None:
        """Marked id of the chat that all messages are in; None if there are several."""
        return self.body.chat

    @property
    def layer(self) -> int:
        """TL layer of the Telethon that received the messages."""
        return self.body.layer

    @property
    def is_other_layer(self) -> bool:
        """Whether the installed Telethon has another layer, so that records may stay raw."""
        return self.body.layer != LAYER

    @property
    def oldest(self) -> datetime | None:
        """The oldest date of a message; None if no message has one."""
        return _date(self.body.oldest)

    @property
    def newest(self) -> datetime | None:
        """The newest date of a message; None if no message has one."""
        return _date(self.body.newest)

    # Decoded at the first use

    @property
    def messages(self) -> list[Any]:
        """The messages as the schema keeps them, those of `full` as Telethon's, bound to no client.

        `telefast.rehydrate` gives the latter bound and finished. What cannot be decoded is
        left out.
        """
        return self.body.rows if self.schema != "full" else self._messages[0]

    @property
    def users(self) -> list[Any]:
        """The users of the answers that the messages came in, each once, as last seen."""
        return self._users[0]

    @property
    def chats(self) -> list[Any]:
        """The chats and channels of these answers, each once, as last seen."""
        return self._chats[0]

    @cached_property
    def peer(self) -> Any:
        """The chat's `InputPeer`, for `account` only; None if unknown."""
        return None if self.body.peer is None else decode_peer(self.body.peer)

    @property
    def undecoded(self) -> list[UndecodedRecord]:
        """The records that the installed Telethon cannot decode; mostly of another layer."""
        return [*self._messages[1], *self._users[1], *self._chats[1]]

    @cached_property
    def _messages(self) -> tuple[list[Any], list[UndecodedRecord]]:
        return decode_records("message", self.body.messages, self.body.ids)

    @cached_property
    def _users(self) -> tuple[list[Any], list[UndecodedRecord]]:
        return decode_records("user", self.body.users)

    @cached_property
    def _chats(self) -> tuple[list[Any], list[UndecodedRecord]]:
        return decode_records("chat", self.body.chats)


def _date(seconds: int | None) -> datetime | None:
    return None if seconds is None else _EPOCH + timedelta(seconds=seconds)


class ChunkCodec:
    """Turn messages into one chunk of bytes and back, losing nothing.

    A chunk holds the exact bytes of each message, and of the users and chats of the answers that
    the messages came in: each user and chat once, the newest wins, but never one that is `min`
    over one that is whole. Messages of a `telefast.Batch` are slices of those answers; nothing is
    serialised again. Other messages are serialised by Telethon, as it decoded and bound them, and
    bring the sender, chat, forward and so on that they are bound to.

    Holds no state beyond its options, so it may be used from several threads.

    Args:
        compression: `"zstd"` (default), `"zlib"` or `"none"`. A chunk that would grow is stored
            as it is. Any codec decodes chunks of all three.
        level: How hard to try, 1 to 22 for zstd, 1 to 9 for zlib. Default 3, zstd's own: for the
            messages of the demo, level 6 is 3 % smaller and takes two and a half times as long.
        schema: What is kept of a message: `"full"` (default), everything; `"light"`, the fields of
            `telefast.LightMessage`; `"minimal"`, those of `telefast.MinimalMessage`. Any codec
            decodes chunks of all three.
        max_raw_size: Most bytes that the content of a chunk may have before compression, so that
            a crafted chunk cannot fill the memory: reading takes six times as much at most, and
            250 MiB for objects. Default 64 MiB, some 250,000 messages; a chunk
            should hold about a thousand.

    Raises:
        ArgumentError: If an argument has no legal value.

    Example:
        >>> from telefast.testing import World
        >>> channel = World(seed=1).add_channel("Demo", message_count=3)
        >>> codec = ChunkCodec()
        >>> chunk = codec.decode(codec.encode([channel.message(i) for i in (3, 2, 1)]))
        >>> chunk.ids, chunk.records[0] == channel.message_bytes(3)
        ([3, 2, 1], True)
    """

    def __init__(
        self,
        *,
        compression: Compression = "zstd",
        level: int = 3,
        schema: Schema = "full",
        max_raw_size: int = 64 * 1024 * 1024,
    ) -> None:
        if compression not in get_args(Compression):
            raise ArgumentError("compression", compression, "'zstd', 'zlib' or 'none'")
        most = _MAX_LEVEL[compression]
        if type(level) is not int or not 1 <= level <= most:
            raise ArgumentError("level", level, f"an integer from 1 to {most}")
        if schema not in get_args(Schema):
            raise ArgumentError("schema", schema, "'full', 'light' or 'minimal'")
        if type(max_raw_size) is not int or max_raw_size < 1:
            raise ArgumentError("max_raw_size", max_raw_size, "a number of bytes from 1 up")
        self._compression = compression
        self._level = level
        self._schema = schema
        self._max_raw_size = max_raw_size

    @property
    def max_raw_size(self) -> int:
        """Most bytes that the content of a chunk may have before compression."""
        return self._max_raw_size

    def __repr__(self) -> str:
        return (
            f"ChunkCodec(compression={self._compression!r}, level={self._level}, "
            f"schema={self._schema!r})"
        )

    def encode(self, messages: Any, *, account: int | None = None) -> bytes:
        """Return the chunk of *messages*.

        Args:
            messages: A `telefast.Batch`, a Telethon message, or an iterable of these. None, which
                stands for a message that does not exist, is left out.
            account: Id of the account that received them. None (default) for what batches say;
                pass it for plain messages, which do not say.

        Raises:
            ArgumentError: If there is anything else among them, or Telethon cannot serialise it, or
                *account* is no id of a user.
            ChunkTooLargeError: If the content has more than *max_raw_size* bytes, or more than
                250,000 messages, users or chats, or objects of more than 250 MiB.
        """
        if account is not None:
            check_int("account", account, 1, MAX_ID, "None for what batches say")
        is_full = self._schema == "full"
        body = (
            collect(messages, account) if is_full else collect_rows(messages, account, self._schema)
        )
        most = max(len(body.ids), len(body.users), len(body.chats))
        if most > MAX_RECORDS:
            raise ChunkTooLargeError("records per chunk", MAX_RECORDS, most)
        raw = Unshown(pack_body(body) if is_full else pack_rows(body))
        if len(raw) > self._max_raw_size:
            raise ChunkTooLargeError("max_raw_size", self._max_raw_size, len(raw))
        codec, packed = self._compress(raw)
        header = Header(
            FORMAT_VERSION,
            SCHEMAS[self._schema],
            CODECS[codec],
            0,
            body.layer,
            len(body.ids),
            body.ids[0] if body.ids else 0,
            body.ids[-1] if body.ids else 0,
            len(raw),
            len(packed),
            zlib.crc32(packed),
        )
        return header.pack() + packed

    def decode(
        self, data: bytes | bytearray | memoryview, *, path: str | None = None, offset: int = 0
    ) -> Chunk:
        """Return what `encode` was given.

        Args:
            data: Exactly one chunk.
            path: The file that it comes from, to be named in errors.
            offset: Where it begins there, likewise.

        Raises:
            ArgumentError: If *data* are no bytes.
            CorruptChunkError: If these are not the bytes of one chunk.
            ChunkTooLargeError: If the content has more than *max_raw_size* bytes.
            UnsupportedChunkError: If a later release of telefast wrote it.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise ArgumentError("data", type(data).__name__, "the bytes of a chunk")
        data = memoryview(data).cast("B")  # no copy, and shows nothing in a traceback
        header = Header.unpack(data)
        if header is None:
            raise CorruptChunkError(path, offset, "does not begin as a chunk does")
        if header.unknown:
            raise UnsupportedChunkError(header.version, header.unknown, path=path, offset=offset)
        packed = data[HEADER_SIZE:]
        try:
            _check(header, packed)
            is_allowed = header.raw_size <= self._max_raw_size
            body = _unpack(header, packed) if is_allowed else None
        except LaterVersionError as error:
            raise UnsupportedChunkError(
                header.version, str(error), path=path, offset=offset
            ) from None
        except ValueError as error:
            raise CorruptChunkError(path, offset, str(error)) from None
        if body is None:
            raise ChunkTooLargeError(
                "max_raw_size", self._max_raw_size, header.raw_size, path=path, offset=offset
            )
        ends = (body.ids[0], body.ids[-1]) if body.ids else (0, 0)
        said = (header.layer, header.count, header.first_id, header.last_id)
        if said != (body.layer, len(body.ids), *ends):
            raise CorruptChunkError(path, offset, "another content than its header says")
        return Chunk(body, header.raw_size, header.packed_size)

    def _compress(self, raw: bytes) -> tuple[str, bytes]:
        packed = raw
        # A compressor each time: one object must not be used from two threads.
        if self._compression == "zstd":
            packed = zstandard.ZstdCompressor(level=self._level).compress(raw)
        elif self._compression == "zlib":
            packed = zlib.compress(raw, self._level)
        return (self._compression, packed) if len(packed) < len(raw) else ("none", raw)


def _unpack(header: Header, packed: memoryview) -> Body:
    raw = _decompress(header, packed)
    schema = _SCHEMA_NAMES[header.schema]
    if schema == "full":
        return unpack_body(raw)
    fields = read_columns(raw, schema)
    del raw  # it is all in the columns, and may be large
    return unpack_rows(fields, schema)


def _check(header: Header, packed: memoryview) -> None:
    """Raise ValueError unless these are the packed bytes of that header."""
    if len(packed) != header.packed_size:
        raise ValueError(f"{len(packed)} bytes of content, not {header.packed_size}")
    if zlib.crc32(packed) != header.checksum:
        raise ValueError("wrong checksum")
    if _stated_size(header, packed) != header.raw_size:
        raise ValueError("another size than its header says")


def _stated_size(header: Header, packed: memoryview) -> int:
    """Return the size of the content as the packed bytes have it, where they do."""
    if header.codec == CODECS["none"]:
        return len(packed)
    if header.codec == CODECS["zstd"]:
        try:
            return zstandard.frame_content_size(packed)
        except zstandard.ZstdError:
            raise ValueError("no zstd frame") from None
    return header.raw_size


def _decompress(header: Header, packed: memoryview) -> bytes | memoryview:
    """Return the content; never more than the size that the header has.

    Raises:
        ValueError: If the bytes are damaged or hold another size.
    """
    size = header.raw_size
    if header.codec == CODECS["none"]:
        return packed
    if header.codec == CODECS["zstd"]:
        try:
            raw = zstandard.ZstdDecompressor().decompress(packed, allow_extra_data=False)
        except zstandard.ZstdError:
            raise ValueError("damaged zstd frame") from None
        return raw
    inflater = zlib.decompressobj()
    try:
        # One byte more would show that there is more; 0 would mean no bound.
        raw = inflater.decompress(packed, size + 1)
    except zlib.error:
        raise ValueError("damaged zlib stream") from None
    if len(raw) != size or not inflater.eof or inflater.unused_data:
        raise ValueError("another size than its header says")
    return raw
