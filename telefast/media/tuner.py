"""Which size file parts have, how many are in flight, and over how many connections.

Pure: no clock and no network; callers report what parts cost and pass *now*. One controller for
each data centre, see `telefast.media.climb`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from telefast.checks import check_int
from telefast.errors import ArgumentError
from telefast.media.climb import Climb
from telefast.media.levels import Bounds, Level

__all__ = ["PartSizeTuner"]

KIB: Final = 1024
MIB: Final = 1024 * KIB
LEAST_PART: Final = 4 * KIB
"""Offsets and limits are multiples of 4 KiB, limits divide 1 MiB
(https://core.telegram.org/api/files#downloading-files)."""
LARGEST: Final = 512
"""In KiB: the largest part that Telethon and TDLib ask for; the rules allow 1 MiB."""
MAX_CONNECTIONS: Final = 8
"""As many as Telegram Desktop's sessions for one data centre, and TDLib's for premium users."""
MAX_PARTS: Final = 256
"""In flight from one data centre at most: 16 MiB of 64 KiB. Our choice; Telegram Desktop has 128 of
128 KiB."""
START: Final = Level(in_flight=2 * MIB, connections=2, largest=MIB)
"""What TDLib has in flight for one data centre, and its download sessions
(`files/FileDownloadManager.h`, `net/NetQueryDispatcher.cpp`)."""
VERSION: Final = 1
_MOST_BYTES: Final = 1024 * MIB


class PartSizeTuner:
    """Choose part size, parts in flight and connections from what the last parts cost.

    For each data centre: bytes in flight and connections grow as long as the rate does, and are
    given back when it does not suffer; floods and repeated timeouts lower them and are remembered.
    Large parts cost fewer requests: so a part is the largest candidate of which eight, and one for
    each connection, are in flight, unless smaller ones prove faster.

    Sans-I/O: holds no clock; callers pass *now*, in seconds of one monotonic clock. Memory: about
    2 KB for each data centre. Not safe for use from several threads.

    Args:
        candidates_kb: Part sizes to choose from, in KiB. Default 64, 128, 256 and 512, the largest
            that any official client asks for.
        fixed_kb: The only part size, in KiB; 0 (the default) chooses.
        max_connections: Connections to one data centre at most, from 1 to 8 (the default).
        max_in_flight: Bytes in flight from one data centre at most. Default 16 MiB, as Telegram
            Desktop's 8 sessions of 16 parts of 128 KiB.
        large_parts: Allow parts of 1 MiB, which the documented rules do and no official client
            asks for. Default False; if True, they are a candidate.

    Raises:
        ArgumentError: If an argument has no legal value.

    Example:
        >>> tuner = PartSizeTuner()
        >>> tuner.part_size(2**30, 2), tuner.window(2), tuner.connections(2)
        (262144, 8, 2)
        >>> tuner.part_size(100_000, 2)
        131072
        >>> PartSizeTuner(fixed_kb=100)
        Traceback (most recent call last):
            ...
        telefast.errors.ArgumentError: fixed_kb=100: expected 0 (choose) or one of 4, 8, 16, 32, \
64, 128, 256, 512
    """

    def __init__(
        self,
        *,
        candidates_kb: Iterable[int] = (64, 128, 256, 512),
        fixed_kb: int = 0,
        max_connections: int = MAX_CONNECTIONS,
        max_in_flight: int = 16 * MIB,
        large_parts: bool = False,
    ) -> None:
        legal = [2**power for power in range(2, 11 if large_parts else 10)]
        shown = ", ".join(map(str, legal))
        if type(fixed_kb) is not int or fixed_kb not in (0, *legal):
            raise ArgumentError("fixed_kb", fixed_kb, f"0 (choose) or one of {shown}")
        candidates: list[Any] = []
        with suppress(TypeError):  # it is a number, say
            candidates += candidates_kb
        if not candidates or any(type(e) is not int or e not in legal for e in candidates):
            raise ArgumentError("candidates_kb", candidates_kb, f"some of {shown}")
        sizes = {fixed_kb} if fixed_kb else {*candidates, *([KIB] if large_parts else [])}
        self._sizes = sorted(KIB * size for size in sizes)
        check_int("max_connections", max_connections, 1, MAX_CONNECTIONS)
        check_int("max_in_flight", max_in_flight, self._sizes[0], _MOST_BYTES)
        self._most = Level(max_in_flight, max_connections, self._sizes[-1])
        self._climbs: dict[int, Climb] = {}

    # Questions

    def part_size(self, size: int | None, dc_id: int) -> int:
        """Return how many bytes to ask for at once.

        Args:
            size: The size of the file in bytes, None if it is unknown.
            dc_id: The data centre that has it.

        Returns:
            A divisor of 1 MiB, at least 4 KiB, and below twice the size of the file unless that is
            below 4 KiB. For large files it changes with what is in flight; one that is half loaded
            may keep its own.
        """
        part = self._climb(dc_id).part_size
        if size is None:
            return part
        return min(part, max(LEAST_PART, 1 << (max(size, 1) - 1).bit_length()))

    def window(self, dc_id: int, part_size: int | None = None) -> int:
        """Return how many parts of a data centre may be in flight, over all connections.

        Args:
            dc_id: The data centre.
            part_size: How large they are in bytes, if not as for large files: more small ones may
                be, and one always.
        """
        climb = self._climb(dc_id)
        part = climb.part_size if part_size is None else max(part_size, LEAST_PART)
        return max(1, min(climb.level.in_flight // part, MAX_PARTS))

    def connections(self, dc_id: int) -> int:
        """Return over how many connections to a data centre they are worth spreading."""
        return self._climb(dc_id).level.connections

    # Reports

    def on_part(
        self, dc_id: int, size: int, seconds: float, *, now: float, connection: int
    ) -> None:
        """Note a part that arrived.

        Args:
            dc_id: The data centre.
            size: Its bytes.
            seconds: How long ago it was asked for.
            now: The time.
            connection: The number of the connection on which it came.
        """
        self._climb(dc_id).on_part(size, seconds, now=now)

    def on_flood(self, dc_id: int, seconds: float, *, now: float) -> None:
        """Note that Telegram wants no request for so many *seconds*: any `FLOOD_WAIT`."""
        self._climb(dc_id).on_flood(seconds, now=now)

    def on_timeout(self, dc_id: int, connection: int, *, now: float) -> None:
        """Note that a part did not come in time on a connection."""
        self._climb(dc_id).on_timeout(connection, now=now)

    def on_idle(self, dc_id: int, *, now: float) -> None:
        """Note that fewer parts are in flight than `window` allows, since none is left to ask for.

        What arrives then says nothing about what the network can do.
        """
        self._climb(dc_id).on_idle(now=now)

    # Memory

    def snapshot(self) -> dict[str, Any]:
        """Return what was learned, as data for JSON."""
        return {
            "version": VERSION,
            "dcs": {
                str(dc_id): {
                    "in_flight": climb.base.in_flight,
                    "connections": climb.base.connections,
                    "largest": climb.base.largest,
                }
                for dc_id, climb in self._climbs.items()
                if climb.is_known
            },
        }

    def restore(self, data: object) -> None:
        """Begin with what an earlier run left; a data centre that is in use keeps its own.

        Data of another version, or damaged, is passed over, and what exceeds the limits is cut: it
        costs time, no error.
        """
        if not isinstance(data, Mapping) or data.get("version") != VERSION:
            return
        entries = data.get("dcs")
        for name, entry in entries.items() if isinstance(entries, Mapping) else ():
            level = _level(entry)
            if level is not None and _is_number(name) and int(name) not in self._climbs:
                self._climbs[int(name)] = self._new_climb(level, is_known=True)

    def _climb(self, dc_id: int) -> Climb:
        """Return the controller of a data centre."""
        climb = self._climbs.get(dc_id)
        if climb is None:
            climb = self._climbs[dc_id] = self._new_climb(START)
        return climb

    def _new_climb(self, start: Level, *, is_known: bool = False) -> Climb:
        return Climb(bounds=Bounds(self._sizes, self._most), start=start, is_known=is_known)


def _level(entry: object) -> Level | None:
    """Read one entry of a snapshot; None if it is damaged."""
    if not isinstance(entry, Mapping):
        return None
    figures = [entry.get(name) for name in Level.__slots__]
    if not all(isinstance(figure, int) and figure > 0 for figure in figures):
        return None
    return Level(**{name: int(entry[name]) for name in Level.__slots__})


def _is_number(name: object) -> bool:
    """Return whether *name* can be that of a data centre, in JSON."""
    return str(name).isdecimal() and len(str(name)) < 10
