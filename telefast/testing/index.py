"""What a chat can be searched for: kinds of content, senders, threads and words.

Nothing is looked at before it is asked for. One pass over the messages then notes all but the
words; a search for words reads the stored bytes. Both keep sets of ids, a few bits per message,
and look again only at what was posted or replaced since. Deletions cost nothing: what is asked for
is met with the ids that exist.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from pyroaring import BitMap
from telethon.tl import types

from telefast.testing.refs import mark_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from telefast.testing.chat import Chat

__all__ = ["FILTERS", "ChatIndex", "kinds_of", "thread_of"]

FILTERS: Final[dict[str, tuple[str, ...]]] = {
    "ChatPhotos": ("chat photo",),
    "Contacts": ("contact",),
    "Document": ("document",),
    "Geo": ("geo",),
    "Gif": ("gif",),
    "Music": ("music",),
    "MyMentions": ("mention",),
    "PhoneCalls": ("call",),
    "PhotoVideo": ("photo", "video"),
    "Photos": ("photo",),
    "Pinned": ("pinned",),
    "Poll": ("poll",),
    "RoundVideo": ("round",),
    "RoundVoice": ("round", "voice"),
    "Url": ("url",),
    "Video": ("video",),
    "Voice": ("voice",),
}
"""Name of a filter, without `InputMessagesFilter` -> the kinds of content that it shows."""

_QUERIES = 16
"""Searches for words that a chat remembers; the one used longest ago goes first."""

_URLS = (types.MessageEntityUrl, types.MessageEntityTextUrl)


class ChatIndex:
    """The sets of ids that searches in one chat are answered from.

    Args:
        chat: The chat.
    """

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._known = BitMap()
        self._kinds: dict[str, BitMap] = {}
        self._senders: dict[int, BitMap] = {}
        self._threads: dict[int, array[int]] = {}  # most hold one id
        self._queries: OrderedDict[str, tuple[BitMap, BitMap]] = OrderedDict()

    def of_kinds(self, kinds: tuple[str, ...]) -> BitMap:
        """Return the ids of messages that have content of any of these kinds."""
        self._update()
        return BitMap.union(BitMap(), *(self._kinds.get(kind, BitMap()) for kind in kinds))

    def by_sender(self, marked_id: int) -> BitMap:
        """Return the ids of messages that name this sender."""
        self._update()
        return self._senders.get(marked_id, BitMap())

    def in_thread(self, message_id: int) -> BitMap:
        """Return the ids of messages in the thread of a message, that one left out."""
        self._update()
        return BitMap(self._threads.get(message_id, ()))

    def with_words(self, words: str) -> BitMap:
        """Return the ids of messages whose text contains *words*, in any case of letters."""
        wanted = words.casefold()
        known, found = self._queries.pop(wanted, (BitMap(), BitMap()))
        self._queries[wanted] = (known, found)
        if len(self._queries) > _QUERIES:
            self._queries.popitem(last=False)
        new = self._chat.ids - known
        for message_id in new:
            # The bytes as text tell almost always; only what fits is read as a message.
            data = self._chat.message_bytes(message_id)
            if wanted not in data.decode("utf-8", "ignore").casefold():
                continue
            message = self._chat.message(message_id)
            if wanted in (getattr(message, "message", None) or "").casefold():
                found.add(message_id)
        known |= new
        self._queries[wanted] = (known, found)
        return found

    def forget(self, message_id: int) -> None:
        """Look at a message again later; to be called before it is replaced."""
        for pair in self._queries.values():
            for ids in pair:
                ids.discard(message_id)
        if message_id not in self._known:
            return
        self._known.discard(message_id)
        message = self._chat.peek(message_id)
        for kind in kinds_of(message):
            self._kinds[kind].discard(message_id)
        if message.from_id is not None:
            self._senders[mark_of(message.from_id)].discard(message_id)
        thread = thread_of(message)
        if thread is not None:
            self._threads[thread].remove(message_id)

    def _update(self) -> None:
        """Note what is new."""
        new = self._chat.ids - self._known
        if not new:
            return
        kinds: dict[str, list[int]] = {}
        senders: dict[int, list[int]] = {}
        for message_id in new:
            message = self._chat.peek(message_id)
            for kind in kinds_of(message):
                kinds.setdefault(kind, []).append(message_id)
            if message.from_id is not None:
                senders.setdefault(mark_of(message.from_id), []).append(message_id)
            thread = thread_of(message)
            if thread is not None:
                self._threads.setdefault(thread, array("I")).append(message_id)
        for kind, ids in kinds.items():
            self._kinds.setdefault(kind, BitMap()).update(ids)
        for sender, ids in senders.items():
            self._senders.setdefault(sender, BitMap()).update(ids)
        self._known |= new


def thread_of(message: types.Message | types.MessageService) -> int | None:
    """Return the id of the message whose thread a message is in: the top one, if it names it."""
    header = message.reply_to
    if not isinstance(header, types.MessageReplyHeader) or header.reply_to_peer_id is not None:
        return None
    top: int | None = header.reply_to_top_id or header.reply_to_msg_id
    return top


def kinds_of(message: Any) -> Iterator[str]:
    """Yield the kinds of content of a message, as searches tell them apart."""
    if message.mentioned:
        yield "mention"
    if isinstance(message, types.MessageService):
        if isinstance(message.action, types.MessageActionChatEditPhoto):
            yield "chat photo"
        elif isinstance(message.action, types.MessageActionPhoneCall):
            yield "call"
            if isinstance(message.action.reason, types.PhoneCallDiscardReasonMissed):
                yield "missed call"
        return
    if message.pinned:
        yield "pinned"
    media = message.media
    if isinstance(media, types.MessageMediaWebPage) or any(
        isinstance(entity, _URLS) for entity in message.entities or ()
    ):
        yield "url"
    if isinstance(media, types.MessageMediaPhoto):
        yield "photo"
    elif isinstance(media, types.MessageMediaDocument):
        if isinstance(media.document, types.Document):
            yield _kind_of_document(media.document)
    elif isinstance(
        media, types.MessageMediaGeo | types.MessageMediaGeoLive | types.MessageMediaVenue
    ):
        yield "geo"
    elif isinstance(media, types.MessageMediaContact):
        yield "contact"
    elif isinstance(media, types.MessageMediaPoll):
        yield "poll"


def _kind_of_document(document: types.Document) -> str:
    """Return what a document is to searches; stickers are nothing that can be searched for."""
    found: dict[type[Any], Any] = {type(each): each for each in document.attributes}
    if types.DocumentAttributeSticker in found:
        return "sticker"
    if types.DocumentAttributeAnimated in found:
        return "gif"
    if types.DocumentAttributeVideo in found:
        return "round" if found[types.DocumentAttributeVideo].round_message else "video"
    if types.DocumentAttributeAudio in found:
        return "voice" if found[types.DocumentAttributeAudio].voice else "music"
    return "document"
