"""One pass over the whole history of a forum, each message with its topic."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Self

from telefast.forum.asking import MOST_IDS
from telefast.forum.rows import topic_begun_by
from telefast.forum.topics import GENERAL, topic_of
from telefast.forum.types import TopicInfo
from telefast.tasks import Alone

if TYPE_CHECKING:
    from telefast.history.stream import BatchedHistory
    from telefast.history.types import HistoryCursor
    from telefast.transport.undecoded import UndecodedMessage

__all__ = ["ForumSplit"]


class ForumSplit:
    """The messages of a forum in the order of the chat, each with the id of its topic.

    Made by `ForumWalker.split`. Use it with `async with`. Memory is bounded as that of
    `telefast.BatchedHistory`, plus one number for each topic.

    Every message is in one bucket: those of topics that the forum does not list are in buckets of
    their own, by the id that they name.
    """

    def __init__(
        self,
        history: BatchedHistory,
        known: Callable[[], Awaitable[Iterable[TopicInfo]]],
        look_up: Callable[[list[int]], Awaitable[Iterable[TopicInfo]]],
        wanted: Callable[[int], bool],
    ) -> None:
        self._history = history
        self._known = known
        self._look_up = look_up
        self._wanted = wanted
        self._is_begun = False
        self._has_ended = False
        self._alone = Alone()
        self.topics: dict[int, TopicInfo] = {}
        """The topics of the list, by id, and those that began meanwhile. At the end also those that
        messages name; of deleted ones only the id is known."""
        self.counts: dict[int, int] = {}
        """Messages met so far, by the id of their topic."""

    @property
    def unknown(self) -> set[int]:
        """Topics that messages name and the forum does not list; they were deleted, or are off."""
        return {
            each
            for each in self.counts
            if each != GENERAL and (each not in self.topics or self.topics[each].deleted)
        }

    @property
    def total(self) -> int | None:
        """Messages in the whole chat, as Telegram last said; None before the first page."""
        return self._history.total

    @property
    def missing(self) -> int | None:
        """Messages that Telegram counts and did not bring; None before the end.

        They were deleted meanwhile, or are hidden from this account. What was posted meanwhile may
        make it negative. Of no meaning if only a part of the chat was asked for, or of a pass that
        goes on from an earlier one.
        """
        total = self._history.total
        if not self._has_ended or total is None:
            return None
        return total - sum(self.counts.values()) - len(self._history.undecoded)

    @property
    def undecoded(self) -> list[UndecodedMessage]:
        """Messages that the installed Telethon cannot decode; they are in no bucket."""
        return self._history.undecoded

    @property
    def cursor(self) -> HistoryCursor:
        """How far the consumer has come; pass it to `ForumWalker.split` to go on."""
        return self._history.cursor

    @property
    def requests(self) -> int:
        """Requests for messages that were sent."""
        return self._history.stats().requests

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[int, Any]:
        """Return the id of a topic and a message of it.

        Raises:
            StopAsyncIteration: At the end, and after `aclose`.
            NotAForumError: By the first step, if the chat can be no forum.
        """
        with self._alone:
            if not self._is_begun:
                self.topics |= {each.id: each for each in await self._known()}
                self._is_begun = True
            while True:
                try:
                    message = await anext(self._history)
                except StopAsyncIteration:
                    await self._end()
                    raise
                topic = topic_of(message)
                self.counts[topic] = self.counts.get(topic, 0) + 1
                if topic not in self.topics:
                    begun = topic_begun_by(message)
                    if begun is not None:
                        self.topics[topic] = begun
                if self._wanted(topic):
                    return topic, message

    async def _end(self) -> None:
        """Find out what became of the topics that are not listed."""
        if self._has_ended or not self._history.cursor.done:
            return
        unknown = sorted(self.unknown - self.topics.keys())
        for at in range(0, len(unknown), MOST_IDS):
            found = await self._look_up(unknown[at : at + MOST_IDS])
            self.topics |= {each.id: each for each in found}
        self._has_ended = True

    async def aclose(self) -> None:
        """Stop fetching. Safe to call twice."""
        await self._history.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()
