"""The bytes of an answer, which nothing shows by accident."""

from __future__ import annotations

from typing import Any

__all__ = ["Unshown"]


class Unshown(bytes):
    """Bytes whose `repr` tells only how many there are: they hold texts and access hashes.

    So do its slices. Tools that show the local variables of a traceback, as those of error
    reporters, see nothing else. Who reads it piece by piece, a thousand times, does so in
    `bytes(answer)`, which costs a copy and is plain.

    Example:
        >>> Unshown(b"a text"), Unshown(b"a text")[2:], bytes(Unshown(b"a text")[2:])
        (<6 bytes>, <4 bytes>, b'text')
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"

    __str__ = __repr__

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return Unshown(found) if isinstance(found, bytes) else found
