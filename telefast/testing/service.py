"""Service messages: what client and server tell each other beside API calls.

Each handler gets the message and the connection's `Desk`, and returns the TL bytes of the answer
or None. Answers are not wrapped in `rpc_result`, except where Telegram does
(https://core.telegram.org/mtproto/service_messages).
"""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING, Final, Protocol

from telethon.extensions.binaryreader import BinaryReader
from telethon.tl.functions import (
    DestroySessionRequest,
    GetFutureSaltsRequest,
    PingDelayDisconnectRequest,
    PingRequest,
    RpcDropAnswerRequest,
)
from telethon.tl.types import (
    BadMsgNotification,
    BadServerSalt,
    DestroySessionNone,
    DestroySessionOk,
    FutureSalts,
    HttpWait,
    MsgResendReq,
    MsgsAck,
    MsgsAllInfo,
    MsgsStateInfo,
    MsgsStateReq,
    NewSessionCreated,
    Pong,
    RpcAnswerDropped,
    RpcAnswerDroppedRunning,
    RpcAnswerUnknown,
)

from telefast.testing.dispatcher import rpc_result

if TYPE_CHECKING:
    from collections.abc import Callable

    from telefast.testing.session import Message

__all__ = ["NAMES", "Desk", "answer", "bad_message", "bad_salt", "new_session"]

SALT_LIFETIME: Final = 1800
"""Seconds between two salts that `get_future_salts` promises, as Telegram does."""

_RECEIVED: Final = 4
"""Status of a message in `msgs_state_info`: received."""

_NOT_KNOWN: Final = 1
"""Status of a message in `msgs_state_info`: nothing is known of it, or not any more."""

_PONG: Final = struct.Struct("<Iqq")


class Desk(Protocol):
    """What service messages may ask of the connection that they came in on."""

    salt: int

    def is_known(self, msg_id: int) -> bool:
        """Return whether an API request with this id is not answered yet."""

    def drop_answer(self, msg_id: int) -> str:
        """Drop the answer to a request; return `unknown`, `running` or `dropped`."""

    def forget_session(self, session_id: int) -> bool:
        """End a session; return whether it existed."""

    def close_after(self, delay: float) -> None:
        """Close the connection after *delay* seconds, unless told again."""


def new_session(first_msg_id: int, unique_id: int, salt: int) -> bytes:
    """Tell a client that its session is new and which salt to use."""
    return bytes(NewSessionCreated(first_msg_id, unique_id, salt))


def bad_salt(message: Message, salt: int) -> bytes:
    """Tell a client to send a message again, with the right salt."""
    return bytes(BadServerSalt(message.msg_id, message.seqno, 48, salt))


def bad_message(message: Message, code: int) -> bytes:
    """Tell a client what is wrong with a message."""
    return bytes(BadMsgNotification(message.msg_id, message.seqno, code))


def _on_ping(message: Message, desk: Desk) -> bytes:
    (ping_id,) = struct.unpack_from("<q", message.body, 4)
    return _PONG.pack(Pong.CONSTRUCTOR_ID, message.msg_id, ping_id)


def _on_ping_delay(message: Message, desk: Desk) -> bytes:
    (delay,) = struct.unpack_from("<i", message.body, 12)
    desk.close_after(max(0, delay))
    return _on_ping(message, desk)


def _on_future_salts(message: Message, desk: Desk) -> bytes:
    (count,) = struct.unpack_from("<i", message.body, 4)
    now = int(time.time())
    count = min(max(count, 1), 64)
    starts = range(now, now + SALT_LIFETIME * count, SALT_LIFETIME)
    salts = (struct.pack("<iiq", start, start + 2 * SALT_LIFETIME, desk.salt) for start in starts)
    head = struct.pack("<Iqii", FutureSalts.CONSTRUCTOR_ID, message.msg_id, now, count)
    return head + b"".join(salts)


def _on_destroy_session(message: Message, desk: Desk) -> bytes:
    (session_id,) = struct.unpack_from("<q", message.body, 4)
    existed = desk.forget_session(session_id)
    return bytes((DestroySessionOk if existed else DestroySessionNone)(session_id))


def _on_drop_answer(message: Message, desk: Desk) -> bytes:
    (msg_id,) = struct.unpack_from("<q", message.body, 4)
    answers = {
        "dropped": RpcAnswerDropped(msg_id, 0, 0),
        "running": RpcAnswerDroppedRunning(),
        "unknown": RpcAnswerUnknown(),
    }
    return rpc_result(message.msg_id, bytes(answers[desk.drop_answer(msg_id)]))


def _on_state_request(message: Message, desk: Desk) -> bytes:
    asked = BinaryReader(message.body).tgread_object().msg_ids
    info = "".join(chr(_RECEIVED if desk.is_known(n) else _NOT_KNOWN) for n in asked)
    return bytes(MsgsStateInfo(message.msg_id, info))


def _on_nothing(message: Message, desk: Desk) -> None:
    """Take note of a message that wants no answer."""


_HANDLERS: Final[dict[int, tuple[str, Callable[[Message, Desk], bytes | None]]]] = {
    PingRequest.CONSTRUCTOR_ID: ("ping", _on_ping),
    PingDelayDisconnectRequest.CONSTRUCTOR_ID: ("ping_delay_disconnect", _on_ping_delay),
    GetFutureSaltsRequest.CONSTRUCTOR_ID: ("get_future_salts", _on_future_salts),
    DestroySessionRequest.CONSTRUCTOR_ID: ("destroy_session", _on_destroy_session),
    RpcDropAnswerRequest.CONSTRUCTOR_ID: ("rpc_drop_answer", _on_drop_answer),
    MsgsStateReq.CONSTRUCTOR_ID: ("msgs_state_req", _on_state_request),
    MsgResendReq.CONSTRUCTOR_ID: ("msg_resend_req", _on_state_request),
    MsgsAck.CONSTRUCTOR_ID: ("msgs_ack", _on_nothing),
    HttpWait.CONSTRUCTOR_ID: ("http_wait", _on_nothing),
    MsgsStateInfo.CONSTRUCTOR_ID: ("msgs_state_info", _on_nothing),
    MsgsAllInfo.CONSTRUCTOR_ID: ("msgs_all_info", _on_nothing),
}

NAMES: Final = {constructor: name for constructor, (name, _) in _HANDLERS.items()}
"""Constructor -> name of every service message that a client may send."""


def answer(constructor: int, message: Message, desk: Desk) -> bytes | None:
    """Answer a service message whose *constructor* is in `NAMES`.

    Raises:
        ValueError: If it is cut off or malformed.
    """
    try:
        return _HANDLERS[constructor][1](message, desk)
    except Exception as error:
        raise ValueError("malformed service message") from error
