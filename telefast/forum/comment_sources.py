"""Where the comments of a `CommentStream` come from: a thread, many of them, or the group itself.

Each source hands out one comment at a time, by `next`, and can be asked again where a cancelled
call has left off.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

from telethon.errors import MsgIdInvalidError
from telethon.utils import get_peer_id

from telefast.errors import ConcurrentUseError
from telefast.forum.comment_desk import NO_ACCESS, Comment, Desk
from telefast.forum.comment_plan import PAGE, PostThread, check_post, comments_on
from telefast.forum.ties import Ties
from telefast.history.grouping import ALBUM_NEIGHBOURS
from telefast.history.stream import BatchedHistory
from telefast.ordered import OrderedMap, ordered_map
from telefast.peers.links import CHANNEL_MARK

if TYPE_CHECKING:
    pass

__all__ = ["ByPosts", "ThreadOf", "Tied"]

_WINDOW = 1000
"""Messages that wait for the copies of posts that they comment on, at most: our choice, so that
several pages share the requests by ids that find the copies."""


class ThreadOf:
    """The comments on one post, from the thread of the post.

    Args:
        desk: What to ask through.
        post_ids: Posts that may have the thread; the first that has it counts.
        album_of: A post whose album is looked at if none of these has a thread; None for none.
        post: The post as the user gave it, which is refused if it is of another chat.
        options: Arguments of the history.
    """

    def __init__(
        self,
        desk: Desk,
        post_ids: Iterable[int],
        *,
        album_of: int | None = None,
        post: Any = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        self._desk = desk
        self._post_ids = deque(post_ids)
        self._album_of = album_of
        self._post = post
        self._options = options or {}
        self._post_id = 0
        self._history: BatchedHistory | None = None
        self._is_asked = self._has_begun = False

    @property
    def total(self) -> int:
        """Comments in the thread, as far as is known."""
        return 0 if self._history is None else self._history.total or 0

    async def next(self) -> Comment:
        """Return the next comment; StopAsyncIteration at the end, and if there is no thread."""
        while True:
            if self._history is None:
                await self._open()
            history = self._history
            try:
                if history is None:
                    raise StopAsyncIteration
                message = await anext(history)
            except MsgIdInvalidError:  # no thread, or none any more
                await self.aclose()
                if self._has_begun:
                    self._desk.count("dead_threads")
                    raise StopAsyncIteration from None
            except NO_ACCESS as error:
                raise await self._desk.closed() from error
            else:
                self._has_begun = True
                return Comment(self._post_id, message)

    async def aclose(self) -> None:
        """Stop fetching."""
        history, self._history = self._history, None
        if history is not None:
            await self._desk.close(history)

    async def _open(self) -> None:
        """Begin with the next post that may have the thread, if there is one."""
        meta = await self._desk.full()
        check_post("post", self._post, meta.id)
        if meta.linked_chat_id is None:
            return
        if not self._post_ids and self._album_of is not None:
            self._post_ids += await self._find_album(self._album_of)
            self._album_of = None
        peer = await self._desk.peer()
        if not self._post_ids:
            if self._is_asked:
                self._is_asked = False
                self._desk.count("dead_threads")
            return
        self._post_id = self._post_ids.popleft()
        if not self._is_asked:
            self._is_asked = True
            self._desk.count("threads")
        self._history = self._desk.history(peer, reply_to=self._post_id, **self._options)

    async def _find_album(self, post_id: int) -> list[int]:
        """Return the other posts of an album that show comments, those with most first."""
        peer = await self._desk.peer()
        near = range(max(1, post_id - ALBUM_NEIGHBOURS), post_id + ALBUM_NEIGHBOURS + 1)
        posts: dict[int, Any] = {}
        async with self._desk.history(peer, ids=near) as history:
            async for message in history:
                if message is not None:
                    posts[message.id] = message
        album = getattr(posts.get(post_id), "grouped_id", None)
        counts = {id_: comments_on(each) for id_, each in posts.items() if each.grouped_id == album}
        found = [(-count, id_) for id_, count in counts.items() if count is not None]
        return [id_ for _, id_ in sorted(found) if album is not None and id_ != post_id]


class ByPosts:
    """The comments on many posts, thread by thread in the order of the posts, oldest first.

    Short threads are read several at a time, long ones one after the other, many pages at a time.

    Args:
        desk: What to ask through.
        threads: The threads.
        min_id: Only comments with ids above this one.
    """

    def __init__(self, desk: Desk, threads: Sequence[PostThread], min_id: int) -> None:
        self._desk = desk
        self._min_id = min_id
        self._ready: deque[Comment] = deque()
        self._long: ThreadOf | None = None
        width = desk.options.get("concurrency", 8)
        self._threads: OrderedMap[list[Comment] | PostThread] = ordered_map(
            _Items(threads), self._read, concurrency=width
        )

    async def next(self) -> Comment:
        """Return the next comment."""
        while not self._ready:
            if self._long is not None:
                try:
                    return await self._long.next()
                except StopAsyncIteration:
                    await self._long.aclose()
                    self._long = None
            found = await anext(self._threads)
            if isinstance(found, PostThread):
                self._long = self._thread(found, reverse=True)
            else:
                self._ready.extend(found)
        return self._ready.popleft()

    async def aclose(self) -> None:
        """Stop fetching."""
        await self._threads.aclose()
        if self._long is not None:
            await self._long.aclose()

    async def _read(self, thread: PostThread) -> list[Comment] | PostThread:
        """Return the comments of a short thread, oldest first; a long one as it is."""
        if thread.is_long:
            return thread
        found: list[Comment] = []
        source = self._thread(thread, concurrency=1, prefetch=1)
        try:
            while True:
                try:
                    found.append(await source.next())
                except StopAsyncIteration:
                    return found[::-1]
                if source.total > PAGE:  # it has grown
                    return thread
        finally:
            await source.aclose()

    def _thread(self, thread: PostThread, **options: Any) -> ThreadOf:
        album_of = thread.post_ids[0] if thread.count is None else None
        options["min_id"] = self._min_id
        return ThreadOf(self._desk, thread.post_ids, album_of=album_of, options=options)


class _Items:
    """Threads, as a source of `ordered_map`."""

    def __init__(self, threads: Iterable[PostThread]) -> None:
        self._threads = iter(threads)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> PostThread:
        """Return the next one."""
        for thread in self._threads:
            return thread
        raise StopAsyncIteration


class Tied:
    """The messages of a discussion group, each tied to the post that it comments on.

    Args:
        desk: What to ask through.
        messages: The messages; they stay open.
        is_whole: As for `Ties`.
        ask: Whether copies that are not among the messages are asked for.
        others: Whether to hand out what is no comment, too.
        post_ids: Only comments on these posts, None for all.
    """

    def __init__(
        self,
        desk: Desk,
        messages: AsyncIterable[Any],
        *,
        is_whole: bool,
        ask: bool = True,
        others: bool = False,
        post_ids: set[int] | None = None,
    ) -> None:
        self._desk = desk
        self._source = messages
        self._messages: AsyncIterator[Any] | None = None
        self._is_whole = is_whole
        self._may_ask = ask
        self._with_others = others
        self._post_ids = post_ids
        self._ties: Ties | None = None
        self._chat_id = 0
        self._error: Exception | None = None

    async def next(self) -> Comment:
        """Return the next comment, or the next message."""
        if self._ties is None:
            bare_id = -(await self._desk.full()).id - CHANNEL_MARK
            self._ties = Ties(bare_id, is_whole=self._is_whole, window=_WINDOW)
        ties = self._ties
        while True:
            while (tied := ties.take()) is not None:
                comment = Comment(*tied)
                if comment.post_id is None:
                    self._desk.count("others")
                if self._with_others or self._is_wanted(comment.post_id):
                    return comment
            if ids := ties.to_ask():
                ties.answer(ids, await self._ask(ids) if self._may_ask else ())
            elif self._error is not None:
                error, self._error = self._error, StopAsyncIteration()
                raise error
            else:
                await self._push(ties)

    async def aclose(self) -> None:
        """Do nothing: the messages are their owner's."""

    async def _push(self, ties: Ties) -> None:
        try:
            if self._messages is None:
                self._messages = aiter(self._source)
            message = await anext(self._messages)
        except ConcurrentUseError:
            raise  # the messages are another consumer's; their end is still to come
        except Exception as error:  # noqa: BLE001 - raised after what came before it
            ties.finish()
            self._error = error
        else:
            if message is not None and not self._chat_id:
                self._chat_id = get_peer_id(message.peer_id)
            ties.push(message)

    async def _ask(self, ids: list[int]) -> list[Any]:
        """Return the messages of the group with these ids, those that there are."""
        await self._desk.full()  # shows the group, which may be known by its id alone
        peer = await self._desk.peer(self._chat_id)
        async with self._desk.history(peer, ids=ids) as history:
            found = [message async for message in history]
        self._desk.count("lookups")
        return found

    def _is_wanted(self, post_id: int | None) -> bool:
        return post_id is not None and (self._post_ids is None or post_id in self._post_ids)
