"""The one place where worlds read TL objects; Telethon's reader has no types."""

from __future__ import annotations

from typing import Any

from telethon.extensions.binaryreader import BinaryReader

__all__ = ["read_object"]

_reader: Any = BinaryReader


def read_object(data: bytes) -> Any:
    """Return the TL object that *data* begins with."""
    return _reader(data).tgread_object()
