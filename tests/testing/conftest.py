"""A client that speaks MTProto by hand, to send what Telethon never would."""

from __future__ import annotations

import asyncio
import struct
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from telefast.testing.keys import ServerKey
from telefast.testing.session import CONTAINER, TO_CLIENT, TO_SERVER, Message, seal, split, unseal
from telefast.testing.tl import read_object
from telefast.testing.transport import FullDecoder, FullEncoder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from telefast.testing import LocalTelegram
    from telefast.testing.rpc import Address

RPC_RESULT = 0xF35C6D01


class RawClient:
    """One TCP connection, one session; messages are TL bytes or objects.

    Args:
        telegram: The server.
        key: The authorization key. Default: the one that *telegram* shares.
        session_id: The session. Default: 1.
        address: Where to connect to. Default: the first data centre.
    """

    def __init__(
        self,
        telegram: LocalTelegram,
        key: ServerKey | None = None,
        session_id: int = 1,
        address: Address | None = None,
    ) -> None:
        self.telegram = telegram
        self.address = address or telegram.addresses[0]
        self.key = key or telegram._host.keys[0]
        self.session_id = session_id
        self.salt = 0
        self._last_id = 0
        self._encoder = FullEncoder()
        self._decoder = FullDecoder(max_packet=64 * 1024 * 1024)
        self.reader: Any = None
        self.writer: Any = None

    async def open(self) -> None:
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection(
            self.address.host, self.address.port
        )

    async def close(self) -> None:
        """Disconnect."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    def new_id(self) -> int:
        """Return a fresh message id."""
        self._last_id = max(self._last_id + 4, int(time.time() * 2**32) & ~3)
        return self._last_id

    def send(self, *bodies: Any, **outer: Any) -> list[int]:
        """Send messages, several of them in a container; return their ids.

        `msg_id`, `seqno` and `salt` replace what the outer message would have.
        """
        parts = [(self.new_id(), bytes(body)) for body in bodies]
        if len(parts) == 1:
            msg_id, body = parts[0]
            seqno = 1
        else:
            items = b"".join(struct.pack("<qii", i, 1, len(body)) + body for i, body in parts)
            msg_id, seqno = self.new_id(), 2
            body = struct.pack("<Ii", CONTAINER, len(parts)) + items
        msg_id = outer.get("msg_id", msg_id)
        salt = outer.get("salt", self.salt)
        head = struct.pack(
            "<qqqii", salt, self.session_id, msg_id, outer.get("seqno", seqno), len(body)
        )
        self.send_packet(b"".join(seal(self.key, head + body, x=TO_SERVER)))
        return [msg_id] if len(parts) == 1 else [part[0] for part in parts]

    def send_packet(self, payload: bytes) -> None:
        """Send any payload."""
        self.writer.write(self._encoder.encode(payload))

    async def receive_packet(self) -> bytes | None:
        """Return the next payload, or None at the end of the connection."""
        while (packet := self._decoder.next_packet()) is None:
            data = await self.reader.read(1 << 16)
            if not data:
                return None
            self._decoder.feed(data)
        return packet

    async def receive(self) -> list[Message]:
        """Return the messages of the next packet."""
        packet = await self.receive_packet()
        assert packet is not None, "the server closed the connection"
        return list(split(unseal(self.key, packet, x=TO_CLIENT)))

    async def objects(self, count: int) -> list[Any]:
        """Return the next *count* objects that are no `new_session_created`; results unwrapped."""
        found: list[Any] = []
        while len(found) < count:
            for message in await self.receive():
                found.append(read_result(message.body))
                if type(found[-1]).__name__ == "NewSessionCreated":
                    found.pop()
        return found

    async def ask(self, body: Any, **outer: Any) -> Any:
        """Send one message and return the next object."""
        self.send(body, **outer)
        return (await self.objects(1))[0]


def read_result(body: bytes) -> Any:
    """Read an object, or the one in an `rpc_result`."""
    is_result = int.from_bytes(body[:4], "little") == RPC_RESULT
    return read_object(body[12:] if is_result else body)


@pytest.fixture
def raw_client() -> Callable[..., Any]:
    """Return a context manager that connects a `RawClient`."""

    @asynccontextmanager
    async def connect(*args: Any, **options: Any) -> AsyncIterator[RawClient]:
        client = RawClient(*args, **options)
        await client.open()
        try:
            yield client
        finally:
            await client.close()

    return connect
