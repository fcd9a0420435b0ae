"""Which post of a channel a message of its discussion group comments on.

Telegram copies each post of a channel into the linked group. What answers a copy, or answers what
answers it, is a comment and names the copy as top of its thread (https://core.telegram.org/api/
discussion). So the messages of the group alone tell which are comments, and on what.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from telethon.tl import types

__all__ = ["Ties", "post_of_copy", "root_of"]


def post_of_copy(message: Any, channel_id: int) -> int | None:
    """Return the post of a channel that a message of its discussion group copies, None for none.

    Telegram's copies are signed with where they were saved from, and not by a user; what people
    forward is neither (TDLib `MessagesManager::is_discussion_message`). The post that a copy is of
    may itself be forwarded from elsewhere: `fwd_from.channel_post` is then one of another channel.

    Args:
        message: A message of the group.
        channel_id: Bare id of the channel.
    """
    header = getattr(message, "fwd_from", None)
    if header is None or isinstance(message.from_id, types.PeerUser):
        return None
    source = header.saved_from_peer
    if not isinstance(source, types.PeerChannel) or source.channel_id != channel_id:
        return None
    post_id: int | None = header.saved_from_msg_id
    return post_id


def root_of(message: Any) -> int | None:
    """Return the id of the message that the thread of a message hangs on, None without a thread.

    It is the top that the reply header names, or else the message of this chat that is answered
    (TDLib `MessageReplyHeader.cpp`, which believes no header that names a later one, either).
    """
    header = getattr(message, "reply_to", None)
    if not isinstance(header, types.MessageReplyHeader):
        return None
    root: int | None = header.reply_to_top_id
    if root is None and header.reply_to_peer_id is None:
        root = header.reply_to_msg_id
    return root if root is not None and root < message.id else None


class Ties:
    """Tie the messages of a group to posts, in their order, as soon as the copies are known.

    `push` messages, `take` them until it returns None, and where `to_ask` names ids, ask for these
    messages and `answer`.

    Args:
        channel_id: Bare id of the channel.
        is_whole: Whether between the first and the last message pushed none is left out, in either
            direction: then no root in between needs to be asked for.
        window: Messages that may wait for a copy that was not seen; then it is asked for.
    """

    def __init__(self, channel_id: int, *, is_whole: bool, window: int) -> None:
        self._channel_id = channel_id
        self._is_whole = is_whole
        self._window = window
        self._posts: dict[int, int] = {}
        self._others: set[int] = set()  # roots that are known to be no copies
        self._held: deque[tuple[Any, int | None]] = deque()
        self._low = self._high = 0
        self._is_finished = False

    def push(self, message: Any) -> None:
        """Add the next message of the group; None is a message of no thread."""
        self._held.append((message, root_of(message)))
        if message is None:
            return
        post_id = post_of_copy(message, self._channel_id)
        if post_id is not None:
            self._posts[message.id] = post_id
        if not self._is_whole:
            if post_id is None:
                self._others.add(message.id)
        elif not self._low:
            self._low = self._high = message.id
        else:
            self._low = min(self._low, message.id)
            self._high = max(self._high, message.id)

    def finish(self) -> None:
        """Say that no message follows."""
        self._is_finished = True

    def take(self) -> tuple[int | None, Any] | None:
        """Return the next message behind the post that it comments on; None if it has to wait."""
        if not self._held:
            return None
        message, root = self._held[0]
        if root is not None and not self._is_known(root):
            return None
        self._held.popleft()
        return (None if root is None else self._posts.get(root)), message

    def to_ask(self) -> list[int]:
        """Return the ids of messages to ask for now; none while some may yet be pushed."""
        if not self._is_finished and len(self._held) < self._window:
            return []
        roots = {root for _, root in self._held if root is not None}
        return sorted(root for root in roots if not self._is_known(root))

    def answer(self, ids: Iterable[int], messages: Iterable[Any]) -> None:
        """Say which messages there are of those that were to be asked for; None for the others."""
        for message in messages:
            post_id = post_of_copy(message, self._channel_id)
            if post_id is not None:
                self._posts[message.id] = post_id
        self._others.update(id_ for id_ in ids if id_ not in self._posts)

    def _is_known(self, root: int) -> bool:
        if root in self._posts or root in self._others:
            return True
        return self._is_whole and self._low <= root <= self._high
