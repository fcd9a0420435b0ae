"""Are bytes under way between sockets of this process? Asked before virtual time may jump.

Theory of operation. On loopback, what one socket sends is at the other one as a rule before `send`
returns, but a loaded kernel may deliver it later, from a thread of its own. A select that finds
nothing ready does not prove, then, that nothing will be. Linux counts for each TCP socket the bytes
sent, sent again and received; what one end sent and the other did not receive yet is under way.
(The sender's queue alone does not tell: its bytes stay there until they are acknowledged, up to
40 ms after they arrived. But where it is empty nothing is under way, and that is cheaper to ask.)
Bytes that were not even sent, because the reader's buffer is full, are not under way: they move
when it reads, not when time passes.

Sources: Linux tcp(7), `include/uapi/linux/tcp.h` (`struct tcp_info`; `tcpi_bytes_sent` is there
since 4.19). On other systems there is no such proof, and `Wires.is_exact` is False: who asks must
wait a moment instead.
"""

from __future__ import annotations

import array
import os
import socket
import stat
import struct
import sys
import time
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Wires"]

_TIOCOUTQ: Final = 0x5411
"""Bytes in the send queue; Linux `asm-generic/ioctls.h`, also `termios.TIOCOUTQ`."""

_SYN_SENT: Final = 2
"""`TCP_SYN_SENT` of Linux `net/tcp_states.h`, as in the first byte of `tcp_info`."""

_TCP_INFO_SIZE: Final = 216
_RECEIVED: Final = struct.Struct("=Q")
_RECEIVED_AT: Final = 128
_SENT: Final = struct.Struct("=QQ")
_SENT_AT: Final = 200
"""`tcpi_bytes_received`, and `tcpi_bytes_sent` with `tcpi_bytes_retrans` behind it."""

_PATIENCE: Final = 2.0
_TRIES: Final = 500
"""Real seconds, and looks, after which bytes under way are taken to be lost (a reader whose buffer
is full drops what arrives). Chosen: loopback needs microseconds."""


@dataclass(slots=True)
class _Wire:
    """One end of a TCP connection.

    Attributes:
        fd: File descriptor.
        inode: Tells whether the descriptor is still the same socket's.
        family: Address family.
        ends: Its own address and its peer's, or None while it connects.
        lost: Bytes that are no longer waited for.
    """

    fd: int
    inode: int
    family: int
    ends: tuple[Any, Any] | None = None
    lost: int = 0


class Wires:
    """Watch the TCP connections that have both ends in one event loop.

    Attributes:
        is_exact: Whether `settle` proves that nothing is under way; False but on Linux.
    """

    def __init__(self) -> None:
        self.is_exact = sys.platform == "linux"
        self._wires: dict[int, _Wire] = {}
        self._by_ends: dict[tuple[Any, Any], _Wire] = {}

    def watch(self, fd: int) -> None:
        """Begin to watch a file, as long as it is open; passed over if it is no TCP socket."""
        status = os.fstat(fd)
        known = self._wires.get(fd)
        if not stat.S_ISSOCK(status.st_mode) or (known and known.inode == status.st_ino):
            return
        if known:
            self._forget(known)
        sock = socket.socket(fileno=fd)
        try:
            family, is_stream = sock.family, sock.type == socket.SOCK_STREAM
            listens = is_stream and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        finally:
            sock.detach()
        if not is_stream or listens or family not in {socket.AF_INET, socket.AF_INET6}:
            return
        wire = self._wires[fd] = _Wire(fd, status.st_ino, family)
        if self.is_exact and len(_info(wire)) < _TCP_INFO_SIZE:
            self.is_exact = False  # an old kernel, or what stands in for one

    def settle(self) -> None:
        """Return when nothing is under way any more; at once where that cannot be told.

        What does not arrive within two real seconds is not waited for again.
        """
        if not self.is_exact:
            return
        began = 0.0
        tries = 0
        while busy := [wire for wire in tuple(self._wires.values()) if self._is_busy(wire)]:
            began = began or time.perf_counter()
            tries += 1
            if tries > _TRIES and time.perf_counter() - began > _PATIENCE:
                for wire in busy:
                    wire.lost += self._under_way(wire)
                return
            time.sleep(0.0 if tries < 20 else 0.001)

    def _is_busy(self, wire: _Wire) -> bool:
        """Return whether there is something to wait for; forget what is closed."""
        try:
            return self._under_way(wire) > 0
        except OSError:
            self._forget(wire)
            return False

    def _under_way(self, wire: _Wire) -> int:
        """Return how many bytes *wire* sent that its peer did not receive; 1 while it connects."""
        if wire.ends is None and not self._find_ends(wire):
            return 1 - wire.lost
        assert wire.ends is not None  # noqa: S101 - for the type checker
        if not _queued(wire.fd) or not self._is_open(wire):
            return 0
        peer = self._by_ends.get(wire.ends[::-1])
        if peer is None or not self._is_open(peer):
            return 0
        sent, again = _SENT.unpack_from(_info(wire), _SENT_AT)
        (received,) = _RECEIVED.unpack_from(_info(peer), _RECEIVED_AT)
        return int(sent) - int(again) - int(received) - wire.lost

    def _find_ends(self, wire: _Wire) -> bool:
        """Ask for the addresses of both ends; return whether it is connected."""
        if not self._is_open(wire):
            raise OSError
        sock = _borrow(wire)
        try:
            if _info(wire)[0] == _SYN_SENT:
                return False
            wire.ends = (sock.getsockname(), sock.getpeername())  # raises if it was refused
        finally:
            sock.detach()
        wire.lost = 0
        self._by_ends[wire.ends] = wire
        return True

    def _is_open(self, wire: _Wire) -> bool:
        """Return whether the file is still this socket; forget it otherwise."""
        try:
            if os.fstat(wire.fd).st_ino == wire.inode:
                return True
        except OSError:
            pass
        self._forget(wire)
        return False

    def _forget(self, wire: _Wire) -> None:
        """Watch no longer."""
        if self._wires.get(wire.fd) is wire:
            del self._wires[wire.fd]
        if wire.ends is not None and self._by_ends.get(wire.ends) is wire:
            del self._by_ends[wire.ends]


def _borrow(wire: _Wire) -> socket.socket:
    """Return a socket object for a file that is not ours; detach it before it dies."""
    return socket.socket(wire.family, socket.SOCK_STREAM, 0, fileno=wire.fd)


def _info(wire: _Wire) -> bytes:
    """Return the kernel's `tcp_info`."""
    sock = _borrow(wire)
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    finally:
        sock.detach()


def _queued(fd: int) -> int:
    """Return how many bytes are in the send queue."""
    import fcntl  # here, since Windows has none

    answer = array.array("i", [0])
    fcntl.ioctl(fd, _TIOCOUTQ, answer)
    return answer[0]
