"""What a request may be wrapped in, and what it is called without that."""

from __future__ import annotations

from typing import Any

from telethon import errors, functions
from telethon.extensions.binaryreader import BinaryReader
from telethon.tl.tlobject import TLRequest

__all__ = ["ENVELOPES", "Raw", "innermost", "method_of", "unwrap"]

ENVELOPES = (
    functions.InvokeWithTakeoutRequest,
    functions.InvokeWithMessagesRangeRequest,
    functions.InvokeWithoutUpdatesRequest,
)
"""What a request may be wrapped in. None of them resolves the peers of what it holds."""


class Raw(TLRequest):
    """Ask for the answer's bytes instead of its object. Must be the outermost envelope."""

    SUBCLASS_OF_ID = 0  # type: ignore[assignment]  # None in the abstract base

    def __init__(self, query: Any) -> None:
        self.query = query
        self.CONSTRUCTOR_ID = query.CONSTRUCTOR_ID

    def _bytes(self) -> bytes:
        return bytes(self.query)

    def to_dict(self) -> dict[str, Any]:
        """Return the request without its parameters, which may be secret."""
        return {"_": "Raw", "query": method_of(self.query)}

    def read_result(self, reader: BinaryReader) -> bytes:  # type: ignore[override]  # as called
        """Return the rest of the packet: the answer, then whatever follows it."""
        return bytes(reader.stream)


def innermost(request: Any) -> Any:
    """Return the request that the envelopes of takeouts, ranges and updates hold."""
    while isinstance(request, ENVELOPES):
        request = request.query
    return request


def method_of(request: Any) -> str:
    """Return Telegram's name of a request's method, such as `messages.getHistory`.

    That of the innermost request, whatever it is wrapped in.
    """
    cls = type(innermost(request))
    name = cls.__name__.removesuffix("Request")
    name = name[:1].lower() + name[1:]
    room = cls.__module__.rpartition("functions")[2].strip(".")
    return f"{room}.{name}" if room else name


def unwrap(error: errors.RPCError, request: Any) -> errors.RPCError:
    """Let an error speak of the request that the user knows, not of our envelopes."""
    request = innermost(request)
    error.request = request
    name = type(request).__name__
    error.args = tuple(
        arg.split(" (caused by ")[0] + f" (caused by {name})" if isinstance(arg, str) else arg
        for arg in error.args
    )
    return error
