"""`ForumLayout`: a forum as files, a Markdown page for each topic."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args

from telethon.tl import types
from telethon.utils import get_peer_id

from telefast.errors import (
    ArgumentError,
    ClosedError,
    ConcurrentUseError,
    CorruptStateError,
    StorageError,
)
from telefast.filenames import folder_name
from telefast.forum.describe import Names
from telefast.forum.pages import NameStyle
from telefast.forum.record import Home
from telefast.forum.shelf import Call, Frame, Shelf, TopicFile
from telefast.forum.topics import topic_of
from telefast.forum.types import ForumListing, TopicInfo
from telefast.tasks import in_thread

__all__ = ["ForumLayout"]


class ForumLayout:
    """Write the topics of a forum to files: `index.md` and a page for each topic.

    ```text
    root/Harbour_-1001234567890/
        index.md              topics with their counts, and links to their pages
        topic_metrics.json    what each topic adds up to
        topics/topic_1.md     General
        topics/topic_57.md    or topic_Tide tables_57.md
        state.db              where to go on; keep it for the next run
    ```

    Topic by topic, or all of them in one pass over the chat::

        async with ForumLayout("export", forum) as layout:
            for topic in listing.topics:
                min_id = layout.last_id(topic.id)
                async with walker.history(topic, min_id=min_id) as history:
                    await layout.write(topic, history)
            await layout.mark_deleted(listing)

        async with ForumLayout("export", forum) as layout:
            async with walker.split(min_id=layout.last_id()) as messages:
                await layout.write_all(listing, messages)

    A later run adds what is new, and leaves a page alone if there is nothing; a topic that was
    renamed has its page under the new name only. What was read stays as it was when it was read:
    edits, deletions, later reactions and votes are not seen again, unless `rewrite=True`.

    A page, the index and the metrics are each replaced as a whole, whatever happens. After a kill
    the next run goes on where this one had come to, but for up to a MiB of text; nothing is there
    twice. A page that was removed or changed by hand begins anew, from the first message.
    The index and the metrics are written when `async with` ends without an error.

    Memory holds a MiB of text, whatever the number of messages, and for each topic what it adds up
    to; one file is open at a time. What came in since a page was written waits in `state.db`, which
    has the marked ids of those who wrote: leave it out where you hand the files on.

    Args:
        root: Where the folder of the forum is, or is to be made. It is found by the forum's id: it
            keeps the name that it got at first.
        forum: The forum: a `Channel`, as `client.get_entity` returns it, or a `ChatMeta`.
        style: How pages are called: `id` or `title_id`.
        metrics: Whether to write `topic_metrics.json`.
        participant_ids: Whether to name in it, by their ids, those who wrote, and not only to count
            them.
        names: Tells what a peer is called by its marked id, where a message does not, such as
            `SenderNames().name`; None for its id.
        rewrite: Whether each topic that is written begins anew. Its old page stays until then.

    Raises:
        ArgumentError: If an argument has no legal value.
    """

    def __init__(
        self,
        root: str | Path,
        forum: Any,
        *,
        style: NameStyle = "id",
        metrics: bool = True,
        participant_ids: bool = False,
        names: Names | None = None,
        rewrite: bool = False,
    ) -> None:
        given: Any = root
        if not isinstance(given, str | Path) or not str(given):
            raise ArgumentError("root", root, "a folder, as str or Path")
        if style not in get_args(NameStyle):
            raise ArgumentError("style", style, '"id" or "title_id"')
        flags = {"metrics": metrics, "participant_ids": participant_ids, "rewrite": rewrite}
        for name, flag in flags.items():
            if not isinstance(flag, bool):
                raise ArgumentError(name, flag, "True or False")
        if names is not None and not callable(names):
            raise ArgumentError("names", names, "a function, such as SenderNames().name, or None")
        self._root = Path(root)
        self._frame = Frame(Home.of(forum), style, names or _nobody, participant_ids)
        self._has_metrics = metrics
        self._rewrite = rewrite
        self._folder = self._root / self._folder_name()
        self._shelf: Shelf | None = None
        self._is_one_pass = False
        self._busy: set[int | None] = set()

    # Open and close

    async def __aenter__(self) -> Self:
        """Take the folder.

        Raises:
            StoreLockedError: If another process writes there, or another layout of this one.
            CorruptStateError: If `state.db` is damaged, or something else.
            UnsupportedStateError: If a later release of telefast has made it.
            DiskFullError: If there is no room.
            StorageError: If the folder cannot be made or read otherwise.
        """
        if self._shelf is not None:
            raise ClosedError("the layout is open already; make another one")
        self._folder = await in_thread(self._find)
        shelf = Shelf(self._folder, self._frame)
        try:
            await shelf.open(rewrite=self._rewrite)
        except CorruptStateError as error:
            advice = f"{error.problem}; remove it, and the next run reads all of the forum anew"
            raise CorruptStateError(advice, path=error.path) from error
        self._shelf, self._is_one_pass = shelf, False
        return self

    def _find(self) -> Path:
        """Return the folder that has the forum's id; its title may have changed."""
        if self._root.is_dir():
            for path in sorted(self._root.iterdir()):
                if path.name.rpartition("_")[2] == str(self._frame.home.id) and path.is_dir():
                    return path
        return self._root / self._folder_name()

    def _folder_name(self) -> str:
        return folder_name(self._frame.home.title, self._frame.home.id)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write the index; after an error only keep what was read.

        Raises:
            DiskFullError: If there is no room.
            StorageError: If it cannot be written otherwise.
        """
        shelf = self._opened()
        try:
            if error is None:
                await shelf.save({})
                await shelf.write_lists(has_metrics=self._has_metrics)
            else:
                with suppress(StorageError):
                    await shelf.save({})
        finally:
            self._shelf = None
            await shelf.aclose()

    # What is there

    @property
    def folder(self) -> Path:
        """The folder of the forum; known for sure once it is open."""
        return self._folder

    def last_id(self, topic_id: int | None = None) -> int:
        """Return up to which message a topic is there, as `min_id` for the next run; 0 for none.

        Args:
            topic_id: The topic; None for all of them, to read what is new in one pass.

        Raises:
            ClosedError: Outside `async with`.
        """
        shelf = self._opened()
        if topic_id is not None:
            return shelf.last_id(topic_id)
        return shelf.begin if self._is_one_pass or not self._rewrite else 0

    def is_current(self, topic: TopicInfo) -> bool:
        """Return whether nothing has come to a topic since, by the id of its latest message.

        Then `write(topic, ())` is all there is to do, without a request.

        Args:
            topic: The topic, as it was listed in this run.

        Raises:
            ClosedError: Outside `async with`.
        """
        return topic.top_message_id is not None and self.last_id(topic.id) >= topic.top_message_id

    # Write

    async def write(
        self, topic: TopicInfo, messages: AsyncIterable[Any] | Iterable[Any]
    ) -> TopicFile:
        """Add messages to a topic, and put its page in its place.

        If the messages end by an error, what came before it is kept for the next run, and the page
        is not touched. Cancelled, likewise.

        Args:
            topic: The topic, as it is now.
            messages: Its messages, oldest first; those that are there already are passed over.

        Raises:
            ArgumentError: If they do not come oldest first, or are of another chat. Nothing of this
                call is kept then. Or if an argument is something else.
            ConcurrentUseError: If this topic is being written already.
            ClosedError: Outside `async with`.
            DiskFullError: If there is no room; nothing is lost, and the call may be repeated.
            StorageError: If it cannot be written otherwise.
        """
        _check_topics([topic], "topic")
        async with self._alone(topic.id) as (shelf, call):
            shelf.owe(topic.id)
            async for topic_id, message in _in_order(messages, self._frame.home.id, topic.id):
                if topic_id != topic.id:
                    raise ArgumentError("messages", topic_id, f"those of topic {topic.id}")
                await shelf.add(topic, message, call)
            [file] = await shelf.save({topic.id: topic})
            return file

    async def write_all(
        self,
        topics: ForumListing | Iterable[TopicInfo],
        messages: AsyncIterable[Any] | Iterable[Any],
    ) -> list[TopicFile]:
        """Add messages of all topics, as they come, each to its own.

        Args:
            topics: All topics, as `ForumWalker.listing` returns them: if the listing is complete,
                a topic that is not in it is deleted, as by `mark_deleted`. If it is not, or of any
                other topics, one that is not among them stays as it was known; of one that was not
                known, which begins among the messages, that message tells.
            messages: The messages of the chat, oldest first, from behind `last_id()`; or each with
                its topic's id before it, as `ForumWalker.split` yields them.

        Returns:
            The page of each topic, in the order of *topics*, then the others.

        Raises:
            ArgumentError: If they do not come oldest first, or are of another chat. Nothing of this
                call is kept then. Or if an argument is something else.
            ConcurrentUseError: If anything is being written already.
            TelefastError: As by `write`.
        """
        is_of_all = isinstance(topics, ForumListing) and topics.is_of_all
        rows = topics.topics if isinstance(topics, ForumListing) else topics
        known = {topic.id: topic for topic in _check_topics(rows, "topics")}
        async with self._alone(None) as (shelf, call):
            async for topic_id, message in _in_order(messages, self._frame.home.id):
                if topic_id not in known:
                    known[topic_id] = shelf.unlisted_one(topic_id, message, is_of_all=is_of_all)
                await shelf.add(known[topic_id], message, call)
                shelf.seen, self._is_one_pass = message.id, True  # it is there now
            if is_of_all:
                known |= shelf.unlisted(known)
            return await shelf.save(known, is_all=True)

    async def mark_deleted(self, listing: ForumListing) -> list[TopicFile]:
        """Mark as deleted, in page and index, the topics that are there and not listed any more.

        What was read of them stays. `write_all` does so by itself. General cannot be deleted.

        Args:
            listing: The topics of the forum, as they are now. If it is not complete, or only of
                some titles, it tells nothing, and no topic is marked.

        Returns:
            The pages of the topics that are deleted.

        Raises:
            ConcurrentUseError: If anything is being written already.
            TelefastError: As by `write`.
        """
        if not isinstance(listing, ForumListing):
            raise ArgumentError("listing", listing, "what ForumWalker.listing returns")
        async with self._alone(None) as (shelf, _):
            if not listing.is_of_all:
                return []
            return await shelf.save(shelf.unlisted({topic.id for topic in listing.topics}))

    @asynccontextmanager
    async def _alone(self, topic_id: int | None) -> AsyncIterator[tuple[Shelf, Call]]:
        shelf, is_one_pass = self._opened(), self._is_one_pass
        if topic_id in self._busy or None in self._busy or (self._busy and topic_id is None):
            raise ConcurrentUseError("this topic is being written already; wait for that")
        self._busy.add(topic_id)
        try:
            call = await shelf.begin_call(topic_id)
            try:
                yield shelf, call
            except ArgumentError:
                self._is_one_pass = is_one_pass
                await shelf.take_back(call)
                raise
        finally:
            self._busy.discard(topic_id)

    def _opened(self) -> Shelf:
        if self._shelf is None:
            raise ClosedError("the layout is not open; use it with async with")
        return self._shelf


def _check_topics(topics: Any, name: str) -> Iterable[TopicInfo]:
    rows: list[Any] = [*topics] if isinstance(topics, Iterable) else [topics]
    for each in rows:
        if not isinstance(each, TopicInfo):
            raise ArgumentError(name, each, "what ForumWalker lists, each a TopicInfo")
    return rows


async def _in_order(
    messages: AsyncIterable[Any] | Iterable[Any], chat_id: int, topic_id: int | None = None
) -> AsyncIterator[tuple[int, Any]]:
    """Yield messages, each with its topic; an error if they do not come oldest first.

    Those that come without their topic are of this one, else of that which they name.

    The first waits for the second: if that is older, nothing at all was taken.
    """
    last, waiting = 0, list[tuple[int, Any]]()
    async for item in _each(messages):
        found_in, message = item if isinstance(item, tuple) else (topic_id, item)
        if message is None or isinstance(message, types.MessageEmpty):
            continue
        if not isinstance(getattr(message, "id", None), int):
            raise ArgumentError("messages", type(message).__name__, "messages, or pairs with them")
        peer = getattr(message, "peer_id", None)
        if isinstance(peer, types.PeerChannel) and get_peer_id(peer) != chat_id:
            raise ArgumentError("messages", get_peer_id(peer), f"those of the chat {chat_id}")
        if message.id < last:
            raise ArgumentError("messages", message.id, "them oldest first, as with reverse=True")
        found = topic_of(message) if found_in is None else found_in, message
        if not last:
            waiting.append(found)
        else:
            while waiting:
                yield waiting.pop()
            yield found
        last = message.id
    for found in waiting:
        yield found


async def _each(messages: Any) -> AsyncIterator[Any]:
    if isinstance(messages, AsyncIterable):
        async for message in messages:
            yield message
    elif not isinstance(messages, Iterable) or isinstance(messages, str | bytes):
        raise ArgumentError("messages", type(messages).__name__, "an iterable of messages")
    else:
        for message in messages:
            yield message


def _nobody(_: int) -> None:
    """Know nobody."""
