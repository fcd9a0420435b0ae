"""The source of `Comments.walk`: all of the group in one pass, or thread by thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telefast.forum.comment_desk import NO_ACCESS, Comment, Desk, Nothing, Source
from telefast.forum.comment_plan import CommentPlan, Threads, choose_way, pass_cost
from telefast.forum.comment_sources import ByPosts, Tied

if TYPE_CHECKING:
    from telefast.history.stream import BatchedHistory

__all__ = ["Walk"]


class Walk:
    """Find out which way to read comments takes fewer requests, and go it.

    Args:
        desk: What to ask through.
        posts: The posts, None for all.
        way: `pass`, `posts`, or `auto`.
        min_id: Only comments with ids above this one.

    Attributes:
        plan: The way, None until it is chosen.
    """

    def __init__(self, desk: Desk, posts: Any, way: str, min_id: int) -> None:
        self.plan: CommentPlan | None = None
        self._desk = desk
        self._way = way
        self._min_id = min_id
        self._has_posts = posts is not None
        self._posts = posts
        self._threads: Threads | None = None
        self._source: Source | None = None
        self._history: BatchedHistory | None = None  # that is read now

    async def next(self) -> Comment:
        """Return the next comment."""
        if self._source is None:
            plan = await self._choose()
            self._source = await self._open(plan)
            self.plan = plan
        try:
            return await self._source.next()
        except NO_ACCESS as error:
            raise await self._desk.closed() from error

    async def aclose(self) -> None:
        """Stop fetching."""
        if self._source is not None:
            await self._source.aclose()
            if self._history is not None:
                await self._desk.close(self._history)
        elif self._history is not None:
            await self._history.aclose()

    async def _choose(self) -> CommentPlan:
        meta = await self._desk.full()
        group_id = meta.linked_chat_id
        if group_id is None:
            return CommentPlan("none", None)
        threads = self._threads = self._threads or Threads(meta.id)
        plan = CommentPlan("pass", group_id)
        if self._way != "posts":
            cost = await self._cost(group_id)
            if cost is None and self._way == "pass":
                raise await self._desk.closed()
            if cost is not None:
                plan = CommentPlan("pass", group_id, cost)
                if self._way == "pass" or self._min_id or await self._is_less(cost):
                    await self._gather(threads, only_given=True)
                    return plan
        await self._gather(threads)
        return choose_way(plan, threads.all())

    async def _cost(self, chat_id: int | None) -> int | None:
        """Return the requests that a chat takes, None if it is closed."""
        metadata = self._desk.metadata
        try:
            peer = await self._desk.peer(chat_id)
            return pass_cost((await metadata.message_count(peer)).value or 0)
        except NO_ACCESS:
            return None

    async def _is_less(self, cost: int) -> bool:
        """Return whether the pass costs no more than reading the posts alone."""
        if self._has_posts:
            return False
        own = await self._cost(None)
        return own is not None and cost <= own

    async def _gather(self, threads: Threads, *, only_given: bool = False) -> None:
        """Look at the posts."""
        if self._has_posts:
            if hasattr(self._posts, "__aiter__"):
                async for post in self._posts:
                    threads.add(post)
            else:
                for post in self._posts:
                    threads.add(post)
        elif not only_given:
            if self._history is None:
                self._history = self._desk.history(await self._desk.peer(), reverse=True)
            async for post in self._history:
                threads.add(post)
            for record in self._history.undecoded:  # may have comments all the same
                threads.add(record)
            self._history = None

    async def _open(self, plan: CommentPlan) -> Source:
        if plan.way == "none":
            return Nothing()
        if plan.way == "posts":
            return ByPosts(self._desk, plan.threads, self._min_id)
        group = await self._desk.peer(plan.group_id)
        self._history = self._desk.history(group, reverse=True, min_id=self._min_id)
        wanted = self._threads.post_ids if self._threads and self._has_posts else None
        return Tied(self._desk, self._history, is_whole=True, post_ids=wanted)
