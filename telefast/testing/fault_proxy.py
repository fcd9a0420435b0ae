"""A SOCKS5 proxy on loopback that remembers where its clients wanted to go (RFC 1928, 1929)."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from telefast.errors import ArgumentError, ClosedError
from telefast.testing.tasks import Tasks

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["ProxyTarget", "SocksProxy"]

_VERSION: Final = 5
_NO_LOGIN: Final = 0
_PASSWORD: Final = 2
_NO_METHOD: Final = 0xFF
_CONNECT: Final = 1
_IPV4: Final = 1
_NAME: Final = 3
_IPV6: Final = 4

_FAILED: Final = 5
"""Reply: connection refused."""
_NOT_SUPPORTED: Final = 7
"""Reply: command not supported."""
_NO_ADDRESS: Final = 8
"""Reply: address type not supported."""

TARGETS_SIZE: Final = 1_000
"""Targets that a proxy remembers."""


class ProxyTarget(NamedTuple):
    """Where a client of a proxy wanted to go.

    Attributes:
        host: IP address or name, as the client gave it.
        port: TCP port.
        user: The user that it logged in as, or None.
    """

    host: str
    port: int
    user: str | None


class _RefusedError(Exception):
    """The client broke the protocol, or may not pass."""


class SocksProxy:
    """A SOCKS5 proxy on 127.0.0.1, to prove that every connection of a program goes through one.

    Use it with `async with`. Hand `telethon(…)` to a client as its `proxy`; that needs
    `python-socks` or PySocks, as Telethon does for any proxy.

    Args:
        user: The user that clients must log in as; None lets anybody in.
        password: The password of that user.

    Attributes:
        targets: Where clients wanted to go, oldest first: the newest 1,000.
        refused: How many clients were turned away: a wrong password, no SOCKS5, an unreachable
            target.

    Raises:
        ArgumentError: If only one of *user* and *password* is given.

    Example:
        >>> import asyncio
        >>> async def use() -> int:
        ...     async with SocksProxy() as proxy:
        ...         return len(proxy.targets)
        >>> asyncio.run(use())
        0
    """

    def __init__(self, user: str | None = None, password: str | None = None) -> None:
        if (user is None) != (password is None):
            raise ArgumentError("password", "…", "given together with user, or not at all")
        self.targets: deque[ProxyTarget] = deque(maxlen=TARGETS_SIZE)
        self.refused = 0
        self._user = user
        self._password = password
        self._server: asyncio.Server | None = None
        self._tasks = Tasks()

    def __repr__(self) -> str:
        """Show how much went through; no password."""
        return f"<SocksProxy targets={len(self.targets)} refused={self.refused}>"

    @property
    def host(self) -> str:
        """IP address to connect to."""
        return "127.0.0.1"

    @property
    def port(self) -> int:
        """TCP port to connect to.

        Raises:
            ClosedError: If the proxy does not run.
        """
        if self._server is None:
            raise ClosedError("SocksProxy is not running; use it inside `async with`")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def telethon(self) -> tuple[str, str, int, bool, str | None, str | None]:
        """Return what `telethon.TelegramClient` takes as `proxy`.

        Raises:
            ClosedError: If the proxy does not run.
        """
        return ("socks5", self.host, self.port, True, self._user, self._password)

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._welcome, self.host, 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening and cut all connections."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            self._tasks.cancel()
            await self._tasks.wait()
            await server.wait_closed()

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a client in a task of its own."""
        self._tasks.start(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hear where a client wants to go, then pass bytes on until either side ends."""
        ends = [writer]
        try:
            user = await self._log_in(reader, writer)
            target = await self._target(reader, writer)
            self.targets.append(ProxyTarget(*target, user))
            try:
                far_reader, far_writer = await asyncio.open_connection(*target)
            except OSError as error:
                _reply(writer, _FAILED)
                raise _RefusedError from error
            ends.append(far_writer)
            _reply(writer, 0)
            back = self._tasks.start(_pump(far_reader, writer))
            await _pump(reader, far_writer)
            await asyncio.wait([back])
        except (_RefusedError, asyncio.IncompleteReadError):
            self.refused += 1
        except OSError:
            pass  # One of the two is gone.
        finally:
            for end in ends:
                end.close()

    async def _log_in(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> str | None:
        """Agree on a way to log in, and do it; return the user."""
        version, count = await reader.readexactly(2)
        offered = await reader.readexactly(count)
        wanted = _NO_LOGIN if self._user is None else _PASSWORD
        if version != _VERSION or wanted not in offered:
            writer.write(bytes([_VERSION, _NO_METHOD]))
            raise _RefusedError
        writer.write(bytes([_VERSION, wanted]))
        if self._user is None:
            return None
        _, length = await reader.readexactly(2)
        user = (await reader.readexactly(length)).decode()
        (length,) = await reader.readexactly(1)
        password = (await reader.readexactly(length)).decode()
        if (user, password) != (self._user, self._password):
            writer.write(b"\1\1")
            raise _RefusedError
        writer.write(b"\1\0")
        return user

    @staticmethod
    async def _target(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int]:
        """Read where the client wants to go."""
        _, command, _, kind = await reader.readexactly(4)
        if command != _CONNECT:
            _reply(writer, _NOT_SUPPORTED)
            raise _RefusedError
        if kind == _IPV4:
            host = ".".join(map(str, await reader.readexactly(4)))
        elif kind == _IPV6:
            parts = await reader.readexactly(16)
            host = ":".join(parts[i : i + 2].hex() for i in range(0, 16, 2))
        elif kind == _NAME:
            (length,) = await reader.readexactly(1)
            host = (await reader.readexactly(length)).decode()
        else:
            _reply(writer, _NO_ADDRESS)
            raise _RefusedError
        return host, int.from_bytes(await reader.readexactly(2), "big")


def _reply(writer: asyncio.StreamWriter, code: int) -> None:
    """Say how the wish of a client went; 0 is success."""
    writer.write(bytes([_VERSION, code, 0, _IPV4, 0, 0, 0, 0, 0, 0]))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until their side ends, then end the other."""
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
