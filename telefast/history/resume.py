"""Go on where an earlier stream has stopped, or read only what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol

from telethon import utils
from telethon.tl.tlobject import TLObject

from telefast.checks import check_int
from telefast.errors import ArgumentError, CursorMismatchError
from telefast.history.checkpoint import Checkpoint
from telefast.history.progress import ProcessedIds
from telefast.history.query import MAX_ID
from telefast.history.sweep import SWEEP_SIZE
from telefast.history.types import HistoryCursor
from telefast.peers.cache import exact_peer
from telefast.transport.takeout import Takeout

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.history.output import Piece
    from telefast.history.producer import Producer
    from telefast.history.track import Track
    from telefast.tasks import Pump

__all__ = ["Chain", "Filling", "Going", "Rest", "key_of"]

_WHOLE = {
    "limit": None,
    "min_id": 0,
    "max_id": 0,
    "offset_id": 0,
    "add_offset": 0,
    "offset_date": None,
    "ids": None,
}
_LIST = {"search": None, "filter": None, "from_user": None, "reply_to": None, "scheduled": False}


class Rest(Protocol):
    """What is left to read."""

    def arguments(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of the stream itself, of what the user gave."""

    def entity(self, given: Any) -> Any:
        """Return which chat to read."""

    def check(self, track: Track) -> None:
        """Let *track* begin where this does, or raise `CursorMismatchError`."""

    def parts(
        self, peer_id: int, track: Track, options: Mapping[str, Any]
    ) -> Iterable[dict[str, Any]]:
        """Return the arguments in which each part of it differs, in order; binds *track*."""


class Going:
    """What follows a cursor, or what a checkpoint says is left.

    Args:
        start: The cursor or the checkpoint.
    """

    def __init__(self, start: HistoryCursor | Checkpoint) -> None:
        self._start = start
        if not isinstance(start, HistoryCursor):
            _check_checkpoint("start", start, "a HistoryCursor or a Checkpoint")

    def entity(self, given: Any) -> Any:
        """Return which chat to read."""
        if given is None and isinstance(self._start, HistoryCursor):
            given = self._start.peer_id
        if given is None:
            raise ArgumentError("entity", given, "a chat; a global search cannot be resumed")
        return given

    def arguments(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the user gave, and what the cursor knows besides."""
        options = dict(options)
        ids = options.get("ids")
        if isinstance(ids, Iterator):
            options["ids"] = list(ids)  # it is read more than once
        if isinstance(self._start, Checkpoint):
            return options
        query = self._start.query
        when = query.offset_date
        known = {name: getattr(query, name) for name in (*_WHOLE, "reverse") if name != "ids"}
        known["offset_date"] = None if when is None else datetime.fromtimestamp(when, UTC)
        return known | options

    def check(self, track: Track) -> None:
        """Raise `CursorMismatchError` if the stream asks for something else than the cursor."""
        if isinstance(self._start, HistoryCursor):
            _check(self._start, track.cursor)
            track.go_on(self._start)

    def parts(
        self, peer_id: int, track: Track, options: Mapping[str, Any]
    ) -> Iterable[dict[str, Any]]:
        """Return what to ask for."""
        wanted = _wanted(options)
        if isinstance(self._start, HistoryCursor):
            cursor = self._start
            if cursor.peer_id not in (None, peer_id):
                raise CursorMismatchError("chat", cursor.peer_id, peer_id)
            return _rest(cursor, wanted)
        chat = self._start.chat(peer_id)
        if wanted is not None:
            wanted = [i for i in wanted if i not in chat.absent and chat.is_offered(i)]
            track.bind(chat, wanted=wanted)
            return _rest(HistoryCursor(), wanted)
        if chat.cursor is None:
            track.bind(chat)
            return [{}]
        cursor = chat.cursor
        _check(cursor, track.cursor)
        track.go_on(cursor)
        query = cursor.query
        low, high = chat.bounds()
        # Walked already, and the cursor's own message may have failed: what is open there comes
        # first, as it would have.
        first = low if query.reverse else cursor.offset_id
        last = cursor.offset_id if query.reverse else high
        first, last = max(first, query.low + 1), min(last, query.high - 1)
        holes = chat.holes(first, last) if cursor.offset_id else ProcessedIds()
        rest = _rest(cursor, None)
        track.bind(
            chat,
            start=first - 1 if query.reverse else last + 1,
            end=last + 1 if query.reverse else first - 1,
        )
        within = range(low, high + 1) if not cursor.key else range(0)
        return [*_holes(holes, query.reverse, within), *rest]


class Filling:
    """What is missing.

    Args:
        holes: The checkpoint that knows, or ranges of ids.
        first: Smallest id to ask for, with a checkpoint.
        last: Largest id to ask for, with a checkpoint; None for the largest that it knows.
    """

    def __init__(self, holes: Checkpoint | Iterable[range], first: int, last: int | None) -> None:
        check_int("first", first, 1, MAX_ID)
        if last is not None:
            check_int("last", last, 1, MAX_ID)
        self._holes: Checkpoint | ProcessedIds
        if isinstance(holes, Checkpoint):
            self._holes = holes
        else:
            self._holes = ProcessedIds()
            for each in holes:
                _check_range(each)
                self._holes.update(each)
        self._first, self._last = first, last

    def entity(self, given: Any) -> Any:
        """Return which chat to read."""
        if given is None:
            raise ArgumentError("entity", given, "a chat")
        return given

    def arguments(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the user gave."""
        for name in options.keys() & (_WHOLE.keys() | _LIST.keys()):
            raise ArgumentError(name, options[name], "nothing: the holes say what to read")
        return dict(options)

    def check(self, track: Track) -> None:
        """Nothing to check."""

    def parts(
        self, peer_id: int, track: Track, options: Mapping[str, Any]
    ) -> Iterable[dict[str, Any]]:
        """Return what to ask for."""
        reverse = options.get("reverse", False)
        if isinstance(self._holes, ProcessedIds):
            return _holes(self._holes, reverse, range(1, MAX_ID + 1))
        chat = self._holes.chat(peer_id)
        low, high = chat.bounds()
        first, last = self._first, high if self._last is None else self._last
        if first > last:
            return []
        before, behind = first - 1, last + 1
        track.bind(
            chat,
            start=before if reverse else behind,
            end=behind if reverse else before,
            is_walk=False,
        )
        return _holes(chat.holes(first, last), reverse, range(low, high + 1))


class Chain:
    """Produce one part after the other.

    Args:
        client: The user's client.
        entity: The chat.
        rest: What to read.
        options: The arguments of the stream.
        make: Makes the producer of a part, of the chat and the part's arguments.
        track: Where the consumer is.
    """

    def __init__(
        self,
        client: TelegramClient,
        entity: Any,
        rest: Rest,
        options: Mapping[str, Any],
        make: Callable[[Any, dict[str, Any]], Producer],
        track: Track,
    ) -> None:
        self._client = client
        self._entity = entity
        self._rest = rest
        self._options = options
        self._make = make
        self._track = track

    async def __call__(self, pump: Pump[Piece]) -> None:
        """Fetch everything; returns at the end, raises what stopped it."""
        named = await exact_peer(self._client, self._entity)
        peer: Any = await self._client.get_input_entity(named)
        peer_id = await self._client.get_peer_id(peer)
        parts = list(self._rest.parts(peer_id, self._track, self._options))
        async with AsyncExitStack() as stack:
            if len(parts) > 1 and self._options.get("takeout", False) is not False:
                await stack.enter_async_context(self._takeout())  # one for all of them
            for part in parts:
                await self._make(peer, {**self._options, **part})(pump)

    def _takeout(self) -> Takeout:
        names = self._options.keys() & {"timeout", "max_flood_wait"}
        patience = {name: self._options[name] for name in names}
        return Takeout(self._client, optional=self._options["takeout"] == "auto", **patience)


def key_of(arguments: Mapping[str, Any], name: str = "") -> str:
    """Return what names the list and the ids that *arguments* of `iter_messages` ask for.

    "" for a chat's history. Otherwise a digest: a cursor is not the place for what was searched.

    Args:
        arguments: The arguments.
        name: What a list of another room is called; "" for none.
    """
    ids = arguments["ids"]
    named = {
        name: _plain(arguments[name])
        for name in _LIST
        if arguments[name] not in (None, False) and ids is None
    }
    if name:
        named["list"] = name
    if ids is None and not named:
        return ""
    told = repr(named if ids is None else [_plain(each) for each in ids])
    return blake2b(told.encode(), digest_size=16).hexdigest()


def _plain(value: Any) -> Any:
    """Return what tells *value* from others, the same in each run."""
    if not isinstance(value, TLObject):
        return value.lower().removeprefix("@") if isinstance(value, str) else value
    try:
        return utils.get_peer_id(value)
    except TypeError:
        return bytes(value)


def _check_checkpoint(name: str, value: object, expected: str) -> None:
    if not isinstance(value, Checkpoint):
        raise ArgumentError(name, value, expected)


def _check_range(value: object) -> None:
    if not isinstance(value, range) or value.step != 1:
        raise ArgumentError("holes", value, "a Checkpoint, or ranges of ids")


def _check(cursor: HistoryCursor, given: HistoryCursor) -> None:
    if cursor.key != given.key:
        raise CursorMismatchError("search, filter, ...", cursor.key or "none", given.key or "none")
    for name in (*_WHOLE, "reverse"):
        expected, found = getattr(cursor.query, name), getattr(given.query, name)
        if expected != found:
            raise CursorMismatchError(name, expected, found)


def _wanted(options: Mapping[str, Any]) -> list[Any] | None:
    """Return the ids that are asked for, in the order of delivery."""
    ids = options.get("ids")
    if ids is None:
        return None
    ids = list(ids) if isinstance(ids, Iterable) else [ids]
    return ids[::-1] if options.get("reverse", False) else ids


def _rest(cursor: HistoryCursor, wanted: list[Any] | None) -> list[dict[str, Any]]:
    """Return what follows the cursor: one part or none."""
    query = cursor.query
    left = None if query.limit is None else query.limit - cursor.taken
    if wanted is not None:
        wanted = wanted[cursor.taken :]
        return [{"ids": wanted, "reverse": False}] if wanted else []
    if cursor.taken and left is not None and left <= 0:
        return []
    if cursor.done and not query.reverse:
        return []
    if not cursor.offset_id:
        return [{}]
    start = {"offset_id": cursor.offset_id, "add_offset": 0, "offset_date": None}
    return [{**start, "limit": left}]


def _holes(holes: ProcessedIds, reverse: bool, within: range) -> Iterator[dict[str, Any]]:
    """Return parts that ask for the holes, in walking order.

    Small ones are asked for by ids, many in a request, if they lie *within* bounds where ids do
    not show more than the history does; large ones as histories.
    """
    by_ids: list[int] = []
    runs = list(holes.runs())
    for run in runs if reverse else reversed(runs):
        if len(run) <= SWEEP_SIZE and run[0] in within and run[-1] in within:
            by_ids += run if reverse else run[::-1]
            continue
        if by_ids:
            yield {**_WHOLE, "ids": by_ids, "reverse": False}
            by_ids = []
        yield {**_WHOLE, "min_id": run.start - 1, "max_id": run.stop if run.stop <= MAX_ID else 0}
    if by_ids:
        yield {**_WHOLE, "ids": by_ids, "reverse": False}
