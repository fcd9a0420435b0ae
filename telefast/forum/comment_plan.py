"""How the comments of a channel are read with the fewest requests: one pass, or post by post.

One pass over the discussion group costs a request for each hundred of its messages, whatever they
are. Post by post costs two requests for each post with comments, more for long threads, and what
it takes to read the posts. Where nobody comments on most posts the second is cheaper, else the
first, by far.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from telethon.utils import get_peer_id

from telefast.checks import check_int
from telefast.errors import ArgumentError
from telefast.peers.links import MAX_ID

__all__ = ["PAGE", "CommentPlan", "PostThread", "Threads", "choose_way", "pass_cost"]

PAGE = 100
"""Messages in one answer (TDLib `MessagesManager.h`)."""
_END = 2
"""Requests that a reading oldest first takes besides its pages, to find both ends; one newest
first takes one less (counted with `BatchedHistory`)."""


@dataclass(frozen=True, slots=True)
class PostThread:
    """Where comments may hang: a post, or the posts of an album, one of which has the thread.

    Attributes:
        post_ids: The posts, the likeliest first.
        count: Comments that they show; None if it is not known.
    """

    post_ids: tuple[int, ...]
    count: int | None

    @property
    def cost(self) -> int:
        """Requests that it takes to read the comments."""
        return 1 + max(1, -(-(self.count or 0) // PAGE)) + self.is_long

    @property
    def is_long(self) -> bool:
        """Whether the comments are more than one page."""
        return (self.count or 0) > PAGE


class Threads:
    """Gather which posts of a channel have comments, from the posts themselves.

    A post shows how many comments there are. The thread of an album hangs on one of its posts,
    and the others show nothing.

    Args:
        channel_id: Marked id of the channel.
    """

    def __init__(self, channel_id: int) -> None:
        self._channel_id = channel_id
        self.post_ids: set[int] = set()
        """All posts that were seen."""
        self._found: list[tuple[int, int, int | None]] = []  # album or 0, post, comments

    def add(self, post: Any) -> None:
        """Look at a post: a message, or an id of which nothing is known; None is passed over.

        Raises:
            ArgumentError: If it is a message of another chat, or neither a message nor an id.
        """
        if post is None:
            return
        check_post("posts", post, self._channel_id)
        post_id: int = getattr(post, "id", post)
        check_int("posts", post_id, 1, MAX_ID, "a message")
        if post_id in self.post_ids:
            return
        self.post_ids.add(post_id)
        if not hasattr(post, "replies"):  # an id, or a message that cannot be decoded
            self._found.append((0, post_id, None))
        elif (count := comments_on(post)) is not None and count > 0:
            self._found.append((post.grouped_id or 0, post_id, count))

    def all(self) -> list[PostThread]:
        """Return the threads to read, in the order of the posts; those of an album as one."""
        albums: dict[int, list[tuple[int, int]]] = {}
        threads: list[list[tuple[int, int]] | PostThread] = []
        for album, post_id, count in self._found:
            if not album or count is None:
                threads.append(PostThread((post_id,), count))
            elif album in albums:
                albums[album].append((post_id, count))
            else:
                albums[album] = [(post_id, count)]
                threads.append(albums[album])
        return [each if isinstance(each, PostThread) else _of_album(each) for each in threads]


def _of_album(posts: Iterable[tuple[int, int]]) -> PostThread:
    ranked = sorted(posts, key=lambda post: (-post[1], post[0]))
    return PostThread(tuple(post_id for post_id, _ in ranked), ranked[0][1])


def check_post(name: str, post: Any, channel_id: int) -> None:
    """Raise `ArgumentError` if a message is of another chat: its id means another post here."""
    peer = getattr(post, "peer_id", None)
    if peer is not None and get_peer_id(peer) != channel_id:
        where = f"a message of chat {get_peer_id(peer)}"
        raise ArgumentError(name, where, f"posts of channel {channel_id}")


def comments_on(post: Any) -> int | None:
    """Return how many comments a post shows, None if it has no thread of comments."""
    replies = getattr(post, "replies", None)
    if replies is None or not replies.comments:
        return None
    count: int = replies.replies
    return count


@dataclass(frozen=True, slots=True)
class CommentPlan:
    """How comments are to be read, and why.

    Attributes:
        way: `pass` (all of the discussion group, once), `posts` (thread by thread), or `none`: the
            channel has no discussion group.
        group_id: Marked id of the discussion group, None if there is none.
        pass_requests: Requests that one pass is estimated to take; None if the group's history is
            closed to this account, or was not looked at.
        posts_requests: Requests that it takes thread by thread; None if the posts were not looked
            at, since reading them costs as much as the pass.
        threads: The threads to read, if the posts were looked at.
    """

    way: Literal["pass", "posts", "none"]
    group_id: int | None
    pass_requests: int | None = None
    posts_requests: int | None = None
    threads: tuple[PostThread, ...] = field(default=(), repr=False)

    @property
    def reason(self) -> str:
        """Why this way, in words."""
        if self.way == "none":
            return "the channel has no discussion group"
        one = "the group is closed" if self.pass_requests is None else f"{self.pass_requests}"
        other = "not looked at" if self.posts_requests is None else f"{self.posts_requests}"
        return f"requests in one pass: {one}; thread by thread: {other}"


def pass_cost(count: int) -> int:
    """Return how many requests one pass over so many messages takes at most."""
    return -(-count // PAGE) + _END


def choose_way(plan: CommentPlan, threads: Iterable[PostThread]) -> CommentPlan:
    """Return the plan with the cheaper way; of two that cost the same, the pass.

    Args:
        plan: What is known of the group and of the pass.
        threads: The threads to read one by one.
    """
    found = tuple(threads)
    cost = sum(thread.cost for thread in found)
    is_pass = plan.pass_requests is not None and plan.pass_requests <= cost
    way: Literal["pass", "posts"] = "pass" if is_pass else "posts"
    return replace(plan, way=way, posts_requests=cost, threads=found)
