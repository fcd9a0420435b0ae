"""`remember_rates`: where what is learned of an account's limits is kept, or that it is not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from telefast.errors import ArgumentError
from telefast.transport.account import Account
from telefast.transport.memory import Memory

if TYPE_CHECKING:
    from telethon import TelegramClient

__all__ = ["remember_rates"]


def remember_rates(client: TelegramClient, place: str | Path | bool = True) -> None:
    r"""Choose where the learned rates of a client's account are kept between runs.

    By default they are kept where programs keep their state: in `$XDG_STATE_HOME/telefast`
    (`~/.local/state/telefast`), `%LOCALAPPDATA%\telefast` or `~/Library/Application
    Support/telefast`, one small JSON file for each account. It holds rates, bursts and waits by
    kind of request, and neither names nor keys; its name is a hash of the account's id. A client
    that does not know its account (after `connect()` alone) remembers nothing, nor does one whose
    server is on this machine, since that is a test. A file that cannot be read or written is
    passed over.

    Call it before the first request: what was read already stays in use.

    Args:
        client: A `telethon.TelegramClient`, its takeout proxy, or what `wrap` made of it.
        place: A folder of your own; True (default) for the usual one; False to neither read nor
            write anything.

    Raises:
        ArgumentError: If *place* is none of these.
    """
    if isinstance(place, str) and place:
        place = Path(place)
    if not isinstance(place, bool | Path):
        raise ArgumentError("place", place, "a folder, True or False")
    Account.of(client).memory = Memory(place)
