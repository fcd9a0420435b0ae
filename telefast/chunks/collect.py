"""From batches and messages to the body of a chunk.

A message of a batch is a slice of the answer that it came in; nothing is serialised again. A
message that came otherwise is serialised by Telethon, and brings the users and chats that it is
bound to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from telethon.extensions.binaryreader import BinaryReader
from telethon.tl import types
from telethon.tl.alltlobjects import LAYER

from telefast.checks import check_iterable
from telefast.chunks.lighten import lighten, minimize
from telefast.chunks.records import is_message, is_user, marked_id
from telefast.chunks.rows import body_of
from telefast.chunks.schema import Body
from telefast.errors import ArgumentError
from telefast.transport.lazy import LazyMessage

__all__ = ["MAX_ID", "BatchLike", "PageLike", "collect", "collect_rows"]

MAX_ID = 2**63 - 1
"""The highest id that TL can carry, a signed 64-bit number."""

_cut = bytes.__getitem__
"""Of bytes whose slices are to be plain: as quick as it gets."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_EXPECTED = "a Batch, a Telethon message, or an iterable of these"


class PageLike(Protocol):
    """As much of `telefast.transport.messages.Page` as is needed."""

    data: bytes
    spans: dict[int, tuple[int, int]]
    entities: dict[int, Any]


class BatchLike(Protocol):
    """As much of `telefast.Batch` as is needed."""

    @property
    def messages(self) -> Sequence[Any]:
        """Messages; None where there is none."""
        ...

    @property
    def pages(self) -> Sequence[PageLike]:
        """The answers that they came in."""
        ...

    @property
    def account(self) -> int | None:
        """Whose they are."""
        ...


def collect(items: Any, account: int | None) -> Body:
    """Return the body of a chunk of *items*.

    Args:
        items: What `ChunkCodec.encode` takes.
        account: Id of the account that received them; None for what the batches say.

    Raises:
        ArgumentError: If there is anything else among them, a message that Telethon cannot
            serialise, or a batch of another account: access hashes belong to one.
    """
    found = _Collection()
    for item in _flat(items):
        if is_message(item) or isinstance(item, LazyMessage):
            found.add([item], ())
        elif item is not None:
            found.add(_messages_of(item), item.pages)
            account = _common_account(item, account)
    return found.body(account)


def collect_rows(items: Any, account: int | None, schema: str) -> Body:
    """Return the body of a chunk of *items* in the schema `light` or `minimal`; as `collect`."""
    messages: list[Any] = []
    for item in _flat(items):
        if is_message(item) or isinstance(item, LazyMessage):
            messages.append(item)
        elif item is not None:
            messages += [message for message in _messages_of(item) if message is not None]
            account = _common_account(item, account)
    # `minimize` looks at a few parts only, which lazy messages read one by one.
    make = lighten if schema == "light" else minimize
    rows = []
    for message in messages:
        try:
            rows.append(make(message, account))
        except Exception as error:  # noqa: BLE001 - whatever Telethon's serialisers meet
            raise _unfit(message, error) from None
    return body_of(schema, LAYER, account, rows)


def _messages_of(item: BatchLike) -> Sequence[Any]:
    """Return a batch's messages; raise ArgumentError if there is anything else among them."""
    check_iterable("messages", item.messages, _EXPECTED)
    messages = list(item.messages)
    for each in messages:
        if not (each is None or is_message(each) or isinstance(each, LazyMessage)):
            raise ArgumentError("messages", type(each).__name__, _EXPECTED)
    return messages


def _common_account(item: BatchLike, account: int | None) -> int | None:
    """Return whose all messages are; raise ArgumentError if a batch is of another account."""
    own = item.account
    if own is not None and (type(own) is not int or not 1 <= own <= MAX_ID):
        raise ArgumentError("messages", f"a batch of {own!r}", "batches of an account")
    if own is not None and account not in (None, own):
        raise ArgumentError("messages", item, f"batches of one account, here {account}")
    return account if account is not None else own


def _unfit(message: Any, error: Exception) -> ArgumentError:
    expected = f"messages that Telethon can serialise (it raised {type(error).__name__})"
    return ArgumentError("messages", f"message {message.id}", expected)


def _flat(items: Any) -> Iterator[Any]:
    if _is_item(items):
        yield items
        return
    if isinstance(items, str | bytes | Mapping) or not isinstance(items, Iterable):
        raise ArgumentError("messages", type(items).__name__, _EXPECTED)
    for item in items:
        if not _is_item(item):
            raise ArgumentError("messages", type(item).__name__, _EXPECTED)
        yield item


def _is_item(item: Any) -> bool:
    if item is None or is_message(item) or isinstance(item, LazyMessage):
        return True
    return all(hasattr(item, name) for name in ("messages", "pages", "account"))


class _Collection:
    """Everything found so far."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._dates: list[Any] = []
        self._peers: list[Any] = []
        self._input: Any = None
        # Of lazy messages: chats as they are on the wire, dates in seconds.
        self._chats: set[bytes] = set()
        self._seconds: list[int] = []
        self._records: list[bytes] = []
        # By marked id: the object, and the page that has its bytes.
        self._entities: dict[int, tuple[Any, PageLike | None]] = {}
        # By identity; the value keeps the object, and so its identity, alive.
        self._seen: dict[int, object] = {}

    def add(self, messages: Sequence[Any], pages: Sequence[PageLike]) -> None:
        """Add messages, and what their pages bring."""
        for page in pages:
            if self._is_new(page):
                for key, entity in page.entities.items():
                    self._add_entity(key, entity, page)
        records = self._records
        spans: dict[int, tuple[int, int]] = {}
        data = b""
        for message in messages:
            if message is None:
                continue
            self._ids.append(message.id)
            if self._input is None:
                self._input = message.input_chat
            if isinstance(message, LazyMessage):
                if message.source is not None:
                    self._add_lazy(message)
                    continue
                message = message.full()
            self._dates.append(message.date)
            self._peers.append(message.peer_id)
            key = id(message)
            if key not in spans:  # most lie in the same page as the one before
                spans, data = next(((p.spans, p.data) for p in pages if key in p.spans), ({}, b""))
            if key in spans:
                start, end = spans[key]
                records.append(_cut(data, slice(start, end)))
            else:
                self._add_plain(message)

    def body(self, account: int | None) -> Body:
        """Return all that was found."""
        wrong = [i for i in self._ids if type(i) is not int or abs(i) > MAX_ID]
        if wrong:
            raise ArgumentError("messages", f"a message with the id {wrong[0]!r}", "64-bit ids")
        users: list[bytes] = []
        chats: list[bytes] = []
        for entity, page in self._entities.values():
            span = None if page is None else page.spans.get(id(entity))
            data = bytes(entity) if page is None or span is None else _cut(page.data, slice(*span))
            (users if is_user(entity) else chats).append(data)
        peers = [*self._peers, *(BinaryReader(peer).tgread_object() for peer in self._chats)]
        chat = _common_chat(peers)
        peer = None if chat is None else self._input
        seconds = [s for s in (*_ends(self._dates), *self._seconds) if s is not None]
        return Body(
            layer=LAYER,
            account=account,
            chat=chat,
            peer=None if peer is None else bytes(peer),
            ids=self._ids,
            oldest=min(seconds, default=None),
            newest=max(seconds, default=None),
            messages=self._records,
            users=users,
            chats=chats,
        )

    def _add_lazy(self, message: LazyMessage) -> None:
        """Add a message that was never decoded: its bytes, its chat, its date."""
        self._records.append(bytes(message))
        chat, seconds = message.stamp()
        self._chats.add(chat)
        self._seconds.append(seconds)

    def _is_new(self, found: object) -> bool:
        count = len(self._seen)
        self._seen[id(found)] = found
        return len(self._seen) > count

    def _add_plain(self, message: Any) -> None:
        """Add a message that no page has, and the users and chats that it is bound to."""
        try:
            self._records.append(bytes(message))
        except Exception as error:  # noqa: BLE001 - whatever Telethon's serialisers meet
            raise _unfit(message, error) from None
        forward = message.forward
        for entity in (
            message.sender,
            message.chat,
            message.via_bot,
            message.reply_to_chat,
            message.reply_to_sender,
            forward and forward.sender,
            forward and forward.chat,
            *(message.action_entities or ()),
        ):
            if entity is not None and self._is_new(entity):
                self._add_entity(marked_id(entity), entity, None)

    def _add_entity(self, key: int, entity: Any, page: PageLike | None) -> None:
        # Later answers are newer; but what shows only a part never replaces the whole.
        known = self._entities.get(key)
        if known is None or not _is_partial(entity) or _is_partial(known[0]):
            self._entities[key] = (entity, page)


def _is_partial(entity: Any) -> bool:
    return getattr(entity, "min", False) or isinstance(entity, types.UserEmpty | types.ChatEmpty)


def _common_chat(peers: Sequence[Any]) -> int | None:
    """Return the marked id of the one chat that all are in, None if there are several or none."""
    channel = types.PeerChannel
    channels = {peer.channel_id for peer in peers if type(peer) is channel}
    chats = {marked_id(channel(i)) for i in channels}
    chats |= {marked_id(peer) for peer in peers if peer is not None and type(peer) is not channel}
    return chats.pop() if len(chats) == 1 else None


def _ends(dates: Sequence[Any]) -> tuple[int | None, int | None]:
    """Return the oldest and the newest date, in seconds since the epoch; None without dates."""
    known = [date for date in dates if isinstance(date, datetime)]
    if not known:
        return None, None
    try:
        oldest, newest = min(known), max(known)
    except TypeError:  # some with a zone, some without
        known = [_aware(date) for date in known]
        oldest, newest = min(known), max(known)
    return _seconds(oldest), _seconds(newest)


def _aware(date: datetime) -> datetime:
    # As Telethon takes a date without a zone.
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def _seconds(date: datetime) -> int:
    seconds = (_aware(date) - _EPOCH) // _SECOND
    if not -(2**31) <= seconds < 2**31:
        raise ArgumentError("messages", f"a date in {date.year}", "dates from 1901 to 2038")
    return seconds
