"""`Takeout`: a part of a program whose requests draw from the budget of exports.

See `transport/lease.py` for who begins and who finishes one.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Self

from telethon import types, utils
from telethon.errors import (
    BotMethodInvalidError,
    RPCError,
    TakeoutInitDelayError,
    TakeoutInvalidError,
)
from telethon.tl.functions import InvokeWithMessagesRangeRequest
from telethon.tl.functions.account import FinishTakeoutSessionRequest, InitTakeoutSessionRequest
from telethon.tl.functions.messages import GetSplitRangesRequest

from telefast import logs
from telefast.errors import (
    ArgumentError,
    ClosedError,
    FloodWaitTooLongError,
    TakeoutDelayError,
    TelefastError,
    UsageError,
)
from telefast.tasks import outlive
from telefast.transport import telethon as door
from telefast.transport.account import Account
from telefast.transport.calls import CallOptions, call
from telefast.transport.lease import Scope

if TYPE_CHECKING:
    from telethon import TelegramClient

__all__ = ["Takeout"]

_log = logs.get_logger("takeout")

_FINISH = 10.0
"""Seconds that finishing may take at most, and beginning once it was cancelled: our choice. A
takeout that could not be finished stays in the session, and the next run goes on with it."""
_FINISH_OPTIONS = CallOptions(timeout=_FINISH / 3, max_flood_wait=_FINISH)


class Takeout:
    """Make requests as a takeout: an export, which Telegram grants a larger budget.

    Beginning one shows a message on the user's other devices, and Telegram may want it confirmed
    there, or some hours of patience, first. Streams take part by themselves (`takeout=True`);
    enter one around several of them, and all share it::

        async with telefast.Takeout(client):
            for chat in chats:
                async with BatchedHistory(client, chat, takeout=True) as history:
                    ...

    An account has one takeout at a time, shared by all that enter it through one client. The last
    to leave finishes it: as a success if none of them left with an error or was cancelled. Its id
    is kept in the client's session, where Telethon keeps it too: the takeout of
    `client.takeout()`, or of a process that died, is adopted and not finished here. An adopted id
    is tried by one request; if Telegram does not know it any more, a new takeout begins.

    Args:
        client: A connected `telethon.TelegramClient`. Its takeout proxy will do: then the proxy's
            takeout is taken part in.
        contacts: The takeout is for contacts as well; it is for messages of all chats always.
        files: It is for files as well.
        max_file_size: Largest of these files, in bytes. None (default): no bound of our own.
        finish: Whether the last to leave finishes it. None (default): if it was begun here.
            False keeps it for the next run, True finishes an adopted one, too.
        optional: Whether to go on without a takeout where Telegram asks for a delay or the
            account is a bot; `refusal` says so then, and it is logged once.
        timeout: Deadline of each request, in seconds; None for none. Default 60.
        max_flood_wait: Longest time that one request may spend in flood waits, in seconds.
            Default 3600.

    Raises:
        ArgumentError: By the constructor, if an argument has no legal value.
        TakeoutDelayError: On entering, if Telegram asks for a confirmation or a delay.
        UsageError: On entering, if the client belongs to another event loop, or the takeout that
            runs was begun for less.
    """

    def __init__(
        self,
        client: TelegramClient,
        *,
        contacts: bool = False,
        files: bool = False,
        max_file_size: int | None = None,
        finish: bool | None = None,
        optional: bool = False,
        timeout: float | None = 60.0,
        max_flood_wait: float = 3600.0,
    ) -> None:
        if not hasattr(client, "takeout"):
            raise ArgumentError("client", client, "a telethon.TelegramClient")
        if max_file_size is not None and (not files or max_file_size < 1):
            raise ArgumentError("max_file_size", max_file_size, "at least 1, with files=True")
        self._client = client
        self._account = Account.of(client)
        self._scope = Scope(bool(contacts), bool(files), max_file_size or 0)
        self._finish = finish
        self._is_optional = optional
        self._options = CallOptions(timeout, max_flood_wait)
        self._road: TelegramClient | None = None
        self._is_in = False
        self._refusal = ""

    @property
    def client(self) -> TelegramClient:
        """Telethon's own proxy of the client, whose requests go out within the takeout.

        The plain client where `refusal` says why.

        Raises:
            ClosedError: Before the takeout is entered, and after it.
        """
        if self._road is None:
            raise ClosedError("this takeout is not entered; use it with async with")
        return self._road

    @property
    def refusal(self) -> str:
        """Why there is no takeout though one was wished for (`delay`, `bot`, `flood`), or ""."""
        return self._refusal

    async def ranges(self) -> list[types.MessageRange]:
        """Return ranges of message ids that together hold all private chats and basic groups.

        Raises:
            UsageError: If there is no takeout.
        """
        found: list[types.MessageRange] = await self.ask(GetSplitRangesRequest())
        return found

    async def ask(self, request: Any, *, within: types.MessageRange | None = None) -> Any:
        """Send a request that only reads, paced and with a deadline, and return its answer.

        Args:
            request: A request of Telethon's; its peers are resolved.
            within: Only messages in this range of ids, one of `ranges`.

        Raises:
            UsageError: If there is no takeout.
            RPCError: Telegram's error.
        """
        if self.client is self._client and self._refusal:
            raise UsageError(f"there is no takeout: {self._refusal}")
        if within is not None:
            request = InvokeWithMessagesRangeRequest(within, request)
        return door.decode(await call(self.client, request, self._options), request)[0]

    # Entering

    async def __aenter__(self) -> Self:
        door.check_loop(self._client)
        if self._road is not None:
            raise UsageError("this takeout is entered already; make another one, they share")
        try:
            # A takeout whose id is lost can never be finished.
            await outlive(self._enter, grace=_FINISH)
        except asyncio.CancelledError:
            await self._leave(success=False)
            raise
        return self

    async def _enter(self) -> None:
        account = self._account
        now = asyncio.get_running_loop().time
        async with account.takeout_lock:
            if self._is_optional and (refusal := account.takeout.refusal(now=now())):
                self._refused(refusal)
                return
            try:
                await self._open()
            except (TakeoutDelayError, BotMethodInvalidError, FloodWaitTooLongError) as error:
                if not self._is_optional:
                    raise
                refusal = _REFUSALS[type(error)]
                account.takeout.on_refused(refusal, now=now())
                _log.warning("no takeout, going on without reason=%s: %s", refusal, error)
                self._refused(refusal)
                return
            account.takeout.join(self._scope)
            self._is_in = True
            self._road = self._proxy()

    def _refused(self, refusal: str) -> None:
        self._account.metrics.add("takeout_refusals")
        self._refusal = refusal
        self._road = self._client

    async def _open(self) -> None:
        """Make sure that the session holds the id of a takeout that is open."""
        lease = self._account.takeout
        step = lease.next_step(self._kept_id)
        if step == "check":
            if door.is_takeout_proxy(self._client) or await self._is_known():
                _log.info("takeout adopted")
                self._account.metrics.add("takeouts_adopted")
                assert self._kept_id is not None  # noqa: S101 - for the type checker
                lease.on_open(self._kept_id, None)
                return
            _log.info("takeout unknown to Telegram, beginning another one")
            await self._keep(None)
            step = "begin"
        if step == "begin":
            takeout_id = await self._begin()
            await self._keep(takeout_id)
            lease.on_open(takeout_id, self._scope)
            self._account.metrics.add("takeouts")
            _log.info("takeout begun contacts=%s files=%s", self._scope.contacts, self._scope.files)

    async def _is_known(self) -> bool:
        """Return whether Telegram knows the takeout whose id the session holds."""
        request = GetSplitRangesRequest()
        try:
            door.decode(await call(self._proxy(), request, self._options), request)
        except TakeoutInvalidError:
            return False
        return True

    async def _begin(self) -> int:
        if door.is_takeout_proxy(self._client):
            raise ClosedError("the takeout of this client was finished; begin another one")
        request = InitTakeoutSessionRequest(
            contacts=self._scope.contacts,
            message_users=True,
            message_chats=True,
            message_megagroups=True,
            message_channels=True,
            files=self._scope.files,
            file_max_size=self._scope.max_file_size or None,
        )
        # Asked twice, the first answer could name a takeout that the second has replaced.
        options = CallOptions(self._options.timeout, self._options.max_flood_wait, asks=1)
        try:
            answer, _ = door.decode(await call(self._client, request, options), request)
        except TakeoutInitDelayError as error:
            seconds = float(error.seconds)
            raise TakeoutDelayError(seconds, time.time() + seconds) from error
        takeout_id: int = answer.id
        return takeout_id

    # Leaving

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            await self._leave(success=kind is None)
        finally:
            logs.flush(self._account.metrics)

    async def _leave(self, *, success: bool) -> None:
        self._road = None
        if not self._is_in:
            return
        self._is_in = False
        lease = self._account.takeout
        lease.leave(success=success, finish=self._finish)
        if not lease.users:
            await outlive(self._settle, grace=_FINISH)

    async def _settle(self) -> None:
        lease = self._account.takeout
        async with self._account.takeout_lock:
            flag = lease.next_end(self._kept_id)  # somebody may have entered meanwhile
            if flag is not None:
                await self._end(flag)
            lease.on_end()

    async def _end(self, success: bool) -> None:
        request = FinishTakeoutSessionRequest(success=success)
        try:
            async with asyncio.timeout(_FINISH):
                door.decode(await call(self._proxy(), request, _FINISH_OPTIONS), request)
        except TakeoutInvalidError:
            _log.info("takeout was over already")
        except (RPCError, TelefastError, TimeoutError) as error:
            # What was read is whole all the same.
            reason = type(error).__name__
            _log.warning("takeout not finished, kept for the next run reason=%s", reason)
            self._account.metrics.add("takeouts_unfinished")
            return
        else:
            _log.info("takeout finished success=%s", success)
        await self._keep(None)

    # The session

    @property
    def _kept_id(self) -> int | None:
        session: Any = self._client.session
        kept: int | None = session.takeout_id
        return kept

    def _proxy(self) -> TelegramClient:
        """Return the client that wraps; a proxy of a proxy would do so twice."""
        if door.is_takeout_proxy(self._client):
            return self._client
        proxy: TelegramClient = self._client.takeout(finalize=False)
        return proxy

    async def _keep(self, takeout_id: int | None) -> None:
        """Write the id to the session at once, so that it survives a crash."""
        session: Any = self._client.session
        try:
            session.takeout_id = takeout_id
            await utils.maybe_async(session.save())
        except sqlite3.OperationalError as error:
            # Another process holds the file; in memory it is set.
            _log.warning("takeout not saved reason=%s", error)


_REFUSALS = {
    TakeoutDelayError: "delay",
    BotMethodInvalidError: "bot",
    FloodWaitTooLongError: "flood",
}
