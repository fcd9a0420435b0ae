"""One hint that encryption is slow here, and what helps."""

from __future__ import annotations

from functools import cache
from typing import Any

from telethon.crypto import aes

from telefast.logs import get_logger

__all__ = ["hint_at_cryptg"]

_log = get_logger("pool")
_module: Any = aes


@cache
def hint_at_cryptg() -> None:
    """Log a warning, once in a process, if Telethon has not found cryptg.

    Everything works all the same, with the system's libssl or in Python.
    """
    if _module.cryptg is None:
        cipher = "libssl" if _module.libssl.encrypt_ige else "Python"
        _log.warning(
            "Telethon encrypts without cryptg, which is slow; to have it: pip install cryptg "
            "cipher=%s",
            cipher,
        )
