"""The rival that pickles: what programs do that keep Telethon's objects as they are.

telefast never pickles: a pickle runs code when it is read, and is bound to one version of every
class in it. It is here to be measured against, on bytes of our own making, and nowhere else.
"""

from __future__ import annotations

import pickle  # noqa: TID251 - measured, never shipped
import zlib
from typing import Any

__all__ = ["dump", "load"]


def dump(objects: list[list[Any]]) -> bytes:
    """Return the pickle of Telethon's objects, compressed by zlib."""
    return zlib.compress(pickle.dumps(objects, protocol=pickle.HIGHEST_PROTOCOL), 6)


def load(data: bytes) -> list[list[Any]]:
    """Return what `dump` was given."""
    found: list[list[Any]] = pickle.loads(zlib.decompress(data))  # noqa: S301 - our own bytes
    return found
