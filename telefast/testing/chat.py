"""A chat of any kind: the set of its message ids, and the messages behind them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from pyroaring import BitMap
from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.file_refs import File, FileKey, files_of, has_file, key_of
from telefast.testing.index import ChatIndex
from telefast.testing.reactions import ReactionBook
from telefast.testing.refs import mark_of, refs_of
from telefast.testing.tl import read_object, write_object

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from telefast.testing.cache import Entry, MessageCache
    from telefast.testing.seeded import SeededChat

__all__ = ["MAX_MESSAGE_ID", "Chat"]

MAX_MESSAGE_ID = 2**31 - 1
"""Message ids are signed 32-bit numbers on the wire."""


class Chat(ABC):
    """What channels, basic groups and private chats have in common; made by a `World`.

    Its messages come from the seed of the world, or were put there with `put`. All of it may be
    changed in the middle of a run: messages deleted, posted or replaced.

    Args:
        chat_id: Bare id.
        title: Title, or the name of the other one in a private chat.
        ids: The ids that exist, all of them seeded. Kept, not copied.
        seeded: Writes the seeded messages.
        cache: Where serialised messages are kept, under *cache_key*.
        cache_key: A number that no other chat has in *cache*.

    Attributes:
        id: Bare id.
        marked_id: The id with Telethon's mark for its kind, as `telethon.utils.get_peer_id` has it.
        title: Title, or the name of the other one in a private chat.
        ids: The ids that exist now. Change it through `delete`, `post` and `put`.
        pts: Telegram's counter of changes.
        last_id: The highest id ever given in this chat; new posts come above it.
        changed: Whether `ids` is no longer what the seed gave.
        made_as: Title that the chat was made with; seeded messages name it for ever.
        members: Bare ids of the members; none for a private chat.
    """

    members: tuple[int, ...] = ()

    def __init__(
        self,
        chat_id: int,
        title: str,
        ids: BitMap,
        seeded: SeededChat,
        cache: MessageCache,
        cache_key: int,
    ) -> None:
        self.id = chat_id
        self.marked_id = mark_of(self.peer())
        self.title = title
        self.ids = ids
        self.pts = 1 + len(ids)
        self.last_id = ids.max() if ids else 0
        self.changed = False
        self.made_as = title
        self._seeded = seeded
        self._cache = cache
        self._cache_key = cache_key
        self._put: dict[int, tuple[Entry, int]] = {}
        self._put_files: dict[FileKey, set[int]] = {}
        self._put_dcs: dict[int, set[int]] = {}
        self._index: ChatIndex | None = None
        self._reactions: ReactionBook | None = None

    def __repr__(self) -> str:
        """Name the chat, without a secret or a text."""
        return f"<{self.kind} {self.id}: {len(self.ids)} messages>"

    @property
    @abstractmethod
    def kind(self) -> str:
        """What kind of chat it is, in words."""

    @abstractmethod
    def peer(self) -> types.TypePeer:
        """Return the chat as a peer."""

    @abstractmethod
    def input_peer(self) -> types.TypeInputPeer:
        """Return the chat as a request names it."""

    @abstractmethod
    def _new_ids(self, count: int) -> list[int]:
        """Return ids for new messages, above all that were ever given, oldest first."""

    @abstractmethod
    def _check_put(self, message_id: int) -> None:
        """Raise `WorldError` if this chat cannot have a message of that id."""

    def has(self, message_id: int) -> bool:
        """Return whether a message exists now; any number may be asked for."""
        return 0 < message_id <= MAX_MESSAGE_ID and message_id in self.ids

    @property
    def shown(self) -> BitMap:
        """The ids that requests may see, all that exist, unless a part is hidden. Not to change."""
        return self.ids

    def shows(self, message_id: int) -> bool:
        """Return whether requests may see a message; any number may be asked for."""
        return self.has(message_id)

    @property
    def is_dialog(self) -> bool:
        """Whether it is among the dialogs of an account."""
        return True

    @property
    def top(self) -> int:
        """The highest id that requests may see, 0 if there is none."""
        shown = self.shown
        return shown.max() if shown else 0

    def entry(self, message_id: int) -> Entry:
        """Return the TL bytes of a message and whom it refers to.

        Raises:
            KeyError: If there is no such message now.
        """
        if not self.has(message_id):
            raise KeyError(message_id)
        found = self._cache.get(self._cache_key, message_id)
        if found is None:
            if message_id in self._put:
                return self._put[message_id][0]
            built = self._seeded.build(message_id)
            found = (bytes(built.message), built.refs)
            self._cache.put(self._cache_key, message_id, found)
        return found

    def message_bytes(self, message_id: int) -> bytes:
        """Return the TL bytes of a message; raises `KeyError` if there is none."""
        return self.entry(message_id)[0]

    def message(self, message_id: int) -> types.Message | types.MessageService:
        """Return a message, read from its bytes; raises `KeyError` if there is none."""
        found: types.Message | types.MessageService = read_object(self.message_bytes(message_id))
        return found

    def peek(self, message_id: int) -> types.Message | types.MessageService:
        """Return a message to look at, as it was made or put.

        Cheaper than `message` for one that is not in the cache, and without the counter of its
        comments.
        """
        held = self._put.get(message_id)
        if held is not None:
            found: types.Message | types.MessageService = read_object(held[0][0])
            return found
        return self._seeded.build(message_id).message

    @property
    def index(self) -> ChatIndex:
        """What the chat can be searched for; made when first asked for."""
        if self._index is None:
            self._index = ChatIndex(self)
        return self._index

    @property
    def reactions(self) -> ReactionBook:
        """Who reacted to its messages; the place to change that."""
        if self._reactions is None:
            self._reactions = ReactionBook(self)
        return self._reactions

    @property
    def seen_by(self) -> int:
        """Bare id of the user whose view the stored messages show."""
        return self._seeded.me

    def rewrite(self, *, lists_reactors: bool) -> None:
        """Write seeded messages anew; see `SeededChat.lists_reactors`."""
        self._seeded.lists_reactors = lists_reactors
        self._cache.forget(self._cache_key)

    def timestamp(self, message_id: int) -> int:
        """Return the date of a message in seconds since the epoch.

        Never falls with the id, unless messages that were put say otherwise.
        """
        held = self._put.get(message_id)
        return self._seeded.timestamp(message_id) if held is None else held[1]

    def put(self, *messages: types.Message | types.MessageService) -> None:
        """Add messages as they are, or replace those of the same ids.

        Raises:
            WorldError: If a message belongs elsewhere, has no legal id, or formats more text than
                it has.
        """
        peer = self.peer()
        for message in messages:
            if not isinstance(message, types.Message | types.MessageService):
                raise WorldError(
                    f"{self.kind} {self.id}: {type(message).__name__} is no message to put"
                )
            if message.peer_id != peer:
                raise WorldError(f"message {message.id}: peer_id must be {self.kind} {self.id}")
            if not 1 <= message.id <= MAX_MESSAGE_ID:
                raise WorldError(f"message {message.id}: ids lie between 1 and {MAX_MESSAGE_ID}")
            self._check_put(message.id)
            _check_entities(message)
            if self._index is not None:
                self._index.forget(message.id)
            if self._reactions is not None:
                self._reactions.forget(message.id)
            date = 0 if message.date is None else int(message.date.timestamp())
            data = write_object(message)
            self._put[message.id] = ((data, refs_of(message)), date)
            if has_file(data):
                for file in files_of(message):
                    self._put_files.setdefault(key_of(file), set()).add(message.id)
                    self._put_dcs.setdefault(file.dc_id, set()).add(message.id)
            self._cache.drop(self._cache_key, message.id)
            self.ids.add(message.id)
            self.changed = True
            self.last_id = max(self.last_id, message.id)
            self.pts += 1

    def put_new(self, messages: Iterable[types.Message | types.MessageService]) -> None:
        """Add messages as they are; as `put`, but an id that exists raises `WorldError`."""
        for message in messages:
            if self.has(message.id):
                raise WorldError(f"message {message.id}: occurs twice")
            self.put(message)

    def put_messages(self) -> list[bytes]:
        """Return the TL bytes of all messages that were put and still exist, by id."""
        return [self._put[id_][0][0] for id_ in sorted(self._put) if id_ in self.ids]

    def put_refs(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield the id of each message that was put and exists, and the marked ids it names."""
        for message_id, ((_, refs), _) in self._put.items():
            if message_id in self.ids:
                yield message_id, refs

    def files_outside(self, dc_ids: Container[int]) -> Iterator[tuple[int, File]]:
        """Yield message and file where one was put that lives at none of *dc_ids*."""
        outside = (ids for dc_id, ids in self._put_dcs.items() if dc_id not in dc_ids)
        for message_id in sorted(filter(self.has, set().union(*outside))):
            for file in files_of(self.peek(message_id)):
                if file.dc_id not in dc_ids:
                    yield message_id, file

    def messages_with(self, file: FileKey) -> list[int]:
        """Return the ids of messages that were put with a file and still exist.

        A message that was put again without the file may be among them.
        """
        return sorted(filter(self.has, self._put_files.get(file, ())))

    def delete(self, *message_ids: int) -> None:
        """Delete messages; ids that do not exist are passed over, as Telegram does."""
        before = len(self.ids)
        self.ids.difference_update(BitMap(filter(self.has, message_ids)))
        self.pts += before - len(self.ids)
        self.changed = True

    def post(self, count: int = 1, *, reply_to: int | None = None) -> list[int]:
        """Post seeded messages on top and return their ids, oldest first.

        Args:
            count: How many.
            reply_to: The id that all of them answer, whatever the seed says: this makes threads.
        """
        new = self._new_ids(count)
        self.ids.update(new)
        self.last_id = max(self.last_id, *new, 0)
        self.changed = True
        self.pts += len(new)
        if reply_to is not None:
            header = types.MessageReplyHeader(reply_to_msg_id=reply_to)
            for message_id in new:
                message = self.message(message_id)
                message.reply_to = header
                self.put(message)
        return new

    def warm(self) -> None:
        """Write all messages now, so that a benchmark measures pages and not their making.

        Of no use beyond the bound of the cache (`MessageCache`).
        """
        for message_id in self.ids:
            self.entry(message_id)


def _check_entities(message: types.Message | types.MessageService) -> None:
    """Refuse formatting beyond the end of the text, which counts in UTF-16 code units."""
    if isinstance(message, types.MessageService) or not message.entities:
        return
    length = len(message.message.encode("utf-16-le", "surrogatepass")) // 2
    for place, entity in enumerate(message.entities):
        if entity.offset < 0 or entity.length < 0 or entity.offset + entity.length > length:
            raise WorldError(
                f"message {message.id}: entities[{place}]: from {entity.offset}, {entity.length} "
                f"long: the text ends at {length}"
            )
