"""What a client did wrong: requests that break Telegram's rules, and what is no MTProto. Pure.

Not every error is a client's fault. Flood waits, migrations to another data centre, a login that
is missing or was revoked, what one has no right to see, and references that expired all happen to
clients that do nothing wrong; so does what a rule (`faults.Rule`) or the user who types causes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["ClientFault", "is_breach"]

_HAPPENS: Final = frozenset(
    {
        # The world moved on.
        "FILE_REFERENCE_EXPIRED",
        "FILE_TOKEN_INVALID",
        "USER_NOT_PARTICIPANT",
        # Rights.
        "CHAT_ADMIN_REQUIRED",
        "CHAT_FORWARDS_RESTRICTED",
        # What users type.
        "PHONE_CODE_EMPTY",
        "PHONE_CODE_EXPIRED",
        "PHONE_CODE_INVALID",
        "PHONE_NUMBER_INVALID",
        "PHONE_NUMBER_UNOCCUPIED",
        "USERNAME_NOT_OCCUPIED",
        # The server's own limit, see `LocalTelegram.unknown`.
        "METHOD_NOT_EMBEDDED",
    }
)
"""Errors of code 400 that clients get who do nothing wrong."""

_BREACHES: Final = frozenset({"BROADCAST_FORBIDDEN", "TAKEOUT_REQUIRED"})
"""Errors of other codes that they do not."""


class ClientFault(NamedTuple):
    """Something that a client did wrong.

    Attributes:
        method: Telegram's name of the method; empty for what is no request: a packet, an envelope,
            a service message, or a constructor that nobody knows.
        error: The error that the client got, such as `LIMIT_INVALID`; for what is no request, what
            is wrong with it, such as `bad_msg_notification 35`.
        time: The server's time in seconds since the epoch.
        connection: Number of the TCP connection, 1 for the first of all data centres.
        dc_id: The data centre that it came to.
    """

    method: str
    error: str
    time: float
    connection: int
    dc_id: int


def is_breach(code: int, message: str) -> bool:
    """Return whether an error is for a request that breaks Telegram's rules.

    That is what code 400 says (https://core.telegram.org/api/errors#400-bad-request), but for what
    happens to clients that do nothing wrong.

    Args:
        code: Code of the error.
        message: Its message.

    Example:
        >>> is_breach(400, "LIMIT_INVALID"), is_breach(400, "FILE_REFERENCE_EXPIRED")
        (True, False)
        >>> is_breach(420, "FLOOD_WAIT_30"), is_breach(403, "TAKEOUT_REQUIRED")
        (False, True)
    """
    return message in _BREACHES or (code == 400 and message not in _HAPPENS)
