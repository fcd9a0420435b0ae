"""The methods that the embedded Telegram answers, each as exact TL bytes."""

from __future__ import annotations

from collections.abc import Callable

from telethon.tl.tlobject import TLRequest

from telefast.testing.rpc import Call, UnknownMethodFault

__all__ = ["HANDLERS", "answer"]

HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {}
"""Request type -> handler: returns the TL bytes of the result object, or raises `RpcFault`."""


def answer(call: Call) -> bytes:
    """Apply the rules' `before`, then answer the call.

    Returns:
        The exact TL bytes of the result.

    Raises:
        RpcFault: If the method or a rule refuses; `UnknownMethodFault` if there is no handler.
    """
    for rule in call.rules:
        rule.before(call)
    handler = HANDLERS.get(type(call.request))
    if handler is None:
        raise UnknownMethodFault(call.method)
    return handler(call)
