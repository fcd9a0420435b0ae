"""Topics of a forum, read as a plan says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from telethon.errors import RPCError, UnauthorizedError

from telefast.forum.counting import each
from telefast.forum.roots import Roots
from telefast.ordered import ordered_map
from telefast.tasks import Alone

if TYPE_CHECKING:
    from telefast.forum.planning import ForumPlan
    from telefast.forum.splitting import ForumSplit
    from telefast.history.stream import BatchedHistory
    from telefast.history.types import Batch
    from telefast.transport.undecoded import UndecodedMessage

__all__ = ["ForumReading"]


class ForumReading:
    """Messages of a forum, each with the id of its topic; made by `ForumWalker.read`.

    Use it with `async with`. In one pass they come in the order of the chat; else topic by topic.

    A topic that cannot be read keeps none of the others from being read: its error is raised when
    all others are done, and `failed` has all such errors.
    """

    def __init__(
        self,
        plan: ForumPlan | None,
        make_plan: Callable[[], Awaitable[ForumPlan]],
        split: Callable[[tuple[int, ...] | None], ForumSplit],
        history: Callable[[int], BatchedHistory],
        roots: Callable[[Sequence[int]], Roots | None],
        ahead: int,
    ) -> None:
        self._make_plan = make_plan
        self._split = split
        self._history = history
        self._roots = roots
        self._ahead = ahead
        self._source: ForumSplit | _Topics | None = None
        self._alone = Alone()
        self._is_closed = False
        self.plan = plan
        """The plan; None before the first step, if none was given."""
        self.counts: dict[int, int] = {}
        """Messages yielded so far, by the id of their topic."""
        self.failed: dict[int, Exception] = {}
        """Topics that could not be read to the end."""

    @property
    def undecoded(self) -> list[UndecodedMessage]:
        """Messages met so far that the installed Telethon cannot decode; they are not yielded."""
        return [] if self._source is None else self._source.undecoded

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[int, Any]:
        """Return the id of a topic and a message of it.

        Raises:
            StopAsyncIteration: At the end, and after `aclose`.
            RPCError: Telegram's error about a topic, when all others are done.
        """
        with self._alone:
            if self._is_closed:
                raise StopAsyncIteration
            topic, message = await anext(await self._opened())
            self.counts[topic] = self.counts.get(topic, 0) + 1
            return topic, message

    async def _opened(self) -> ForumSplit | _Topics:
        if self._source is None:
            self.plan = plan = self.plan or await self._make_plan()
            if plan.way == "one pass" or plan.topics is None:
                self._source = self._split(plan.topics)
            else:
                ids = [*dict.fromkeys(plan.topics)]
                roots = self._roots(ids)
                self._source = _Topics(ids, self._history, roots, self._ahead, self.failed)
        return self._source

    async def aclose(self) -> None:
        """Stop fetching. Safe to call twice."""
        self._is_closed = True
        if self._source is not None:
            await self._source.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


class _Topics:
    """Topics one after the other, the first messages of the next ones fetched ahead."""

    def __init__(
        self,
        ids: Sequence[int],
        history: Callable[[int], BatchedHistory],
        roots: Roots | None,
        ahead: int,
        failed: dict[int, Exception],
    ) -> None:
        self._make = history
        self._roots = roots
        self._undecoded: list[UndecodedMessage] = []
        self._failed = failed
        self._streams: dict[int, BatchedHistory] = {}
        self._opened = ordered_map(each(ids), self._open, concurrency=ahead)
        self._topic = 0
        self._batches: AsyncIterator[Batch] | None = None
        self._messages: list[Any] = []
        self._at = 0

    @property
    def undecoded(self) -> list[UndecodedMessage]:
        """What could not be decoded of the topics that were read, and what began others."""
        return [*self._undecoded, *(self._roots.undecoded if self._roots else ())]

    async def __anext__(self) -> tuple[int, Any]:
        while self._at == len(self._messages):
            if self._batches is None:
                await self._next_topic()
            else:
                batch = await self._batch(self._topic, self._batches)
                await self._show(batch)
        message = self._messages[self._at]
        self._at += 1
        return self._topic, message

    async def _next_topic(self) -> None:
        """Begin the next topic; at the end of all, raise what went wrong."""
        try:
            self._topic, self._batches, root, batch = await anext(self._opened)
        except StopAsyncIteration:
            if self._failed:
                raise next(iter(self._failed.values())) from None
            raise
        await self._show(batch)
        if root is not None:
            self._messages = [root, *self._messages]

    async def _open(self, topic: int) -> tuple[int, AsyncIterator[Batch], Any, Batch | None]:
        root = await self._roots.of(topic) if self._roots else None
        stream = self._streams[topic] = self._make(topic)
        batches = stream.batches()
        return topic, batches, root, await self._batch(topic, batches)

    async def _batch(self, topic: int, batches: AsyncIterator[Batch]) -> Batch | None:
        """Return the next messages of a topic, None at its end or if it cannot be read."""
        try:
            return await anext(batches)
        except StopAsyncIteration:
            return None
        except UnauthorizedError:
            raise
        except RPCError as error:
            self._failed[topic] = error
            return None

    async def _show(self, batch: Batch | None) -> None:
        self._messages, self._at = [] if batch is None else batch.messages, 0
        if batch is None:
            self._batches = None
            stream = self._streams.pop(self._topic)
            self._undecoded += stream.undecoded
            await stream.aclose()

    async def aclose(self) -> None:
        """Stop fetching."""
        await self._opened.aclose()
        for stream in self._streams.values():
            await stream.aclose()
        self._messages, self._at = [], 0
