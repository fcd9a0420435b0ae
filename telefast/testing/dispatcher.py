"""From the bytes of an API request to the bytes of its answer; nothing of connections or time."""

from __future__ import annotations

import logging
import struct
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from telethon.errors.common import TypeNotFoundError
from telethon.extensions.binaryreader import BinaryReader
from telethon.tl.alltlobjects import LAYER
from telethon.tl.functions import (
    InitConnectionRequest,
    InvokeAfterMsgRequest,
    InvokeAfterMsgsRequest,
    InvokeWithLayerRequest,
    InvokeWithMessagesRangeRequest,
    InvokeWithoutUpdatesRequest,
    InvokeWithTakeoutRequest,
)
from telethon.tl.tlobject import TLObject, TLRequest

from telefast.testing import methods
from telefast.testing.faults import Line, Rule, RuleBook
from telefast.testing.flood_model import FloodModel, asked_by
from telefast.testing.ledger import Ledger
from telefast.testing.method_takeout import Takeouts
from telefast.testing.rpc import (
    Address,
    Call,
    Origin,
    RpcFault,
    UnknownMethodFault,
    Unwrapped,
    method_name,
)
from telefast.testing.session import GZIP_PACKED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from telefast.testing.flood_model import Budget
    from telefast.testing.keys import ServerKey
    from telefast.testing.world import World

__all__ = ["Answer", "Dispatcher", "rpc_result"]

logger = logging.getLogger("telefast.testing")

_WRAPPERS: Final = (
    InvokeWithLayerRequest,
    InitConnectionRequest,
    InvokeWithoutUpdatesRequest,
    InvokeAfterMsgRequest,
    InvokeAfterMsgsRequest,
    InvokeWithTakeoutRequest,
    InvokeWithMessagesRangeRequest,
)
"""Taken off before a request is counted and answered. Requests run in order of arrival, so
`invokeAfterMsg` holds by itself."""

_RPC_RESULT: Final = struct.Struct("<Iq")
_RPC_RESULT_ID: Final = 0xF35C6D01
_RPC_ERROR_ID: Final = 0x2144CA19

GZIP_FROM: Final = 512
"""Answers of fewer bytes are never gzipped; Telethon's own limit for requests."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request gets.

    Attributes:
        body: The TL bytes of the result, or of an `rpc_error`.
        error: The message of the `rpc_error`, or None.
    """

    body: bytes
    error: str | None = None


def rpc_result(request_id: int, answer: bytes) -> bytes:
    """Wrap an answer for the request with message id *request_id*."""
    return _RPC_RESULT.pack(_RPC_RESULT_ID, request_id) + answer


class Dispatcher:
    """Read, count and answer API requests.

    Args:
        world: What there is to see.
        rules: The faults in force; `add` appends more.
        gzip: Whether to compress answers that get smaller by it: False, True or `gzip` for that
            framing, or `zlib` for that one.
        clock: Returns the time in seconds since the epoch that the world goes by.
        budgets: The flood limits.

    Attributes:
        ledger: What was asked.
        unknown: Names of methods that have no handler, and constructors that nobody knows, each
            once, in order of appearance.
        failures: Exceptions out of handlers and rules that are no `RpcFault`: bugs.
        addresses: Where the data centres listen, for `help.getConfig`.
        keys: The authorization keys that each data centre knows.
        rules: The faults in force.
        lines: The connections that are open, of all data centres.
        takeouts: The takeout sessions.
        floods: What was asked for lately, and the limits on it.
    """

    def __init__(
        self,
        world: World,
        *,
        rules: Sequence[Rule] = (),
        gzip: bool | str = False,
        clock: Callable[[], float] = time.time,
        budgets: Sequence[Budget] = (),
    ) -> None:
        self.world = world
        self.ledger = Ledger()
        self.unknown: list[str] = []
        self.failures: list[Exception] = []
        self.addresses: list[Address] = []
        self.clock = clock
        self.rules = RuleBook()
        self.lines: set[Line] = set()
        self.floods = FloodModel(budgets)
        self.takeouts = Takeouts()
        self.kept: dict[type[Any], Any] = {Takeouts: self.takeouts}
        self.keys: dict[int, dict[bytes, ServerKey]] = {}
        self._wbits = {False: 0, True: 31, "gzip": 31, "zlib": 15}[gzip]
        for rule in rules:
            self.add(rule)

    def add(self, rule: Rule) -> None:
        """Put one more fault in force, after those there are."""
        self.rules.add(rule)

    def read(self, body: bytes, key: ServerKey) -> Unwrapped:
        """Read a request and take off its wrappers.

        Args:
            body: The request's TL bytes.
            key: The client's key, which remembers that the client introduced itself.

        Raises:
            RpcFault: If it is no request that this version of Telethon knows, or is malformed.
        """
        try:
            request = BinaryReader(body).tgread_object()
        except TypeNotFoundError as error:
            raise self._unreadable(error.invalid_constructor_id) from error
        except Exception as error:
            logger.debug("malformed request: %r", error)
            raise RpcFault(400, "INPUT_FETCH_ERROR") from error
        takeout = message_range = None
        wants_updates = True
        while isinstance(request, _WRAPPERS):
            if isinstance(request, InvokeWithLayerRequest):
                if request.layer != LAYER:
                    raise RpcFault(400, "CONNECTION_LAYER_INVALID")
            elif isinstance(request, InitConnectionRequest):
                key.is_initialized = True
            elif isinstance(request, InvokeWithTakeoutRequest):
                takeout = request.takeout_id
            elif isinstance(request, InvokeWithMessagesRangeRequest):
                message_range = request.range
            elif isinstance(request, InvokeWithoutUpdatesRequest):
                wants_updates = False
            request = request.query
        if not isinstance(request, TLRequest):
            raise self._unreadable(getattr(request, "CONSTRUCTOR_ID", 0))
        return Unwrapped(request, takeout, message_range, wants_updates)

    def call(self, unwrapped: Unwrapped, origin: Origin) -> Call:
        """Count a request that `read` returned, and put it before the world.

        Args:
            unwrapped: The request.
            origin: Where it came from; its key tells whose account asks.
        """
        request = unwrapped.request
        method = method_name(type(request))
        return Call(
            method=method,
            request=request,
            number=self.ledger.on_request(method, request),
            world=self.world,
            rules=self.rules,
            origin=origin,
            now=self.clock(),
            takeout=unwrapped.takeout,
            message_range=unwrapped.message_range,
            addresses=self.addresses,
            ledger=self.ledger,
            account=self.world.accounts[origin.key.account or 0],
            kept=self.kept,
            keys=self.keys,
        )

    def answer(self, call: Call) -> Answer:
        """Answer a call; never raises."""
        if call.key.is_duplicated:
            return self.refuse(RpcFault(406, "AUTH_KEY_DUPLICATED"))
        if not call.key.is_initialized:
            fault = RpcFault(400, "CONNECTION_NOT_INITED")
            methods.note_fault(call, fault)
            return self.refuse(fault)
        if self.floods.budgets:
            refusal = self.floods.judge(asked_by(call), call.now)
            if refusal is not None:
                return self.refuse(RpcFault(420, refusal.message))
        try:
            body = methods.answer(call)
            for rule in self.rules.result:
                body = rule.result(call, body)
        except UnknownMethodFault as fault:
            self._note_unknown(fault.method)
            return self.refuse(fault)
        except RpcFault as fault:
            return self.refuse(fault)
        except Exception as error:  # noqa: BLE001 - kept, logged, and raised on leaving
            return self.fail(call.method, error)
        return Answer(self._packed(body))

    @staticmethod
    def refuse(fault: RpcFault) -> Answer:
        """Return the `rpc_error` of *fault*."""
        text = TLObject.serialize_bytes(fault.message)
        body = struct.pack("<Ii", _RPC_ERROR_ID, fault.code) + text
        return Answer(body, fault.message)

    def fail(self, method: str, error: Exception) -> Answer:
        """Remember a bug of a handler or rule, and answer at once with an error that says so."""
        logger.error("a handler or rule failed method=%s", method, exc_info=error)
        self.failures.append(error)
        return self.refuse(RpcFault(400, "EMBEDDED_TELEGRAM_FAILED"))

    def _packed(self, body: bytes) -> bytes:
        """Compress *body* if that is wanted and worth it."""
        if not self._wbits or len(body) < GZIP_FROM:
            return body
        packer = zlib.compressobj(wbits=self._wbits)
        data = packer.compress(body) + packer.flush()
        packed = GZIP_PACKED.to_bytes(4, "little") + TLObject.serialize_bytes(data)
        return packed if len(packed) < len(body) else body

    def _unreadable(self, constructor: int) -> RpcFault:
        """Note a constructor that is no request; return Telegram's error for it."""
        self._note_unknown(f"{constructor:#010x}")
        return RpcFault(400, f"INPUT_METHOD_INVALID_{constructor}")

    def _note_unknown(self, name: str) -> None:
        """Write *name* down, once and loudly."""
        if name not in self.unknown:
            self.unknown.append(name)
            logger.warning("unknown request method=%s", name)
