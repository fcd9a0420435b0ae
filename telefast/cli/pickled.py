"""The size of a pickle: what programs keep that leave Telethon's objects as they are.

telefast never pickles: a pickle runs code when it is read, and is bound to one version of every
class in it. The demo shows what chunks are measured against, so this module makes pickles, tells
how long they are and drops them. Nothing here can read one, and none leaves the memory.
"""

from __future__ import annotations

import zlib
from pickle import HIGHEST_PROTOCOL, dumps  # noqa: TID251 - measured, never read, never written
from typing import Any

__all__ = ["pickled_size"]


def pickled_size(objects: list[list[Any]]) -> int:
    """Return the bytes of the pickle of Telethon's objects, compressed by zlib at level 6."""
    return len(zlib.compress(dumps(objects, protocol=HIGHEST_PROTOCOL), 6))
