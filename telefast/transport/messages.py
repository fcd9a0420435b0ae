"""From a raw answer to finished Telethon messages.

An answer is decoded once, when it arrives; its messages are bound to client, sender and chat only
when they are handed on, so pages that overlap cost nothing twice. Users and chats not seen before
in a run are written to the session in few batches, each followed at once by a save: Telethon's own
habit, one write for each page, holds a write lock on the session file for up to a minute.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from telethon import types, utils
from telethon.tl.types import contacts

from telefast import logs
from telefast.errors import CompatibilityError, UnexpectedAnswerError
from telefast.transport import telethon as door
from telefast.transport.binding import bind
from telefast.transport.decode import Known
from telefast.transport.lazy import LazyMessage, Source
from telefast.transport.scan import Scanned, scan
from telefast.transport.undecoded import (
    Broken,
    UndecodedMessage,
    Unknown,
    broken_at,
    without_entities,
)
from telefast.transport.unshown import Unshown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from telethon import TelegramClient

__all__ = ["EntityLedger", "Page", "joined", "read_page"]

_log = logs.get_logger("entities")

_USERS = (types.User, types.UserEmpty)
_ENTITIES = (
    *_USERS,
    types.Chat,
    types.ChatEmpty,
    types.ChatForbidden,
    types.Channel,
    types.ChannelForbidden,
)
_FLUSH_AT = 500
"""New users and chats that are collected before they are written to the session: our choice, a
few pages of a busy group."""
_REMEMBER = 50_000
"""Entities remembered as seen, about 4 MiB; then the memory starts anew, which costs writes."""


@dataclass(slots=True, eq=False, repr=False)
class Page:
    """One answer to a question about messages.

    Attributes:
        data: The exact bytes of the answer, as they came over the wire. Its `repr` does not show
            them.
        messages: Its messages, in the order of the answer, not yet bound to a client;
            `MessageEmpty` among them.
        users: Its users, full TL objects.
        chats: Its chats and channels.
        count: Messages in the whole list, None if the answer does not say.
        position: Position of the first message in that list, None if the answer does not say.
        spans: Where each message, user and chat lies in *data*, as (start, end), by the object's
            `id()`.
        undecoded: Messages of the answer that Telethon cannot decode. Such an answer was asked for
            in parts; *data* has their bytes, one after the other.
        is_cut: Whether some of its users and chats could not be decoded and are missing.
        splits: Requests that asked for it in parts.
        is_foreign: Whether another account than the stream's first one has fetched it.
        next_rate: Where the next page of a search of all chats begins, None if the answer does
            not say.
        source: What lazy messages read from; None where they were decoded.
        pts: Telegram's counter of changes in a channel, None if the answer does not say; answers
            asked for in parts never do.
        found: The messages by id, `MessageEmpty` left out.
        empty_ids: The ids that the answer calls empty.
        entities: Its users and chats by marked peer id.
    """

    data: bytes
    messages: list[Any]
    users: list[Any]
    chats: list[Any]
    count: int | None
    position: int | None
    spans: dict[int, tuple[int, int]] = field(default_factory=dict)
    undecoded: list[UndecodedMessage] = field(default_factory=list)
    is_cut: bool = False
    splits: int = 0
    next_rate: int | None = None
    is_foreign: bool = False
    pts: int | None = None
    source: Source | None = None

    found: dict[int, Any] = field(init=False)
    empty_ids: list[int] = field(init=False)
    entities: dict[int, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.empty_ids = []
        if self.source is not None:
            self.entities = self.source.entities
            self.found = {m.id: m for m in self.messages if type(m) is LazyMessage}
            if len(self.found) < len(self.messages):
                self.empty_ids = [m.id for m in self.messages if type(m) is not LazyMessage]
            return
        empty = types.MessageEmpty
        # Not `isinstance`: the classes of messages are abstract ones, which are slow to ask.
        self.found = {m.id: m for m in self.messages if type(m) is not empty}
        if len(self.found) < len(self.messages):
            self.empty_ids = [m.id for m in self.messages if type(m) is empty]
        for record in self.undecoded:
            self.found.setdefault(record.id, record)
        user = types.User
        self.entities = {
            x.id if type(x) is user else utils.get_peer_id(x): x
            for x in chain(self.users, self.chats)
        }

    @property
    def facts(self) -> dict[str, Any]:
        """What the answer tells beside its messages, as `telefast.history.plan.Plan` takes it."""
        return {
            "empty_ids": self.empty_ids,
            "count": self.count,
            "position": self.position,
            "pts": self.pts,
            "marked": self.marked,
        }

    @property
    def marked(self) -> set[int]:
        """Ids of messages that carry a reason why their display is restricted."""
        if self.source is not None:
            return self.source.marked
        if self.undecoded:
            return {i for i, m in self.found.items() if getattr(m, "restriction_reason", None)}
        return {i for i, m in self.found.items() if m.restriction_reason}

    def finished(self, ids: Iterable[int], client: TelegramClient, input_chat: Any) -> list[Any]:
        """Return the messages with these ids, in this order, bound as `iter_messages` does.

        What cannot be decoded is an `UndecodedMessage`.
        """
        messages = [self.found[i] for i in ids]
        if self.source is not None:
            self.source.bind(client, door.self_id(client), input_chat, door.finish)
            return messages
        decoded = messages
        if self.undecoded:
            decoded = [each for each in messages if not isinstance(each, UndecodedMessage)]
        bind(decoded, client, self.entities, input_chat)
        return messages


def read_page(
    data: bytes, request: Any, known: Known | None = None, *, is_lazy: bool = False
) -> Page | Broken:
    """Decode the answer to *request*, or tell which of its messages cannot be decoded.

    Where a user or a chat cannot be decoded, the page lacks it and those that follow; Telethon
    asks for a sender that is missing when the program does.

    Args:
        data: What came.
        request: What was asked.
        known: Users and chats of the pages read before for the same reader: those that come again
            with the very same bytes are the same objects. It is added to.
        is_lazy: Whether messages are to be `LazyMessage`s, wherever that is possible.

    Raises:
        RPCError: If the answer is an error.
        CompatibilityError: If this Telethon cannot decode it.
        UnexpectedAnswerError: If it is no list of messages.
    """
    if is_lazy:
        # Plain bytes: they are read in many small slices.
        scanned = scan(bytes(data), {} if known is None else known.entities)
        if scanned is not None:
            return _scanned_page(data, scanned)
    spans: dict[int, tuple[int, int]] = {}
    try:
        answer, end = door.decode(data, request, spans, known)
    except CompatibilityError:
        if door.STOPPED_AT not in spans:
            raise
        place, constructor = spans.pop(door.STOPPED_AT)
        unknown = Unknown(data, place, constructor, tuple(spans.values()))
        try:
            broken = broken_at(unknown)
        except ValueError:
            broken = None
        else:
            return broken if broken is not None else _without_entities(unknown, request)
        raise
    try:
        messages, users, chats = answer.messages, answer.users, answer.chats
    except AttributeError:
        # messagesNotModified must never come for hash=0; tdesktop's export calls it an error too.
        raise UnexpectedAnswerError(door.method_of(request), type(answer).__name__) from None
    return Page(
        data[:end] if end != len(data) else data,
        messages,
        users,
        chats,
        getattr(answer, "count", None),
        getattr(answer, "offset_id_offset", None),
        spans,
        next_rate=getattr(answer, "next_rate", None),
        pts=getattr(answer, "pts", None),
    )


def _scanned_page(data: bytes, scanned: Scanned) -> Page:
    head = scanned.head
    return Page(
        data[: scanned.end] if scanned.end != len(data) else data,
        scanned.messages,
        scanned.users,
        scanned.chats,
        head.get("count"),
        head.get("offset_id_offset"),
        scanned.spans,
        next_rate=head.get("next_rate"),
        pts=head.get("pts"),
        source=scanned.source,
    )


def _without_entities(unknown: Unknown, request: Any) -> Page:
    cut, rest = without_entities(unknown)
    page = read_page(cut, request)
    assert isinstance(page, Page)  # noqa: S101 - what was cut off held all that is unknown
    page.data = unknown.data
    page.is_cut = True
    for start, end in rest:
        found, _ = door.decode(unknown.data[start:end], request)
        if isinstance(found, _ENTITIES):
            page.spans[id(found)] = (start, end)
            (page.users if isinstance(found, _USERS) else page.chats).append(found)
            page.entities[utils.get_peer_id(found)] = found
    return page


def joined(pages: Iterable[Page], broken: dict[int, Broken], first: Broken) -> Page:
    """Return the parts of one page as that page, each user and chat once.

    Args:
        pages: Its parts that can be decoded.
        broken: Answers with one broken message each, by its id.
        first: The answer that had to be asked for in parts.
    """
    parts: list[bytes] = []
    shift = 0
    spans: dict[int, tuple[int, int]] = {}
    messages: list[Any] = []
    entities: dict[int, Any] = {}
    is_cut = False
    for page in pages:
        spans.update((key, (s + shift, e + shift)) for key, (s, e) in page.spans.items())
        parts.append(page.data)
        shift += len(page.data)
        messages += page.messages
        entities = page.entities | entities
        is_cut = is_cut or page.is_cut
    users = [each for each in entities.values() if isinstance(each, _USERS)]
    chats = [each for each in entities.values() if not isinstance(each, _USERS)]
    undecoded = [UndecodedMessage(i, b.constructor, b.data) for i, b in broken.items()]
    data = Unshown(b"".join(parts))
    return Page(data, messages, users, chats, first.count, first.position, spans, undecoded, is_cut)


class EntityLedger:
    """Write users and chats to the client's session, each once in a run, in batches.

    Without them Telethon could not resolve a bare id later, as it can after `iter_messages`.

    Args:
        client: Whose session.
        seen: Marked ids that were seen before; new ones are added to it. None for none.
    """

    def __init__(self, client: TelegramClient, seen: set[int] | None = None) -> None:
        self._client = client
        self._seen = set() if seen is None else seen
        self._new: list[Any] = []

    def add(self, page: Page) -> None:
        """Collect what *page* brings and was not seen before."""
        self.collect(page.entities)

    def collect(self, entities: Mapping[int, Any]) -> None:
        """Collect those users and chats, by marked id, that were not seen before."""
        for key in entities.keys() - self._seen:
            entity = entities[key]
            if not getattr(entity, "min", False):
                self._seen.add(key)
                self._new.append(entity)
        if len(self._seen) > _REMEMBER:
            self._seen.clear()

    @property
    def is_due(self) -> bool:
        """Whether enough has gathered for a write."""
        return len(self._new) >= _FLUSH_AT

    async def flush(self) -> None:
        """Write what was collected and save the session, so that no lock stays open."""
        new, self._new = self._new, []
        if not new:
            return
        session: Any = self._client.session
        users: list[Any] = [x for x in new if isinstance(x, types.User)]
        chats = [x for x in new if not isinstance(x, types.User)]
        # Any object with users and chats will do; this one exists in every layer.
        found = contacts.ResolvedPeer(types.PeerUser(0), chats, users)
        try:
            await utils.maybe_async(session.process_entities(found))
            await utils.maybe_async(session.save())
        except sqlite3.OperationalError as error:
            # Another process holds the session file. The messages matter more than a look-up
            # that Telegram can answer as well.
            _log.warning("entities not saved reason=%s", error)
