"""Listing the topics of a forum, one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from telefast.errors import RemoteError
from telefast.forum.paging import AskPage, LookUp, TopicPaging
from telefast.forum.topics import GENERAL
from telefast.forum.types import TopicCursor, TopicInfo
from telefast.tasks import Alone

if TYPE_CHECKING:
    from telefast.forum.asking import ForumAsker
    from telefast.metrics import Metrics

__all__ = ["MOST", "TopicStream"]

_NONE = TopicCursor()
MOST = 100
"""Most topics on a page (TDLib `td_api.tl`, getForumTopics)."""


class TopicStream:
    """The topics of a forum; made by `ForumWalker.topics`.

    An error reaches whoever iterates after all topics that were listed before it; iterating once
    more asks again. Cancelling loses nothing. Once the iteration has ended by itself, `problem`
    says whether something is missing.
    """

    def __init__(
        self,
        asker: ForumAsker,
        metrics: Metrics,
        keeps: Callable[[TopicInfo], bool],
        *,
        page_size: int,
        q: str | None,
        limit: int | None,
        cursor: TopicCursor | None,
        with_general: bool,
    ) -> None:
        cursor = cursor or _NONE
        self._asker = asker
        self._metrics = metrics
        self._keeps = keeps
        self._page_size = page_size
        self._q = q
        self._left = limit
        self._paging = TopicPaging(
            with_general=with_general and not q,
            first=AskPage(cursor.offset_date, cursor.offset_id, cursor.offset_topic),
            seen=cursor.seen,
            start=cursor.start,
        )
        self._ready: deque[TopicInfo] = deque()
        self._page = self._paging.page
        self._alone = Alone()

    @property
    def count(self) -> int | None:
        """Topics that Telegram counts; None before the first page."""
        return self._paging.count

    @property
    def pages(self) -> int:
        """Pages that were asked for."""
        return self._paging.pages

    @property
    def duplicates(self) -> int:
        """Rows that came more than once and were dropped."""
        return self._paging.duplicates

    @property
    def complete(self) -> bool:
        """Whether all topics were listed and taken."""
        is_at_end = self._paging.next_step() is None and not self._ready
        return is_at_end and not self._paging.problem

    @property
    def problem(self) -> Exception | None:
        """Why the list is not complete, once it has ended; None if it is."""
        paging = self._paging
        texts = {
            "": "",
            "count": f"Telegram counts {paging.count} topics and lists {len(paging.listed)}",
            "stalled": "the list of topics does not go on: the same page comes again and again",
            "moving": "topics move faster than they can be listed",
        }
        text = texts[paging.problem]
        return RemoteError(f"{text}; try again") if text else None

    @property
    def cursor(self) -> TopicCursor:
        """How far the topics were taken; see `ForumWalker.topics`."""
        page = self._page if self._ready else self._paging.page
        waiting = {topic.id for topic in self._ready}
        seen = tuple(sorted(self._paging.listed - waiting))
        return TopicCursor(page.date, page.message_id, page.topic_id, seen, self._paging.start)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TopicInfo:
        """Return the next topic.

        Raises:
            StopAsyncIteration: At the end.
            NotAForumError: If the chat is no forum.
            ForumAccessError: If this account may not see its topics.
            RPCError: Telegram's other errors.
            RemoteError: If the connection is lost, or nobody answers.
        """
        with self._alone:
            while self._left != 0:
                if self._ready:
                    if self._left is not None:
                        self._left -= 1
                    return self._ready.popleft()
                if not await self._advance():
                    break
        raise StopAsyncIteration

    async def _advance(self) -> bool:
        """Do the next step; False if there is none."""
        paging = self._paging
        step = paging.next_step()
        if step is None:
            return False
        if isinstance(step, LookUp):
            paging.on_place(await self._asker.place(step))
            return True
        if not isinstance(step, AskPage):
            rows = (await self._asker.by_ids([GENERAL])).rows
            general = next((each.topic for each in rows if not each.topic.deleted), None)
            paging.on_general(exists=general is not None)
            self._take([] if general is None else [general])
            return True
        limit = MOST if paging.is_stuck else self._page_size
        page = await self._asker.page(step, limit, self._q)
        before = paging.duplicates
        self._page = step
        fresh = paging.on_page(page)
        self._metrics.add("forum_topic_pages")
        self._metrics.add("forum_duplicates_dropped", paging.duplicates - before)
        self._take(fresh)
        return True

    def _take(self, topics: list[TopicInfo]) -> None:
        self._metrics.add("forum_topics", sum(not each.deleted for each in topics))
        self._ready += [each for each in topics if self._keeps(each)]
