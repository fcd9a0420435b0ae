"""One part of a file: where it is asked for, and what is done about each thing that goes wrong.

Flood waits hold the files of that data centre, for all pieces on the client, and are no failures.
A silent or lost connection means another one. A file that lives elsewhere is followed once. A
reference that has expired is replaced once for all parts that wait for it.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from telethon.errors import FileMigrateError, RPCError
from telethon.errors.rpcerrorlist import FilerefUpgradeNeededError, LocationInvalidError
from telethon.tl import functions, types

from telefast.errors import (
    ArgumentError,
    ConnectionLostError,
    DeadlineError,
    FileMismatchError,
    FileUnavailableError,
)
from telefast.media.cdn import CdnFile, is_forgotten
from telefast.media.tuning import wishes_of
from telefast.tasks import SingleFlight
from telefast.transport import telethon as door
from telefast.transport.account import Account
from telefast.transport.calls import CallOptions, Turns, call
from telefast.transport.retry import Flood

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.media.parts import Part
    from telefast.media.references import References
    from telefast.media.tuner import PartSizeTuner
    from telefast.media.types import MediaItem
    from telefast.transport.line import Line
    from telefast.transport.pool import Pool

__all__ = ["SLOW_PART", "Fetcher", "Source"]

SLOW_PART = 64 * 1024
"""Bytes of a part at most, once one has missed its deadline: a line that is too slow for a large
one looks like one that is silent. Our choice: with the default deadline, 1 KB/s are enough. So a
larger part is asked for once only."""

_SLOW_ASKS = 4
"""So many times as often a part is asked for that is late where others take a quarter of the
deadline: there the line is to blame. Our choice."""
_MOST_RENEWALS = 2
"""Fresh references in a row that bring no bytes: more would not either."""
_MOST_REDIRECTS = 4
"""Redirects in a row to a delivery network that has forgotten each at once. Our choice: with more
parts in flight, some of one redirect are asked for when it is forgotten already."""
_MOST_MOVES = 2
"""Data centres that a file is followed to."""
_PARTS = (types.upload.File, types.upload.WebFile)


class Source:
    """Where a file is fetched from, which may change meanwhile.

    Args:
        item: The file, whose `location()` is not None.
        since: When its message was known to be there, by the loop's clock; default: now.
        is_left: Whether an earlier run has left it, and it has to be found again.

    Attributes:
        item: As given, with its latest reference.
        since: When that came.
        is_left: As given, until the policy was asked anew.
        sight: Where it was found again, for that.
        is_begun: Whether it was asked for.
        dc_id: Where it is, as far as is known.
        size: How large it is, in bytes, if Telegram says so; of a file of another site it does
            with the first bytes.
        parts: Parts that were asked for, each asking counted.
    """

    def __init__(
        self, item: MediaItem, since: float | None = None, *, is_left: bool = False
    ) -> None:
        self.item = item
        self.is_left = is_left
        self.sight: Any = None
        self.since = asyncio.get_running_loop().time() if since is None else since
        self.is_begun = False
        self.dc_id = item.dc_id
        self.size = item.size
        self.parts = 0
        self.moves = 0
        self.renewals = 0
        self.redirects = 0
        self.cdn: CdnFile | None = None
        self.flights: SingleFlight[str, None] = SingleFlight()

    @property
    def name(self) -> str:
        """Return the file's name for errors."""
        return str(self.item.key)


class Fetcher:
    """Asks for parts of files, for one client.

    Args:
        client: The user's client.
        references: Where fresh references come from.
        options: What one request may cost: deadline, askings, flood waits.
        tuner: Is told how long parts take, and says how many connections they are worth.
    """

    def __init__(
        self,
        client: TelegramClient,
        references: References,
        options: CallOptions,
        tuner: PartSizeTuner,
    ) -> None:
        self._client = client
        self._account = Account.of(client)
        self._references = references
        self._options = options
        self._tuner = tuner
        self._wishes = wishes_of(self._account)
        self._took: dict[int, float] = {}
        self._web_dc: int | None = None
        self._flights: SingleFlight[str, int] = SingleFlight()

    async def part(
        self, source: Source, part: Part, tell: Callable[[bool], object] = bool
    ) -> bytes:
        """Return the bytes of a part, as they come: perhaps too few.

        Args:
            source: Where the file is.
            part: What to ask for.
            tell: Called with True when the request is sent, and with False when it has to wait to
                be sent once more.

        Raises:
            FileUnavailableError: If the file is gone, or its reference cannot be renewed.
            FileMismatchError: If a content delivery network sends wrong bytes.
            DeadlineError: If no answer came, though asked several times.
            RPCError: What Telegram says and no retry helps.
            RemoteError: What the pool raises.
        """

        def told(is_sent: bool) -> None:
            if is_sent:
                source.parts += 1
                metrics = self._account.metrics
                metrics.add("media_parts")
                metrics.set("part_size_bytes", part.limit, str(source.dc_id))
            tell(is_sent)

        while True:
            cdn = source.cdn
            if cdn is not None:
                told(True)
                try:
                    data = await cdn.part(part)
                except RPCError as error:
                    if not is_forgotten(error) or source.redirects > _MOST_REDIRECTS:
                        raise
                    if source.cdn is cdn:
                        source.cdn = None
                    continue
                source.redirects = 0
                return data
            asks = 1 if part.weight > SLOW_PART else self._options.asks
            answer = await self._ask(source, lambda at: _request(at, part), told, asks)
            if isinstance(answer, types.upload.FileCdnRedirect):
                if source.cdn is None:  # else another part was sent there already
                    source.redirects += 1
                    source.cdn = CdnFile(source.name, source.dc_id, answer, self._send)
            elif isinstance(answer, _PARTS):
                source.renewals = 0
                if isinstance(answer, types.upload.WebFile):
                    _note_size(source, answer.size)
                return bytes(answer.bytes)
            else:
                problem = f"{type(answer).__name__} came instead of bytes"
                raise FileMismatchError(source.name, problem)

    async def locate(self, source: Source) -> None:
        """Find out where a file is, if its message does not say.

        Files of other sites are fetched at the data centre that Telegram's configuration names
        (`webfile_dc_id`, https://core.telegram.org/constructor/config), which is asked for once.

        Raises:
            FileUnavailableError: If there is nothing to ask for.
            RemoteError: What the account's home raises.
        """
        at = source.item.location()
        if at is None:
            raise FileUnavailableError(source.name, "external")
        if isinstance(at, types.InputWebFileLocation):
            source.dc_id = await self._flights.run("web", self._find_web)
        if source.dc_id <= 0:  # it is followed from there
            session: Any = self._client.session
            source.dc_id = session.dc_id

    async def _find_web(self) -> int:
        if self._web_dc is None:
            request = functions.help.GetConfigRequest()
            config, _ = door.decode(await call(self._client, request, self._options), request)
            self._web_dc = int(config.webfile_dc_id)
        return self._web_dc

    async def hashes(self, source: Source, offset: int) -> list[Any]:
        """Return the hashes of the bytes from *offset* on, of a first few ranges."""
        answer = await self._ask(
            source, lambda at: functions.upload.GetFileHashesRequest(at, offset)
        )
        return list(answer)

    async def _ask(
        self,
        source: Source,
        make: Callable[[Any], Any],
        tell: Callable[[bool], object] = bool,
        asks: int | None = None,
    ) -> Any:
        """Ask for something about a file, where it is, with a reference that is valid."""
        if not source.is_begun:
            await source.flights.run("ready", self._references.ready, source)
            source.is_begun = True
        while True:
            item, dc_id = source.item, source.dc_id
            try:
                return await self._send(dc_id, make(item.location()), tell, asks)
            except ArgumentError as error:  # of the pool: a data centre that Telegram does not list
                raise FileUnavailableError(source.name, "external") from error
            except FileMigrateError as error:
                if source.dc_id == dc_id:  # else another part was sent on already
                    source.moves += 1
                    if source.moves > _MOST_MOVES:
                        raise
                    source.dc_id = error.new_dc
                    self._account.metrics.add("dc_migrations")
            except RPCError as error:
                at = item.location()
                is_photo = isinstance(at, types.InputPeerPhotoFileLocation)
                if is_photo and isinstance(error, LocationInvalidError):  # another one is shown now
                    raise FileUnavailableError(source.name, "deleted") from error
                if not _is_reference(error):
                    raise
                if source.item is item:
                    await source.flights.run("renew", self._renew, source, item)

    async def _renew(self, source: Source, stale: MediaItem) -> None:
        if source.item is not stale:
            return
        source.renewals += 1
        fresh = await self._references.fresh(stale)
        if source.renewals > _MOST_RENEWALS or fresh is stale:
            raise FileUnavailableError(source.name, "reference")
        source.item, source.since = fresh, asyncio.get_running_loop().time()
        self._account.metrics.add("media_ref_refreshes")

    async def _send(
        self,
        dc_id: int,
        request: Any,
        tell: Callable[[bool], object] = bool,
        asks: int | None = None,
    ) -> Any:
        """Send a request, and again after floods, silence and what Telegram calls internal."""
        account, options = self._account, self._options
        options = dataclasses.replace(options, dc_id=dc_id, asks=asks or options.asks)
        turns = Turns(self._client, account, request, options)
        loop = asyncio.get_running_loop()
        late = retries = lost = connection = 0
        while True:
            number = await turns.wait()
            begun = loop.time()
            tell(True)
            try:
                async with self._line(dc_id) as (pool, line):
                    connection = line.number
                    answer = await pool.send(
                        dc_id, request, connection=line, timeout=options.timeout
                    )
            except DeadlineError:
                tell(False)
                account.gate.on_lost(turns.kind, number)
                account.metrics.add("timeouts")
                self._tuner.on_timeout(dc_id, connection, now=loop.time())
                late += 1
                if late >= (_SLOW_ASKS if self._is_slow(dc_id) else 1) * options.asks:
                    raise DeadlineError(turns.method, options.timeout or 0.0, late) from None
            except ConnectionLostError:
                # The pool has tried three of them; a network that comes and goes needs a pause.
                tell(False)
                account.gate.on_lost(turns.kind, number)
                lost += 1
                if lost >= options.asks or not self._client.is_connected():
                    raise
                await asyncio.sleep(lost)
            except RPCError as error:
                tell(False)
                outcome = account.retry.decide(error, retries=retries)
                if isinstance(outcome, Flood):
                    self._tuner.on_flood(dc_id, outcome.seconds, now=loop.time())
                    await turns.on_flood(number, outcome, error)
                    continue
                account.gate.on_reply(turns.kind, number)
                if outcome is None:
                    if retries:
                        error.add_note(f"{turns.method} was sent {retries + 1} times")
                    raise
                retries += 1
                account.metrics.add("retries")
                await asyncio.sleep(outcome.seconds)
            except BaseException:
                account.gate.on_lost(turns.kind, number)
                raise
            else:
                account.gate.on_reply(turns.kind, number)
                if isinstance(answer, _PARTS):
                    now = loop.time()
                    self._took[dc_id] = now - begun
                    self._tuner.on_part(
                        dc_id, len(answer.bytes), now - begun, now=now, connection=connection
                    )
                return answer

    def _is_slow(self, dc_id: int) -> bool:
        """Return whether parts do come from a data centre, and take long: it is not silent."""
        return self._took.get(dc_id, 0.0) > (self._options.timeout or 0.0) / 4

    @asynccontextmanager
    async def _line(self, dc_id: int) -> AsyncIterator[tuple[Pool, Line]]:
        """Lease a connection, of as many as they are worth to whoever has most in flight there."""
        pool, wanted = self._account.pool, self._tuner.connections(dc_id)
        wishes = self._wishes.setdefault(dc_id, [])
        wishes.append(wanted)
        try:
            pool.want(dc_id, max(wishes))
            async with pool.lease(dc_id) as line:
                yield pool, line
        finally:
            wishes.remove(wanted)


def _request(at: Any, part: Part) -> Any:
    """Return the request for a part of what is at a location."""
    if isinstance(at, types.InputWebFileLocation):
        return functions.upload.GetWebFileRequest(at, part.offset, part.limit)
    return functions.upload.GetFileRequest(at, part.offset, part.limit)


def _note_size(source: Source, size: int) -> None:
    """Note how large Telegram says that a file of another site is; 0 says nothing."""
    if size <= 0:
        return
    if source.size is not None and source.size != size:
        raise FileMismatchError(source.name, f"its size was {source.size} and is {size}")
    source.size = size


def _is_reference(error: RPCError) -> bool:
    """Return whether a file reference was refused.

    TDLib, too, goes by the beginning of the name (`FileReferenceManager.cpp`).
    """
    if isinstance(error, FilerefUpgradeNeededError):
        return True
    text = str(error.message)
    return text.startswith("FILE_REFERENCE_") or type(error).__name__.startswith("FileReference")
