"""Albums as a user sees them: several messages that were posted as one."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Self

from telefast.checks import check_flags
from telefast.errors import ArgumentError, ConcurrentUseError
from telefast.history.arguments import check_clients
from telefast.history.grouping import ALBUM_NEIGHBOURS, AlbumGrouper, album_of
from telefast.history.stream import BatchedHistory
from telefast.history.typed import M
from telefast.tasks import Alone

if TYPE_CHECKING:
    from telethon import TelegramClient
    from telethon.tl.custom.message import Message

__all__ = ["AlbumGroups", "group_albums", "widen_albums"]


def group_albums(source: AsyncIterable[M]) -> AlbumGroups[M]:
    """Yield the messages of *source* in lists: an album whole, any other message alone.

    Lists come in the order of their first messages, and within a list messages keep the order of
    the source, either direction. Nothing is lost or repeated, also where other messages stand
    between those of an album. To know that an album is complete, up to 30 messages are read
    ahead (an album has ten at most, with neighbouring ids)::

        async with BatchedHistory(client, "some_channel") as history:
            async for album in group_albums(history):
                ...

    Cancelling the consumer while it waits loses nothing. An error of the source is raised after
    all messages before it; an album that it broke off is then not whole. The source is not closed.

    Args:
        source: Messages in the order of a history, such as `BatchedHistory`, or `iter_messages`.
            None, for an id that does not exist, is a list of its own.

    Raises:
        ArgumentError: At once, if *source* is no asynchronous iterable.
    """
    if not hasattr(source, "__aiter__"):
        raise ArgumentError("source", source, "an asynchronous iterable of messages")
    return AlbumGroups(source)


class AlbumGroups(Generic[M]):
    """The lists of `group_albums`. Made by that function only."""

    def __init__(self, source: AsyncIterable[M]) -> None:
        self._source = source
        self._messages: AsyncIterator[M] | None = None
        self._grouper = AlbumGrouper()
        self._error: Exception | None = None
        self._alone = Alone()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[M]:
        """Return the next album, or the next message that is in none.

        Raises:
            StopAsyncIteration: At the end.
            ConcurrentUseError: If another consumer waits already, here or on the source.
            Exception: What the source raised, after all messages before it.
        """
        with self._alone:
            while (group := self._grouper.take()) is None:
                if self._error is not None:
                    error, self._error = self._error, StopAsyncIteration()
                    raise error
                try:
                    if self._messages is None:
                        self._messages = aiter(self._source)
                    message = await anext(self._messages)
                except ConcurrentUseError:
                    raise  # the source is another consumer's; its end is still to come
                except Exception as error:  # noqa: BLE001 - raised after what came before it
                    self._grouper.finish()
                    self._error = error
                else:
                    self._grouper.push(message)
            return group


async def widen_albums(
    client: TelegramClient, entity: Any, messages: Sequence[Any], *, reverse: bool = False
) -> list[list[Message]]:
    """Return the whole albums of *messages*, such as hits of a search; others stay alone.

    Nine ids to either side of each message of an album are asked for, which is where the rest of
    it lies (at most ten messages, posted at once); one request holds 200 ids, so that about ten
    albums cost one request, and messages without an album none.

    Args:
        client: A connected `telethon.TelegramClient`.
        entity: The chat that they are from.
        messages: The messages; None among them is left out.
        reverse: Whether an album is listed oldest first. Default False: newest first.

    Returns:
        Albums and single messages, each once, in the order of their first message in *messages*.

    Raises:
        ArgumentError: If an argument has no legal value; nothing was sent.
        RPCError: Telegram's error, and all that `BatchedHistory` raises.
    """
    check_clients(client)
    check_flags(reverse=reverse)
    given: Any = messages
    if not isinstance(given, Iterable) or isinstance(given, str | bytes):
        raise ArgumentError("messages", messages, "a list of messages")
    albums: dict[tuple[Any, ...], dict[int, Any]] = {}
    for message in messages:
        if message is not None and not hasattr(message, "chat_id"):
            raise ArgumentError("messages", type(message).__name__, "Telethon's messages, or None")
        if message is not None:
            key: tuple[Any, ...] = album_of(message) or (message.chat_id, message.id, None)
            albums.setdefault(key, {})[message.id] = message
    known = {i for key, album in albums.items() if len(key) == 2 for i in album}
    around = {
        i
        for hit in known
        for i in range(max(hit - ALBUM_NEIGHBOURS, 1), hit + ALBUM_NEIGHBOURS + 1)
    }
    if around - known:
        async with BatchedHistory(client, entity, ids=sorted(around - known)) as history:
            async for message in history:
                found = album_of(message)
                if message is not None and found is not None and found in albums:
                    albums[found][message.id] = message
    return [[album[i] for i in sorted(album, reverse=not reverse)] for album in albums.values()]
