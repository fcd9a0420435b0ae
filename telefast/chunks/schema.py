"""What a chunk holds, as plain data, and as msgpack.

The body of a chunk is one msgpack map. In the schema `full`, these are its keys, in any order;
unknown ones are skipped:

* `schema`, `layer`: as in the header, so that a damaged header is seen.
* `account`: id of the account that received the messages, or nil.
* `chat`: marked id of the chat that all messages are in, or nil.
* `peer`: that chat's `InputPeer` as bytes, or nil; its access hash belongs to `account`.
* `ids`: the messages' ids: the first one, then the difference to the one before.
* `oldest`, `newest`: dates of messages, in seconds since the epoch, or nil.
* `messages`, `users`, `chats`: lists of records, each the exact bytes of one TL object.

Unpacking trusts nothing: containers are read by what is expected there, nothing nests, and no
list is believed to be longer than its bytes allow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, TypeVar

import msgpack

from telefast.chunks.frames import SCHEMAS

__all__ = [
    "MAX_RECORDS",
    "UINT32",
    "Body",
    "Reader",
    "check_range",
    "pack_body",
    "read_bytes",
    "read_integer",
    "read_integer_or_nil",
    "read_map",
    "unpack_body",
]

T = TypeVar("T")
Reader = Callable[[Any, int], Any]
"""Reads one value from an unpacker of so many bytes."""

_IS_PYTHON = msgpack.Unpacker.__module__ == "msgpack.fallback"
"""Whether msgpack runs without its C part. Then its limits count for the lists that we read as
well, and are not needed: a list grows by what is there, not by what it claims."""
MAX_RECORDS = 250_000
"""Messages, users or chats in one chunk at most: about what 64 MiB of messages are. It bounds what
a crafted chunk can make Python build."""
_MIN_RECORD = 4
"""Bytes of the smallest TL object: a constructor without fields."""
_MAX_KEYS = 100
_INT64 = range(-(2**63), 2**63)
_DATES = range(-(2**31), 2**31)
"""Telegram's dates are signed 32-bit numbers (core.telegram.org/mtproto/serialize)."""
UINT32 = range(2**32)


class Fields(dict[str, Any]):
    """The values of a map; one that is missing is a ValueError."""

    def __missing__(self, name: str) -> Any:
        raise ValueError(f"without {name}")


@dataclass(frozen=True, slots=True)
class Body:
    """The content of a chunk.

    Attributes:
        layer: TL layer of the records.
        account: Id of the account that received them, None if unknown.
        chat: Marked id of the chat that all messages are in, None if there are several.
        peer: Its `InputPeer`, as bytes; None if unknown.
        ids: The messages' ids.
        oldest: The oldest date of a message, in seconds since the epoch; None without dates.
        newest: The newest one.
        messages: The messages' records.
        users: The records of users.
        chats: The records of chats and channels.
        schema: The schema, as `SCHEMAS` names it.
        rows: The messages where the schema is not `full`; then there are no records.
    """

    layer: int
    account: int | None
    chat: int | None
    peer: bytes | None = field(repr=False)
    ids: list[int]
    oldest: int | None
    newest: int | None
    messages: list[bytes] = field(repr=False)
    users: list[bytes] = field(repr=False)
    chats: list[bytes] = field(repr=False)
    schema: str = "full"
    rows: list[Any] = field(default_factory=list, repr=False)


def pack_body(body: Body) -> bytes:
    """Return *body* as msgpack."""
    ids = body.ids
    steps = ids[:1] + [after - before for before, after in pairwise(ids)]
    packed: bytes = msgpack.packb(
        {
            "schema": SCHEMAS["full"],
            "layer": body.layer,
            "account": body.account,
            "chat": body.chat,
            "peer": body.peer,
            "ids": steps,
            "oldest": body.oldest,
            "newest": body.newest,
            "messages": body.messages,
            "users": body.users,
            "chats": body.chats,
        }
    )
    return packed


def unpack_body(raw: bytes | memoryview) -> Body:
    """Return what `pack_body` was given.

    Raises:
        ValueError: If *raw* is anything else; it says what is wrong.
    """
    return _to_body(read_map(raw, _READERS.get, _MAX_KEYS))


def read_map(
    raw: bytes | memoryview, reader_of: Callable[[str], Reader | None], most: int
) -> Fields:
    """Return the values of a map by name; what has no reader is skipped.

    Args:
        raw: The map as msgpack, and nothing else.
        reader_of: Returns what reads the value of a name; None for what is not known.
        most: Keys that there may be.

    Raises:
        ValueError: If *raw* is anything else; it says what is wrong.
    """
    # What the unpacker itself may build: a number, a text, bytes. Never a container: crafted
    # lengths and nesting would cost memory before anything could be checked.
    longest = len(raw) if _IS_PYTHON else 0
    unpacker = msgpack.Unpacker(
        max_buffer_size=max(len(raw), 1), max_array_len=longest, max_map_len=longest
    )
    unpacker.feed(raw)
    try:
        fields = _read_fields(unpacker, len(raw), reader_of, most)
        if unpacker.tell() != len(raw):
            raise ValueError("bytes behind the content")
    except (msgpack.UnpackException, RecursionError) as error:
        raise ValueError(f"no msgpack ({type(error).__name__})") from None
    return fields


def _read_fields(
    unpacker: Any, size: int, reader_of: Callable[[str], Reader | None], most: int
) -> Fields:
    fields = Fields()
    count = unpacker.read_map_header()
    if count > most:
        raise ValueError(f"{count} keys")
    for _ in range(count):
        name = unpacker.unpack()
        read = reader_of(name) if isinstance(name, str) else None
        if read is None:
            unpacker.skip()
            continue
        try:
            fields[name] = read(unpacker, size)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return fields


def _to_body(fields: Fields) -> Body:
    if fields["schema"] != SCHEMAS["full"]:
        raise ValueError("another schema than its header says")
    ids = list(accumulate(fields["ids"]))
    messages = fields["messages"]
    if len(ids) != len(messages):
        raise ValueError(f"{len(ids)} ids of {len(messages)} messages")
    check_range("ids", min(ids, default=0), _INT64)
    check_range("ids", max(ids, default=0), _INT64)
    return Body(
        layer=check_range("layer", fields["layer"], UINT32),
        account=fields["account"],
        chat=fields["chat"],
        peer=fields["peer"],
        ids=ids,
        oldest=check_range("oldest", fields["oldest"], _DATES),
        newest=check_range("newest", fields["newest"], _DATES),
        messages=messages,
        users=fields["users"],
        chats=fields["chats"],
    )


def check_range(name: str, value: T, legal: range) -> T:
    """Return *value*; raise ValueError unless it is None or legal."""
    if value is not None and value not in legal:
        raise ValueError(f"{name}: {value} is out of range")
    return value


def read_integer(unpacker: Any, _size: int) -> int:
    """Return an integer; raise ValueError if there is anything else."""
    value = unpacker.unpack()
    if type(value) is not int:
        raise ValueError("no integer")
    return value


def read_integer_or_nil(unpacker: Any, _size: int) -> int | None:
    """Return an integer or None; raise ValueError if there is anything else."""
    value = unpacker.unpack()
    if value is not None and type(value) is not int:
        raise ValueError("no integer")
    return value


def read_bytes(unpacker: Any, _size: int) -> bytes:
    """Return bytes; raise ValueError if there is anything else."""
    value = unpacker.unpack()
    if type(value) is not bytes:
        raise ValueError("no bytes")
    return value


def _record(unpacker: Any, _size: int) -> bytes:
    value = unpacker.unpack()
    if type(value) is not bytes or len(value) < _MIN_RECORD:
        raise ValueError("no record")
    return value


def _record_or_nil(unpacker: Any, _size: int) -> bytes | None:
    value = unpacker.unpack()
    if value is not None and (type(value) is not bytes or len(value) < _MIN_RECORD):
        raise ValueError("no record")
    return value


def _integers(unpacker: Any, size: int) -> list[int]:
    return [read_integer(unpacker, size) for _ in range(_length(unpacker, size))]


def _records(unpacker: Any, size: int) -> list[bytes]:
    return [_record(unpacker, size) for _ in range(_length(unpacker, size // _MIN_RECORD))]


def _length(unpacker: Any, most: int) -> int:
    length: int = unpacker.read_array_header()
    if length > most:
        raise ValueError(f"{length} items in fewer bytes")
    if length > MAX_RECORDS:
        raise ValueError(f"{length} items, more than {MAX_RECORDS}")
    return length


_READERS: dict[str, Reader] = {
    "schema": read_integer,
    "layer": read_integer,
    "account": read_integer_or_nil,
    "chat": read_integer_or_nil,
    "peer": _record_or_nil,
    "ids": _integers,
    "oldest": read_integer_or_nil,
    "newest": read_integer_or_nil,
    "messages": _records,
    "users": _records,
    "chats": _records,
}
