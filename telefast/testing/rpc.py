"""What a method handler gets, and how it refuses.

A handler turns a `Call` into the exact TL bytes of its result or raises `RpcFault`. It knows
nothing of connections, encryption or time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from telethon.tl.tlobject import TLRequest

from telefast.testing.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyroaring import BitMap

    from telefast.testing.account import Account
    from telefast.testing.chat import Chat
    from telefast.testing.faults import Rule
    from telefast.testing.world import World

__all__ = ["Address", "Call", "Empty", "RpcFault", "UnknownMethodFault", "method_name"]


class RpcFault(Exception):  # noqa: N818 - an answer of the server, not a bug of it
    """The server answers with `rpc_error` instead of a result.

    Args:
        code: Telegram's error code, such as 400, 406 or 420.
        message: Telegram's error message, such as `CHANNEL_INVALID` or `FLOOD_WAIT_30`.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


class UnknownMethodFault(RpcFault):
    """The embedded Telegram does not know this method.

    Args:
        method: Telegram's name of the method.
    """

    def __init__(self, method: str) -> None:
        super().__init__(400, "METHOD_NOT_EMBEDDED")
        self.method = method


@dataclass(frozen=True, slots=True)
class Address:
    """Where the embedded Telegram listens, as `help.getConfig` tells clients.

    Attributes:
        host: IP address.
        port: TCP port.
        dc_id: Number of the data centre.
    """

    host: str = "127.0.0.1"
    port: int = 0
    dc_id: int = 2


@dataclass(frozen=True, slots=True)
class Empty:
    """A place on a page that shows `MessageEmpty` instead of a message.

    Attributes:
        id: The id it shows.
    """

    id: int


@dataclass(slots=True)
class Call:
    """One request as the world sees it, all wrappers taken off.

    Attributes:
        method: Telegram's name of the method, such as `messages.getHistory`.
        request: The innermost request.
        number: How often this method was called so far, this call included (1 for the first).
        world: The world that answers.
        rules: The faults in force, in the order in which they apply.
        address: Where the server listens.
        ledger: What the server counted so far, this call included.
        account: Who asks; None means the first account of the world.
        chat: The chat whose messages are asked for, set by the method before rules see a page.
        ids: The list that a page is cut from, as ids, set by the method before rules see a page.
    """

    method: str
    request: Any  # a TLRequest; its fields depend on the method
    number: int
    world: World
    rules: Sequence[Rule] = ()
    address: Address = Address()
    ledger: Ledger = field(default_factory=Ledger)
    account: Account = None  # type: ignore[assignment]  # set below, never None
    chat: Chat | None = None
    ids: BitMap | None = None

    now: float = 0.0
    dc_id: int = 2
    _shared: dict[type, object] = field(default_factory=dict)

    def shared(self, kind: type[Any]) -> Any:
        """STUB."""
        return self.world.__dict__.setdefault("_stub", {}).setdefault(kind, kind())

    def __post_init__(self) -> None:
        """Let the first account ask if no other does."""
        if cast("Account | None", self.account) is None:
            self.account = self.world.account


_names: dict[type[TLRequest], str] = {}


def method_name(kind: type[TLRequest]) -> str:
    """Return Telegram's name of a request type.

    Example:
        >>> from telethon.tl.functions.messages import GetHistoryRequest
        >>> method_name(GetHistoryRequest)
        'messages.getHistory'
    """
    name = _names.get(kind)
    if name is None:
        space = kind.__module__.removeprefix("telethon.tl.functions").lstrip(".")
        bare = kind.__name__.removesuffix("Request")
        bare = bare[:1].lower() + bare[1:]
        name = _names[kind] = f"{space}.{bare}" if space else bare
    return name
