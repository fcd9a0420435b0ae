"""`Comments`: what people wrote under the posts of a channel.

Comments are messages of another chat, the discussion group that is linked with the channel
(https://core.telegram.org/api/discussion). Here they come tied to their posts, each once, and
from where they cost the fewest requests.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from telefast.checks import check_flags, check_int
from telefast.errors import ArgumentError, ConcurrentUseError
from telefast.forum.comment_desk import Comment, Desk, Nothing, Source
from telefast.forum.comment_plan import CommentPlan, comments_on
from telefast.forum.comment_sources import ThreadOf, Tied
from telefast.forum.comment_walk import Walk
from telefast.forum.lists import check_names
from telefast.history.arguments import check_chat, check_clients
from telefast.history.stream import BatchedHistory
from telefast.metrics import Metrics
from telefast.peers.links import MAX_ID
from telefast.peers.metadata import MetadataCache
from telefast.tasks import Alone
from telefast.transport.account import Account

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.transport.undecoded import UndecodedMessage

__all__ = ["CommentStats", "CommentStream", "Comments"]

_OF_ONE_LIST = ("limit", "offset_date", "offset_id", "max_id", "min_id", "add_offset", "reverse")
_NOT_OF_THREADS = ("ids", "search", "filter", "from_user", "reply_to", "scheduled", "albums")
"""Arguments of `BatchedHistory` that would mean one list, or that mean nothing in a thread."""


@dataclass(frozen=True, slots=True)
class CommentStats:
    """Figures of one stream of comments; the account's metrics have them as `comments_…`.

    Attributes:
        comments: Comments handed out.
        others: Messages of the group that are no comments: copies of posts, and what people talk
            of besides.
        threads: Threads that were asked for.
        dead_threads: Those that are not there, or not any more: the copy that they hung on was
            deleted, or, of a post named by its id, never was.
        lookups: How often copies were asked for by their ids, many at a time.
    """

    comments: int = 0
    others: int = 0
    threads: int = 0
    dead_threads: int = 0
    lookups: int = 0


class CommentStream:
    """Comments, one after the other; made by `Comments` only.

    Use it with `async with`, or call `aclose` when you stop early. An error comes after all
    comments before it. Cancelling the consumer while it waits loses nothing: go on iterating, or
    close.
    """

    def __init__(self, source: Source, desk: Desk) -> None:
        self._source = source
        self._desk = desk
        self._alone = Alone()
        self._is_closed = False

    @property
    def plan(self) -> CommentPlan | None:
        """How `walk` reads the comments, and why; None before its first step, and otherwise."""
        return self._source.plan if isinstance(self._source, Walk) else None

    def stats(self) -> CommentStats:
        """Return the figures so far."""
        return CommentStats(*(int(self._desk.counts[name]) for name in CommentStats.__slots__))

    @property
    def undecoded(self) -> list[UndecodedMessage]:
        """Messages that the installed Telethon cannot decode and that are not handed out.

        Known of each history that came to its end, or was closed; those of messages that were
        handed to `tie` are where these come from.
        """
        return [*self._desk.undecoded.values()]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Comment:
        """Return the next one.

        Raises:
            StopAsyncIteration: At the end, and after `aclose`.
            ConcurrentUseError: If another consumer waits already.
            DiscussionClosedError: If this account may read the comments in no way.
        """
        with self._alone:
            if self._is_closed:
                raise StopAsyncIteration
            try:
                comment = await self._source.next()
            except ConcurrentUseError:
                raise
            except Exception:
                await self.aclose()
                raise
            if comment.post_id is not None:
                self._desk.count("comments")
            return comment

    async def aclose(self) -> None:
        """Stop fetching. Safe to call twice; messages that were handed to `tie` stay open."""
        self._is_closed = True
        await self._source.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"CommentStream({self.stats()}, plan={self.plan})"


class Comments:
    """Read the comments on the posts of a channel.

    All three ways yield `(post_id, message)`, as `telefast.Comment`, each comment once:

    * `of` a post: its thread.
    * `walk`: those on all posts, or on some, by one pass over the discussion group or thread by
      thread, whichever takes fewer requests.
    * `tie` messages of the group that you read anyway: no request for what is known.

    ::

        comments = Comments(client, "some_channel")
        async with comments.walk() as walk:
            async for post_id, message in walk:
                ...

    A channel without a discussion group has no comments, which takes one request to know, once.
    Comments can be read post by post without access to the history of the group.

    Args:
        client: A connected `telethon.TelegramClient`, or its takeout proxy.
        channel: The channel: whatever `PeerCache.resolve` takes.
        metadata: Where the channel is looked up; None for a `MetadataCache` of its own.
        options: Further arguments of each `BatchedHistory`, such as *concurrency*, *timeout*,
            *takeout*; not those that say what to read.

    Raises:
        ArgumentError: By the constructor, if an argument has no legal value; by the first step, if
            it is no broadcast channel, or a post is of another chat.
    """

    def __init__(
        self,
        client: TelegramClient,
        channel: Any,
        *,
        metadata: MetadataCache | None = None,
        **options: Any,
    ) -> None:
        if isinstance(cast("Any", client), list | tuple):
            raise ArgumentError("client", client, "one telethon.TelegramClient")
        check_clients(client)
        _check_options(options, (*_OF_ONE_LIST, *_NOT_OF_THREADS, "on_progress"))
        BatchedHistory(client, "me", **options)  # dies here, if it must
        if channel is None:
            raise ArgumentError("channel", channel, "a channel")
        check_chat(channel)
        if not isinstance(cast("Any", metadata), MetadataCache | None):
            raise ArgumentError("metadata", metadata, "a MetadataCache, or None")
        self._client = client
        self._channel = channel
        self._metadata = metadata or MetadataCache(client)
        self._options = options

    async def group_id(self) -> int | None:
        """Return the marked id of the discussion group, None if the channel has none.

        Raises:
            ArgumentError: If it is no broadcast channel.
            PeerNotFoundError: If this account cannot name it to Telegram.
            RPCError: Telegram's error: private, banned, vanished.
        """
        return (await self._desk().full()).linked_chat_id

    def of(self, post: Any, **options: Any) -> CommentStream:
        """Return the comments on one post, newest first, as a history is.

        No thread is no error: then there are none. The thread of an album hangs on one of its
        posts, which `post_id` then names; ask by any of them. To go on another time, pass the id
        of the comment taken last as *offset_id*.

        Args:
            post: The post, or its id. What a message says of its comments is believed: without
                any, nothing is asked. Pass the id if it is from an earlier day.
            options: Arguments of `BatchedHistory` that say which comments: *limit*, *reverse*,
                *offset_id*, *min_id* and the like.

        Raises:
            ArgumentError: If an argument has no legal value.
        """
        _check_options(options, (*_NOT_OF_THREADS, "on_progress"))
        post_id: Any = post if isinstance(post, int) else getattr(post, "id", None)
        check_int("post", post_id, 1, MAX_ID)
        BatchedHistory(self._client, "me", **{**self._options, **options})
        desk = self._desk()
        has_thread = not hasattr(post, "replies") or bool(comments_on(post))
        is_in_album = not hasattr(post, "replies") or post.grouped_id is not None
        source: Source = ThreadOf(
            desk,
            [post_id] if has_thread else [],
            album_of=post_id if is_in_album else None,
            post=post,
            options=options,
        )
        return CommentStream(source if has_thread or is_in_album else Nothing(), desk)

    def walk(
        self,
        posts: Iterable[Any] | AsyncIterable[Any] | None = None,
        *,
        way: Literal["auto", "pass", "posts"] = "auto",
        min_id: int = 0,
    ) -> CommentStream:
        """Return the comments on all posts, or on *posts*.

        In one pass they come in the order of the group, oldest first; thread by thread, post after
        post in the order given, oldest first on each. `CommentStream.plan` says which, and why.
        Where the group is closed to this account, they are read thread by thread.

        Args:
            posts: The posts, as messages that show how many comments they have, or as ids, albums
                whole; any iterable, which is read to its end first. None for all posts of the
                channel; they are read if the group has more messages than the channel, or is
                closed.
            way: `pass` or `posts` leaves no choice. Default: the cheaper one.
            min_id: Only comments above this id of the group, as for an export that goes on: then
                it is one pass, if the group is open.

        Raises:
            ArgumentError: If an argument has no legal value.
        """
        if way not in ("auto", "pass", "posts"):
            raise ArgumentError("way", way, '"auto", "pass" or "posts"')
        check_int("min_id", min_id, 0, MAX_ID)
        given: Any = posts
        if isinstance(given, str | bytes) or not (
            given is None or hasattr(given, "__aiter__") or hasattr(given, "__iter__")
        ):
            raise ArgumentError("posts", type(given).__name__, "an iterable of posts, or None")
        desk = self._desk()
        return CommentStream(Walk(desk, given, way, min_id), desk)

    def tie(
        self, messages: AsyncIterable[Any], *, is_whole: bool = True, ask: bool = True
    ) -> CommentStream:
        """Return messages of the discussion group, each behind the post that it comments on.

        What is no comment comes, too, with None for the post: the order and the number are those
        of *messages*, and nothing is fetched twice. Read the group oldest first (`reverse=True`):
        then each copy of a post comes before the comments, and nothing is asked for; newest first,
        up to 1,000 messages wait for their copies, which are then asked for by their ids.

        Args:
            messages: Messages of the group, such as a `BatchedHistory`, which stays open.
            is_whole: Whether these are all messages between the first and the last. False for a
                search, or a choice of your own.
            ask: Whether copies that are not among the messages are asked for. False: comments on
                them have None for the post, too.

        Raises:
            ArgumentError: If an argument has no legal value.
        """
        if not hasattr(messages, "__aiter__"):
            raise ArgumentError("messages", messages, "an asynchronous iterable of messages")
        check_flags(is_whole=is_whole, ask=ask)
        desk = self._desk()
        source = Tied(desk, messages, is_whole=is_whole, ask=ask, others=True)
        return CommentStream(source, desk)

    def _desk(self) -> Desk:
        metrics = Account.of(self._client).metrics
        about = (self._client, self._channel, self._metadata, self._options)
        return Desk(*about, Metrics(), metrics, {})


def _check_options(options: dict[str, Any], refused: tuple[str, ...]) -> None:
    check_names(options)
    for name in refused:
        if name in options:
            raise ArgumentError(name, options[name], "no such argument here")
