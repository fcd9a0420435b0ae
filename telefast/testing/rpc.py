"""What a method handler gets, and how it refuses.

A handler turns a `Call` into the exact TL bytes of its result or raises `RpcFault`. It knows
nothing of connections, encryption or time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from telethon.tl.alltlobjects import tlobjects
from telethon.tl.tlobject import TLRequest

from telefast.testing.keys import ServerKey
from telefast.testing.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyroaring import BitMap
    from telethon.tl import types

    from telefast.testing.account import Account
    from telefast.testing.chat import Chat
    from telefast.testing.faults import Rule
    from telefast.testing.world import World

__all__ = [
    "Address",
    "Call",
    "Empty",
    "Origin",
    "RpcFault",
    "UnknownMethodFault",
    "Unwrapped",
    "method_name",
    "method_names",
]

Shared = TypeVar("Shared")


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
    """Where a data centre listens, as `help.getConfig` tells clients.

    Attributes:
        host: IP address.
        port: TCP port.
        dc_id: Number of the data centre.
        media_only: Whether clients are told to use it for files only.
        cdn: Whether it is a content delivery network.
        networks: Addresses of clients whose network belongs to it.
    """

    host: str = "127.0.0.1"
    port: int = 0
    dc_id: int = 2
    media_only: bool = False
    cdn: bool = False
    networks: Sequence[str] = ()


class Origin(NamedTuple):
    """Where a request came from.

    Attributes:
        dc_id: The data centre that it came to.
        connection: Number of its TCP connection, 1 for the first of all data centres.
        key: The authorization key that it was encrypted with.
        host: The client's IP address.
    """

    dc_id: int
    connection: int
    key: ServerKey
    host: str = ""


class Unwrapped(NamedTuple):
    """A request and what its wrappers said.

    Attributes:
        request: The innermost request.
        takeout: The id in `invokeWithTakeout`, or None.
        message_range: The range in `invokeWithMessagesRange`, or None.
        wants_updates: Whether there was no `invokeWithoutUpdates`.
    """

    request: TLRequest
    takeout: int | None = None
    message_range: types.MessageRange | None = None
    wants_updates: bool = True


@dataclass(frozen=True, slots=True)
class Empty:
    """A place on a page that shows `MessageEmpty` instead of a message.

    Attributes:
        id: The id it shows.
    """

    id: int


class Marked(int):
    """An id whose message is shown with a reason why its display is restricted."""

    __slots__ = ()


@dataclass(slots=True)
class Call:
    """One request as the world sees it, all wrappers taken off.

    Attributes:
        method: Telegram's name of the method, such as `messages.getHistory`.
        request: The innermost request.
        number: How often this method was called so far, this call included (1 for the first).
        world: The world that answers.
        rules: The faults in force, in the order in which they apply.
        origin: Where the request came from.
        now: The server's time in seconds since the epoch.
        takeout: The takeout session that the request is part of, or None.
        message_range: The range of messages that it is restricted to, or None.
        addresses: Where the data centres listen, the home of the first account first.
        ledger: What the server counted so far, this call included.
        account: Who asks; None means the first account of the world. Before a login that is also
            the first one: such requests must not look at it.
        chat: The chat whose messages are asked for, set by the method before rules see a page.
        ids: The list that a page is cut from, as ids, set by the method before rules see a page.
        kept: What `shared` keeps.
        keys: The authorization keys that each data centre knows: its number -> id of the key ->
            key.
    """

    method: str
    request: Any  # a TLRequest; its fields depend on the method
    number: int
    world: World
    rules: Sequence[Rule] = ()
    origin: Origin = field(default_factory=lambda: Origin(2, 1, ServerKey(account=0)))
    now: float = 0.0
    takeout: int | None = None
    message_range: types.MessageRange | None = None
    addresses: Sequence[Address] = (Address(),)
    ledger: Ledger = field(default_factory=Ledger)
    account: Account = None  # type: ignore[assignment]  # set below, never None
    chat: Chat | None = None
    ids: BitMap | None = None
    kept: dict[type[Any], Any] = field(default_factory=dict, repr=False)
    keys: Mapping[int, dict[bytes, ServerKey]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Let the first account ask if no other does."""
        if cast("Account | None", self.account) is None:
            self.account = self.world.account

    @property
    def dc_id(self) -> int:
        """The data centre that the request came to."""
        return self.origin.dc_id

    @property
    def connection(self) -> int:
        """Number of the TCP connection that the request came on, over all data centres."""
        return self.origin.connection

    @property
    def asker(self) -> Account | None:
        """Who asks, or None before a login."""
        return None if self.key.account is None else self.account

    @property
    def key(self) -> ServerKey:
        """The authorization key that the request was encrypted with."""
        return self.origin.key

    def shared(self, kind: type[Shared]) -> Shared:
        """Return the one object of a class that the server keeps as long as it lives.

        A family of methods keeps its state there, such as open takeout sessions.

        Args:
            kind: The class; made without arguments when first asked for.
        """
        found: Shared | None = self.kept.get(kind)
        if found is None:
            found = self.kept[kind] = kind()
        return found


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


@cache
def method_names() -> frozenset[str]:
    """Return the names of all methods that this version of Telethon knows."""
    kinds = tlobjects.values()
    return frozenset(method_name(kind) for kind in kinds if issubclass(kind, TLRequest))
