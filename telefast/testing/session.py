"""Encrypted messages: MTProto 2.0 envelopes, message ids, containers.

Pure but for the padding and the clock, which is passed in. Source of the format:
https://core.telegram.org/mtproto/description and https://core.telegram.org/mtproto/service_messages.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from telethon.crypto.aes import AES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telefast.testing.keys import ServerKey

__all__ = [
    "CONTAINER",
    "GZIP_PACKED",
    "BadMessageError",
    "EnvelopeError",
    "Message",
    "Outgoing",
    "Session",
    "UnknownKeyError",
    "check_time",
    "gunzip",
    "seal",
    "split",
    "unseal",
]

CONTAINER: Final = 0x73F1F8DC
GZIP_PACKED: Final = 0x3072CFA1

MAX_CONTAINER_MESSAGES: Final = 1020
"""Most messages that Telegram is said to take in one container; see `Assumptions`."""

MAX_UNPACKED: Final = 2 * 1024 * 1024
"""Largest gzipped request, unpacked, in bytes."""

PACK_BYTES: Final = 32 * 1024
"""Answers that are ready together share a container up to this size; a larger one goes alone."""

PACK_MESSAGES: Final = 100
"""Most answers in one container; Telethon packs as many the other way."""

REMEMBERED: Final = 1024
"""Requests of a session whose ids are remembered, so that none is carried out twice."""

TOO_OLD: Final = 300
TOO_NEW: Final = 30
"""Seconds by which a client's clock may be off (https://core.telegram.org/mtproto/description)."""

TO_SERVER: Final = 0
TO_CLIENT: Final = 8
"""The `x` of MTProto 2.0: where in the key the two directions begin."""

_EITHER: Final = 47
"""The `wbits` with which zlib takes both gzip's framing and its own."""

_HEAD: Final = struct.Struct("<qqqii")
_INNER: Final = struct.Struct("<qii")
_CONTAINER_HEAD: Final = struct.Struct("<Ii")


class EnvelopeError(ValueError):
    """A packet that cannot be decrypted or is not whole; Telegram answers with -404."""


class UnknownKeyError(EnvelopeError):
    """A packet under an authorization key that is not known, or not any more."""


class BadMessageError(ValueError):
    """A message that Telegram refuses with `bad_msg_notification`.

    Args:
        code: Telegram's number of what is wrong.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"bad_msg_notification {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a client, decrypted.

    Attributes:
        msg_id: Its id: the client's clock in 1/2**32 seconds.
        seqno: Its number; odd if it asks for an answer.
        body: One TL object.
        salt: The server salt that the client used (that of the outer message).
        session_id: The client's session (that of the outer message).
        token: What a quick acknowledgement of the packet repeats: the first 4 bytes of the hash
            from which its message key is cut.
    """

    msg_id: int
    seqno: int
    body: bytes
    salt: int = 0
    session_id: int = 0
    token: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message for a client.

    Attributes:
        body: One TL object.
        is_content: Whether the client must acknowledge it.
        is_push: Whether it is the server's own, and no answer.
    """

    body: bytes
    is_content: bool = True
    is_push: bool = False


def _aes(key: bytes, msg_key: bytes, x: int) -> tuple[bytes, bytes]:
    """Derive the AES key and IV of one message."""
    a = sha256(msg_key + key[x : x + 36]).digest()
    b = sha256(key[x + 40 : x + 76] + msg_key).digest()
    return a[:8] + b[8:24] + a[24:], b[:8] + a[8:24] + b[24:]


def seal(key: ServerKey, plain: bytes, *, x: int = TO_CLIENT) -> tuple[bytes, bytes, bytes]:
    """Pad and encrypt *plain*; return the three pieces of the packet's payload.

    Args:
        key: The authorization key.
        plain: Salt, session id, message id, sequence number, length and body.
        x: Direction, `TO_CLIENT` or `TO_SERVER`.
    """
    padded = plain + os.urandom(12 + (-len(plain) - 12) % 16)
    digest = sha256(key.data[88 + x : 120 + x])
    digest.update(padded)
    msg_key = digest.digest()[8:24]
    return key.key_id, msg_key, AES.encrypt_ige(padded, *_aes(key.data, msg_key, x))


def unseal(key: ServerKey, packet: bytes, *, x: int = TO_SERVER) -> Message:
    """Decrypt a packet's payload.

    Raises:
        EnvelopeError: If the message key, the length or the padding is wrong.
    """
    if len(packet) < 24 + 48 or (len(packet) - 24) % 16:
        raise EnvelopeError("the packet is not whole AES blocks")
    msg_key = packet[8:24]
    plain: bytes = AES.decrypt_ige(packet[24:], *_aes(key.data, msg_key, x))
    digest = sha256(key.data[88 + x : 120 + x])
    digest.update(plain)
    large = digest.digest()
    if large[8:24] != msg_key:
        raise EnvelopeError("the message key is wrong")
    salt, session_id, msg_id, seqno, length = _HEAD.unpack_from(plain)
    padding = len(plain) - _HEAD.size - length
    if length <= 0 or length % 4 or not 12 <= padding <= 1024:
        raise EnvelopeError("length or padding is wrong")
    body = plain[_HEAD.size : _HEAD.size + length]
    return Message(msg_id, seqno, body, salt, session_id, large[:4])


def check_time(msg_id: int, now: float) -> None:
    """Refuse a message id that is no client's, or of another time than *now*.

    Raises:
        BadMessageError: 18 if it is not divisible by 4, 16 if it is too low, 17 if too high.
    """
    if msg_id % 4:
        raise BadMessageError(18)
    age = now - (msg_id >> 32)
    if age > TOO_OLD:
        raise BadMessageError(16)
    if age < -TOO_NEW:
        raise BadMessageError(17)


def gunzip(body: bytes) -> bytes:
    """Unpack a `gzip_packed` object, up to 2 MiB: a gzip stream or, as some write it, a zlib one.

    Raises:
        ValueError: If it is neither, not whole, or larger.
    """
    if len(body) < 8:
        raise ValueError("gzip_packed is cut off")
    start, length = (5, body[4]) if body[4] < 254 else (8, int.from_bytes(body[5:8], "little"))
    unpacker = zlib.decompressobj(wbits=_EITHER)
    try:
        unpacked = unpacker.decompress(body[start : start + length], MAX_UNPACKED)
    except zlib.error as error:
        raise ValueError("gzip_packed holds no gzip or zlib data") from error
    if not unpacker.eof:
        raise ValueError("gzip_packed is cut off or too large")
    return unpacked


def split(message: Message, most: int | None = MAX_CONTAINER_MESSAGES) -> Iterator[Message]:
    """Yield the messages of a container in order, or the message itself if it is none.

    Gzipped ones are unpacked.

    Args:
        message: The outer message.
        most: Messages beyond which a container is refused; None takes any number.

    Raises:
        BadMessageError: 64 if a container or gzip data is not well-formed.
    """
    constructor = int.from_bytes(message.body[:4], "little")
    if constructor != CONTAINER:
        yield _unpacked(message) if constructor == GZIP_PACKED else message
        return
    body = message.body
    if len(body) < _CONTAINER_HEAD.size:
        raise BadMessageError(64)
    count = _CONTAINER_HEAD.unpack_from(body)[1]
    if count < 0 or (most is not None and count > most):
        raise BadMessageError(64)
    inner = []
    position = _CONTAINER_HEAD.size
    for _ in range(count):
        if position + _INNER.size > len(body):
            raise BadMessageError(64)
        msg_id, seqno, length = _INNER.unpack_from(body, position)
        position += _INNER.size
        if length < 4 or length % 4 or position + length > len(body):
            raise BadMessageError(64)
        part = Message(msg_id, seqno, body[position : position + length])
        constructor = int.from_bytes(part.body[:4], "little")
        if constructor == CONTAINER:
            raise BadMessageError(64)
        inner.append(_unpacked(part) if constructor == GZIP_PACKED else part)
        position += length
    yield from inner


def _unpacked(message: Message) -> Message:
    """Return *message* with its gzipped body unpacked."""
    try:
        body = gunzip(message.body)
    except ValueError as error:
        raise BadMessageError(64) from error
    if len(body) < 4 or int.from_bytes(body[:4], "little") in (CONTAINER, GZIP_PACKED):
        raise BadMessageError(64)
    return Message(message.msg_id, message.seqno, body)


class Session:
    """The server's half of one session of a client: numbers what goes out, and packs it.

    Args:
        key: The authorization key.
        session_id: The client's random number.

    Attributes:
        key: The authorization key.
        session_id: The client's random number.
        wants_updates: Whether updates are pushed to it: whether its last request came without
            `invokeWithoutUpdates`.
    """

    def __init__(self, key: ServerKey, session_id: int) -> None:
        self.key = key
        self.session_id = session_id
        self.wants_updates = False
        self._content_count = 0
        self._last_id = 0
        self._carried_out: dict[int, None] = {}

    def is_new(self, msg_id: int) -> bool:
        """Return whether a request was not carried out yet, and remember it; the newest 1,024 are.

        A message that comes again, as clients send those that nobody acknowledged, is passed over.
        """
        if msg_id in self._carried_out:
            return False
        self._carried_out[msg_id] = None
        if len(self._carried_out) > REMEMBERED:
            del self._carried_out[next(iter(self._carried_out))]
        return True

    def forget(self, msg_id: int) -> None:
        """Forget a request that was refused: it may come again under the same id."""
        self._carried_out.pop(msg_id, None)

    def packets(
        self, messages: Sequence[Outgoing], *, salt: int, now: float, together: bool = False
    ) -> Iterator[tuple[bytes, ...]]:
        """Encrypt *messages* in order, small ones together in a container.

        Args:
            messages: What to send.
            salt: The server salt.
            now: Seconds since the epoch; message ids are made from it.
            together: Whether all of them go in one container, however large.

        Yields:
            The pieces of one packet's payload.
        """
        batch: list[Outgoing] = []
        size = 0
        for message in messages:
            full = size + len(message.body) > PACK_BYTES or len(batch) == PACK_MESSAGES
            if batch and full and not together:
                yield self._packet(batch, salt, now)
                batch = []
                size = 0
            batch.append(message)
            size += len(message.body)
        if batch:
            yield self._packet(batch, salt, now)

    def stray(
        self, body: bytes, *, salt: int, now: float, age: float, repeat: bool, wrong_session: bool
    ) -> tuple[bytes, ...]:
        """Encrypt a message of the server's own, with an envelope that may be wrong.

        Args:
            body: One TL object.
            salt: The server salt.
            now: Seconds since the epoch.
            age: Seconds by which the message id is too old; below 0, too new.
            repeat: Whether it gets the id of the last message once more.
            wrong_session: Whether it names another session.
        """
        if repeat or age:
            wrong_id = self._last_id if repeat else (int((now - age) * 2**32) & ~3) | 3
            head = _INNER.pack(wrong_id, self._content_count * 2 + 1, len(body))
        else:
            head = self._number(True, len(body), now, is_push=True)
        session_id = self.session_id ^ wrong_session
        return seal(self.key, b"".join((struct.pack("<qq", salt, session_id), head, body)))

    def _packet(self, batch: Sequence[Outgoing], salt: int, now: float) -> tuple[bytes, ...]:
        """Encrypt one message, or several as a container."""
        if len(batch) == 1:
            body = batch[0].body
            head = self._number(batch[0].is_content, len(body), now, is_push=batch[0].is_push)
            plain = b"".join((struct.pack("<qq", salt, self.session_id), head, body))
            return seal(self.key, plain)
        parts = []
        for message in batch:
            head = self._number(message.is_content, len(message.body), now, is_push=message.is_push)
            parts.append(head)
            parts.append(message.body)
        length = _CONTAINER_HEAD.size + sum(map(len, parts))
        head = self._number(False, length, now)
        start = struct.pack("<qq", salt, self.session_id)
        container = _CONTAINER_HEAD.pack(CONTAINER, len(batch))
        return seal(self.key, b"".join((start, head, container, *parts)))

    def _number(self, is_content: bool, length: int, now: float, *, is_push: bool = False) -> bytes:
        """Give a message its id and number.

        Ids rise strictly and end in binary 01, those of the server's own messages in 11.
        """
        ending = 3 if is_push else 1
        msg_id = (int(now * 2**32) & ~3) | ending
        if msg_id <= self._last_id:
            msg_id = ((self._last_id & ~3) + 4) | ending
        self._last_id = msg_id
        seqno = self._content_count * 2 + is_content
        self._content_count += is_content
        return _INNER.pack(msg_id, seqno, length)
