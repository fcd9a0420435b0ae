"""What is remembered of an account's limits from one run to the next: one small file for each.

The file holds rates, bursts and waits by kind of request: no name, no number, no key. Its name is
made of the account's id by a hash. It is written in a thread, in one piece (`os.replace`), and one
that cannot be read or written costs a flood or two and no error.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telefast import logs
from telefast.tasks import in_thread
from telefast.transport import telethon as door
from telefast.transport.pacing import Clocks, FloodPacer, merged

if TYPE_CHECKING:
    from telethon import TelegramClient

__all__ = ["Memory", "state_folder"]

_log = logs.get_logger("pacing")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_LARGEST = 1 << 20
"""Bytes of a file that is read at most; ours have a few hundred."""


def state_folder(environ: Mapping[str, str], platform: str, home: Path) -> Path:
    """Return where programs keep their state, by the customs of the platform.

    `telefast` in `$XDG_STATE_HOME`, by default `~/.local/state` (XDG Base Directory Specification
    0.8); in `%LOCALAPPDATA%`; in `~/Library/Application Support`.

    Example:
        >>> state_folder({}, "linux", Path("/home/me")).as_posix()
        '/home/me/.local/state/telefast'
    """
    if platform == "win32":
        base = environ.get("LOCALAPPDATA", "")
        return (Path(base) if base else home / "AppData" / "Local") / "telefast"
    if platform == "darwin":
        return home / "Library" / "Application Support" / "telefast"
    base = environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else home / ".local" / "state") / "telefast"


class Memory:
    """Remember what the pacer of an account has learned.

    Args:
        place: The folder of the files. True (default): `state_folder`, and nothing is remembered
            of a server on this machine, which is a test. False: nothing is.
    """

    def __init__(self, place: Path | bool = True) -> None:
        self.place = place
        self._path: Path | None = None
        self._boot = ""
        self._is_recalled = False
        self._lock = asyncio.Lock()

    async def recall(self, client: TelegramClient, pacer: FloodPacer) -> None:
        """Read what there is of the client's account, once.

        Does nothing, and tries again next time, while the client does not know its account (after
        `connect()` alone with a session that never held it; `start()` and `get_me()` tell).
        """
        if self._is_recalled or self.place is False:
            return
        account = door.self_id(client)
        if account is None:
            return
        async with self._lock:
            if self._is_recalled:
                return  # type: ignore[unreachable]  # another call has read it meanwhile
            self._path = self._file(client, account)
            if self._path is not None:
                data, self._boot = await in_thread(_recall, self._path)
                now = asyncio.get_running_loop().time()
                pacer.restore(data, now=now, clocks=_clocks(self._boot))
            self._is_recalled = True

    async def keep(self, pacer: FloodPacer) -> None:
        """Write what is known now; does nothing before something was recalled."""
        if self._path is None or self.place is False:
            return
        async with self._lock:
            now = asyncio.get_running_loop().time()
            data = pacer.snapshot(now=now, clocks=_clocks(self._boot))
            if not data["kinds"]:
                return
            try:
                await in_thread(_write, self._path, data)
            except OSError as error:
                _log.debug("rates not remembered reason=%s", type(error).__name__)

    def _file(self, client: TelegramClient, account: int) -> Path | None:
        place = self.place
        if place is True:
            session: Any = client.session
            if _is_local(session.server_address):
                return None
            place = state_folder(os.environ, sys.platform, Path.home())
        assert isinstance(place, Path)  # noqa: S101 - for the type checker
        name = hashlib.sha256(f"telefast account {account}".encode()).hexdigest()[:16]
        return place / f"rates-{name}.json"


def _is_local(address: str | None) -> bool:
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False


def _clocks(boot: str) -> Clocks:
    # Linux's ordinary monotonic clock stands still while the machine sleeps, this one does not.
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    steady = time.monotonic() if clock is None else time.clock_gettime(clock)
    return Clocks(time.time(), steady, boot)


def _recall(path: Path) -> tuple[Any, str]:
    try:
        boot = _BOOT_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        boot = ""  # not Linux
    return _read(path), boot


def _read(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return json.loads(file.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return None


def _write(path: Path, data: dict[str, Any]) -> None:
    text = json.dumps(merged(_read(path), data))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, "utf-8")
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
