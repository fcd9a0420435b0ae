"""Faults of forums: topics that move while they are listed, rows and messages that are missing.

Rules as in `faults`.
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import TYPE_CHECKING, Final, Unpack

from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.faults import Timed
from telefast.testing.forum_seed import GENERAL
from telefast.testing.rpc import RpcFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telefast.testing.fault_select import Methods, Numbers, Where
    from telefast.testing.forum import Forum
    from telefast.testing.rpc import Call

__all__ = [
    "BumpTopics",
    "DeletedTopics",
    "MissingTopMessages",
    "ReducedTopics",
    "RefuseGeneral",
    "RepeatTopics",
    "ShortTopics",
    "TopicRule",
]

TOPICS: Final = "messages.getForumTopics"


class TopicRule(Timed):
    """Base of faults of lists of topics: changes nothing.

    Args:
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        method: The method that lists topics, or several.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        *,
        nth: Numbers = None,
        every: int | None = None,
        method: Methods = TOPICS,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)

    def topics(
        self, call: Call, forum: Forum, rows: list[types.TypeForumTopic]
    ) -> list[types.TypeForumTopic]:
        """Return what an answer shows instead of *rows*."""
        return rows

    def top_messages(self, call: Call, messages: list[int]) -> list[int]:
        """Return the ids of the messages that an answer holds instead of *messages*."""
        return messages


class BumpTopics(TopicRule):
    """Let topics move to the top of the list while it is read.

    After the page is cut, somebody writes in the topics that stand lowest in the list: who reads on
    will not meet them any more.

    Args:
        count: How many topics; each gets one message.
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        count: int = 1,
        *,
        nth: Numbers = None,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(nth=nth, every=every, **where)
        if count < 1:
            raise WorldError(f"BumpTopics: count={count}: expected 1 or more")
        self.count = count

    def topics(
        self, call: Call, forum: Forum, rows: list[types.TypeForumTopic]
    ) -> list[types.TypeForumTopic]:
        """Post into the topics with the oldest latest messages."""
        if not self.due(call):
            return rows
        tops = forum.topic_tops()
        for topic_id in sorted(tops, key=tops.__getitem__)[: self.count]:
            forum.post(topic=topic_id)
            self.fired += 1
        return rows


class MissingTopMessages(TopicRule):
    """Leave latest messages out of answers that name them.

    Args:
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        last: Whether only that of the last topic is missing, from which the next page begins.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        *,
        nth: Numbers = None,
        every: int | None = None,
        last: bool = False,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(nth=nth, every=every, **where)
        self.last = last

    def top_messages(self, call: Call, messages: list[int]) -> list[int]:
        """Drop them."""
        if not messages or not self.due(call):
            return messages
        self.fired += 1
        return messages[:-1] if self.last else []


class DeletedTopics(TopicRule):
    """Put rows of topics that are no more at the head of a page.

    Args:
        ids: Ids of the topics; None takes those that were deleted.
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.

    Raises:
        WorldError: If *ids* are not ids.
    """

    def __init__(
        self,
        ids: Collection[int] | None = None,
        *,
        nth: Numbers = None,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(nth=nth, every=every, **where)
        given: object = ids
        if given is not None and not (
            isinstance(given, Collection) and all(type(each) is int and each > 0 for each in given)
        ):
            raise WorldError(f"DeletedTopics: ids={given!r}: expected ids of topics, from 1 up")
        self.ids = ids

    def topics(
        self, call: Call, forum: Forum, rows: list[types.TypeForumTopic]
    ) -> list[types.TypeForumTopic]:
        """Add them."""
        ids = sorted(forum.deleted_topics if self.ids is None else self.ids)
        if not ids or not self.due(call):
            return rows
        self.fired += 1
        return [*map(types.ForumTopicDeleted, ids), *rows]


class ShortTopics(TopicRule):
    """Make pages shorter than they were asked for.

    Args:
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        drop: How many topics are left out at the end; at least one stays.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        *,
        nth: Numbers = None,
        every: int | None = None,
        drop: int = 1,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(nth=nth, every=every, **where)
        if drop < 1:
            raise WorldError(f"ShortTopics: drop={drop}: expected 1 or more")
        self.drop = drop

    def topics(
        self, call: Call, forum: Forum, rows: list[types.TypeForumTopic]
    ) -> list[types.TypeForumTopic]:
        """Cut the page."""
        if len(rows) < 2 or not self.due(call):
            return rows
        self.fired += 1
        return rows[: max(1, len(rows) - self.drop)]


class ReducedTopics(TopicRule):
    """Show reduced rows (`short`), without the latest message of a topic.

    Args:
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.
    """

    def topics(
        self, call: Call, forum: Forum, rows: list[types.TypeForumTopic]
    ) -> list[types.TypeForumTopic]:
        """Reduce the rows."""
        if not rows or not self.due(call):
            return rows
        self.fired += 1
        known = forum.topics
        return [known[row.id].row(call.account) if row.id in known else row for row in rows]


class RepeatTopics(TopicRule):
    """Answer with the page before once more: a client that trusts it asks for ever.

    Args:
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.
    """

    _latest: Sequence[types.TypeForumTopic] = ()

    def topics(
        self, call: Call, forum: Forum, rows: list[types.TypeForumTopic]
    ) -> list[types.TypeForumTopic]:
        """Show the page before, if there was one."""
        if self._latest and self.due(call):
            self.fired += 1
            return [*self._latest]
        self._latest = copy.copy(rows)
        return rows


class RefuseGeneral(Timed):
    """Refuse requests for the messages of General: its thread, and searches in it.

    Args:
        code: Code of the error.
        message: The error.
        nth: Which of the requests for threads and searches, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        code: int = 400,
        message: str = "MSG_ID_INVALID",
        *,
        nth: Numbers = None,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(("messages.getReplies", "messages.search"), nth, every, **where)
        self.code, self.message = code, message

    def before(self, call: Call) -> None:
        """Raise the error if the request is about General and the call is due."""
        field = "msg_id" if call.method == "messages.getReplies" else "top_msg_id"
        if self.due(call) and getattr(call.request, field) == GENERAL:
            self.fired += 1
            raise RpcFault(self.code, self.message)
